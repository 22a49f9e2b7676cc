// SPDX-License-Identifier: Apache-2.0
// Where the time of a group of sites went: shares with 95 % intervals.
#pragma once
#include "pf-segment.h"
#include <stdbool.h>
#pragma GCC visibility push(hidden)

// Adds up sites of one group; begin with {0}.
struct pf_why_sums {
    uint64_t count[PF_WHY_COUNT]; // timed calls (of LOCK: those that waited)
    double ns[PF_WHY_COUNT];      // of all calls, estimated
    double square[PF_WHY_COUNT];  // scaled sums of squares, for the variance
    double known;                 // timed calls of which it is known
};

// One site's detail, and how many calls its timed calls by chance stand for.
void pf_why_add(struct pf_why_sums *sums, const struct pf_detail *detail, double calls);

// A share of the whole, 0 to 1, and half the width of its 95 % interval.  False when too few timed
// calls are known for it to mean anything.
bool pf_why_share(const struct pf_why_sums *sums, enum pf_why why, double *ret_share,
                  double *ret_half_width);

extern const char *const pf_why_names[PF_WHY_COUNT];
#pragma GCC visibility pop
