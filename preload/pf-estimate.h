// SPDX-License-Identifier: Apache-2.0
// From a random sample of timed calls to the time of all calls, with a 95 % interval or a refusal.
//
// The mathematics, and how often the interval covers the truth, are in docs/sampling.md.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

// One call site of one thread on one descriptor.
struct pf_stratum {
    uint64_t calls;         // all calls but the certain ones; exact
    uint64_t certain_calls; // timed with certainty
    uint64_t certain_ns;    // of those
    // Of the sampled, with w = 1 / the probability that each was timed with: where those were not all
    // the estimator's rate.  weight 0: they were.
    double weight;      // sum of w
    double weighted_ns; // sum of w x
    double spread;      // sum of w (w - 1)
    double spread_ns;   // sum of w (w - 1) x
    double spread_ns2;  // sum of w (w - 1) x^2
    uint64_t sampled;   // of `calls`, those timed by chance
    uint64_t sum_ns;    // of those
    uint64_t max_ns;    // of all timed
    bool no_chance;     // its rate is 0 and nothing was timed by chance: nobody knows
    double sumsq;       // second raw moment of the sampled, ns^2
    // Of the sampled again, with each latency at the middle of its histogram bucket.  The skewness
    // needs all three from one source: taken around the exact mean, the width of a bucket would pass
    // for skewness where latencies hardly differ.  mid_sum 0: sumcube belongs to sum_ns and sumsq.
    double mid_sum;
    double mid_sumsq;
    double sumcube; // ns^3
};

// A group of strata, or one, that is estimated as one: its calls times the mean of its timed calls.
struct pf_pool {
    double calls;
    double sampled;
    double sum;
    double sumsq;
    double mid_sum;
    double mid_sumsq;
    double sumcube;
    double max;
    double weight; // and so on, as in pf_stratum
    double weighted_ns;
    double spread;
    double spread_ns;
    double spread_ns2;
};

struct pf_estimator {
    double rate;
    double certain_ns;
    double measured_ns; // everything that was timed: the total cannot be less
    double total_ns;    // of the groups that are finished
    double variance;
    double third;   // third central moment of the total
    double longest; // how far the longest timed call moves the total from where it would be
    double welch;   // sum of variance^2 / (sampled - 1), for the degrees of freedom
    double calls;
    double unseen; // calls in groups of which at most one was timed
    double sampled;
    bool mixed;       // rates differed: what follows is used then
    double effective; // timed calls, those of unequal weight for less
    double left; // sum of variance times the share of it that timing every call would take away
    double tail; // sum of variance times the skewness of single latencies
    struct pf_pool mixed_small; // strata sampled at other rates, too small to stand alone
    struct pf_pool small;       // strata too small to stand alone
    struct pf_pool
        least; // the smallest of those that stand alone: takes the small ones in if need be
};

enum pf_estimate_kind {
    PF_ESTIMATE_EXACT,    // every call was timed
    PF_ESTIMATE_INTERVAL, // total_ns and the interval
    PF_ESTIMATE_TOO_FEW,  // not enough timed calls for an honest interval
    PF_ESTIMATE_NONE      // nothing was timed by chance: total_ns is what was timed with certainty
};

// Said in place of a total.
static inline const char *pf_estimate_refusal(uint64_t timed) {
    return timed != 0 ? "not enough samples; a higher rate times more calls" : "nothing timed";
}

struct pf_estimate {
    double total_ns; // a point without an interval is worth little: do not print it alone
    double low_ns;   // this and high_ns: with EXACT and INTERVAL only, else 0
    double high_ns;
    enum pf_estimate_kind kind;
};

// `rate` is the probability with which each call (but the certain ones) was timed, where a stratum's
// weights do not say otherwise.  No allocation, no libm; the estimator is the caller's memory and needs no end, and strata
// may still be added after a finish.
void pf_estimator_init(struct pf_estimator *estimator, double rate);
void pf_estimator_add(struct pf_estimator *estimator, const struct pf_stratum *stratum);
// As if the strata of `other`, which was begun with the same rate, had been added.
void pf_estimator_merge(struct pf_estimator *estimator, const struct pf_estimator *other);
void pf_estimator_finish(const struct pf_estimator *estimator, struct pf_estimate *ret_estimate);

// Of two that have no call in common: their errors add up as squares.  Known when both are.
void pf_estimate_sum(const struct pf_estimate *a, const struct pf_estimate *b,
                     struct pf_estimate *ret_estimate);
#pragma GCC visibility pop
