// SPDX-License-Identifier: Apache-2.0
// What is one per process: the configuration in force, the segment, and how it came about.
#pragma once
#include "pf-env.h"
#include "pf-segment.h"
#include <stdbool.h>
#include <stddef.h>
#pragma GCC visibility push(hidden)

enum pf_making {
    PF_MAKING_NOT_BEGUN,
    PF_MAKING_NOW,  // some thread is at it; others count in `early` meanwhile
    PF_MAKING_ENDED // there is a segment, or there never will be one
};

struct pf_process {
    struct pf_config config;
    struct pf_segment *segment; // NULL until the first output call
    int making;                 // enum pf_making
    uint32_t pid;
    bool shut;              // seccomp may be on: no system calls but write and exit
    bool finished;          // the summary has been written
    char written_path[256]; // the file that got a summary before an exec, in case that fails
    uint64_t written_at;    // how long that file was before
    uint64_t written_size;  // and how much was added
    bool said;              // on stderr, before it was closed
    void *scratch;          // for the summary, mapped before the door is shut
    size_t scratch_size;
    struct pf_segment *stale; // the parent's, to be unmapped when ours is made
    uint64_t stale_size;
    bool vm_children;     // some clone shares our memory under another pid
    uint32_t why;         // bits of WHY: 1 flush, 2 lock, 4 blocked
    uint32_t stack_every; // of the timed calls of a site, one in so many gives a stack; 0: none
    uint32_t stack_depth; // frames
    double stack_factor;  // pf_skip_factor() of one in stack_every
    uint64_t start_unix_ns;
    uint64_t start_monotonic_ns;
    uint64_t kernel_bytes_base;
    bool kernel_bytes_known;
    bool child; // of a fork: the kernel counts its bytes from 0
    bool stderr_known;
    uint64_t stderr_device; // what descriptor 2 was at start: the summary goes nowhere else
    uint64_t stderr_inode;
    char runtime_dir[64];   // XDG_RUNTIME_DIR as it was at start; "" when none or too long
    char segment_path[128]; // "" when private
    // Calls that came while another thread made the segment.  On i386 a counter may otherwise lie across
    // two cache lines, and is then a split lock.
    _Alignas(16) struct pf_spill early[256];
    uint64_t early_lost[PF_LOST_COUNT];
};
extern struct pf_process pf_process;

// Runs once, in the constructor or at the first call before it.
void pf_init(void);

// After fork: forget the parent's segment; ours is made at the first output call.
void pf_become_child(void);

// Closing stderr: a summary that goes there goes now.  Returns -1, for the table's sake.
int pf_last_words(void);

// The process ends, or its image is replaced: writes the summary (once) and ends the segment.
void pf_finish(const char *how);
void pf_finish_with(const char *how, int status);

// exec came back: the process goes on, and what was written of it is taken back where possible.
void pf_unfinish(void);

// A clone that may or may not share our memory: the next call of this thread sees who it is.
void pf_before_clone(uint64_t flags);

// A seccomp filter is about to be installed: from now on no system call of ours but write.
void pf_shut(void);

// Memory to make a summary in; NULL when there is none.
void *pf_map_scratch(size_t *ret_size);

// wchar of /proc/self/io, which holds that of finished threads and of children waited for, and of
// the living threads alone; false when the kernel does not tell.
// Notes wchar of this thread as what was there before; once, as the segment is made.
void pf_note_kernel_bytes(void);
bool pf_kernel_bytes(uint64_t *ret_whole, uint64_t *ret_living);

// pf-segment-map.c
void pf_segment_make(void);
// Waits, a fifth of a second at most, for a thread that is making the segment just now.
void pf_segment_await(void);
// Keeps what the environment says of the segment's place.
void pf_segment_note_environment(void);
// Says so where SEGMENT_DIR names a folder that cannot be used.
void pf_segment_check_folder(void (*complain)(const char *line, size_t length));
// Memory from the segment, zeroed, in whole units of PF_UNIT; NULL when MAX_MEMORY_MB is used up.
void *pf_segment_take(uint64_t size, uint64_t alignment);
void pf_segment_unlink(void);
void pf_segment_leave(void);  // to an agent, which removes it
void pf_segment_return(void); // the process did not end after all

static inline void *pf_at(struct pf_segment *segment, uint64_t units) {
    return units ? (char *)segment + units * PF_UNIT : NULL;
}
static inline uint64_t pf_units(struct pf_segment *segment, const void *at) {
    return (uint64_t)((const char *)at - (const char *)segment) / PF_UNIT;
}

// pf-slot.c
struct pf_slot *pf_slot_attach(void); // NULL when there is no room
void pf_slot_detach(void *slot);

// Has threads' ends be told to pf_slot_detach.  False: not yet, the next thread asks again.
bool pf_slot_make_key(void);
void *pf_slot_take(struct pf_slot *slot, uint64_t size); // from the slot's arena

// pf-site.c
struct pf_entry *pf_site_find(struct pf_slot *slot, uint64_t key);

void pf_lose(enum pf_lost reason);

// The segment has just been published: takes over what was counted while it was made.
void pf_bring_home(void);
#pragma GCC visibility pop
