// SPDX-License-Identifier: Apache-2.0
// Points as the body of Datadog's /api/v1/series or /api/v2/series.
//
// This interface has no histograms: of each one its calls, its seconds and three quantiles of the last
// interval are sent.  For percentiles over many hosts there is DogStatsD.
#include "pf-datadog-series.h"
#include "pf-datadog-tags.h"
#include "pf-file-format.h"
#include "pf-json-writer.h"
#include <string.h>

enum { TYPE_COUNT = 1, TYPE_GAUGE = 3 };

typedef struct {
    pf_json json;
    gchar **common_tags;
    const gchar *host;
    guint interval;
    gboolean is_v1;
    gint64 unix_s;
} body;

static void strings(pf_json *json, gchar **list) {
    for (; *list != NULL; list++) {
        g_autoptr(GString) quoted = g_string_new(NULL);
        pf_json_string(&(pf_json){quoted}, "", *list); // "":"text"
        pf_json_element(json, 0);
        g_string_append(json->text, quoted->str + 3);
    }
}

static void put_value(body *self, gdouble value) {
    pf_json *json = &self->json;
    pf_json_begin(json, "points", '[');
    pf_json_element(json, self->is_v1 ? '[' : '{');
    if (self->is_v1) {
        g_string_append_printf(json->text, "%" G_GINT64_FORMAT ",", self->unix_s);
    } else {
        pf_json_uint(json, "timestamp", (guint64)self->unix_s);
        pf_json_name(json, "value");
    }
    pf_put_number(json->text, value);
    pf_json_end(json, self->is_v1 ? ']' : '}');
    pf_json_end(json, ']');
}

static void put_host(body *self) {
    pf_json *json = &self->json;
    if (self->is_v1) {
        pf_json_string(json, "host", self->host);
        return;
    }
    pf_json_begin(json, "resources", '[');
    pf_json_element(json, '{');
    pf_json_string(json, "name", self->host);
    pf_json_string(json, "type", "host");
    pf_json_end(json, '}');
    pf_json_end(json, ']');
}

static void put(body *self, const pf_series *series, const gchar *suffix, guint type,
                gdouble value) {
    pf_json *json = &self->json;
    const pf_metric *metric = pf_metric_get(series->id);
    g_autofree gchar *name = g_strconcat(metric->name, suffix, NULL);
    g_auto(GStrv) tags = pf_datadog_tags(series);
    pf_json_element(json, '{');
    pf_json_string(json, "metric", name);
    if (self->is_v1) {
        pf_json_string(json, "type", type == TYPE_COUNT ? "count" : "gauge");
    } else {
        pf_json_uint(json, "type", type);
    }
    if (type == TYPE_COUNT) {
        pf_json_uint(json, "interval", self->interval);
    }
    put_value(self, value);
    put_host(self);
    pf_json_begin(json, "tags", '[');
    strings(json, tags);
    strings(json, self->common_tags);
    pf_json_end(json, ']');
    pf_json_end(json, '}');
}

static void put_histogram(body *self, const pf_point *delta) {
    const pf_buckets *buckets = &delta->buckets;
    put(self, delta->series, ".count", TYPE_COUNT, (gdouble)buckets->total);
    put(self, delta->series, ".sum", TYPE_COUNT, buckets->sum_ns / 1e9);
    if (buckets->total > 0) {
        put(self, delta->series, ".p50", TYPE_GAUGE, pf_buckets_quantile(buckets, 0.5));
        put(self, delta->series, ".p95", TYPE_GAUGE, pf_buckets_quantile(buckets, 0.95));
        put(self, delta->series, ".p99", TYPE_GAUGE, pf_buckets_quantile(buckets, 0.99));
    }
}

GString *pf_datadog_series(PfMetricSet *set, guint first, guint count, pf_deltas *deltas,
                           gchar **common_tags, const gchar *host, guint interval, gboolean is_v1) {
    body self = {.json = {g_string_new("{")},
                 .common_tags = common_tags,
                 .host = host,
                 .interval = interval,
                 .is_v1 = is_v1,
                 .unix_s = set->unix_ns / 1000000000};
    pf_json_begin(&self.json, "series", '[');
    for (guint i = first; i < first + count; i++) {
        gint64 since;
        pf_point delta = pf_deltas_make(deltas, pf_set_point(set, i), &since);
        pf_metric_kind kind = pf_point_metric(&delta)->kind;
        if (kind == PF_KIND_HISTOGRAM) {
            put_histogram(&self, &delta);
        } else {
            put(&self, delta.series, "", kind == PF_KIND_COUNTER ? TYPE_COUNT : TYPE_GAUGE,
                pf_point_value(&delta));
        }
        pf_delta_clear(&delta);
    }
    pf_json_end(&self.json, ']');
    pf_json_end(&self.json, '}');
    return self.json.text;
}
