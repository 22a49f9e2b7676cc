// SPDX-License-Identifier: Apache-2.0
// Every metric at one moment, and the table of their names.  Internal.
#pragma once
#include "pf-metrics.h"
#include "pf-shard.h"

// The metrics that are one number each, in the order of the summary: name, type in C.
#define PF_METRICS(METRIC)                                                                         \
    METRIC(message_count, guint64)                                                                 \
    METRIC(sampled_count, guint64)                                                                 \
    METRIC(dropped_count, guint64)                                                                 \
    METRIC(total_duration_ns, guint64)                                                             \
    METRIC(bytes, guint64)                                                                         \
    METRIC(error_count, guint64)                                                                   \
    METRIC(emoji_message_count, guint64)                                                           \
    METRIC(avg_latency_ms, gdouble)                                                                \
    METRIC(max_ns, guint64)                                                                        \
    METRIC(emoji_overhead_percent, gdouble)                                                        \
    METRIC(avg_fields_per_message, gdouble)                                                        \
    METRIC(start_time, gdouble)                                                                    \
    METRIC(uptime_seconds, gdouble)                                                                \
    METRIC(messages_per_second, gdouble)                                                           \
    METRIC(overhead_ns, guint64)

typedef enum {
    PF_METRIC_NONE,
#define METRIC(name, type) PF_METRIC_##name,
    PF_METRICS(METRIC)
#undef METRIC
        PF_METRIC_COUNT
} pf_metric;

// p50, p90, p99, p99.9
#define PF_QUANTILE_COUNT 4
extern const gchar *const pf_quantile_names[PF_QUANTILE_COUNT];

typedef struct {
#define METRIC(name, type) type name;
    PF_METRICS(METRIC)
#undef METRIC
    gdouble quantile_ns[PF_QUANTILE_COUNT]; // -1: nothing was timed
    struct pf_estimate estimate;
    gdouble sample_rate;
} pf_metric_values;

// Which errors were seen: sorted by number.
typedef struct {
    gint number;
    guint64 count;
} pf_error_count;

void pf_metric_values_from(pf_metric_values *ret_values, const pf_totals *totals);
gdouble pf_totals_quantile(const pf_totals *totals, gdouble share);

// `later - earlier` in seconds, 0 when the clock was set back.
gdouble pf_seconds_between(gint64 earlier_us, gint64 later_us);

gboolean pf_estimate_is_known(const struct pf_estimate *estimate);

// --- what the object's other files need of it

PfProfileMetrics *pf_profile_metrics_new_sampled(gdouble rate);
pf_shard_set *pf_profile_metrics_get_set(PfProfileMetrics *self);
void pf_profile_metrics_read(PfProfileMetrics *self, pf_metric_values *ret_values);
// Of pf_error_count; free with g_array_unref.
GArray *pf_profile_metrics_read_errors(PfProfileMetrics *self);
