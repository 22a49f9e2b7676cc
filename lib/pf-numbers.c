// SPDX-License-Identifier: Apache-2.0
// What one cell says, read out of its details and made sane.
#include "pf-group.h"
#include "pf-vector.h"
#include <string.h>

#define MOST (UINT64_MAX >> 8)

static uint64_t sane(uint64_t later, uint64_t earlier) {
    return MIN(pf_less(later, earlier), MOST);
}

static double wide(const uint64_t half[2]) { return (double)half[1] * 0x1p64 + (double)half[0]; }

static double wide_less(const uint64_t later[2], const uint64_t earlier[2]) {
    uint64_t low;
    uint64_t borrow = __builtin_sub_overflow(later[0], earlier[0], &low);
    if (later[1] < earlier[1] + borrow) {
        return 0;
    }
    return wide((const uint64_t[2]){low, later[1] - earlier[1] - borrow});
}

// A cell that is no difference is one to nothing.
static const struct pf_detail nothing;

static void read_reasons(pf_numbers *n, const struct pf_detail *now,
                         const struct pf_detail *before) {
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        n->reason[i].count = sane(now->why[i].count, before->why[i].count);
        n->reason[i].sum_ns = sane(now->why[i].sum_ns, before->why[i].sum_ns);
        n->reason[i].sumsq = wide_less(now->why[i].sumsq_ns2, before->why[i].sumsq_ns2);
    }
    n->reasons_unknown = sane(now->why_skipped, before->why_skipped);
    // Only some of the timed calls had their text looked at: these stand for all of them.
    uint64_t looked = sane(now->level_text, before->level_text);
    uint64_t timed =
        sane(now->timed.count, before->timed.count) + sane(now->certain, before->certain);
    double stands_for = looked != 0 ? (double)timed / (double)looked : 1;
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        n->levels[i] = (uint64_t)((double)sane(now->level[i], before->level[i]) * stands_for + 0.5);
    }
    for (unsigned i = 0; i < PF_SIZE_CLASSES; i++) {
        n->sizes[i] = sane(now->sizes[i], before->sizes[i]);
    }
}

static void read_histogram(pf_numbers *n, const pf_cell *cell) {
    n->octave_count = 0;
    for (unsigned octave = 0; octave < PF_HIST_OCTAVES; octave++) {
        uint32_t link = cell->detail->octave[octave];
        const size_t size = PF_HIST_SUB * sizeof(uint32_t);
        const uint32_t *now = link != 0 ? pf_reader_at(cell->reader, link, size) : NULL;
        if (now == NULL) {
            continue;
        }
        const uint32_t *before =
            cell->before != NULL
                ? pf_reader_at(cell->reader_before, cell->before->octave[octave], size)
                : NULL;
        n->bucket[n->octave_count] = now;
        if (before != NULL) {
            uint32_t *to = n->difference[n->octave_count];
            for (unsigned i = 0; i < PF_HIST_SUB; i++) {
                to[i] = now[i] > before[i] ? now[i] - before[i] : 0;
            }
            n->bucket[n->octave_count] = to;
        }
        n->octave[n->octave_count++] = (uint8_t)octave;
    }
}

// The longest call of a difference is not known: at most the longest of all, and at most the end of
// the highest bucket that has grown.
static uint64_t longest(const pf_numbers *n, const struct pf_detail *now,
                        const struct pf_detail *before) {
    if (before == &nothing || now->max_ns > before->max_ns) {
        return now->max_ns;
    }
    for (unsigned octave = n->octave_count; octave-- > 0;) {
        for (unsigned i = PF_HIST_SUB; i-- > 0;) {
            if (n->bucket[octave][i] != 0) {
                uint64_t end = pf_hist_low(n->octave[octave] * PF_HIST_SUB + i + 1) - 1;
                return MIN(end, now->max_ns);
            }
        }
    }
    return n->certain_ns;
}

void pf_numbers_read(pf_numbers *n, const pf_cell *cell) {
    const struct pf_detail *now = cell->detail;
    const struct pf_detail *before = cell->before != NULL ? cell->before : &nothing;
    memset(n, 0, offsetof(pf_numbers, octave));
    n->calls = cell->calls;
    n->bytes = cell->bytes;
    n->octave_count = 0;
    n->period_unknown = now == NULL;
    if (now == NULL) {
        return;
    }
    n->sampled = sane(now->timed.count, before->timed.count);
    n->sum_ns = sane(now->timed.sum_ns, before->timed.sum_ns);
    n->sumsq = wide_less(now->timed.sumsq_ns2, before->timed.sumsq_ns2);
    n->certain = sane(now->certain, before->certain);
    n->certain_ns = sane(now->certain_ns, before->certain_ns);
    // A call is counted before it is timed, but we may have looked at the two in the other order.
    n->calls = MAX(n->calls, n->sampled + n->certain);
    n->emoji = MIN(sane(now->emoji, before->emoji), n->sampled + n->certain);
    n->fields = sane(now->fields, before->fields);
    n->errors = sane(now->errors, before->errors);
    n->first_ns = before->last_ns != 0 ? before->last_ns : now->first_ns;
    n->last_ns = now->last_ns;
    if (n->sampled + n->certain == 0) {
        n->first_ns = n->last_ns = 0;
    }
    n->weight = pf_sane_sum(pf_detail_weight(now) - pf_sane_sum(pf_detail_weight(before)));
    n->weighted_ns =
        pf_sane_sum(pf_detail_weighted_ns(now) - pf_sane_sum(pf_detail_weighted_ns(before)));
    n->spread = pf_sane_sum(now->spread - pf_sane_sum(before->spread));
    n->spread_ns = pf_sane_sum(now->spread_ns - pf_sane_sum(before->spread_ns));
    n->spread_ns2 = pf_sane_sum(now->variance_ns2 - pf_sane_sum(before->variance_ns2));
    n->period = pf_sane_sum(now->period);
    read_reasons(n, now, before);
    read_histogram(n, cell);
    n->max_ns = n->sampled + n->certain == 0 ? 0 : longest(n, now, before);
}

#define SEVERAL -1.0
#define NO_MATTER 2.0

double pf_numbers_rate(const pf_numbers *n) {
    if (n->sampled + n->certain >= n->calls) {
        return NO_MATTER;
    }
    if (n->weight <= 0 || n->sampled == 0) { // nothing was timed by chance yet
        return n->sampled != 0 ? SEVERAL : n->period > 0 ? 1 / n->period : 0;
    }
    double period = n->weight / (double)n->sampled;
    double off = period - n->period;
    return ABS(off) <= 1e-6 * period && n->period >= 1 ? 1 / n->period : SEVERAL;
}

// Sum of counts[i] i^power, for powers 0 to 3; exact.
static PF_WIDE void octave_moments(const uint32_t *counts, uint64_t ret_moment[4]) {
    static const uint32_t first[PF_HIST_SUB] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};
    uint64_t moment[4] = {0};
    for (unsigned i = 0; i < PF_HIST_SUB; i++) {
        uint32_t square = first[i] * first[i];
        moment[0] += counts[i];
        moment[1] += (uint64_t)counts[i] * first[i];
        moment[2] += (uint64_t)counts[i] * square;
        moment[3] += (uint64_t)counts[i] * (square * first[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        ret_moment[i] = moment[i];
    }
}

// Moments of the histogram, each call at the middle of its bucket.  The middles of an octave are
// evenly spaced, m + i d, so sums of powers of i are enough.
static void add_moments(struct pf_stratum *stratum, const pf_numbers *n) {
    for (unsigned o = 0; o < n->octave_count; o++) {
        uint64_t moment[4];
        octave_moments(n->bucket[o], moment);
        double m = pf_hist_middle(n->octave[o] * PF_HIST_SUB);
        double d = pf_hist_middle(n->octave[o] * PF_HIST_SUB + 1) - m;
        double c0 = (double)moment[0];
        double c1 = (double)moment[1] * d;
        double c2 = (double)moment[2] * d * d;
        double c3 = (double)moment[3] * d * d * d;
        stratum->mid_sum += c0 * m + c1;
        stratum->mid_sumsq += c0 * m * m + 2 * c1 * m + c2;
        stratum->sumcube += c0 * m * m * m + 3 * c1 * m * m + 3 * c2 * m + c3;
    }
}

void pf_numbers_prepare(pf_numbers *n) {
    uint64_t others = n->calls - n->certain;
    n->stands_for = n->sampled != 0 ? (double)others / (double)n->sampled : 0;
    n->stratum = (struct pf_stratum){
        .calls = others,
        .certain_calls = n->certain,
        .certain_ns = n->certain_ns,
        .sampled = n->sampled,
        .sum_ns = n->sum_ns,
        .max_ns = n->max_ns,
        .sumsq = n->sumsq,
        .no_chance = n->sampled == 0 && n->period == 0 && !n->period_unknown,
        .weight = n->weight,
        .weighted_ns = n->weighted_ns,
        .spread = n->spread,
        .spread_ns = n->spread_ns,
        .spread_ns2 = n->spread_ns2,
    };
    add_moments(&n->stratum, n);
}
