// SPDX-License-Identifier: Apache-2.0
// A set as lines of JSON or CSV.
#include "pf-file-format.h"
#include "pf-json-writer.h"
#include <string.h>

static const gdouble shares[] = {0.5, 0.9, 0.99, 0.999};
static const gchar *const share_names[] = {"p50", "p90", "p99", "p999"};
static const gchar *const kinds[] = {"counter", "gauge", "histogram"};

gdouble pf_buckets_quantile(const pf_buckets *self, gdouble share) {
    gdouble left = share * (gdouble)self->total;
    for (guint i = 0; i < self->count; i++) {
        left -= (gdouble)self->bucket[i];
        if (self->bucket[i] > 0 && left <= 1e-9 * (gdouble)self->total) {
            return pf_hist_middle(self->first + i) / 1e9;
        }
    }
    return 0;
}

static void number(pf_json *json, const gchar *name, gdouble value) {
    pf_json_name(json, name);
    pf_put_number(json->text, value);
}

static void json_histogram(pf_json *json, const pf_buckets *buckets) {
    pf_json_uint(json, "count", buckets->total);
    number(json, "sum", buckets->sum_ns / 1e9);
    for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
        number(json, share_names[i], pf_buckets_quantile(buckets, shares[i]));
    }
    pf_json_begin(json, "buckets", '[');
    for (guint i = 0; i < buckets->count; i++) {
        if (buckets->bucket[i] > 0) {
            pf_json_element(json, '[');
            g_string_append_printf(
                json->text, "%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT,
                (guint64)pf_hist_low(buckets->first + i),
                (guint64)pf_hist_low(buckets->first + i + 1), buckets->bucket[i]);
            pf_json_end(json, ']');
        }
    }
    pf_json_end(json, ']');
}

void pf_file_write_json(PfMetricSet *set, GString *out) {
    pf_json json = {out};
    for (guint i = 0; i < set->points->len; i++) {
        const pf_point *point = pf_set_point(set, i);
        const pf_metric *metric = pf_point_metric(point);
        g_string_append_c(out, '{');
        pf_json_uint(&json, "schema_version", 1);
        pf_json_uint(&json, "unix_ns", (guint64)set->unix_ns);
        pf_json_uint(&json, "start_unix_ns", (guint64)point->series->start_unix_ns);
        pf_json_string(&json, "metric", metric->name);
        pf_json_string(&json, "kind", kinds[metric->kind]);
        pf_json_string(&json, "unit", metric->unit);
        pf_json_string(&json, "program", point->series->program);
        for (gchar **pair = point->series->labels; *pair != NULL; pair += 2) {
            pf_json_string(&json, pair[0], pair[1]);
        }
        if (metric->kind == PF_KIND_HISTOGRAM) {
            json_histogram(&json, &point->buckets);
        } else {
            number(&json, "value", pf_point_value(point));
        }
        g_string_append(out, "}\n");
    }
}

// --- CSV (RFC 4180, but lines end with a newline alone)

static void field(GString *out, const gchar *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        g_string_append(out, text);
    } else {
        g_string_append_c(out, '"');
        for (; *text != 0; text++) {
            g_string_append(out, *text == '"' ? "\"" : "");
            g_string_append_c(out, *text == '\n' || *text == '\r' ? ' ' : *text);
        }
        g_string_append_c(out, '"');
    }
    g_string_append_c(out, ',');
}

static const gchar *value_of(const pf_series *series, const gchar *name) {
    for (gchar **pair = series->labels; *pair != NULL; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            return pair[1];
        }
    }
    return "";
}

// Every other label that a metric has: at most one of them.
static const gchar *detail_of(const pf_series *series) {
    for (gchar **pair = series->labels; *pair != NULL; pair += 2) {
        if (strcmp(pair[0], "function") != 0 && strcmp(pair[0], "site") != 0) {
            return pair[1];
        }
    }
    return "";
}

static void csv_numbers(GString *out, const pf_point *point) {
    if (pf_point_metric(point)->kind != PF_KIND_HISTOGRAM) {
        pf_put_number(out, pf_point_value(point));
        g_string_append(out, ",,,,,,,\n");
        return;
    }
    const pf_buckets *buckets = &point->buckets;
    g_string_append_printf(out, ",%" G_GUINT64_FORMAT ",", buckets->total);
    pf_put_number(out, buckets->sum_ns / 1e9);
    for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
        g_string_append_c(out, ',');
        pf_put_number(out, pf_buckets_quantile(buckets, shares[i]));
    }
    g_string_append_c(out, ',');
    const gchar *space = "";
    for (guint i = 0; i < buckets->count; i++) {
        if (buckets->bucket[i] > 0) {
            g_string_append_printf(out, "%s%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, space,
                                   (guint64)pf_hist_low(buckets->first + i), buckets->bucket[i]);
            space = " ";
        }
    }
    g_string_append_c(out, '\n');
}

void pf_file_write_csv(PfMetricSet *set, GString *out) {
    for (guint i = 0; i < set->points->len; i++) {
        const pf_point *point = pf_set_point(set, i);
        const pf_metric *metric = pf_point_metric(point);
        g_string_append_printf(out, "%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",", set->unix_ns,
                               point->series->start_unix_ns);
        field(out, metric->name);
        field(out, kinds[metric->kind]);
        field(out, metric->unit);
        field(out, point->series->program);
        field(out, value_of(point->series, "function"));
        field(out, value_of(point->series, "site"));
        field(out, detail_of(point->series));
        csv_numbers(out, point);
    }
}
