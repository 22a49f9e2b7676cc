// SPDX-License-Identifier: Apache-2.0
// Adds cells up: sums, histograms by octave, and the shares of where the time went.
#include "pf-group.h"
#include "pf-vector.h"
#include <math.h>
#include <string.h>

#define CHUNK 256

void pf_octave_pool_init(pf_octave_pool *self) {
    *self = (pf_octave_pool){.chunks = g_ptr_array_new_with_free_func(g_free)};
}

void pf_octave_pool_clear(pf_octave_pool *self) { g_ptr_array_unref(self->chunks); }

static pf_octave_sum *take(pf_octave_pool *self) {
    pf_octave_sum *spare = self->spare;
    if (spare != NULL) { // linked through their first words
        self->spare = *(pf_octave_sum **)(void *)spare;
        memset(spare, 0, sizeof *spare);
        return spare;
    }
    if (self->left == 0) {
        g_ptr_array_add(self->chunks, g_new0(pf_octave_sum, CHUNK));
        self->left = CHUNK;
    }
    pf_octave_sum *chunk = g_ptr_array_index(self->chunks, self->chunks->len - 1);
    return &chunk[CHUNK - self->left--];
}

static pf_octave_sum *octave_of(pf_group *self, pf_octave_pool *pool, unsigned octave) {
    if (self->octave[octave] == NULL) {
        self->octave[octave] = take(pool);
    }
    return self->octave[octave];
}

// One function for all octaves: whichever the loader picks, it is called once.
static PF_WIDE void add_octaves(pf_octave_sum *const *sums, const pf_numbers *n) {
    for (unsigned o = 0; o < n->octave_count; o++) {
        const uint32_t *restrict counts = n->bucket[o];
        pf_octave_sum *restrict sum = sums[n->octave[o]];
        for (unsigned i = 0; i < PF_HIST_SUB; i++) {
            // In halves, because vectors convert signed numbers only.
            double number = 2.0 * (int32_t)(counts[i] >> 1) + (int32_t)(counts[i] & 1);
            sum->weight[i] += number * n->stands_for;
            sum->count[i] += counts[i];
        }
    }
}

static void add_histogram(pf_group *self, pf_octave_pool *pool, const pf_numbers *n) {
    for (unsigned o = 0; o < n->octave_count; o++) {
        octave_of(self, pool, n->octave[o]);
    }
    add_octaves(self->octave, n);
    if (n->certain != 0) {
        unsigned bucket = pf_hist_bucket(n->certain_ns / n->certain);
        pf_octave_sum *sum = octave_of(self, pool, bucket / PF_HIST_SUB);
        sum->weight[bucket % PF_HIST_SUB] += (double)n->certain;
        sum->count[bucket % PF_HIST_SUB] += n->certain;
    }
}

// Each timed call stands for `stands_for` calls.  The residuals of a share R of the time are
// (1 - R) x for calls of that reason and -R x for the others, so the squares by reason are all that
// its variance needs.
static void add_reasons(pf_group *self, const pf_numbers *n) {
    uint64_t timed = n->reason[PF_WHY_FORMAT].count + n->reason[PF_WHY_FLUSH].count +
                     n->reason[PF_WHY_BLOCKED].count;
    self->reasons_unknown += n->reasons_unknown;
    if (timed == 0) {
        return;
    }
    double stands_for = MAX((double)n->calls / (double)timed, 1);
    double left = 1 - 1 / stands_for;
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        self->reason[i].count += n->reason[i].count;
        self->reason[i].sum_ns += n->reason[i].sum_ns;
        self->reason_weighted[i] += stands_for * (double)n->reason[i].sum_ns;
        self->reason_variance[i] += stands_for * stands_for * left * n->reason[i].sumsq;
    }
}

void pf_group_add(pf_group *self, pf_octave_pool *pool, const pf_numbers *n, unsigned call) {
    self->calls += n->calls;
    self->bytes += n->bytes;
    self->bytes_unknown += pf_calls[call].bytes_unknown ? n->calls : 0;
    if (n->sampled + n->certain + n->errors == 0) {
        return;
    }
    self->sampled += n->sampled + n->certain;
    self->sum_ns += n->sum_ns + n->certain_ns;
    self->max_ns = MAX(self->max_ns, n->max_ns);
    self->errors += n->errors;
    self->emoji += n->emoji;
    self->fields += n->fields;
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        self->levels[i] += n->levels[i];
    }
    for (unsigned i = 0; i < PF_SIZE_CLASSES; i++) {
        self->sizes[i] += n->sizes[i];
    }
    if (n->first_unix_ns > 0 &&
        (self->first_unix_ns == 0 || n->first_unix_ns < self->first_unix_ns)) {
        self->first_unix_ns = n->first_unix_ns;
    }
    self->last_unix_ns = MAX(self->last_unix_ns, n->last_unix_ns);
    add_reasons(self, n);
    add_histogram(self, pool, n);
}

void pf_group_merge(pf_group *self, pf_octave_pool *pool, const pf_group *other) {
    self->calls += other->calls;
    self->bytes += other->bytes;
    self->bytes_unknown += other->bytes_unknown;
    self->sampled += other->sampled;
    self->sum_ns += other->sum_ns;
    self->max_ns = MAX(self->max_ns, other->max_ns);
    self->errors += other->errors;
    self->emoji += other->emoji;
    self->fields += other->fields;
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        self->levels[i] += other->levels[i];
    }
    for (unsigned i = 0; i < PF_SIZE_CLASSES; i++) {
        self->sizes[i] += other->sizes[i];
    }
    if (other->first_unix_ns != 0 &&
        (self->first_unix_ns == 0 || other->first_unix_ns < self->first_unix_ns)) {
        self->first_unix_ns = other->first_unix_ns;
    }
    self->last_unix_ns = MAX(self->last_unix_ns, other->last_unix_ns);
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        self->reason[i].count += other->reason[i].count;
        self->reason[i].sum_ns += other->reason[i].sum_ns;
        self->reason_weighted[i] += other->reason_weighted[i];
        self->reason_variance[i] += other->reason_variance[i];
    }
    self->reasons_unknown += other->reasons_unknown;
    self->charged_flush_ns += other->charged_flush_ns;
    pf_estimator_merge(&self->estimator, &other->estimator);
    for (unsigned o = 0; o < PF_HIST_OCTAVES; o++) {
        if (other->octave[o] == NULL) {
            continue;
        }
        pf_octave_sum *restrict sum = octave_of(self, pool, o);
        const pf_octave_sum *restrict from = other->octave[o];
        for (unsigned i = 0; i < PF_HIST_SUB; i++) {
            sum->weight[i] += from->weight[i];
            sum->count[i] += from->count[i];
        }
    }
}

void pf_group_empty(pf_group *self, pf_octave_pool *pool) {
    for (unsigned o = 0; o < PF_HIST_OCTAVES; o++) {
        if (self->octave[o] != NULL) {
            *(pf_octave_sum **)(void *)self->octave[o] = pool->spare;
            pool->spare = self->octave[o];
        }
    }
    memset(self, 0, sizeof *self);
}

#define FEWEST 30u // timed calls for an interval of a share
#define NORMAL 1.959964

// 95 % limits on the logit scale, so that they stay between 0 and 1.  A share of 0 or 1 has no
// residuals: with none of n calls, up to 3 / n may be of that kind (and as slow as the others).
static void limit_share(PfReasonShare *share, double variance, uint64_t count) {
    double r = share->share;
    if (count < FEWEST) {
        share->low = share->high = -1;
    } else if (r <= 0 || r >= 1) {
        double most = MIN(3.0 / (double)count, 1);
        share->low = r <= 0 ? 0 : 1 - most;
        share->high = r <= 0 ? most : 1;
    } else {
        double logit = log(r / (1 - r));
        double step = NORMAL * sqrt(variance) / (r * (1 - r));
        share->low = 1 / (1 + exp(-(logit - step)));
        share->high = 1 / (1 + exp(-(logit + step)));
    }
}

static void finish_reasons(const pf_group *self, PfStats *stats) {
    double total = 0;
    double squares = 0;
    uint64_t count = 0;
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        total += self->reason_weighted[i];
        squares += self->reason_variance[i];
        count += i == PF_WHY_LOCK ? 0 : self->reason[i].count;
    }
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        PfReasonShare *share = &stats->reasons[i];
        *share = (PfReasonShare){self->reason[i].count, self->reason[i].sum_ns, -1, -1, -1, -1, -1};
        if (count == 0 || total <= 0) {
            continue;
        }
        share->share = self->reason_weighted[i] / total;
        double r = share->share;
        double own = self->reason_variance[i];
        if (count >= FEWEST) {
            share->estimated_ns = self->reason_weighted[i];
            share->half_ns = self->sampled >= self->calls ? 0 : NORMAL * sqrt(own);
        }
        double variance = ((1 - r) * (1 - r) * own + r * r * (squares - own)) / (total * total);
        if (squares == 0 || self->sampled >= self->calls) {
            share->low = share->high = r; // every call was timed
        } else {
            limit_share(share, MAX(variance, 0), count);
        }
    }
}

static PfEstimate to_public(const struct pf_estimate *estimate) {
    static const PfCertainty certainties[] = {
        [PF_ESTIMATE_EXACT] = PF_CERTAINTY_EXACT,
        [PF_ESTIMATE_INTERVAL] = PF_CERTAINTY_INTERVAL,
        [PF_ESTIMATE_TOO_FEW] = PF_CERTAINTY_TOO_FEW,
        [PF_ESTIMATE_NONE] = PF_CERTAINTY_NONE,
    };
    return (PfEstimate){estimate->total_ns, estimate->low_ns, estimate->high_ns,
                        certainties[estimate->kind]};
}

static PfEstimate estimate_of(const struct pf_estimator *estimator) {
    struct pf_estimate estimate;
    pf_estimator_finish(estimator, &estimate);
    return to_public(&estimate);
}

PfEstimate pf_groups_estimate(const pf_group *a, const pf_group *b) {
    struct pf_estimate first;
    struct pf_estimate second;
    struct pf_estimate sum;
    pf_estimator_finish(&a->estimator, &first);
    pf_estimator_finish(&b->estimator, &second);
    pf_estimate_sum(&first, &second, &sum);
    return to_public(&sum);
}

void pf_group_finish(const pf_group *self, PfStats *stats) {
    *stats = (PfStats){
        .message_count = self->calls,
        .bytes = self->bytes,
        .bytes_unknown_count = self->bytes_unknown,
        .sampled_count = self->sampled,
        .dropped_count = self->calls - self->sampled,
        .total_duration_ns = self->sum_ns,
        .max_ns = self->max_ns,
        .error_count = self->errors,
        .emoji_message_count = self->emoji,
        .field_count = self->fields,
        .first_unix_ns = self->first_unix_ns,
        .last_unix_ns = self->last_unix_ns,
        .charged_flush_ns = self->charged_flush_ns,
        .estimate = estimate_of(&self->estimator),
        .reasons_unknown_count = self->reasons_unknown,
        .histogram = pf_histogram_new_from_octaves(self->octave, self->max_ns),
    };
    memcpy(stats->size_classes, self->sizes, sizeof self->sizes);
    memcpy(stats->levels, self->levels, sizeof self->levels);
    uint64_t with_level = 0;
    for (unsigned i = 0; i < PF_LEVEL_NONE; i++) {
        with_level += self->levels[i];
    }
    stats->levels[PF_LEVEL_NONE] = pf_less(self->sampled, with_level);
    finish_reasons(self, stats);
}
