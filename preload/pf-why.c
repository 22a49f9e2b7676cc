// SPDX-License-Identifier: Apache-2.0
// Shares of time by cause, as ratios of two sums over the same sample.
//
// With x the latency of a call and w the part of it that one cause took, the share is s = sum w / sum x.
// A ratio's variance is that of the sum of r = w - s x, over (sum x) squared (Cochran, Sampling
// Techniques, 6.4).  Each call has one cause, so sum r^2 needs the squares of that cause (weight
// (1 - s)^2) and of all others (weight s^2) only.  docs/sampling.md has more.
#include "pf-why.h"

const char *const pf_why_names[PF_WHY_COUNT] = {"format", "flush", "lock", "blocked"};

#define LEAST_CALLS 30

static double squares(const struct pf_sums *sums) {
    return (double)sums->sumsq_ns2[0] + (double)sums->sumsq_ns2[1] * 0x1p64;
}

void pf_why_add(struct pf_why_sums *sums, const struct pf_detail *detail, double calls) {
    // LOCK comes on top of one of the others.
    double known = (double)detail->why[PF_WHY_FORMAT].count +
                   (double)detail->why[PF_WHY_FLUSH].count +
                   (double)detail->why[PF_WHY_BLOCKED].count;
    if (known == 0) {
        return;
    }
    double scale = calls > known ? calls / known : 1;
    double left = 1 - 1 / scale; // the part of the calls that was not looked at
    sums->known += known;
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        sums->count[i] += detail->why[i].count;
        sums->ns[i] += scale * (double)detail->why[i].sum_ns;
        sums->square[i] += scale * scale * left * squares(&detail->why[i]);
    }
}

bool pf_why_share(const struct pf_why_sums *sums, enum pf_why why, double *ret_share,
                  double *ret_half_width) {
    double total = 0;
    double square = 0;
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        total += sums->ns[i];
        square += sums->square[i];
    }
    if (total <= 0) {
        return false;
    }
    double share = sums->ns[why] / total;
    double own = sums->square[why] * (1 - share) * (1 - share);
    double others = (square - sums->square[why]) * share * share;
    *ret_share = share;
    *ret_half_width = 1.96 * __builtin_sqrt(own + others) / total;
    return square == 0 || sums->known >= LEAST_CALLS;
}
