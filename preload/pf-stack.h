// SPDX-License-Identifier: Apache-2.0
// Call stacks of some of the timed calls, each stored once.
#pragma once
#include "pf-arch.h"
#include "pf-process.h"
#include "pf-skip.h"
#pragma GCC visibility push(hidden)

#define PF_STACK_MOST 64u  // frames
#define PF_STACK_FIRST 8u  // the first timed calls of a site all give one
#define PF_STACK_EVERY 16u // and of the rest one in so many, unless STACKS says otherwise

// A few instructions for every timed call: is this one's stack to be taken?  Chosen at random after the
// first ones, because a fixed stride would see one caller of a regular program and never another.
PF_INLINE bool pf_stack_wanted(struct pf_slot *slot, struct pf_detail *detail) {
    if (pf_process.stack_every <= 1) {
        return pf_process.stack_every == 1;
    }
    if (PF_LIKELY(!pf_take_one(&detail->stack_skip))) {
        return false;
    }
    detail->stack_skip = detail->stacks_taken + 1 < PF_STACK_FIRST
                             ? 0
                             : pf_skip_draw(pf_process.stack_factor, &slot->random);
    return true;
}

// Takes the stack of the call of `key` that is being ended.  A link to it, 0: none.
uint32_t pf_stack_take(struct pf_slot *slot, struct pf_detail *detail, uint64_t key,
                       uint64_t latency);
#pragma GCC visibility pop
