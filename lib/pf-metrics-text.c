// SPDX-License-Identifier: Apache-2.0
// The metrics as a person reads them: the block that a preloaded program's exit summary has, too.
#include "pf-metrics-values.h"
#include "pf-print.h"

#define COLUMNS_LEFT 35 // of a name and its number
#define COLUMNS_RIGHT 36

// A name, and its number (which `put` has written behind it) at the right end.
static void align(struct pf_out *out, gsize name_at, gsize number_at, guint columns) {
    pf_out_right(out, number_at, columns - (guint)(number_at - name_at));
}

#define CELL(out, columns, name, put)                                                              \
    do {                                                                                           \
        gsize name_at_ = (out)->used;                                                              \
        pf_out(out, name " ");                                                                     \
        gsize number_at_ = (out)->used;                                                            \
        put;                                                                                       \
        align(out, name_at_, number_at_, columns);                                                 \
    } while (0)

#define ROW(out, left, put_left, right, put_right)                                                 \
    do {                                                                                           \
        pf_out(out, "    ");                                                                       \
        CELL(out, COLUMNS_LEFT, left, put_left);                                                   \
        pf_out(out, "   ");                                                                        \
        CELL(out, COLUMNS_RIGHT, right, put_right);                                                \
        pf_out(out, "\n");                                                                         \
    } while (0)

static void put_total(struct pf_out *out, const pf_metric_values *values) {
    const struct pf_estimate *estimate = &values->estimate;
    pf_out(out, "\n  all messages together: ");
    if (!pf_estimate_is_known(estimate)) {
        pf_out(out, pf_estimate_refusal(values->sampled_count));
    } else {
        pf_out_duration(out, estimate->total_ns);
        if (estimate->kind == PF_ESTIMATE_EXACT) {
            pf_out(out, ", every message timed");
        } else {
            pf_out(out, " (95 %: ");
            pf_out_duration(out, estimate->low_ns);
            pf_out(out, " to ");
            pf_out_duration(out, estimate->high_ns);
            pf_out(out, ")");
        }
    }
    pf_out(out, "\n");
}

static void put_latencies(struct pf_out *out, const pf_metric_values *values) {
    static const gchar *const titles[PF_QUANTILE_COUNT] = {"p50 ", "   p90 ", "   p99 ",
                                                           "   p99.9 "};
    if (values->sampled_count == 0) {
        return;
    }
    pf_out(out, "  ");
    for (guint i = 0; i < PF_QUANTILE_COUNT; i++) {
        pf_out(out, titles[i]);
        pf_out_duration(out, values->quantile_ns[i]);
    }
    pf_out(out, "   max ");
    pf_out_duration(out, (gdouble)values->max_ns);
    pf_out(out, "\n");
}

static void put_overhead(struct pf_out *out, const pf_metric_values *values) {
    gdouble uptime_ns = values->uptime_seconds * 1e9;
    pf_out(out, "  overhead   ");
    pf_out_duration(out, (gdouble)values->overhead_ns);
    pf_out(out, " of ours, ");
    pf_out_fixed(out, uptime_ns > 0 ? 100 * (gdouble)values->overhead_ns / uptime_ns : 0, 3);
    pf_out(out, " % of wall\n");
}

static void put_errors(struct pf_out *out, const pf_metric_values *values) {
    if (values->error_count > 0) {
        pf_out(out, "  errors     ");
        pf_out_grouped(out, values->error_count);
        pf_out(out, "\n");
    }
}

static void put_metrics(struct pf_out *out, const pf_metric_values *v) {
    pf_out(out, "  ProfileMetrics\n");
    ROW(out, "message_count", pf_out_grouped(out, v->message_count), "messages_per_second",
        pf_out_per_second(out, v->messages_per_second));
    ROW(out, "sampled_count", pf_out_grouped(out, v->sampled_count), "dropped_count",
        pf_out_grouped(out, v->dropped_count));
    ROW(out, "total_duration_ns", pf_out_grouped(out, v->total_duration_ns), "avg_latency_ms",
        pf_out_fixed(out, v->avg_latency_ms, 6));
    ROW(out, "emoji_message_count", pf_out_grouped(out, v->emoji_message_count),
        "emoji_overhead_percent", pf_out_fixed(out, v->emoji_overhead_percent, 2));
    ROW(out, "bytes", pf_out_grouped(out, v->bytes), "avg_fields_per_message",
        pf_out_fixed(out, v->avg_fields_per_message, 2));
    ROW(out, "start_time", pf_out_utc(out, (guint64)v->start_time), "uptime_seconds",
        pf_out_fixed(out, v->uptime_seconds, 3));
}

/**
 * pf_profile_metrics_to_text:
 * @self: the metrics
 *
 * All numbers of one moment for a person to read, in at most 80 columns: the same names as in the exit
 * summary of a preloaded program.
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): UTF-8 that ends with a line break, to be freed with [func@GLib.free]
 */
gchar *pf_profile_metrics_to_text(PfProfileMetrics *self) {
    gchar text[4096];
    pf_metric_values values;
    struct pf_out out = {.text = text, .size = sizeof text};
    g_return_val_if_fail(PF_IS_PROFILE_METRICS(self), NULL);
    pf_profile_metrics_read(self, &values);
    put_metrics(&out, &values);
    put_total(&out, &values);
    put_latencies(&out, &values);
    put_errors(&out, &values);
    put_overhead(&out, &values);
    return g_strndup(text, out.used);
}
