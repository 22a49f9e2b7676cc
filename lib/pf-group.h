// SPDX-License-Identifier: Apache-2.0
// Adds cells up to statistics.  Internal.
#pragma once
#include "pf-estimate.h"
#include "pf-hist.h"
#include "pf-model.h"

typedef struct {
    uint64_t count;
    uint64_t sum_ns;
    double sumsq;
} pf_reason_sums;

// What a cell holds, with what it is a difference to subtracted, and made sane.
typedef struct {
    uint64_t calls;
    uint64_t bytes;
    uint64_t sampled; // by chance
    uint64_t sum_ns;  // of those
    double sumsq;     //
    uint64_t certain; // besides
    uint64_t certain_ns;
    uint64_t max_ns;
    uint64_t emoji;
    uint64_t fields;
    uint64_t errors;
    int64_t first_unix_ns;
    int64_t last_unix_ns;
    double weight; // Horvitz-Thompson sums, as in struct pf_stratum
    double weighted_ns;
    double spread;
    double spread_ns;
    double spread_ns2;
    double period;
    bool period_unknown; // it has no detail
    pf_reason_sums reason[PF_WHY_COUNT];
    uint64_t reasons_unknown;
    uint64_t levels[PF_LEVEL_COUNT];
    uint64_t sizes[PF_SIZE_CLASSES];
    // The histogram, octaves that hold something only.
    uint32_t octave_count;
    uint8_t octave[PF_HIST_OCTAVES];
    const uint32_t *bucket[PF_HIST_OCTAVES]; // 16 each, in the segment or in `difference`
    struct pf_stratum stratum;
    double stands_for; // calls for each one timed by chance
    uint32_t difference[PF_HIST_OCTAVES][PF_HIST_SUB];
} pf_numbers;

// Everything but the stratum and `stands_for`.
void pf_numbers_read(pf_numbers *ret_numbers, const pf_cell *cell, const pf_model_process *process);
// Timed calls of a cell that has a detail.
uint64_t pf_numbers_count_timed(const pf_cell *cell);
// The rate at which the cell's calls were sampled; -1: several, 2: all of them were timed, or it has none.
double pf_numbers_rate(const pf_numbers *numbers);
// The stratum and `stands_for`.
void pf_numbers_prepare(pf_numbers *numbers);

// The sums of weights, with what is only added to them when rate 1 ends (pf-segment.h).
static inline double pf_detail_weight(const struct pf_detail *detail) {
    return detail->weight + (detail->period == 1 ? (double)detail->timed.count : 0);
}
static inline double pf_detail_weighted_ns(const struct pf_detail *detail) {
    return detail->weighted_ns + (detail->period == 1 ? (double)detail->timed.sum_ns : 0);
}

// The first octave from `octave` on that a detail has buckets of; PF_HIST_OCTAVES: none.  Most have a few,
// one after the other.
static inline unsigned pf_next_octave(const struct pf_detail *detail, unsigned octave) {
    const uint32_t *link = detail->octave;
    while (octave < PF_HIST_OCTAVES && link[octave] == 0) {
        octave++;
        while (octave + 8 <= PF_HIST_OCTAVES && octave % 2 == 0 &&
               (link[octave] | link[octave + 1] | link[octave + 2] | link[octave + 3] |
                link[octave + 4] | link[octave + 5] | link[octave + 6] | link[octave + 7]) == 0) {
            octave += 8;
        }
    }
    return octave;
}

typedef struct {
    double weight[PF_HIST_SUB];
    uint64_t count[PF_HIST_SUB];
} pf_octave_sum;

typedef struct {
    uint64_t calls;
    uint64_t bytes;
    uint64_t bytes_unknown;
    uint64_t sampled;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t errors;
    uint64_t emoji;
    uint64_t fields;
    uint64_t levels[PF_LEVEL_COUNT];
    uint64_t sizes[PF_SIZE_CLASSES];
    int64_t first_unix_ns;
    int64_t last_unix_ns;
    pf_reason_sums reason[PF_WHY_COUNT];
    double reason_weighted[PF_WHY_COUNT];
    double reason_variance[PF_WHY_COUNT];
    uint64_t reasons_unknown;
    double charged_flush_ns;
    struct pf_estimator estimator;
    pf_octave_sum *octave[PF_HIST_OCTAVES];
} pf_group;

// Memory for groups' octaves, freed at once.
typedef struct {
    GPtrArray *chunks;
    gsize left;
    pf_octave_sum *spare; // given back
} pf_octave_pool;
void pf_octave_pool_init(pf_octave_pool *self);
void pf_octave_pool_clear(pf_octave_pool *self);

// Begins with a group of zeroes, but for its estimator.
void pf_group_add(pf_group *self, pf_octave_pool *pool, const pf_numbers *numbers, unsigned call);
// Both were begun with the same rate.
void pf_group_merge(pf_group *self, pf_octave_pool *pool, const pf_group *other);
// Back to zeroes, also its estimator's rate; its octaves go back to the pool.
void pf_group_empty(pf_group *self, pf_octave_pool *pool);
void pf_group_finish(const pf_group *self, PfStats *ret_stats);
// Of both, which have no call in common.
PfEstimate pf_groups_estimate(const pf_group *a, const pf_group *b);

// pf-histogram.c
PfHistogram *pf_histogram_new_from_octaves(pf_octave_sum *const *octaves, guint64 max_ns);
