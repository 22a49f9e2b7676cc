// SPDX-License-Identifier: Apache-2.0
// The estimate of a total where most calls, but not all, were sampled at one rate.  Internal.
#pragma once
#include "pf-estimate.h"
#include "pf-rows.h"

// How a stratum's calls were chosen.
typedef enum {
    PF_CHOSEN_AT_MAIN_RATE, // all at the model's rate, or all timed
    PF_CHOSEN_OTHERWISE,    // at one or several other rates: Horvitz-Thompson sums
} pf_choice;

typedef struct {
    struct pf_stratum stratum;
    pf_choice choice;
    double other_ns;       // total of PF_CHOSEN_OTHERWISE, without the certain calls
    double other_variance; //
    double other_unseen;   // of its calls, those that no timed call stands for
} pf_blend_part;

typedef struct {
    struct pf_estimator main;
    double other_calls;
    double other_sampled;
    double other_certain_ns;
    double other_measured_ns;
    double other_ns;
    double other_variance;
    double other_unseen;
} pf_blend;

void pf_blend_init(pf_blend *self, double rate);
void pf_blend_add(pf_blend *self, const pf_blend_part *part);
PfEstimate pf_blend_finish(const pf_blend *self);
