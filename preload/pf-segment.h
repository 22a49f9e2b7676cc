// SPDX-License-Identifier: Apache-2.0
// The layout of the segment: what a profiled process stores and what readers read.
//
// One half of the contract between target and reader (the other is pf-calls.def); described in
// docs/segment-format.md.  Fixed-width fields in the byte order of the machine, links in units of
// PF_UNIT bytes from the start of the segment.  What different threads write lies at least 128 bytes
// apart (two lines, because x86 prefetches them in pairs).  Counters only grow, but for a reset that
// an observer asks for.  Readers treat all of it as hostile.
#pragma once
#include "pf-hist.h"
#include "pf-table.h"
#include <stdint.h>

#define PF_SEGMENT_MAGIC "PFPROFS1"
#define PF_SEGMENT_VERSION 2u
#define PF_UNIT 64u

// A site's key: return address (48 bits), call (8 bits), stream (8 bits).
#define PF_KEY_CALL_SHIFT 48
#define PF_KEY_STREAM_SHIFT 56
#define PF_KEY_SITE_MASK 0xffffffffffffull

// The row of the table that a key is of; of a foreign segment any number up to 255.
static inline unsigned pf_key_call(uint64_t key) {
    return (unsigned)(key >> PF_KEY_CALL_SHIFT) & 0xff;
}

// The stream of a key: where the bytes go, found once for each descriptor.
#define PF_STREAM_UNKNOWN 0u // never in a stored key
#define PF_STREAM_NONE 1u    // no descriptor: syslog, streams in memory
#define PF_STREAM_FIRST 2u   // up to PF_STREAM_MANY: struct pf_stream
#define PF_STREAM_MANY 240u  // + enum pf_kind: all further streams of that kind
#define PF_STREAM_COUNT 256u

#define PF_CACHE_BITS 7
#define PF_CACHE_ENTRIES (1u << PF_CACHE_BITS)
#define PF_KEY_MULTIPLIER 0x9e3779b97f4a7c15ull

// Why a call ran unmeasured, or was only counted.
enum pf_lost {
    PF_LOST_MEMORY,  // counted per function only: MAX_MEMORY_MB is used up
    PF_LOST_REENTRY, // counted per function only: a signal handler or another thread came in between
    PF_LOST_CHILD,   // not counted: a vfork or CLONE_VM child shares our memory
    PF_LOST_EARLY,   // not counted: before the loader had relocated the library
    PF_LOST_COUNT
};

// What a stream leads to.
enum pf_kind {
    PF_KIND_UNKNOWN,
    PF_KIND_FILE,
    PF_KIND_PIPE,
    PF_KIND_SOCKET,
    PF_KIND_TTY,
    PF_KIND_DEVICE,
    PF_KIND_MEMORY,
    PF_KIND_COUNT
};

// Where the time of a timed call went.  One of them for each call, after its wait for the lock.
enum pf_why {
    PF_WHY_FORMAT,  // in the process: formatting, copying into a buffer
    PF_WHY_FLUSH,   // this call handed bytes to the kernel
    PF_WHY_LOCK,    // waiting for the FILE's lock
    PF_WHY_BLOCKED, // the thread was switched out in the middle of the call
    PF_WHY_COUNT
};

// Levels as syslog numbers them; PF_LEVEL_NONE where none was found.
#define PF_LEVEL_NONE 8u
#define PF_LEVEL_COUNT 9u

// Is this image a fork of another process's, and had that one several threads?
enum pf_forked { PF_FORKED_NOT, PF_FORKED, PF_FORKED_FROM_THREADS };

enum pf_state { PF_STATE_ACTIVE = 1, PF_STATE_ENDED = 2 };

// A slot's control word: not 0 sends its thread's next call the slow way.
#define PF_CTL_OFF 1u     // let calls pass unmeasured
#define PF_CTL_SLOW 2u    // ENABLE_FAST_PATH=false: look every site up out of line
#define PF_CTL_CHANGED 4u // struct pf_control has changed: take it over
#define PF_CTL_HELD 8u    // the owner holds a FILE's lock over a call
#define PF_CTL_REST 16u   // the owner's last short write has left a rest (pf-rest.h)

// A rate of its own for a site, whatever its thread.
struct pf_override {
    uint64_t site;   // return address; 0: every site of `call`
    uint32_t call;   // PF_CALL_COUNT or more: every call of `site`
    uint32_t stream; // as in keys; PF_STREAM_UNKNOWN: every stream
    double rate;
};
#define PF_OVERRIDES 62u

// What steer.lock holds: the rate with which a process of a program begins that the observer has learned
// about from others.  `program` is pf_program_hash() of its name; 0: none.
struct pf_start {
    uint64_t program;
    double rate;
};
#define PF_STARTS 32u
#define PF_SAMPLER_ADAPTIVE 4u // pf_control.sampler

static inline uint64_t pf_program_hash(const char *name) { // FNV-1a
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != 0; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return hash;
}

#define PF_MOST_CERTAIN 1000u // of pf_control.certain

// Written by observers, read by the target.  An observer changes what it wants, then adds one to
// `generation` (release), then sets PF_CTL_CHANGED in every slot's control word.
struct pf_control {
    uint32_t generation;
    uint32_t flags; // PF_CTL_OFF or 0
    double rate;    // the default rate
    uint32_t reset; // one more: everything counted so far is forgotten
    uint32_t override_count;
    uint64_t reset_unix_ns;      // when that was; 0: never
    uint64_t reset_monotonic_ns; //
    uint64_t reset_kernel_bytes; // wchar of /proc/PID/io at that time
    uint32_t certain;            // the first calls of a site that are timed with certainty; 0: one
    uint32_t sampler;  // what SAMPLER asks for, by its place in pf-env.def; 0: fixed, nobody steers
    uint32_t observer; // pid of who steers, or did: whoever does holds a lock on these bytes
    uint32_t reserved;
    struct pf_override override[PF_OVERRIDES];
    uint8_t pad[96];
} __attribute__((aligned(128)));

// Calls that found no room for a site of their own: exact counts and bytes per function, no clock.
struct pf_spill {
    uint64_t calls;
    uint64_t bytes;
};

struct pf_segment {
    char magic[8];
    uint32_t version;
    uint32_t header_size; // sizeof(struct pf_segment)
    uint64_t size;        // bytes mapped by the writer
    uint64_t backed;      // bytes that have memory behind them
    uint64_t used;        // bytes handed out so far
    uint32_t call_count;  // rows of the writer's table
    uint32_t state;       // enum pf_state
    uint32_t pid;
    uint32_t uid;
    uint64_t start_unix_ns;      // CLOCK_REALTIME when collection started
    uint64_t start_monotonic_ns; // CLOCK_MONOTONIC at the same moment
    uint64_t end_monotonic_ns;   // 0 while the process runs
    uint64_t clock_cost_ns;      // one clock read, subtracted from every latency
    uint64_t setup_ns;           // what making this segment cost the target
    uint64_t kernel_bytes_base;  // wchar of /proc/self/io when collection started
    double rate;                 // SAMPLE_RATE at start
    uint32_t partial;            // 1: memory ran out, sites or latencies are missing
    uint32_t slot_count;         // slots ever made
    uint64_t first_slot;         // newest slot, in units; 0: none
    uint64_t first_module;       // newest struct pf_module, in units
    uint64_t stacks;             // struct pf_stacks, in units
    uint64_t exit_wchar;         // at the end, when `how` is set; UINT64_MAX: not known
    int32_t exit_status;         // -1: not known
    uint32_t parent_pid;
    char how[16];         // how it ended: exit, _exit, exec ...
    uint64_t overhead_ns; // our own cost, measured at the end; 0: not yet
    char program[64];
    char command[256];
    uint32_t forked; // enum pf_forked
    uint32_t reserved;
    struct pf_control control;
    uint64_t lost[16]; // by enum pf_lost
    struct pf_spill spill[256];
    uint32_t stream[PF_STREAM_COUNT]; // struct pf_stream by its number, in units; 0: none
    uint64_t scopes;                  // struct pf_scopes, in units; 0: no scope was profiled
} __attribute__((aligned(128)));

// One call site on one stream, as one thread saw it.  Never moves, is never evicted: a counter is
// one read-modify-write instruction, so a signal handler between any two of ours loses nothing.
struct pf_entry {
    uint64_t key; // 0: free
    uint64_t calls;
    uint64_t bytes;
    int32_t skip;    // calls to let pass before the next timed one
    uint32_t detail; // struct pf_detail, in units; 0: none yet
};

// Sums of some of the timed calls: how many, ns, and ns squared as 128 bits, low half first.
struct pf_sums {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t sumsq_ns2[2];
};

// What timed calls of a site add.  Every field changes by single instructions (or add and add with
// carry, or compare-and-swap), so that a signal handler's own timed call may come in between.
struct pf_detail {
    struct pf_sums timed; // timed by chance
    uint64_t certain;     // timed with certainty: the first calls, when the rate is below 1
    uint64_t certain_ns;  // of those
    uint64_t max_ns;      // of all timed
    uint64_t emoji;       // timed messages with an emoji
    uint64_t fields;      // values formatted by timed messages
    uint64_t errors;      // failed calls, timed or not: exact
    uint64_t first_ns;    // CLOCK_MONOTONIC of the first and the last timed call
    uint64_t last_ns;     //
    // Horvitz-Thompson sums over the calls timed by chance, whatever their probability p was at that
    // moment, w = 1/p: doubles, changed by compare-and-swap (with `spread` and `spread_ns` below).  While
    // `period` is 1 the first two are short of timed.count and timed.sum_ns: nothing is added up then.
    double weight;       // sum of w: estimates the calls
    double weighted_ns;  // sum of w x: estimates their time
    double variance_ns2; // sum of w (w - 1) x^2: estimates the variance of that
    double skip_factor;  // of the rate in force: pf_skip_factor()
    double period;       // 1 / rate in force; 0: rate 0
    // Where the time went; of the timed calls but `why_skipped`.
    struct pf_sums why[PF_WHY_COUNT];
    uint64_t why_skipped; // timed calls of which we cannot tell whether they were switched out
    union {
        uint64_t format; // address of the constant format last walked; 0: none
        uint64_t scope;  // of a profiled scope: struct pf_scope_sums, in units
    };
    uint8_t program[24];       // what that format takes (pf-format.h)
    uint32_t template_link[4]; // struct pf_template, in units
    uint32_t template_count[4];
    uint32_t template_seen; // timed calls looked at for their template, also those beyond four
    uint32_t stacks_taken;  // call stacks taken
    uint32_t module;        // struct pf_module of the return address, in units
    uint32_t level_text;    // timed calls looked at for a level in their text
    uint32_t level[PF_LEVEL_COUNT]; // timed calls by level
    uint32_t
        sizes[17]; // timed calls by the bit length of their bytes: 0, 1, 2-3, 4-7 ... 32 KiB up
    int32_t stack_skip;               // timed calls to let pass before the next stack
    int32_t look_skip;                // likewise before the next look at level and template
    uint32_t octave[PF_HIST_OCTAVES]; // 16 buckets of uint32_t each, in units; 0: empty
    double spread;                    // sum of w (w - 1): what `weight` may be off by, squared
    double spread_ns;                 // sum of w (w - 1) x
} __attribute__((aligned(64)));

// More sites than the cache has places for: tables of doubling size, linked from the slot.
struct pf_more {
    uint64_t next; // in units; 0: none
    uint64_t entries;
    uint8_t pad[48];
    struct pf_entry entry[];
};

// A loaded image that a site or a stack lies in; stored once, so that it keeps its name after dlclose.
struct pf_module {
    uint64_t next; // older, in units
    uint64_t start;
    uint64_t end;
    uint64_t bias; // subtract it from an address for the one in the file
    uint32_t build_id_size;
    uint32_t name_size; // without a terminator
    uint8_t build_id[24];
    char name[]; // path; "" when not known
};

// Where bytes go: a file, a pipe, a socket ... whatever descriptors lead there.
struct pf_stream {
    uint64_t device;
    uint64_t inode;
    uint64_t first_ns; // CLOCK_MONOTONIC when it was first seen
    uint32_t kind;     // enum pf_kind
    uint32_t id;
    uint32_t opens; // how often a descriptor was found to lead here
    int32_t fd;     // the first such descriptor
    uint32_t name_size;
    uint32_t reserved[3];
    char name[]; // path, or what /proc says, or local and remote address
};

// Call stacks by what they hold.  Chains by hash; a node is complete before it is linked.
#define PF_STACK_CHAINS 1024u
struct pf_stacks {
    uint32_t chain[PF_STACK_CHAINS]; // struct pf_stack, in units
    uint64_t count;                  // nodes
    uint64_t refused;                // stacks that found no room
    uint64_t pad[6];
};
struct pf_stack {
    uint32_t next; // in units
    uint32_t depth;
    uint64_t hash;
    uint64_t key;      // of the entry whose call it was
    uint64_t taken;    // how often (shared: locked additions)
    uint64_t taken_ns; // latency of those calls
    uint64_t weight;   // calls that those stand for, in 1/16
    uint64_t frame[];  // return addresses, innermost (the site) first
};

// What timed scopes add beside their latency.  In `inside` a scope that is already open on its thread
// (recursion) counts only once; weights as in struct pf_detail, `exact_ns` where the weight is 1.
struct pf_inclusive {
    uint64_t count;
    uint64_t exact_ns;
    double weighted_ns;
    double variance_ns2;
};
struct pf_scope_sums {
    struct pf_inclusive whole;  // time from the outermost begin to its end
    struct pf_inclusive output; // of timed output calls and flushes in between
};

// What the site of a scope's key stands for: struct pf_profile_place and its group, in words.
// Chains by key; a node is complete before it is linked.
#define PF_SCOPE_CHAINS 256u
struct pf_scopes {
    uint32_t chain[PF_SCOPE_CHAINS]; // struct pf_scope, in units
    uint64_t count;
    uint64_t pad[7];
};
struct pf_scope {
    uint64_t site;  // as in the key
    uint64_t group; // address of the object, or of its type; 0: none
    uint32_t next;  // in units
    uint32_t kind;  // PF_PROFILE_KIND_...
    uint32_t line;
    uint16_t
        size[5]; // of function, name, file, class, group; in this order in text, no terminators
    uint16_t reserved;
    char text[];
};
#define PF_SCOPE_TEXTS 5u

// The scopes that a thread is in, outermost first.
struct pf_scope_frame {
    uint64_t at;       // stack address of the scope
    uint64_t function; // of -finstrument-functions: which
    uint64_t start_ns; // likewise, of a timed one; 0: not timed
    uint32_t detail;   // in units; 0: being filled in, or over
    uint32_t flags;    // PF_SCOPE_CERTAIN, PF_SCOPE_INSIDE_ITSELF
    double period;     // likewise: how many calls it stands for
};
#define PF_SCOPE_CERTAIN 1u
#define PF_SCOPE_INSIDE_ITSELF 2u
#define PF_SCOPE_FRAMES 200u
struct pf_scope_stack {
    uint32_t depth;
    uint32_t beyond; // of -finstrument-functions: begun when there was no frame left
    uint64_t deep;   // scopes ever begun when there was no frame left
    uint64_t pad[6];
    struct pf_scope_frame frame[PF_SCOPE_FRAMES];
};

// Whom a thread works for, as the program says; `sequence` is odd while it changes.
#define PF_CONTEXT_SIZE 48u
struct pf_context {
    uint32_t sequence;
    uint32_t reserved;
    uint64_t since_ns; // CLOCK_MONOTONIC; 0: never said
    char user_id[PF_CONTEXT_SIZE];
    char request_id[PF_CONTEXT_SIZE];
    char operation[PF_CONTEXT_SIZE];
    uint64_t pad[4];
};

// For whom a slot's slowest call of the same index was made.  Of a call whose `start_ns` is another one,
// nothing is known.
struct pf_slow_context {
    uint64_t start_ns;
    char user_id[PF_CONTEXT_SIZE];
    char request_id[PF_CONTEXT_SIZE];
    uint8_t pad[24];
};

// A format, or a text with its changing parts masked.
enum pf_template_kind { PF_TEMPLATE_FORMAT = 1, PF_TEMPLATE_MASKED = 2 };
struct pf_template {
    uint32_t kind; // enum pf_template_kind
    uint32_t size; // of text
    uint64_t hash;
    char text[]; // the format; of a masked text nothing, or with CAPTURE_TEXT an example
};

struct pf_error {
    uint64_t count;
    uint16_t call;
    uint16_t number; // errno
    uint32_t reserved;
};
#define PF_SLOT_ERRORS 30

// More kinds of errors than the slot has places for.
struct pf_more_errors {
    uint64_t next; // in units; 0: none
    uint64_t reserved;
    struct pf_error error[15];
};

// Short writes of a site: exact.  Of the others nothing is known.
struct pf_short {
    uint64_t key;        // 0: free
    uint64_t count;      // calls that took fewer bytes than they were given
    uint64_t continued;  // of those: the thread's next bytes on the stream were the rest
    uint64_t left;       // of those: they were others
    uint64_t left_bytes; // that were not written then
    uint64_t reserved;
};
#define PF_SHORT_ROWS 5u
#define PF_SHORT_CHAIN 64u // nodes of a slot at most
struct pf_shorts {
    uint64_t next; // in units; 0: none
    uint64_t reserved;
    struct pf_short row[PF_SHORT_ROWS];
};

// A timed call.  duration_ns UINT64_MAX: being written.
struct pf_event {
    uint64_t key;
    uint64_t duration_ns;
    uint64_t start_ns; // CLOCK_MONOTONIC
    uint64_t bytes;
    uint16_t error;   // errno of a failed call
    uint8_t why;      // enum pf_why
    uint8_t level;    //
    uint32_t stack;   // struct pf_stack, in units; 0: none
    uint64_t lock_ns; // of the duration, waiting for the FILE's lock
};
#define PF_SLOT_SLOWEST 8

// The recent events of a slot; entry `head % size` is the next to be written.  The size is a power of 2.
struct pf_ring {
    uint64_t head; // events ever recorded
    uint64_t size;
    uint64_t pad[6];
    struct pf_event event[];
};

enum pf_slot_state { PF_SLOT_FREE = 0, PF_SLOT_USED = 1 };

struct pf_slot {
    // Read by every call.
    uint32_t control;
    uint32_t state;
    uint64_t next; // older slot, in units
    uint64_t more; // struct pf_more, newest first, in units
    // Written by the owner now and then.
    uint32_t tid;
    uint32_t threads; // how many threads have had this slot so far
    uint64_t attach_ns;
    uint64_t attached_ns; // total of finished attachments
    uint64_t random;
    uint64_t ring;          // struct pf_ring, in units
    uint64_t slow_floor_ns; // the shortest of `slowest`
    uint64_t more_errors;   // struct pf_more_errors, in units
    uint64_t arena;         // next free unit of the piece of segment that the slot gives out
    char name[16];
    // A timed call that has not returned.
    uint64_t in_call_ns; // since when (CLOCK_MONOTONIC); 0: none
    uint64_t in_call_key;
    uint32_t generation; // of struct pf_control, as taken over
    uint32_t reset;      // likewise: another one than there means that these numbers are forgotten
    double log_uniform;  // drawn ahead for the next skip (pf-skip.h); 0: not yet
    uint64_t scopes;     // struct pf_scope_stack, in units; 0: no scope was profiled
    uint64_t context;    // struct pf_context, in units
    uint64_t slow_contexts; // PF_SLOT_SLOWEST of struct pf_slow_context, in units; 0: none was set
    uint64_t shorts;        // struct pf_shorts, in units; 0: no write was short
    uint64_t reserved[8];
    struct pf_entry cache[PF_CACHE_ENTRIES] __attribute__((aligned(128)));
    struct pf_event slowest[PF_SLOT_SLOWEST];
    struct pf_error errors[PF_SLOT_ERRORS];
    uint8_t pad[32];
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct pf_control) == 13 * 128, "whole lines");
_Static_assert(sizeof(struct pf_segment) % 128 == 0, "slots follow on their own lines");
_Static_assert(__builtin_offsetof(struct pf_segment, control) % 128 == 0,
               "control has its own lines");
_Static_assert(sizeof(struct pf_entry) == 32, "two entries a line");
_Static_assert(sizeof(struct pf_detail) % PF_UNIT == 0, "a detail is whole units");
_Static_assert(sizeof(struct pf_more_errors) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_shorts) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_more) == PF_UNIT, "entries follow a whole unit");
_Static_assert(sizeof(struct pf_ring) == PF_UNIT, "events follow a whole unit");
_Static_assert(sizeof(struct pf_event) == 48, "four events in three units");
_Static_assert(sizeof(struct pf_stacks) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_scope_sums) == PF_UNIT, "a unit");
_Static_assert(sizeof(struct pf_scopes) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_scope_stack) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_context) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_slow_context) == 2 * PF_UNIT, "whole units");
_Static_assert(sizeof(struct pf_slot) % 128 == 0, "threads do not share lines");
_Static_assert(__builtin_offsetof(struct pf_slot, cache) == 256,
               "the cache starts on its own lines");
