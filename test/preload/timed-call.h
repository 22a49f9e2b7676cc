// SPDX-License-Identifier: Apache-2.0
// What pf-record.c adds to the sums of a site for a call that was timed by chance; for simulations.
#pragma once
#include "pf-estimate.h"
#include "pf-hist.h"

static inline void timed_call_add(struct pf_stratum *s, uint64_t ns, double rate) {
    double x = (double)ns;
    double w = 1 / rate;
    double middle = pf_hist_middle(pf_hist_bucket(ns));
    s->sampled++;
    s->sum_ns += ns;
    s->sumsq += x * x;
    s->weight += w;
    s->weighted_ns += w * x;
    s->spread += w * (w - 1);
    s->spread_ns += w * (w - 1) * x;
    s->spread_ns2 += w * (w - 1) * x * x;
    s->mid_sum += middle;
    s->mid_sumsq += middle * middle;
    s->sumcube += middle * middle * middle;
}
