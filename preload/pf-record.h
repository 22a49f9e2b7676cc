// SPDX-License-Identifier: Apache-2.0
// What timed output calls and timed scopes are recorded with alike.
#pragma once
#include "pf-segment.h"
#include <stdbool.h>
#pragma GCC visibility push(hidden)

// A latency into the sums, the histogram and the maximum of a site.  `certain`: its first call, timed
// with certainty; `period`: how many calls one timed by chance stands for.
void pf_record_latency(struct pf_slot *slot, struct pf_detail *detail, bool certain, double period,
                       uint64_t latency);
void pf_record_moment(struct pf_detail *detail, uint64_t start, uint64_t now);

// Adds so that a handler in between loses nothing.
void pf_add_double(double *sum, double value);
#pragma GCC visibility pop
