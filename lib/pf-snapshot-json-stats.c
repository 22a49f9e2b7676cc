// SPDX-License-Identifier: Apache-2.0
// Statistics and templates as JSON: what functions, sites, streams and threads all have.
#include "pf-rows-private.h"
#include "pf-snapshot-json.h"

#define MOST_TEMPLATES 100u

gdouble pf_snapshot_json_seconds(gint64 unix_ns) { return (gdouble)unix_ns / 1e9; }

// A negative `low`: it is not known.
static void put_interval(pf_json *json, const gchar *name, gdouble low, gdouble high,
                         guint decimals) {
    if (low < 0) {
        pf_json_null(json, name);
        return;
    }
    pf_json_begin(json, name, '[');
    pf_json_number(json, low, decimals);
    pf_json_element(json, 0);
    pf_json_number(json, high, decimals);
    pf_json_end(json, ']');
}

void pf_snapshot_json_estimate(pf_json *json, const PfEstimate *estimate) {
    gboolean is_known = pf_estimate_has_limits(estimate);
    pf_json_known(json, "estimated_total_duration_ns", is_known ? estimate->total_ns : -1, 0);
    put_interval(json, "estimated_total_interval_ns", is_known ? estimate->low_ns : -1,
                 estimate->high_ns, 0);
}

void pf_snapshot_json_quantiles(pf_json *json, const PfStats *stats) {
    static const struct {
        const gchar *name;
        gdouble share;
    } quantiles[] = {{"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}, {"p99_9_ns", 0.999}};
    for (guint i = 0; i < G_N_ELEMENTS(quantiles); i++) {
        gdouble ns;
        gboolean is_known = pf_stats_get_quantile_ns(stats, quantiles[i].share, &ns);
        pf_json_known(json, quantiles[i].name, is_known ? ns : -1, 0);
    }
}

static void put_reasons(pf_json *json, const PfStats *stats) {
    pf_json_begin(json, "why", '{');
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        const PfReasonShare *share = &stats->reasons[i];
        pf_json_begin(json, pf_reason_to_string((PfReason)i), '{');
        pf_json_uint(json, "count", share->count);
        pf_json_uint(json, "total_duration_ns", share->total_ns);
        pf_json_known(json, "share", share->share, 6);
        put_interval(json, "share_interval", share->low, share->high, 6);
        pf_json_end(json, '}');
    }
    pf_json_end(json, '}');
}

void pf_snapshot_json_stats(pf_json *json, const PfStats *stats) {
    pf_json_uint(json, "message_count", stats->message_count);
    pf_json_uint(json, "sampled_count", stats->sampled_count);
    pf_json_uint(json, "dropped_count", stats->dropped_count);
    pf_json_uint(json, "total_duration_ns", stats->total_duration_ns);
    pf_snapshot_json_estimate(json, &stats->estimate);
    pf_json_uint(json, "bytes", stats->bytes);
    pf_json_uint(json, "bytes_unknown_count", stats->bytes_unknown_count);
    pf_json_uint(json, "error_count", stats->error_count);
    pf_json_uint(json, "emoji_message_count", stats->emoji_message_count);
    pf_json_fixed(json, "avg_latency_ms", pf_stats_get_avg_latency_ms(stats), 9);
    pf_snapshot_json_quantiles(json, stats);
    pf_json_uint(json, "max_ns", stats->max_ns);
    put_reasons(json, stats);
    pf_json_fixed(json, "charged_flush_ns", MAX(stats->charged_flush_ns, 0), 0);
    if (stats->first_unix_ns != 0) {
        pf_json_fixed(json, "first_time", pf_snapshot_json_seconds(stats->first_unix_ns), 6);
        pf_json_fixed(json, "last_time", pf_snapshot_json_seconds(stats->last_unix_ns), 6);
    }
}

void pf_snapshot_json_histogram(pf_json *json, PfHistogram *histogram) {
    guint64 low;
    guint64 end;
    guint64 count;
    gdouble weight;
    pf_json_begin(json, "histogram", '[');
    for (guint i = 0; pf_histogram_get_bucket(histogram, i, &low, &end, &count, &weight); i++) {
        if (count != 0) {
            pf_json_element(json, '{');
            pf_json_uint(json, "low_ns", low);
            pf_json_uint(json, "end_ns", end);
            pf_json_uint(json, "sampled_count", count);
            pf_json_fixed(json, "message_count", weight, 1);
            pf_json_end(json, '}');
        }
    }
    pf_json_end(json, ']');
}

void pf_snapshot_json_templates(pf_json *json, const GPtrArray *templates) {
    pf_json_begin(json, "templates", '[');
    for (guint i = 0; i < templates->len && i < MOST_TEMPLATES; i++) {
        const PfTemplateCount *template = g_ptr_array_index(templates, i);
        g_autofree gchar *hash = g_strdup_printf("%016" G_GINT64_MODIFIER "x", template->hash);
        pf_json_element(json, '{');
        pf_json_string(json, "text", *template->text != 0 ? template->text : NULL);
        pf_json_string(json, "hash", hash);
        pf_json_string(json, "kind", template->is_format ? "format" : "masked");
        pf_json_uint(json, "sampled_count", template->sampled_count);
        pf_json_fixed(json, "message_count", template->message_count, 1);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}
