// SPDX-License-Identifier: Apache-2.0
// Neyman's allocation with a floor for every site, by bisection.
//
// The variance of the estimated total is sum N S^2 (1/p - 1), its cost sum N p c.  Least variance for a
// given cost has p proportional to S / sqrt(c) (Neyman 1934, for unequal costs Cochran 5.5), cut off at 1.
#include "pf-allocation.h"
#include <math.h>

#define STEPS 60

static double at_most_one(double rate) { return rate < 1 ? rate : 1; }

// What gives every site's total the same relative deviation, 1 / scale: S^2 (1/p - 1) / N = (mean / scale)^2.
// A site that is called rarely has nearly rate 1, at next to no cost.
static double fair_rate(const pf_share *share, double scale) {
    double own = share->deviation * share->deviation;
    double wanted = share->calls * share->mean * share->mean / (scale * scale);
    return own > 0 ? own / (own + wanted) : 0;
}

static double even_rate(const pf_share *share, double rate) {
    (void)share;
    return at_most_one(rate);
}

static double neyman_rate(const pf_share *share, double scale) {
    return at_most_one(scale * share->deviation / sqrt(share->cost));
}

typedef double (*rule)(const pf_share *share, double scale);

static double cost_of(const pf_share *shares, size_t count, rule how, double scale) {
    double cost = 0;
    for (size_t i = 0; i < count; i++) {
        cost += shares[i].calls * shares[i].cost * fmax(shares[i].rate, how(&shares[i], scale));
    }
    return cost;
}

// The largest scale that fits, by halving its logarithm's range; then raises the rates to it.
static void raise_rates(pf_share *shares, size_t count, rule how, double budget, double low,
                        double high) {
    for (unsigned i = 0; i < STEPS; i++) {
        double middle = sqrt(low * high);
        if (cost_of(shares, count, how, middle) <= budget) {
            low = middle;
        } else {
            high = middle;
        }
    }
    if (cost_of(shares, count, how, low) > budget) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        shares[i].rate = fmax(shares[i].rate, how(&shares[i], low));
    }
}

static void grant_least(pf_share *shares, size_t count, double budget) {
    double cost = 0;
    for (size_t i = 0; i < count; i++) {
        shares[i].rate = at_most_one(shares[i].least);
        cost += shares[i].calls * shares[i].cost * shares[i].rate;
    }
    double scale = cost > budget ? budget / cost : 1;
    for (size_t i = 0; i < count; i++) {
        shares[i].rate *= scale;
    }
}

void pf_allocate(pf_share *shares, size_t count, double budget, double even, double fair) {
    grant_least(shares, count, budget / 2);
    raise_rates(shares, count, even_rate, even * budget, 1e-15, 1);
    raise_rates(shares, count, fair_rate, (even + fair) * budget, 1e-9, 1e9);
    raise_rates(shares, count, neyman_rate, budget, 1e-15, 1e6);
}
