// SPDX-License-Identifier: Apache-2.0
// What the adaptive sampler has learned of a site, with forgetting.  Internal.
#pragma once
#include "pf-sampler.h"

typedef struct {
    gdouble count; // timed calls, those long ago for less
    gdouble sum;
    gdouble sumsq;
    gdouble peak;      // the largest sum of squares of an interval
    gdouble deviation; // as last told
    gdouble calls;     // likewise
    gdouble calls_now; // per second, in the last interval
    gdouble above;     // CUSUM of what is slower than it was
    gdouble below;
    gdouble cost_ns; // of timing one call
    gdouble seen;    // the sampler's clock at the last look
    guint64 look;    // and its number
    guint copies;    // strata of that look that are this site
    gdouble wanted;  // timed calls that it shall get soon: it is new or has changed
} pf_learned_site;

// Takes in what happened in an interval of `seconds`, `age` after the last one; true when its latency has changed.
// With `explore` it wants some timed calls soon when it is new or has changed; else nobody looks for changes.
gboolean pf_learned_site_update(pf_learned_site *self, const PfSamplingStratum *stratum,
                                gdouble seconds, gdouble age, gdouble half_life, gboolean explore);
// The deviation to reckon with: the fewer timed calls it rests on, the more it is the usual one.  That is
// told as variance per ns of mean latency: where calls are slow now and then, because they are interrupted or
// flush, the variance is the mean times how long such a call takes.
gdouble pf_learned_site_deviation(pf_learned_site *self, gdouble usual_ns, gdouble seconds);
// Mean latency so far; 0 when none was timed.
gdouble pf_learned_site_mean(const pf_learned_site *self);
// Adds what the site knows about the usual: variance and time of its timed calls.
void pf_learned_site_tell(const pf_learned_site *self, gdouble *squares, gdouble *time);
