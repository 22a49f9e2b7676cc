// SPDX-License-Identifier: Apache-2.0
// Takes the call stack of a call that we intercepted.
//
// No lock, no allocation, no libc state; errno stays; may be interrupted at any instruction by a
// handler that does the same.  Nothing is read that is not certain to be readable, so that wrong
// call frame information cuts a stack short, or makes it wrong, but never crashes the target.
#pragma once
#include <stdint.h>
#pragma GCC visibility push(hidden)

// What a thread knows about its own stack.  Zeroed memory to begin with; may be handed on to
// another thread as it is.
struct pf_unwind_state {
    uintptr_t thread;  // whose stack it is: its thread pointer
    uintptr_t low;     // from here to the thread pointer all is readable
    uintptr_t floor;   // the lowest that is known not to be
    uint32_t patience; // stacks to be taken before doubting the cache again
    uint32_t unused;
};
_Static_assert(sizeof(struct pf_unwind_state) <= 64, "kept in a thread's slot");

// How much of the target's stack it may take, all in all.
#define PF_UNWIND_ROOM 1536

// Once, before the first stack; may be called in a signal handler.
void pf_unwind_init(void);
// In the constructor: the caller is the main thread.
void pf_unwind_note_main(void);

// The return addresses of the intercepted call and of its callers, innermost first: ret_frames[0]
// is `site`, the return address of the call; frames of ours below it are skipped.  How many there
// are; 0 when the site is not met, when a signal stack has no room, or this machine or libc cannot
// do it.
unsigned pf_unwind(struct pf_unwind_state *state, uintptr_t site, uintptr_t *ret_frames,
                   unsigned depth);
#pragma GCC visibility pop
