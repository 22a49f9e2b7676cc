// SPDX-License-Identifier: Apache-2.0
// Adds cells up to statistics.  Internal.
#pragma once
#include "pf-blend.h"
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
    uint64_t first_ns; // on the monotonic clock
    uint64_t last_ns;
    double weight; // Horvitz-Thompson sums
    double weighted_ns;
    double variance_ns2;
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
    pf_blend_part part;
    double stands_for; // calls for each one timed by chance
    uint32_t difference[PF_HIST_OCTAVES][PF_HIST_SUB];
} pf_numbers;

// Everything but the parts and `stands_for`.
void pf_numbers_read(pf_numbers *ret_numbers, const pf_cell *cell);
// The rate at which the cell's calls were sampled; -1: several, 2: all of them were timed, or it has none.
double pf_numbers_rate(const pf_numbers *numbers);
// Those, for a model of which most calls were sampled at `rate`.
void pf_numbers_prepare(pf_numbers *numbers, double rate);

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
    pf_blend blend;
    pf_octave_sum *octave[PF_HIST_OCTAVES];
} pf_group;

// Memory for groups' octaves, freed at once.
typedef struct {
    GPtrArray *chunks;
    gsize left;
} pf_octave_pool;
void pf_octave_pool_init(pf_octave_pool *self);
void pf_octave_pool_clear(pf_octave_pool *self);

// Begins with a group of zeroes.
void pf_group_add(pf_group *self, pf_octave_pool *pool, const pf_numbers *numbers, unsigned call,
                  const pf_model_process *process);
// All of `other` but the estimate.
void pf_group_merge(pf_group *self, pf_octave_pool *pool, const pf_group *other);
void pf_group_finish(const pf_group *self, PfStats *ret_stats);

// pf-histogram.c
PfHistogram *pf_histogram_new_from_octaves(pf_octave_sum *const *octaves, guint64 max_ns);
