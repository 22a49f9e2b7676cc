// SPDX-License-Identifier: Apache-2.0
// Prometheus's protobuf format (io.prometheus.client.MetricFamily, delimited), for native histograms.
#include "pf-exponential.h"
#include "pf-prometheus-format.h"
#include "pf-wire.h"

// Field numbers of metrics.proto.
enum { FAMILY_NAME = 1, FAMILY_HELP, FAMILY_TYPE, FAMILY_METRIC };
enum { METRIC_LABEL = 1, METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM = 7 };
enum { LABEL_NAME = 1, LABEL_VALUE };
enum {
    HISTOGRAM_COUNT = 1,
    HISTOGRAM_SUM,
    HISTOGRAM_BUCKET,
    HISTOGRAM_SCHEMA = 5,
    HISTOGRAM_ZERO_THRESHOLD,
    HISTOGRAM_ZERO_COUNT,
    HISTOGRAM_SPAN = 12,
    HISTOGRAM_DELTA,
};
enum { BUCKET_COUNT = 1, BUCKET_BOUND, BUCKET_EXEMPLAR };
enum { EXEMPLAR_LABEL = 1, EXEMPLAR_VALUE, EXEMPLAR_TIME };

static void put_label(GString *out, guint field, const gchar *name, const gchar *value) {
    gsize began = pf_wire_begin(out, field);
    pf_wire_string(out, LABEL_NAME, name);
    pf_wire_string(out, LABEL_VALUE, value);
    pf_wire_end(out, began);
}

static void put_labels(GString *out, const pf_series *series) {
    if (*series->program != 0) {
        put_label(out, METRIC_LABEL, "program", series->program);
    }
    for (gchar **pair = series->labels; *pair != NULL; pair += 2) {
        put_label(out, METRIC_LABEL, pair[0], pair[1]);
    }
}

static void put_exemplar(GString *out, const pf_exemplar *exemplar) {
    gsize began = pf_wire_begin(out, BUCKET_EXEMPLAR);
    g_autofree gchar *pid = g_strdup_printf("%u", exemplar->pid);
    put_label(out, EXEMPLAR_LABEL, "pid", pid);
    put_label(out, EXEMPLAR_LABEL, "address", exemplar->site);
    if (*exemplar->request_id != 0) {
        put_label(out, EXEMPLAR_LABEL, "request_id", exemplar->request_id);
    }
    pf_wire_double(out, EXEMPLAR_VALUE, exemplar->value_ns / 1e9);
    gsize time = pf_wire_begin(out, EXEMPLAR_TIME);
    pf_wire_uint(out, 1, (guint64)exemplar->unix_ns / 1000000000);
    pf_wire_uint(out, 2, (guint64)exemplar->unix_ns % 1000000000);
    pf_wire_end(out, time);
    pf_wire_end(out, began);
}

// For a Prometheus that has no native histograms switched on.
static void put_classic(GString *out, const pf_point *point) {
    guint64 counts[PF_CLASSIC_BOUNDS];
    gdouble low = 0;
    pf_classic_counts(&point->buckets, counts);
    for (guint i = 0; i < PF_CLASSIC_BOUNDS; i++) {
        gdouble high = (gdouble)pf_classic_bound(i);
        gsize began = pf_wire_begin(out, HISTOGRAM_BUCKET);
        pf_wire_uint(out, BUCKET_COUNT, counts[i]);
        pf_wire_double(out, BUCKET_BOUND, high / 1e9);
        if (point->exemplar.value_ns > low && point->exemplar.value_ns <= high) {
            put_exemplar(out, &point->exemplar);
        }
        pf_wire_end(out, began);
        low = high;
    }
}

// Runs of adjoining buckets, and the difference of each count to the one before it.
static void put_native(GString *out, const GArray *buckets) {
    g_autoptr(GString) deltas = g_string_new(NULL);
    gint64 before = 0;
    gint32 next = 0;
    for (guint i = 0; i < buckets->len;) {
        gint32 first = g_array_index(buckets, pf_exponential_bucket, i).index + 1; // they count so
        guint length = 0;
        for (; i < buckets->len; i++, length++) {
            const pf_exponential_bucket *bucket = &g_array_index(buckets, pf_exponential_bucket, i);
            if (bucket->index + 1 != first + (gint32)length) {
                break;
            }
            gint64 delta = (gint64)bucket->count - before;
            pf_wire_varint(deltas, (guint64)delta << 1 ^ (guint64)(delta >> 63));
            before = (gint64)bucket->count;
        }
        gsize span = pf_wire_begin(out, HISTOGRAM_SPAN);
        pf_wire_sint(out, 1, first - next);
        pf_wire_uint(out, 2, length);
        pf_wire_end(out, span);
        next = first + (gint32)length;
    }
    pf_wire_bytes(out, HISTOGRAM_DELTA, deltas->str, deltas->len);
}

static void put_histogram(GString *out, const pf_point *point) {
    guint64 zero;
    g_autoptr(GArray) buckets = pf_exponential_make(&point->buckets, &zero);
    gsize began = pf_wire_begin(out, METRIC_HISTOGRAM);
    pf_wire_uint(out, HISTOGRAM_COUNT, point->buckets.total);
    pf_wire_double(out, HISTOGRAM_SUM, point->buckets.sum_ns / 1e9);
    put_classic(out, point);
    pf_wire_sint(out, HISTOGRAM_SCHEMA, PF_EXPONENTIAL_SCALE);
    pf_wire_double(out, HISTOGRAM_ZERO_THRESHOLD, 1e-10); // not 0: that would mean a classic one
    pf_wire_uint(out, HISTOGRAM_ZERO_COUNT, zero);
    put_native(out, buckets);
    pf_wire_end(out, began);
}

static void put_metric(GString *out, const pf_point *point) {
    pf_metric_kind kind = pf_point_metric(point)->kind;
    gsize began = pf_wire_begin(out, FAMILY_METRIC);
    put_labels(out, point->series);
    if (kind == PF_KIND_HISTOGRAM) {
        put_histogram(out, point);
    } else {
        gsize value = pf_wire_begin(out, kind == PF_KIND_COUNTER ? METRIC_COUNTER : METRIC_GAUGE);
        pf_wire_double(out, 1, pf_point_value(point));
        pf_wire_end(out, value);
    }
    pf_wire_end(out, began);
}

void pf_prometheus_write_protobuf(PfMetricSet *set, GString *out) {
    static const guint types[] = {0, 1, 4}; // COUNTER GAUGE HISTOGRAM
    for (guint i = 0; i < set->points->len;) {
        const pf_metric *metric = pf_point_metric(pf_set_point(set, i));
        g_autoptr(GString) family = g_string_new(NULL);
        g_autofree gchar *name = pf_prometheus_sample_name(metric);
        pf_wire_string(family, FAMILY_NAME, name);
        pf_wire_string(family, FAMILY_HELP, metric->help);
        pf_wire_uint(family, FAMILY_TYPE, types[metric->kind]);
        for (; i < set->points->len && pf_point_metric(pf_set_point(set, i)) == metric; i++) {
            put_metric(family, pf_set_point(set, i));
        }
        pf_wire_varint(out, family->len);
        g_string_append_len(out, family->str, (gssize)family->len);
    }
}
