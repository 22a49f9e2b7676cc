// SPDX-License-Identifier: Apache-2.0
// Mean and variance with forgetting, and a CUSUM for changes.
#include "pf-learned-site.h"
#include <math.h>

#define NEW_WANTS 60.0      // timed calls for a first idea of the deviation
#define CHANGED_WANTS 200.0 // and for a new one
#define KEEP_LEAST 60.0     // forgetting stops there: old news is better than none
#define PRIOR 8.0           // timed calls that the assumption "deviation = mean" weighs as much as

// CUSUM (Page 1954) of the intervals' standardized means: slack and threshold in deviations.  One interval
// counts for at most MOST, so that a single slow call, however slow, is not a change.
#define SLACK 0.5
#define THRESHOLD 12.0
#define MOST 4.0
#define SMALLEST_CHANGE 0.2 // of the mean
#define BASE_LEAST 30.0

static gdouble variance_of(const pf_learned_site *self) {
    gdouble mean = self->sum / self->count;
    return MAX(self->sumsq / self->count - mean * mean, 0);
}

static gboolean watch(pf_learned_site *self, const PfSamplingStratum *stratum) {
    if (self->count < BASE_LEAST || stratum->sampled == 0) {
        return FALSE;
    }
    gdouble n = (gdouble)stratum->sampled;
    gdouble mean = self->sum / self->count;
    gdouble now = stratum->sum_ns / n;
    // Latencies that hardly vary have a deviation of at least 2 %: clocks do not tell more.
    gdouble variance = MAX(variance_of(self), 4e-4 * mean * mean);
    gdouble z = (now - mean) / sqrt(variance * (1 / n + 1 / self->count));
    z = CLAMP(z, -MOST, MOST);
    self->above = MAX(self->above + z - SLACK, 0);
    self->below = MAX(self->below - z - SLACK, 0);
    return MAX(self->above, self->below) > THRESHOLD && fabs(now - mean) > SMALLEST_CHANGE * mean;
}

static void forget(pf_learned_site *self, gdouble keep) {
    self->count *= keep;
    self->sum *= keep;
    self->sumsq *= keep;
}

gboolean pf_learned_site_update(pf_learned_site *self, const PfSamplingStratum *stratum,
                                gdouble seconds, gdouble half_life) {
    gdouble n = (gdouble)stratum->sampled;
    gboolean is_new = self->count == 0 && self->calls_per_second == 0;
    gboolean changed = watch(self, stratum);
    if (changed) {
        forget(self, 0);
        self->above = self->below = 0;
        self->wanted = CHANGED_WANTS;
    } else if (self->count > KEEP_LEAST && seconds > 0) {
        forget(self, MAX(exp2(-seconds / half_life), KEEP_LEAST / self->count));
    }
    if (is_new) {
        self->wanted = NEW_WANTS;
    }
    self->count += n;
    self->sum += stratum->sum_ns;
    self->sumsq += stratum->sumsq_ns2;
    self->wanted = MAX(self->wanted - n, 0);
    if (seconds > 0) {
        gdouble rate = (gdouble)stratum->calls / seconds;
        // Up at once, down over a second: a budget is broken by calls that were not reckoned with.
        gdouble share = rate > self->calls_per_second ? 1 : 1 - exp(-seconds);
        self->calls_per_second += share * (rate - self->calls_per_second);
        self->peak_per_second = MAX(self->peak_per_second * exp2(-seconds / half_life), rate);
    }
    return changed;
}

gdouble pf_learned_site_deviation(const pf_learned_site *self) {
    if (self->count <= 0) {
        return 0;
    }
    gdouble mean = self->sum / self->count;
    gdouble variance =
        (variance_of(self) * self->count + mean * mean * PRIOR) / (self->count + PRIOR);
    return sqrt(variance) * (1 + 1 / sqrt(self->count));
}
