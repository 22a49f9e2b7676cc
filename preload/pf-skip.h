// SPDX-License-Identifier: Apache-2.0
// Geometric skipping: how many calls to let pass before the next timed one.
//
// With G = floor(ln U / ln (1 - p)), U uniform on (0, 1), P(G = k) = (1 - p)^k p: each call is timed
// with probability p, independently, at the price of one countdown (Vitter 1987, and jemalloc's heap
// sampling).  A fixed stride would be blind to a program whose slow call comes every n-th time.
#pragma once
#include <stdint.h>

// Natural logarithm of a positive, normal x, relative error below 1e-12.  Our own, because libm
// doubles the start-up cost of a preload library.
static inline double pf_ln(double x) {
    union {
        double value;
        uint64_t bits;
    } u = {.value = x};
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)), without a branch: a coin that no predictor learns.
    const uint64_t sqrt_half = 0x3fe6a09e667f3bcdull;
    int64_t exponent = (int64_t)(u.bits - sqrt_half) >> 52;
    u.bits -= (uint64_t)exponent << 52;
    // ln m = 2 atanh s with s = (m - 1) / (m + 1), |s| <= 0.1716: eight terms are enough.  In pairs
    // (Estrin), because a timed call waits for this.
    double s = (u.value - 1) / (u.value + 1);
    double q = s * s;
    double q2 = q * q;
    double series = (1 + q * (1. / 3)) + q2 * (1. / 5 + q * (1. / 7)) +
                    q2 * q2 * ((1. / 9 + q * (1. / 11)) + q2 * (1. / 13 + q * (1. / 15)));
    return 2 * s * series + (double)exponent * 0.6931471805599453;
}

#define PF_SKIP_NEVER INT32_MAX

// 1 / ln (1 - rate), the factor of every draw; 0 for rate 1, 1 for rate 0 (both mean: do not draw).
static inline double pf_skip_factor(double rate) {
    if (rate >= 1) {
        return 0;
    }
    if (rate <= 0) {
        return 1;
    }
    // ln (1 - p) loses digits when p is tiny; there the series -p - p^2/2 is exact enough.
    double log = rate < 1e-5 ? -rate - rate * rate / 2 : pf_ln(1 - rate);
    return 1 / log;
}

// xorshift64* (Marsaglia 2003, Vigna 2016); the state is never 0.
static inline uint64_t pf_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

// ln U of the next draw; below 0.  It is what a draw costs, and need not wait for the rate.
static inline double pf_log_uniform(uint64_t *random) {
    return pf_ln(((double)(pf_random(random) >> 11) + 0.5) * 0x1p-53);
}

static inline int32_t pf_skip_of(double factor, double log_uniform) {
    if (factor >= 0) {
        return factor == 0 ? 0 : PF_SKIP_NEVER;
    }
    double skip = log_uniform * factor;
    return skip < PF_SKIP_NEVER ? (int32_t)skip : PF_SKIP_NEVER;
}

static inline int32_t pf_skip_draw(double factor, uint64_t *random) {
    return pf_skip_of(factor, factor < 0 ? pf_log_uniform(random) : 0);
}
