// SPDX-License-Identifier: Apache-2.0
// Shares timed calls out among sites.  Internal.
#pragma once
#include <stddef.h>

// A site, per second.
typedef struct {
    double calls;     // per second
    double mean;      // of its latency, ns
    double deviation; // likewise
    double cost;      // of timing a call, ns
    double least;     // rate that it shall have in any case
    double rate;      // the answer
} pf_share;

// Spends `budget` ns per second: the part `even` of it at one rate for all, `fair` so that every site's
// total is known as well as the others', the rest where it narrows the interval of the total most (Neyman).  `least` goes
// first, with at most half of the budget.
void pf_allocate(pf_share *shares, size_t count, double budget, double even, double fair);
