// SPDX-License-Identifier: Apache-2.0
// The stratified ratio estimate of the total, and its skewness-corrected interval.
#include "pf-estimate.h"

// A stratum stands alone when it is expected to have this many timed calls.  The rule looks at exact
// counts and the rate only, never at how many were timed: choosing by the outcome would bias the sum.
#define ALONE_EXPECTED 40.0
#define FEWEST 12.0      // timed calls in all, for an interval
#define MOST_SKEW 0.9    // of the estimate itself; above it one timed call decides the sum
#define MOST_UNSEEN 0.02 // share of calls in groups without a single timed call

// How far the skewness of the estimate moves the two limits.  The longest calls are missing from most
// samples, so the upper limit moves further than theory (1 and 1) has it; chosen by simulation.
#define SHIFT_ABOVE 1.7
#define SHIFT_BELOW 0.4
#define SHIFT_SQUARE 8.0

static double root(double x) { return x > 0 ? __builtin_sqrt(x) : 0; }

void pf_estimator_init(struct pf_estimator *estimator, double rate) {
    *estimator = (struct pf_estimator){.rate = rate};
}

// Simple random sampling without replacement of n from N, given n: the mean's variance is
// (1 - n/N) s^2 / n and its third moment (1 - f)(1 - 2f) m3 / n^2.
static void add_group(struct pf_estimator *e, const struct pf_pool *group) {
    double calls = group->calls;
    double n = group->sampled;
    if (calls <= 0) {
        return;
    }
    if (n < 1) {
        e->unseen += calls;
        return;
    }
    double mean = group->sum / n;
    e->total_ns += calls * mean;
    double left = 1 - n / calls;
    if (n < 2 || left <= 0) {
        e->unseen += left > 0 ? calls : 0;
        return;
    }
    double second = group->sumsq / n - mean * mean;
    second = second > 0 ? second : 0;
    double third = group->sumcube / n - 3 * mean * group->sumsq / n + 2 * mean * mean * mean;
    double variance = calls * calls * left * second / (n - 1);
    double fraction = n / calls;
    e->variance += variance;
    e->welch += variance * variance / (n - 1);
    e->third += calls * calls * calls * left * (1 - 2 * fraction) * third / (n * n);
}

void pf_estimator_add(struct pf_estimator *e, const struct pf_stratum *s) {
    e->certain_ns += (double)s->certain_ns;
    e->measured_ns += (double)s->certain_ns + (double)s->sum_ns;
    e->calls += (double)s->calls;
    e->sampled += (double)s->sampled;
    struct pf_pool alone = {.calls = (double)s->calls,
                            .sampled = (double)s->sampled,
                            .sum = (double)s->sum_ns,
                            .sumsq = s->sumsq,
                            .sumcube = s->sumcube};
    if ((double)s->calls * e->rate >= ALONE_EXPECTED) {
        add_group(e, &alone);
        return;
    }
    e->small.calls += alone.calls;
    e->small.sampled += alone.sampled;
    e->small.sum += alone.sum;
    e->small.sumsq += alone.sumsq;
    e->small.sumcube += alone.sumcube;
}

void pf_estimator_finish(const struct pf_estimator *estimator, struct pf_estimate *ret_estimate) {
    struct pf_estimator e = *estimator;
    struct pf_estimate result = {.kind = PF_ESTIMATE_INTERVAL};
    if (e.sampled >= e.calls) {
        result.total_ns = result.low_ns = result.high_ns = e.measured_ns;
        result.kind = PF_ESTIMATE_EXACT;
        *ret_estimate = result;
        return;
    }
    add_group(&e, &e.small);
    if (e.sampled < 1) {
        *ret_estimate = (struct pf_estimate){.kind = PF_ESTIMATE_NONE};
        return;
    }
    result.total_ns = e.certain_ns + e.total_ns;
    double deviation = root(e.variance);
    double skew = deviation > 0 ? e.third / (deviation * deviation * deviation) : 0;
    if (e.sampled < FEWEST || e.unseen > MOST_UNSEEN * e.calls) {
        result.kind = PF_ESTIMATE_TOO_FEW;
    } else if (skew > MOST_SKEW || skew < -MOST_SKEW) {
        result.kind = PF_ESTIMATE_TOO_WILD;
    }
    // Student's quantile by its expansion in 1/degrees (Fisher 1925), then the skewness of the
    // studentized mean (Johnson 1978): long calls that the sample missed lie above, not below.
    double degrees = e.welch > 0 ? e.variance * e.variance / e.welch : 1e9;
    double z = 1.959964;
    double t = z + (z * z * z + z) / (4 * degrees) +
               (5 * z * z * z * z * z + 16 * z * z * z + 3 * z) / (96 * degrees * degrees);
    double shift = skew * (2 * t * t + 1) / 6;
    double below = t - SHIFT_BELOW * shift > 1 ? t - SHIFT_BELOW * shift : 1;
    double above = t + SHIFT_ABOVE * shift + SHIFT_SQUARE * skew * skew;
    above = above > 1 ? above : 1;
    result.low_ns = result.total_ns - below * deviation;
    result.high_ns = result.total_ns + above * deviation;
    result.low_ns = result.low_ns > e.measured_ns ? result.low_ns : e.measured_ns;
    result.high_ns = result.high_ns > result.low_ns ? result.high_ns : result.low_ns;
    result.total_ns = result.total_ns > result.low_ns ? result.total_ns : result.low_ns;
    *ret_estimate = result;
}
