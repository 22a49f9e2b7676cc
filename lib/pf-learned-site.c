// SPDX-License-Identifier: Apache-2.0
// Mean and variance with forgetting, and a CUSUM for changes.
#include "pf-learned-site.h"
#include <math.h>

#define NEW_WANTS 60.0      // timed calls for a first idea of the deviation
#define CHANGED_WANTS 200.0 // and for a new one
#define KEEP_LEAST 60.0     // forgetting stops there: old news is better than none
// A variance that rests on one slow call is worth little, however many calls were timed.  Its worth is how
// often the worst interval goes into the sum of squares; so much is "varies as the others do" worth.
#define PRIOR 8.0
// Over which the deviation changes: a rate that swings tells less for the same cost.
#define SMOOTH_SECONDS 2.0

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
    self->peak *= keep;
}

gboolean pf_learned_site_update(pf_learned_site *self, const PfSamplingStratum *stratum,
                                gdouble seconds, gdouble age, gdouble half_life, gboolean explore) {
    gdouble n = (gdouble)stratum->sampled;
    gboolean is_new = self->count == 0 && self->calls == 0;
    gboolean changed = explore && watch(self, stratum);
    if (changed) {
        forget(self, 0);
        self->above = self->below = 0;
        self->wanted = CHANGED_WANTS;
    } else if (self->count > KEEP_LEAST && age > 0) {
        forget(self, MAX(exp2(-age / half_life), KEEP_LEAST / self->count));
    }
    if (is_new && explore) {
        self->wanted = NEW_WANTS;
    }
    self->count += n;
    self->sum += stratum->sum_ns;
    self->sumsq += stratum->sumsq_ns2;
    self->peak = MAX(self->peak, stratum->sumsq_ns2);
    self->wanted = MAX(self->wanted - n, 0);
    self->calls = self->calls * exp2(-age / half_life) + (gdouble)stratum->calls;
    self->cost_ns = stratum->cost_ns;
    self->calls_now = seconds > 0 ? (gdouble)stratum->calls / seconds : 0;
    return changed;
}

static gdouble worth(const pf_learned_site *self) {
    return self->peak > 0 ? MIN(self->sumsq / self->peak, self->count) : 0;
}

gdouble pf_learned_site_deviation(pf_learned_site *self, gdouble usual_ns, gdouble seconds) {
    if (self->count <= 0) {
        return 0;
    }
    gdouble mean = self->sum / self->count;
    gdouble own = worth(self);
    gdouble now = sqrt((variance_of(self) * own + usual_ns * mean * PRIOR) / (own + PRIOR));
    gboolean settled = self->deviation > 0 && now > 0 && self->wanted <= 0;
    gdouble share = settled ? 1 - exp(-seconds / SMOOTH_SECONDS) : 1;
    self->deviation = settled ? self->deviation * pow(now / self->deviation, share) : now;
    return self->deviation;
}

gdouble pf_learned_site_mean(const pf_learned_site *self) {
    return self->count > 0 ? self->sum / self->count : 0;
}

void pf_learned_site_tell(const pf_learned_site *self, gdouble *squares, gdouble *time) {
    if (self->count > 0) {
        *squares += variance_of(self) * self->count;
        *time += self->sum;
    }
}
