// SPDX-License-Identifier: Apache-2.0
// What one cell says, read out of its details and made sane.
#include "pf-group.h"
#include "pf-vector.h"
#include <string.h>

#define MOST (UINT64_MAX >> 8)

static inline uint64_t sane(uint64_t later, uint64_t earlier) {
    return MIN(pf_less(later, earlier), MOST);
}

static double wide(const uint64_t half[2]) { return (double)half[1] * 0x1p64 + (double)half[0]; }

static inline double wide_less(const uint64_t later[2], const uint64_t earlier[2]) {
    uint64_t low;
    uint64_t borrow = __builtin_sub_overflow(later[0], earlier[0], &low);
    if (later[1] < earlier[1] + borrow) {
        return 0;
    }
    return wide((const uint64_t[2]){low, later[1] - earlier[1] - borrow});
}

// A cell that is no difference is one to nothing.
static const struct pf_detail nothing;

static inline __attribute__((always_inline)) void
read_reasons(pf_numbers *n, const struct pf_detail *now, const struct pf_detail *before) {
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
        uint64_t count = sane(now->level[i], before->level[i]);
        double calls = count != 0 ? (double)count * stands_for + 0.5 : 0;
        n->levels[i] = calls < (double)MOST ? (uint64_t)calls : MOST;
    }
    for (unsigned i = 0; i < PF_SIZE_CLASSES; i++) {
        n->sizes[i] = sane(now->sizes[i], before->sizes[i]);
    }
}

static inline void read_histogram(pf_numbers *n, const pf_cell *cell) {
    n->octave_count = 0;
    for (unsigned octave = pf_next_octave(cell->detail, 0); octave < PF_HIST_OCTAVES;
         octave = pf_next_octave(cell->detail, octave + 1)) {
        const size_t size = PF_HIST_SUB * sizeof(uint32_t);
        const uint32_t *now = pf_reader_at(cell->reader, cell->detail->octave[octave], size);
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
static inline __attribute__((always_inline)) uint64_t
longest(const pf_numbers *n, const struct pf_detail *now, const struct pf_detail *before) {
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

// Compiled twice: with nothing before, half of it goes.
static inline __attribute__((always_inline)) void read_detail(pf_numbers *n, const pf_cell *cell,
                                                              const pf_model_process *process,
                                                              const struct pf_detail *before) {
    const struct pf_detail *now = cell->detail;
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
    if (n->sampled + n->certain != 0) {
        uint64_t first_ns = before->last_ns != 0 ? before->last_ns : now->first_ns;
        n->first_unix_ns = pf_model_unix_ns(process, first_ns);
        n->last_unix_ns = pf_model_unix_ns(process, now->last_ns);
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

void pf_numbers_read(pf_numbers *n, const pf_cell *cell, const pf_model_process *process) {
    memset(n, 0, offsetof(pf_numbers, octave));
    n->calls = cell->calls;
    n->bytes = cell->bytes;
    n->period_unknown = cell->detail == NULL;
    if (cell->detail != NULL && cell->before == NULL) {
        read_detail(n, cell, process, &nothing);
    } else if (cell->detail != NULL) {
        read_detail(n, cell, process, cell->before);
    }
}

uint64_t pf_numbers_count_timed(const pf_cell *cell) {
    const struct pf_detail *before = cell->before != NULL ? cell->before : &nothing;
    return sane(cell->detail->timed.count, before->timed.count) +
           sane(cell->detail->certain, before->certain);
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

#define LANES 4
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int32_t int_lanes __attribute__((vector_size(LANES * sizeof(int32_t))));

// In halves, because vectors convert signed numbers only.
static inline __attribute__((always_inline)) void lanes_of(lanes *ret_lanes,
                                                           const uint32_t *counts) {
    int_lanes half;
    int_lanes rest;
    for (unsigned i = 0; i < LANES; i++) {
        half[i] = (int32_t)(counts[i] >> 1);
        rest[i] = (int32_t)(counts[i] & 1);
    }
    *ret_lanes = 2.0 * __builtin_convertvector(half, lanes) + __builtin_convertvector(rest, lanes);
}

static double sum_of(const lanes *l) { return ((*l)[0] + (*l)[1]) + ((*l)[2] + (*l)[3]); }

// Moments of the histogram, each call at the middle of its bucket.  The middles of an octave are
// evenly spaced.
static PF_WIDE void add_moments(struct pf_stratum *stratum, const pf_numbers *n) {
    lanes sum = {0};
    lanes sumsq = {0};
    lanes sumcube = {0};
    for (unsigned o = 0; o < n->octave_count; o++) {
        double first = pf_hist_middle(n->octave[o] * PF_HIST_SUB);
        double step = pf_hist_middle(n->octave[o] * PF_HIST_SUB + 1) - first;
        lanes middle = first + step * (lanes){0, 1, 2, 3};
        for (unsigned i = 0; i < PF_HIST_SUB; i += LANES, middle += LANES * step) {
            lanes product;
            lanes_of(&product, &n->bucket[o][i]);
            product *= middle;
            sum += product;
            product *= middle;
            sumsq += product;
            sumcube += product * middle;
        }
    }
    stratum->mid_sum = sum_of(&sum);
    stratum->mid_sumsq = sum_of(&sumsq);
    stratum->sumcube = sum_of(&sumcube);
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
