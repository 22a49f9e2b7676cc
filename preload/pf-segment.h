// SPDX-License-Identifier: Apache-2.0
// The layout of the segment: what a profiled process stores and what readers read.
//
// One half of the contract between target and reader (the other is pf-calls.def); described in
// docs/segment-format.md.  Fixed-width fields in the byte order of the machine, offsets from the
// start of the segment, links in units of PF_UNIT bytes.  What different threads write lies at least
// 128 bytes apart (two lines, because x86 prefetches them in pairs).  Every counter only grows.
// Readers treat all of it as hostile.
#pragma once
#include "pf-hist.h"
#include "pf-table.h"
#include <stdint.h>

#define PF_SEGMENT_MAGIC "PFPROFS1"
#define PF_SEGMENT_VERSION 1u
#define PF_UNIT 64u

// A site's key: return address (48 bits), call (8 bits), descriptor class (8 bits).
#define PF_KEY_CALL_SHIFT 48
#define PF_KEY_FD_SHIFT 56
#define PF_FD_MANY 254u // every descriptor from 254 up
#define PF_FD_NONE 255u // none, or a stream without one (open_memstream, fopencookie)

#define PF_CACHE_BITS 7
#define PF_CACHE_ENTRIES (1u << PF_CACHE_BITS)
#define PF_KEY_MULTIPLIER 0x9e3779b97f4a7c15ull

// Why a call ran unmeasured, or was only counted.
enum pf_lost {
    PF_LOST_MEMORY,  // counted per function only: MAX_MEMORY_MB is used up
    PF_LOST_REENTRY, // counted per function only: a signal handler or another thread came in between
    PF_LOST_CHILD,   // not counted: a vfork or CLONE_VM child shares our memory
    PF_LOST_CLOCK,   // counted, due, not timed: a signal handler interrupted our own recording
    PF_LOST_EARLY,   // not counted: before the loader had relocated the library
    PF_LOST_COUNT
};

// What a descriptor is, as seen when its site was first used.
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

enum pf_state { PF_STATE_ACTIVE = 1, PF_STATE_ENDED = 2 };

#define PF_CTL_OFF 1u  // control word: let calls pass unmeasured
#define PF_CTL_SLOW 2u // ENABLE_FAST_PATH=false: look every site up out of line

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
    double rate;
    uint32_t partial;    // 1: memory ran out, sites or latencies are missing
    uint32_t slot_count; // slots ever made
    uint64_t first_slot; // newest slot, in units; 0: none
    char program[64];
    char command[256];
    uint32_t control[32] __attribute__((
        aligned(128))); // [0] default control word of new slots, [1] generation; own 128 bytes
    uint64_t lost[16];  // by enum pf_lost
    struct pf_spill spill[256];
} __attribute__((aligned(128)));

// One call site on one descriptor, as one thread saw it.  Never moves, is never evicted: a counter is
// one read-modify-write instruction, so a signal handler between any two of ours loses nothing.
struct pf_entry {
    uint64_t key; // 0: free
    uint64_t calls;
    uint64_t bytes;
    int32_t skip;    // calls to let pass before the next timed one
    uint32_t detail; // struct pf_detail, in units; 0: none yet
};

// What timed calls of a site add.  Written under the slot's recording guard.
struct pf_detail {
    uint64_t sampled;    // timed by chance
    uint64_t sum_ns;     // of those
    double sumsq_ns2;    // of those
    uint64_t certain;    // timed with certainty: the first call, when the rate is below 1
    uint64_t certain_ns; // of those
    uint64_t max_ns;     // of all timed
    uint64_t emoji;      // timed messages with an emoji
    uint64_t fields;     // values formatted by timed messages
    uint64_t errors;     // failed calls, timed or not: exact
    uint64_t first_ns;   // CLOCK_MONOTONIC of the first and the last timed call
    uint64_t last_ns;    //
    uint32_t kind;       // enum pf_kind of the descriptor
    uint32_t reserved;
    uint32_t octave[PF_HIST_OCTAVES]; // 16 buckets of uint32_t each, in units; 0: empty
} __attribute__((aligned(64)));

// More sites than the cache has places for: tables of doubling size, linked from the slot.
struct pf_more {
    uint64_t next; // in units; 0: none
    uint64_t entries;
    uint8_t pad[48];
    struct pf_entry entry[];
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

struct pf_slow {
    uint64_t key;
    uint64_t duration_ns;
    uint64_t start_ns; // CLOCK_MONOTONIC
    uint64_t bytes;
};
#define PF_SLOT_SLOWEST 8

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
    uint64_t recording;     // frame address of the recording in progress, 0: none
    uint64_t slow_floor_ns; // the shortest of `slowest`
    uint64_t more_errors;   // struct pf_more_errors, in units
    uint64_t arena;         // next free unit of the piece of segment that the slot gives out
    char name[16];
    struct pf_entry cache[PF_CACHE_ENTRIES] __attribute__((aligned(128)));
    struct pf_slow slowest[PF_SLOT_SLOWEST];
    struct pf_error errors[PF_SLOT_ERRORS];
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct pf_segment) % 128 == 0, "slots follow on their own lines");
_Static_assert(__builtin_offsetof(struct pf_segment, control) % 128 == 0,
               "control has its own lines");
_Static_assert(sizeof(struct pf_entry) == 32, "two entries a line");
_Static_assert(sizeof(struct pf_detail) % PF_UNIT == 0, "a detail is whole units");
_Static_assert(sizeof(struct pf_more_errors) % PF_UNIT == 0, "whole units");
_Static_assert(sizeof(struct pf_more) == PF_UNIT, "entries follow a whole unit");
_Static_assert(sizeof(struct pf_slot) % 128 == 0, "threads do not share lines");
_Static_assert(__builtin_offsetof(struct pf_slot, cache) == 128,
               "the cache starts on its own lines");
