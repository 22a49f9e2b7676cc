// SPDX-License-Identifier: Apache-2.0
// Statistics of a run of rows: sums, quantiles, the estimate of the total, levels, shares by cause.
#include "pf-process.h"
#include "pf-summary-parts.h"

static const uint32_t *octave_of(const struct pf_detail *detail, unsigned octave) {
    uint32_t at = __atomic_load_n(&detail->octave[octave], __ATOMIC_ACQUIRE);
    return pf_at(pf_process.segment, at);
}

// Adds the row's histogram, each timed call weighing as many calls as it stands for, and gives the
// stratum its moments at the bucket middles.
static void add_weighted(double *histogram, const struct pf_row *row, struct pf_stratum *stratum) {
    const struct pf_detail *detail = row->detail;
    uint64_t others = row->calls - row->timed.certain;
    double weight = row->timed.sampled ? (double)others / (double)row->timed.sampled : 0;
    for (unsigned octave = 0; octave < PF_HIST_OCTAVES; octave++) {
        const uint32_t *counts = octave_of(detail, octave);
        for (unsigned i = 0; counts != NULL && i < PF_HIST_SUB; i++) {
            double middle = pf_hist_middle(octave * PF_HIST_SUB + i);
            histogram[octave * PF_HIST_SUB + i] += counts[i] * weight;
            stratum->mid_sum += counts[i] * middle;
            stratum->mid_sumsq += counts[i] * middle * middle;
            stratum->sumcube += counts[i] * middle * middle * middle;
        }
    }
    if (row->timed.certain) {
        uint64_t mean = row->timed.certain_ns / row->timed.certain;
        histogram[pf_hist_bucket(mean)] += (double)row->timed.certain;
    }
}

static void read_histogram(struct pf_stats *stats, const double *histogram) {
    static const double shares[4] = {0.5, 0.9, 0.99, 0.999};
    double total = 0;
    for (unsigned i = 0; i < PF_HIST_BUCKETS; i++) {
        total += histogram[i];
        unsigned octave = i < 16 ? 0 : i / 16 - 1; // octave 0 begins at 16 ns
        unsigned column = octave / 2 < PF_SHAPE_COLUMNS ? octave / 2 : PF_SHAPE_COLUMNS - 1;
        stats->shape[column] += histogram[i];
    }
    for (unsigned q = 0; q < 4; q++) {
        double left = shares[q] * total;
        stats->quantile_ns[q] = -1;
        for (unsigned i = 0; i < PF_HIST_BUCKETS && total > 0; i++) {
            left -= histogram[i];
            if (left <= 0 && histogram[i] > 0) {
                double middle = pf_hist_middle(i);
                stats->quantile_ns[q] =
                    middle < (double)stats->max_ns ? middle : (double)stats->max_ns;
                break;
            }
        }
    }
}

// The timed calls of which something is known stand for all calls of their site.
static void add_levels_and_sizes(struct pf_stats *stats, const struct pf_row *row) {
    const struct pf_detail *detail = row->detail;
    uint64_t timed = row->timed.sampled + row->timed.certain;
    if (timed == 0) {
        return;
    }
    double looked = detail->level_text != 0 ? detail->level_text : (double)timed;
    double named = 0;
    for (unsigned i = 0; i < PF_LEVEL_NONE; i++) {
        double calls = detail->level[i] / looked * (double)row->calls;
        stats->level[i] += calls;
        named += calls;
    }
    stats->level[PF_LEVEL_NONE] += (double)row->calls > named ? (double)row->calls - named : 0;
    uint64_t tiny = 0;
    for (unsigned bits = 1; bits <= 7; bits++) {
        tiny += detail->sizes[bits];
    }
    stats->tiny += (double)tiny / (double)timed * (double)row->calls;
}

// What timed output calls in scopes took of the time of these scopes.
static void add_inclusive(struct pf_stats *stats, const struct pf_detail *detail) {
    const struct pf_scope_sums *sums = pf_at(pf_process.segment, detail->scope);
    if (sums != NULL) {
        stats->whole_ns += (double)sums->whole.exact_ns + sums->whole.weighted_ns;
        stats->whole_variance += sums->whole.variance_ns2;
        stats->whole_count += sums->whole.count;
        stats->output_ns += (double)sums->output.exact_ns + sums->output.weighted_ns;
        stats->output_variance += sums->output.variance_ns2;
        stats->output_count += sums->output.count;
    }
}

void pf_stats_add_up(struct pf_stats *stats, const struct pf_row *rows, size_t count, double rate) {
    double histogram[PF_HIST_BUCKETS] = {0};
    struct pf_estimator estimator;
    *stats = (struct pf_stats){0};
    pf_estimator_init(&estimator, rate);
    for (size_t i = 0; i < count; i++) {
        const struct pf_row *row = &rows[i];
        stats->calls += row->calls;
        stats->begun += row->begun;
        stats->bytes += row->bytes;
        stats->bytes_unknown += pf_calls[row->call].bytes_unknown ? row->calls : 0;
        stats->timed += row->timed.certain + row->timed.sampled;
        stats->timed_ns += row->timed.certain_ns + row->timed.sum_ns;
        stats->errors += row->timed.errors;
        stats->emoji += row->timed.emoji;
        stats->fields += row->timed.fields;
        stats->max_ns = row->timed.max_ns > stats->max_ns ? row->timed.max_ns : stats->max_ns;
        struct pf_stratum stratum = {.calls = row->calls - row->timed.certain,
                                     .certain_calls = row->timed.certain,
                                     .certain_ns = row->timed.certain_ns,
                                     .sampled = row->timed.sampled,
                                     .sum_ns = row->timed.sum_ns,
                                     .sumsq = row->timed.sumsq_ns2,
                                     .max_ns = row->timed.max_ns,
                                     .weight = row->timed.weight,
                                     .weighted_ns = row->timed.weighted_ns,
                                     .spread = row->timed.spread,
                                     .spread_ns = row->timed.spread_ns,
                                     .spread_ns2 = row->timed.spread_ns2};
        if (row->detail != NULL) {
            stratum.no_chance = row->detail->period == 0 && row->timed.sampled == 0;
            add_weighted(histogram, row, &stratum);
            if (pf_is_scope(row->call)) {
                add_inclusive(stats, row->detail);
            } else {
                pf_why_add(&stats->why, row->detail, (double)row->calls);
                add_levels_and_sizes(stats, row);
            }
        }
        if (!pf_calls[row->call].never_timed) {
            pf_estimator_add(&estimator, &stratum);
        }
    }
    pf_estimator_finish(&estimator, &stats->estimate);
    read_histogram(stats, histogram);
}
