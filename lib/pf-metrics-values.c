// SPDX-License-Identifier: Apache-2.0
// From summed counters to the metrics: rates, means, quantiles and our own cost.
#include "pf-metrics-values.h"
#include "pf-time.h"

static const gdouble shares[PF_QUANTILE_COUNT] = {0.5, 0.9, 0.99, 0.999};
const gchar *const pf_quantile_names[PF_QUANTILE_COUNT] = {"p50_ns", "p90_ns", "p99_ns",
                                                           "p99_9_ns"};

static gdouble ratio(gdouble a, gdouble b) { return b > 0 ? a / b : 0; }

gdouble pf_seconds_between(gint64 earlier_us, gint64 later_us) {
    gint64 passed;
    if (__builtin_sub_overflow(later_us, earlier_us, &passed) || passed < 0) {
        return 0;
    }
    return (gdouble)passed / 1e6;
}

// A total without an honest interval is not given at all.
gboolean pf_estimate_is_known(const struct pf_estimate *estimate) {
    return estimate->kind == PF_ESTIMATE_EXACT || estimate->kind == PF_ESTIMATE_INTERVAL;
}

// As in the summary of a preloaded program: the middle of the bucket, at most the longest seen.
gdouble pf_totals_quantile(const pf_totals *totals, gdouble share) {
    gdouble left = 0;
    for (guint i = 0; i < PF_HIST_BUCKETS; i++) {
        left += totals->histogram[i];
    }
    left *= share;
    for (guint i = 0; i < PF_HIST_BUCKETS; i++) {
        left -= totals->histogram[i];
        if (left <= 0 && totals->histogram[i] > 0) {
            return MIN(pf_hist_middle(i), (gdouble)totals->max_ns);
        }
    }
    return -1;
}

#define ROUNDS 256

typedef struct {
    gdouble seen_ns;
    gdouble timed_ns;
} cost;

static gint64 run(pf_shard_set *practice, gboolean timed) {
    gint64 begun = pf_time_ns();
    for (guint i = 0; i < ROUNDS; i++) {
        pf_message message = {.duration_ns = (guint64)i, .fields = 1};
        pf_shard_set_add(practice, &message, timed || pf_shard_set_is_due(practice));
    }
    return pf_time_ns() - begun;
}

// Our own cost for a message, measured once, on counters that nobody reads: the second of two runs,
// when the code is warm.
static const cost *own_cost(void) {
    static cost measured;
    static gsize once;
    if (g_once_init_enter(&once)) {
        pf_shard_set *practice = pf_shard_set_new(0x1p-30);
        run(practice, TRUE);
        measured.seen_ns = (gdouble)run(practice, FALSE) / ROUNDS;
        measured.timed_ns = MAX((gdouble)run(practice, TRUE) / ROUNDS - measured.seen_ns, 0);
        pf_shard_set_free(practice);
        g_once_init_leave(&once, 1);
    }
    return &measured;
}

void pf_metric_values_from(pf_metric_values *ret_values, const pf_totals *totals) {
    const cost *own = own_cost();
    gdouble sampled = (gdouble)totals->sampled;
    *ret_values = (pf_metric_values){
        .message_count = totals->messages,
        .sampled_count = totals->sampled,
        .dropped_count = totals->messages - totals->sampled,
        .total_duration_ns = totals->duration_ns,
        .bytes = totals->bytes,
        .emoji_message_count = totals->emoji,
        .avg_latency_ms = ratio((gdouble)totals->duration_ns, sampled) / 1e6,
        .max_ns = totals->max_ns,
        .emoji_overhead_percent = ratio(100 * (gdouble)totals->emoji, sampled),
        .avg_fields_per_message = ratio((gdouble)totals->fields, sampled),
        .overhead_ns =
            (guint64)((gdouble)totals->messages * own->seen_ns + sampled * own->timed_ns +
                      (gdouble)totals->clock_reads * (gdouble)pf_time_cost_ns()),
        .estimate = totals->estimate,
    };
    for (guint i = 0; i < PF_QUANTILE_COUNT; i++) {
        ret_values->quantile_ns[i] = pf_totals_quantile(totals, shares[i]);
    }
}
