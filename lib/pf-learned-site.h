// SPDX-License-Identifier: Apache-2.0
// What the adaptive sampler has learned of a site, with forgetting.  Internal.
#pragma once
#include "pf-sampler.h"

typedef struct {
    gdouble count; // timed calls, those long ago for less
    gdouble sum;
    gdouble sumsq;
    gdouble calls_per_second;
    gdouble peak_per_second; // decays slowly: what a burst may bring back
    gdouble above;           // CUSUM of what is slower than it was
    gdouble below;
    gdouble wanted; // timed calls that it shall get soon: it is new or has changed
} pf_learned_site;

// Takes in what happened in an interval; true when its latency has changed.
gboolean pf_learned_site_update(pf_learned_site *self, const PfSamplingStratum *stratum,
                                gdouble seconds, gdouble half_life);
// The deviation to reckon with: the more careful, the fewer timed calls it rests on.
gdouble pf_learned_site_deviation(const pf_learned_site *self);
