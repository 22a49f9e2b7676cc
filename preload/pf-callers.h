// SPDX-License-Identifier: Apache-2.0
// Who calls a site: the callers behind a logging wrapper, from the stacks of some of its calls.
#pragma once
#include "pf-segment.h"
#include <stddef.h>
#pragma GCC visibility push(hidden)

#define PF_MOST_CALLERS 32u

struct pf_caller {
    uint64_t address; // return address into the caller
    uint64_t weight;  // of its calls, in sixteenths
    uint64_t stacks;  // that show it
};

struct pf_callers {
    struct pf_caller caller[PF_MOST_CALLERS]; // most calls first
    size_t count;
    uint64_t others; // weight of those that found no room
    uint64_t weight; // of all
};

// The frame from which the site is reached by several callers, or the site itself when it is not (then
// count is 1).  Frames in libc, libstdc++, libglib and known loggers are passed over: nobody's own
// line is in there.
void pf_callers_find(struct pf_segment *segment, uint64_t site, unsigned call,
                     struct pf_callers *ret_callers);
#pragma GCC visibility pop
