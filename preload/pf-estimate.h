// SPDX-License-Identifier: Apache-2.0
// From a random sample of timed calls to the time of all calls, with a 95 % interval or a refusal.
//
// The mathematics, and how often the interval covers the truth, are in docs/sampling.md.
#pragma once
#include <stdint.h>

// One call site of one thread on one descriptor.
struct pf_stratum {
    uint64_t calls;         // all calls but the certain ones; exact
    uint64_t certain_calls; // timed with certainty
    uint64_t certain_ns;    // of those
    uint64_t sampled;       // of `calls`, those timed by chance
    uint64_t sum_ns;        // of those
    uint64_t max_ns;        // of all timed
    double sumsq;           // second raw moment of the sampled, ns^2
    double sumcube; // third raw moment of the sampled, ns^3; from a histogram is good enough
};

// Strata that are estimated as one: the ratio of the group's calls to its timed calls.
struct pf_pool {
    double calls;
    double sampled;
    double sum;
    double sumsq;
    double sumcube;
};

struct pf_estimator {
    double rate;
    double certain_ns;
    double measured_ns; // everything that was timed: the total cannot be less
    double total_ns;    // of the groups that are finished
    double variance;
    double third; // third central moment of the total
    double welch; // sum of variance^2 / (sampled - 1), for the degrees of freedom
    double calls;
    double unseen; // calls in groups of which nothing was timed
    double sampled;
    struct pf_pool small; // strata too small to stand alone
};

enum pf_estimate_kind {
    PF_ESTIMATE_EXACT,    // every call was timed
    PF_ESTIMATE_INTERVAL, // total_ns and the interval
    PF_ESTIMATE_TOO_FEW,  // not enough timed calls for an honest interval
    PF_ESTIMATE_TOO_WILD, // enough, but a few of them are so long that the interval would lie
    PF_ESTIMATE_NONE      // nothing was timed
};

struct pf_estimate {
    double total_ns; // 0 with PF_ESTIMATE_NONE
    double low_ns;
    double high_ns;
    enum pf_estimate_kind kind;
};

// `rate` is the probability with which each call (but the certain ones) was timed.  No allocation, no
// libm; the estimator is the caller's memory and needs no end.
void pf_estimator_init(struct pf_estimator *estimator, double rate);
void pf_estimator_add(struct pf_estimator *estimator, const struct pf_stratum *stratum);
void pf_estimator_finish(const struct pf_estimator *estimator, struct pf_estimate *ret_estimate);
