// SPDX-License-Identifier: Apache-2.0
// The stratified ratio estimate of the total, and its skewness-corrected interval.
#include "pf-estimate.h"

// A stratum stands alone when it is expected to have this many timed calls.  The rule looks at exact
// counts and the rate only, never at how many were timed: choosing by the outcome would bias the sum.
#define ALONE_EXPECTED 40.0
#define MOST_UNSEEN 0.02 // share of calls in groups with less than two timed calls
#define GAP_DEVIATIONS 6.0
// A stratum with several rates stands alone with so many timed calls, as equal weights would have it:
// a ratio of two random sums is biased by about one part in as many, and a sum over many strata adds
// such biases up where it averages deviations out.
#define ALONE_EFFECTIVE 100.0

// Where one call in fifty is slow, 140 timed calls have met none of those with probability 0.06: with
// fewer the interval cannot keep its 95 %, and nothing in the sample says so.  Unless few calls are
// left to be wrong about.
#define FEWEST 140.0
#define FEW_LEFT 0.1 // untimed calls per timed one

// Few calls of great weight tell little about the variance: what all timed ones say is used, unless their own is so much
// more that they are not alike: from 9 times (one such call) down to 1.7 times (140).
#define MUCH_MORE 8.0

// Where a timed call stands for no more untimed ones than this, all timed ones count towards FEWEST.
#define MOST_EACH 3.0

// How far the skewness moves the two limits, in units of what theory has (1 and 1): the longest calls
// are missing from most samples, so the sample's own skewness is too small.  Chosen by simulation,
// see docs/sampling.md.
#define SHIFT_ABOVE 3.2
#define SHIFT_BELOW 2.5
#define LEAST_BELOW 1.5
#define SHIFT_SQUARE 11.5
#define SHIFT_TAIL 0.31

static double root(double x) { return x > 0 ? __builtin_sqrt(x) : 0; }

static double larger(double a, double b) { return a > b ? a : b; }

void pf_estimator_init(struct pf_estimator *estimator, double rate) {
    *estimator = (struct pf_estimator){.rate = rate};
}

static void merge(struct pf_pool *into, const struct pf_pool *from) {
    into->calls += from->calls;
    into->sampled += from->sampled;
    into->sum += from->sum;
    into->sumsq += from->sumsq;
    into->mid_sum += from->mid_sum;
    into->mid_sumsq += from->mid_sumsq;
    into->sumcube += from->sumcube;
    into->max = larger(into->max, from->max);
    into->weight += from->weight;
    into->weighted_ns += from->weighted_ns;
    into->spread += from->spread;
    into->spread_ns += from->spread_ns;
    into->spread_ns2 += from->spread_ns2;
}

static double second_moment(double n, double sum, double sumsq) {
    return larger(sumsq / n - sum / n * (sum / n), 0);
}

// Third central moment of the timed calls: the histogram's skewness on the exact deviation.  It lies
// between 0 (latencies have no tail below; a negative one is the histogram's noise) and what the
// longest call allows.
static double third_moment(const struct pf_pool *group, double second) {
    double n = group->sampled;
    double sum = group->mid_sum > 0 ? group->mid_sum : group->sum;
    double sumsq = group->mid_sum > 0 ? group->mid_sumsq : group->sumsq;
    double mean = sum / n;
    double spread = second_moment(n, sum, sumsq);
    double third = group->sumcube / n - 3 * mean * sumsq / n + 2 * mean * mean * mean;
    if (group->mid_sum > 0) {
        double scale = spread > 0 ? second / spread : 0;
        third *= scale * root(scale);
    }
    double most = (group->max - group->sum / n) * second;
    third = third < most ? third : most;
    return larger(third, 0);
}

// Given n, the timed calls are a simple random sample of n from N without replacement: the variance
// of the total is N^2 (1 - n/N) s^2 / n.  `third` is scaled with the deviation, so that third /
// deviation^3 stays the skewness of the mean of n; what the finite population does to it comes later.
static void add_group(struct pf_estimator *e, const struct pf_pool *group) {
    double calls = group->calls;
    double n = group->sampled;
    if (calls <= 0) {
        return;
    }
    double mean = n > 0 ? group->sum / n : 0;
    double left = 1 - n / calls;
    e->total_ns += calls * mean;
    if (left <= 0) {
        return;
    }
    if (n < 2) {
        e->unseen += calls;
        return;
    }
    double second = second_moment(n, group->sum, group->sumsq);
    double variance = calls * calls * left * second / (n - 1);
    double weight = calls / n * root(left);
    double third = third_moment(group, second);
    e->variance += variance;
    e->left += variance * left;
    e->tail += second > 0 ? variance * third / (second * root(second)) : 0;
    e->effective += n;
    e->welch += variance * variance / (n - 1);
    e->third += weight * weight * weight * n * third;
    e->longest = larger(e->longest, weight * (group->max - mean));
}

// Timed calls, of equal weight, that tell as much about the untimed ones: each stands for w - 1 of those, so that the
// many that were timed at rate 1 tell nothing (Kish 1965).
static double witnesses_of(const struct pf_pool *group) {
    double stood_for = group->weight - group->sampled; // sum of w - 1
    double square = group->spread - stood_for;         // sum of (w - 1)^2
    return square > 0 && stood_for > 0 ? stood_for * stood_for / square : 0;
}

// The variance if the untimed calls are as the timed ones: of their own sum, of the weighted sum that stands for it,
// and of the mean of all where the weights do not add up to their number.
static double variance_if_alike(const struct pf_pool *group, double second) {
    double untimed = group->calls - group->sampled;
    double stood_for = group->weight - group->sampled;
    double off = untimed - stood_for;
    return second * (untimed + larger(group->spread - stood_for, 0) + off * off / group->sampled);
}

// Calls timed with known but different probabilities: the ratio estimate of Hajek (1971), M sum(w x) /
// sum(w), with the variance of its residuals.  Where all weights are the same it is the one above.
// With `plain` the mean of all timed calls, whatever their weights, takes the place of X / W: a difference estimate
// (Saerndal et al. 6.3), for groups with many calls timed at rate 1 and a few of great weight.
static void add_mixed(struct pf_estimator *e, const struct pf_pool *group, bool plain) {
    double calls = group->calls;
    double n = group->sampled;
    if (calls <= 0) {
        return;
    }
    if (n < 2 || group->weight <= 0) {
        e->total_ns += group->weight > 0 ? calls * group->weighted_ns / group->weight : 0;
        e->unseen += calls;
        return;
    }
    double mean = plain ? group->sum / n : group->weighted_ns / group->weight;
    double scale = plain ? 1 : calls / group->weight;
    double gap = calls - group->weight;
    // Calls that none of the timed ones stands for: they had no chance, the rate was 0.
    if (gap > GAP_DEVIATIONS * root(group->spread) && gap > MOST_UNSEEN * calls) {
        e->unseen += gap;
        scale = 1;
    }
    e->total_ns += group->weighted_ns + gap * mean;
    double square = group->spread + group->weight; // sum of w^2
    double witnesses = witnesses_of(group);
    double trust = witnesses < FEWEST ? witnesses / FEWEST : 1;
    double residuals =
        group->spread_ns2 - 2 * mean * group->spread_ns + mean * mean * group->spread;
    double own = scale * scale * larger(residuals, 0) * n / (n - 1);
    double second = second_moment(n, group->sum, group->sumsq);
    double alike = variance_if_alike(group, second);
    bool differs = own > (1 + MUCH_MORE / root(witnesses)) * alike;
    double variance = differs ? own : trust * own + (1 - trust) * alike;
    double effective = differs ? witnesses : trust * witnesses + (1 - trust) * n;
    double skew = second > 0 ? trust * third_moment(group, second) / (second * root(second)) : 0;
    e->variance += variance;
    e->welch += variance * variance / larger(effective - 1, 1);
    e->third += variance * root(variance) * skew / root(effective);
    e->left += variance * larger(group->spread / square, 1 - n / calls);
    e->tail += variance * skew;
    bool each_for_few = group->weight - n <= MOST_EACH * witnesses;
    e->effective += each_for_few ? group->weight * group->weight / square : witnesses;
    if (second > 0) {
        double step = root(variance / (effective * second)) * (group->max - mean);
        e->longest = larger(e->longest, trust * step);
    }
}

// Some of its calls were timed with another probability than the estimator's.
static bool is_mixed(const struct pf_estimator *e, const struct pf_stratum *s) {
    double sampled = (double)s->sampled;
    double off = s->weight * e->rate - sampled;
    return s->weight > 0 && (off > 1e-6 * sampled || off < -1e-6 * sampled);
}

static void add_stratum_of_other_rates(struct pf_estimator *e, const struct pf_stratum *s) {
    struct pf_pool alone = {.calls = (double)s->calls,
                            .sampled = (double)s->sampled,
                            .sum = (double)s->sum_ns,
                            .sumsq = s->sumsq,
                            .mid_sum = s->mid_sum,
                            .mid_sumsq = s->mid_sumsq,
                            .sumcube = s->sumcube,
                            .max = (double)s->max_ns,
                            .weight = s->weight,
                            .weighted_ns = s->weighted_ns,
                            .spread = s->spread,
                            .spread_ns = s->spread_ns,
                            .spread_ns2 = s->spread_ns2};
    e->mixed = true;
    e->measured_ns += (double)s->certain_ns + (double)s->sum_ns;
    e->certain_ns += (double)s->certain_ns;
    if (s->sampled >= s->calls) { // all of them: as good as certain
        e->certain_ns += (double)s->sum_ns;
        return;
    }
    e->calls += alone.calls;
    e->sampled += alone.sampled;
    if (alone.weight * alone.weight >= ALONE_EFFECTIVE * (alone.weight + alone.spread)) {
        add_mixed(e, &alone, false);
    } else if (alone.sampled - witnesses_of(&alone) >= ALONE_EFFECTIVE) {
        add_mixed(e, &alone, true);
    } else {
        merge(&e->mixed_small, &alone);
    }
}

// Adds up all groups that stand alone but the smallest, which is kept for the remainder.
static void stand_alone(struct pf_estimator *e, const struct pf_pool *group) {
    if (e->least.calls > 0 && e->least.calls <= group->calls) {
        add_group(e, group);
    } else {
        add_group(e, &e->least);
        e->least = *group;
    }
}

void pf_estimator_add(struct pf_estimator *e, const struct pf_stratum *s) {
    if (is_mixed(e, s)) {
        add_stratum_of_other_rates(e, s);
        return;
    }
    struct pf_pool alone = {.calls = (double)s->calls,
                            .sampled = (double)s->sampled,
                            .sum = (double)s->sum_ns,
                            .sumsq = s->sumsq,
                            .mid_sum = s->mid_sum,
                            .mid_sumsq = s->mid_sumsq,
                            .sumcube = s->sumcube,
                            .max = (double)s->max_ns};
    e->certain_ns += (double)s->certain_ns;
    e->measured_ns += (double)s->certain_ns + (double)s->sum_ns;
    e->calls += alone.calls;
    e->sampled += alone.sampled;
    if (s->no_chance && e->rate > 0) {
        e->unseen += alone.calls;
    } else if (alone.calls * e->rate < ALONE_EXPECTED) {
        merge(&e->small, &alone);
    } else {
        stand_alone(e, &alone);
    }
}

void pf_estimator_merge(struct pf_estimator *e, const struct pf_estimator *other) {
    e->certain_ns += other->certain_ns;
    e->measured_ns += other->measured_ns;
    e->total_ns += other->total_ns;
    e->variance += other->variance;
    e->third += other->third;
    e->longest = larger(e->longest, other->longest);
    e->welch += other->welch;
    e->calls += other->calls;
    e->unseen += other->unseen;
    e->sampled += other->sampled;
    e->mixed |= other->mixed;
    e->effective += other->effective;
    e->left += other->left;
    e->tail += other->tail;
    merge(&e->mixed_small, &other->mixed_small);
    merge(&e->small, &other->small);
    if (other->least.calls > 0) {
        stand_alone(e, &other->least);
    }
}

// A remainder of which perhaps nothing was timed would count as 0: it joins the smallest stratum that
// has enough.
static void close_groups(struct pf_estimator *e) {
    if (e->small.calls * e->rate < ALONE_EXPECTED && e->least.calls > 0) {
        merge(&e->least, &e->small);
    } else {
        add_group(e, &e->small);
    }
    add_group(e, &e->least);
    add_mixed(e, &e->mixed_small, false);
}

// The 97.5 % quantile of Student's t by its expansion in 1 / degrees (Fisher 1925); within 0.001 from
// 12 degrees on.
static double student(double degrees) {
    double z = 1.959964;
    double z3 = z * z * z;
    return z + (z3 + z) / (4 * degrees) +
           (5 * z3 * z * z + 16 * z3 + 3 * z) / (96 * degrees * degrees);
}

static void set_limits(const struct pf_estimator *e, struct pf_estimate *estimate) {
    double deviation = root(e->variance);
    bool weighted = e->mixed && e->variance > 0;
    double left = weighted ? e->left / e->variance : 1 - e->sampled / e->calls;
    double t = student(e->welch > 0 ? larger(e->variance * e->variance / e->welch, 3) : 1e9);
    double skew = deviation > 0 ? e->third / (deviation * deviation * deviation) : 0;
    skew = skew < 1 ? skew : 1;
    // Edgeworth's first term for a studentized mean of a finite population; where nothing but a small
    // share was timed it is Johnson's (1978) skew (2 t^2 + 1) / 6.
    double shift = skew / root(left) * (left / 2 + (1 + left) * (t * t - 1) / 6);
    // The longest call's share of the third moment.  With k equally slow calls, which have shown
    // themselves, it is skew^2 = 1 / k; where it is more, one call stands out and others, longer
    // still, were missed: the more so the larger the skewness of the single latencies.
    double longest = e->longest * e->longest * e->longest;
    double tail = longest > 0 ? larger(1 - skew * skew * larger(e->third / longest, 1), 0) : 0;
    // What theory does not have is for what the sample has not seen: the less, the more was timed.
    double single = skew * root(e->sampled);
    if (weighted) { // a stratum's own, where few strata have all the variance
        single = e->tail / e->variance;
        single = single < root(e->effective) ? single : root(e->effective);
    }
    double missed = (SHIFT_ABOVE - 1) * shift + SHIFT_SQUARE * skew * skew +
                    SHIFT_TAIL * tail * tail * root(single);
    double above = t + shift + root(left) * missed;
    double below = larger(t - SHIFT_BELOW * shift, LEAST_BELOW);
    estimate->low_ns = larger(estimate->total_ns - below * deviation, e->measured_ns);
    estimate->high_ns = estimate->total_ns + above * deviation;
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
    close_groups(&e);
    result.total_ns = larger(e.certain_ns + e.total_ns, e.measured_ns);
    if (e.sampled < 1) {
        result.kind = PF_ESTIMATE_NONE;
    } else if (e.unseen > MOST_UNSEEN * e.calls || ((e.mixed ? e.effective : e.sampled) < FEWEST &&
                                                    e.calls - e.sampled > FEW_LEFT * e.sampled)) {
        result.kind = PF_ESTIMATE_TOO_FEW;
    } else {
        set_limits(&e, &result);
    }
    *ret_estimate = result;
}

void pf_estimate_sum(const struct pf_estimate *a, const struct pf_estimate *b,
                     struct pf_estimate *ret_estimate) {
    double below_a = a->total_ns - a->low_ns;
    double below_b = b->total_ns - b->low_ns;
    double above_a = a->high_ns - a->total_ns;
    double above_b = b->high_ns - b->total_ns;
    struct pf_estimate sum = {.total_ns = a->total_ns + b->total_ns,
                              .kind = a->kind > b->kind ? a->kind : b->kind};
    if (sum.kind <= PF_ESTIMATE_INTERVAL) {
        sum.low_ns = sum.total_ns - root(below_a * below_a + below_b * below_b);
        sum.high_ns = sum.total_ns + root(above_a * above_a + above_b * above_b);
    }
    *ret_estimate = sum;
}
