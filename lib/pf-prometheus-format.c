// SPDX-License-Identifier: Apache-2.0
// The text formats of Prometheus: 0.0.4, and OpenMetrics 1.0.0.
#include "pf-prometheus-format.h"
#include <math.h>
#include <string.h>

guint64 pf_classic_bound(guint index) { return (index % 2 != 0 ? 3ull : 2ull) << (index / 2 + 5); }

// Bounds are bounds of our buckets too, so that nothing is guessed.  (A bucket holds what is *below* its
// end, `le` means *up to*: calls of exactly a bound's ns count one higher.)
void pf_classic_counts(const pf_buckets *buckets, guint64 counts[PF_CLASSIC_BOUNDS]) {
    guint64 sum = 0;
    guint at = buckets->first;
    for (guint i = 0; i < PF_CLASSIC_BOUNDS; i++) {
        guint end = pf_hist_bucket(pf_classic_bound(i));
        for (; at < end && at < buckets->first + buckets->count; at++) {
            sum += buckets->bucket[at - buckets->first];
        }
        counts[i] = sum;
    }
}

gchar *pf_prometheus_sample_name(const pf_metric *metric) {
    return g_strconcat(metric->prometheus, metric->kind == PF_KIND_COUNTER ? "_total" : "", NULL);
}

const gchar *pf_prometheus_content_type(pf_prometheus_format format) {
    static const gchar *const types[] = {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        "encoding=delimited",
    };
    return types[format];
}

static gdouble quality(const gchar *parameters) {
    const gchar *q = strstr(parameters, "q=");
    return q != NULL ? g_ascii_strtod(q + 2, NULL) : 1;
}

pf_prometheus_format pf_prometheus_choose(const gchar *accept) {
    g_auto(GStrv) parts = g_strsplit(accept != NULL ? accept : "", ",", 32);
    pf_prometheus_format best = PF_PROMETHEUS_TEXT;
    gdouble best_quality = 0;
    for (guint i = 0; parts[i] != NULL; i++) {
        const gchar *part = g_strstrip(parts[i]);
        pf_prometheus_format format = g_str_has_prefix(part, "application/openmetrics-text")
                                          ? PF_PROMETHEUS_OPENMETRICS
                                      : g_str_has_prefix(part, "application/vnd.google.protobuf") &&
                                              strstr(part, "delimited") != NULL
                                          ? PF_PROMETHEUS_PROTOBUF
                                          : PF_PROMETHEUS_TEXT;
        gdouble q = quality(part);
        if (q > best_quality) {
            best_quality = q;
            best = format;
        }
    }
    return best;
}

static void escaped(GString *out, const gchar *text, gboolean quotes) {
    for (; *text != 0; text++) {
        if (*text == '\\') {
            g_string_append(out, "\\\\");
        } else if (*text == '\n') {
            g_string_append(out, "\\n");
        } else if (*text == '"' && quotes) {
            g_string_append(out, "\\\"");
        } else {
            g_string_append_c(out, *text);
        }
    }
}

static void label(GString *out, const gchar *name, const gchar *value) {
    g_string_append(out, out->len > 0 ? "," : "");
    g_string_append(out, name);
    g_string_append(out, "=\"");
    escaped(out, value, TRUE);
    g_string_append_c(out, '"');
}

// `a="1",b="2"`, once for all lines of a point.
static void put_labels(GString *out, const pf_series *series) {
    g_string_truncate(out, 0);
    if (*series->program != 0) {
        label(out, "program", series->program);
    }
    for (gchar **pair = series->labels; *pair != NULL; pair += 2) {
        label(out, pair[0], pair[1]);
    }
}

static void append(GString *out, const GString *text) {
    g_string_append_len(out, text->str, (gssize)text->len);
}

static void sample(GString *out, const GString *labels, const gchar *name, const gchar *suffix) {
    g_string_append(out, name);
    g_string_append(out, suffix);
    if (labels->len > 0) {
        g_string_append_c(out, '{');
        append(out, labels);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ' ');
}

static void exemplar(GString *out, const pf_exemplar *self) {
    g_string_append_printf(out, " # {pid=\"%u\",address=\"%s\"", self->pid, self->site);
    if (*self->request_id != 0) {
        g_string_append(out, ",request_id=\"");
        escaped(out, self->request_id, TRUE);
        g_string_append_c(out, '"');
    }
    g_string_append(out, "} ");
    pf_put_number(out, self->value_ns / 1e9);
    g_string_append_c(out, ' ');
    pf_put_number(out, (gdouble)(self->unix_ns / 1000000) / 1000);
}

// `le="6.4e-08"}` and a blank, of each bound and of none; the same in every page.
static GString *const *bound_texts(void) {
    static GString *texts[PF_CLASSIC_BOUNDS + 1];
    static gsize are_made;
    if (g_once_init_enter(&are_made)) {
        for (guint i = 0; i <= PF_CLASSIC_BOUNDS; i++) {
            texts[i] = g_string_new("le=\"");
            if (i < PF_CLASSIC_BOUNDS) {
                pf_put_number(texts[i], (gdouble)pf_classic_bound(i) / 1e9);
            }
            g_string_append(texts[i], i == PF_CLASSIC_BOUNDS                     ? "+Inf"
                                      : strpbrk(texts[i]->str + 4, ".e") == NULL ? ".0"
                                                                                 : "");
            g_string_append(texts[i], "\"} ");
        }
        g_once_init_leave(&are_made, 1);
    }
    return texts;
}

static void histogram(GString *out, const pf_point *point, const GString *labels,
                      gboolean with_exemplars) {
    const gchar *name = pf_point_metric(point)->prometheus;
    GString *const *bounds = bound_texts();
    guint64 counts[PF_CLASSIC_BOUNDS];
    gdouble low = -1;
    g_autoptr(GString) head = g_string_new(name);
    g_string_append(head, "_bucket{");
    append(head, labels);
    g_string_append(head, labels->len > 0 ? "," : "");
    pf_classic_counts(&point->buckets, counts);
    for (guint i = 0; i <= PF_CLASSIC_BOUNDS; i++) {
        gdouble high = i < PF_CLASSIC_BOUNDS ? (gdouble)pf_classic_bound(i) : INFINITY;
        append(out, head);
        append(out, bounds[i]);
        pf_put_number(out, (gdouble)(i < PF_CLASSIC_BOUNDS ? counts[i] : point->buckets.total));
        if (with_exemplars && point->exemplar.value_ns > low && point->exemplar.value_ns <= high &&
            point->exemplar.value_ns > 0) {
            exemplar(out, &point->exemplar);
        }
        g_string_append_c(out, '\n');
        low = high;
    }
    sample(out, labels, name, "_sum");
    pf_put_number(out, point->buckets.sum_ns / 1e9);
    g_string_append_c(out, '\n');
    sample(out, labels, name, "_count");
    pf_put_number(out, (gdouble)point->buckets.total);
    g_string_append_c(out, '\n');
}

static void head(GString *out, const pf_metric *metric, gboolean is_open) {
    static const gchar *const kinds[] = {"counter", "gauge", "histogram"};
    g_autofree gchar *name =
        is_open ? g_strdup(metric->prometheus) : pf_prometheus_sample_name(metric);
    g_string_append_printf(out, "# HELP %s ", name);
    escaped(out, metric->help, is_open);
    g_string_append_printf(out, "\n# TYPE %s %s\n", name, kinds[metric->kind]);
    const gchar *unit = g_str_has_suffix(name, "_seconds") ? "seconds"
                        : g_str_has_suffix(name, "_bytes") ? "bytes"
                                                           : NULL;
    if (is_open && unit != NULL) {
        g_string_append_printf(out, "# UNIT %s %s\n", name, unit);
    }
}

static void write_text(PfMetricSet *set, GString *out, gboolean is_open) {
    const pf_metric *last = NULL;
    g_autofree gchar *name = NULL;
    g_autoptr(GString) labels = g_string_new(NULL);
    for (guint i = 0; i < set->points->len; i++) {
        const pf_point *point = pf_set_point(set, i);
        const pf_metric *metric = pf_point_metric(point);
        if (metric != last) {
            head(out, metric, is_open);
            g_free(name);
            name = pf_prometheus_sample_name(metric);
            last = metric;
        }
        put_labels(labels, point->series);
        if (metric->kind == PF_KIND_HISTOGRAM) {
            histogram(out, point, labels, is_open);
        } else {
            sample(out, labels, name, "");
            pf_put_number(out, pf_point_value(point));
            g_string_append_c(out, '\n');
        }
    }
    if (is_open) {
        g_string_append(out, "# EOF\n");
    }
}

GString *pf_prometheus_write(PfMetricSet *set, pf_prometheus_format format) {
    GString *out = g_string_sized_new(65536);
    if (format == PF_PROMETHEUS_PROTOBUF) {
        pf_prometheus_write_protobuf(set, out);
    } else {
        write_text(set, out, format == PF_PROMETHEUS_OPENMETRICS);
    }
    return out;
}

/**
 * pf_metric_set_to_openmetrics:
 * @self: a set
 *
 * Writes the set as OpenMetrics 1.0.0, with exemplars.
 *
 * Returns: (transfer full): the text
 */
gchar *pf_metric_set_to_openmetrics(PfMetricSet *self) {
    return g_string_free(pf_prometheus_write(self, PF_PROMETHEUS_OPENMETRICS), FALSE);
}

/**
 * pf_metric_set_to_prometheus:
 * @self: a set
 *
 * Writes the set in Prometheus's text format 0.0.4.
 *
 * Returns: (transfer full): the text
 */
gchar *pf_metric_set_to_prometheus(PfMetricSet *self) {
    return g_string_free(pf_prometheus_write(self, PF_PROMETHEUS_TEXT), FALSE);
}
