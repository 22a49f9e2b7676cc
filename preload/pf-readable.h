// SPDX-License-Identifier: Apache-2.0
// What stack memory may be read: a fault of ours would be the target's end.
//
// Known without asking the kernel: all from the running function's stack pointer up to the top of
// the main stack; and in a thread that libc made, up to its thread pointer, once the pages between
// have been asked for.  A thread cannot lose that memory while it runs on it.  Anything else
// (signal stacks, coroutines, what wrong frame information points to) is asked for page by page in
// each walk, because such memory comes and goes.
#pragma once
#include "pf-arch.h"
#include "pf-unwind.h"
#include <stdbool.h>
#pragma GCC visibility push(hidden)

struct pf_memory {
    uintptr_t low; // [low, high) can be read
    uintptr_t high;
    struct pf_unwind_state *state;
};

void pf_readable_init(void);
// The caller is the main thread, if pf_readable_init may be called by another.
void pf_readable_note_main(void);

// The stack that the caller runs on, `sp` being its stack pointer.  False where that stack is
// neither the thread's own nor certain to have PF_UNWIND_ROOM bytes left.
bool pf_readable_stack(struct pf_memory *memory, struct pf_unwind_state *state, uintptr_t sp);

// Makes `address` one of those that can be read, if it is; the others may be lost.
bool pf_readable_extend(struct pf_memory *memory, uintptr_t address);

PF_INLINE bool pf_is_readable(const struct pf_memory *memory, uintptr_t address) {
    return address >= memory->low && address <= memory->high - sizeof(uintptr_t);
}

// Not through the sanitizer, which would take issue with reading other functions' frames.
__attribute__((no_sanitize("address"))) PF_INLINE uintptr_t pf_load(uintptr_t address) {
    return *(const volatile uintptr_t *)address;
}

// A pf_read_word on a pf_memory.
bool pf_readable_word(void *memory, uintptr_t address, uintptr_t *ret_word);
#pragma GCC visibility pop
