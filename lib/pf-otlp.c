// SPDX-License-Identifier: Apache-2.0
// Points as an ExportMetricsServiceRequest of OpenTelemetry's protocol 1.x.
#include "pf-otlp.h"
#include "pf-exponential.h"
#include "pf-otlp-writer.h"
#include "pf-prometheus-format.h"
#include <string.h>

enum { TEMPORALITY_DELTA = 1, TEMPORALITY_CUMULATIVE = 2 };

static void attribute(pf_otlp_writer *out, guint field, const gchar *name, const gchar *value) {
    gsize item = pf_otlp_item(out, field);
    pf_otlp_string(out, 1, "key", name);
    gsize any = pf_otlp_begin(out, 2, "value");
    pf_otlp_string(out, 1, "stringValue", value);
    pf_otlp_end(out, any);
    pf_otlp_end(out, item);
}

static void int_attribute(pf_otlp_writer *out, guint field, const gchar *name, gint64 value) {
    gsize item = pf_otlp_item(out, field);
    pf_otlp_string(out, 1, "key", name);
    gsize any = pf_otlp_begin(out, 2, "value");
    pf_otlp_int64(out, 3, "intValue", value);
    pf_otlp_end(out, any);
    pf_otlp_end(out, item);
}

static void attributes(pf_otlp_writer *out, guint field, const pf_series *series) {
    pf_otlp_list(out, "attributes");
    for (gchar **pair = series->labels; *pair != NULL; pair += 2) {
        g_autofree gchar *name = strcmp(pair[0], "error") == 0
                                     ? g_strdup("error.type")
                                     : g_strconcat("pfprof.", pair[0], NULL);
        attribute(out, field, name, pair[1]);
    }
    if (series->code_function != NULL && *series->code_function != 0) {
        attribute(out, field, "code.function.name", series->code_function);
    }
    if (series->code_file != NULL && *series->code_file != 0) {
        attribute(out, field, "code.file.path", series->code_file);
    }
    if (series->code_line > 0) {
        int_attribute(out, field, "code.line.number", series->code_line);
    }
    pf_otlp_list_end(out);
}

static void times(pf_otlp_writer *out, gint64 start, gint64 now) {
    pf_otlp_fixed64(out, 2, "startTimeUnixNano", (guint64)start);
    pf_otlp_fixed64(out, 3, "timeUnixNano", (guint64)now);
}

static void exemplars(pf_otlp_writer *out, const pf_otlp_form *form, guint field,
                      const pf_exemplar *exemplar) {
    if (exemplar->value_ns <= 0 || form->without_exemplars) {
        return;
    }
    pf_otlp_list(out, "exemplars");
    gsize item = pf_otlp_item(out, field);
    pf_otlp_fixed64(out, 2, "timeUnixNano", (guint64)exemplar->unix_ns);
    pf_otlp_double(out, 3, "asDouble", exemplar->value_ns / 1e9);
    pf_otlp_list(out, "filteredAttributes");
    int_attribute(out, 7, "process.pid", exemplar->pid);
    attribute(out, 7, "pfprof.address", exemplar->site);
    if (*exemplar->request_id != 0) {
        attribute(out, 7, "pfprof.request_id", exemplar->request_id);
    }
    pf_otlp_list_end(out);
    pf_otlp_end(out, item);
    pf_otlp_list_end(out);
}

static void explicit_point(pf_otlp_writer *out, const pf_otlp_form *form, const pf_point *point) {
    guint64 cumulative[PF_CLASSIC_BOUNDS];
    guint64 counts[PF_CLASSIC_BOUNDS + 1];
    gdouble bounds[PF_CLASSIC_BOUNDS];
    guint64 before = 0;
    pf_classic_counts(&point->buckets, cumulative);
    for (guint i = 0; i < PF_CLASSIC_BOUNDS; i++) {
        counts[i] = cumulative[i] - before;
        before = cumulative[i];
        bounds[i] = (gdouble)pf_classic_bound(i) / 1e9;
    }
    counts[PF_CLASSIC_BOUNDS] = point->buckets.total - before;
    pf_otlp_counts(out, 6, "bucketCounts", counts, PF_CLASSIC_BOUNDS + 1, TRUE);
    pf_otlp_doubles(out, 7, "explicitBounds", bounds, PF_CLASSIC_BOUNDS);
    exemplars(out, form, 8, &point->exemplar);
}

static void exponential_point(pf_otlp_writer *out, const pf_otlp_form *form,
                              const pf_point *point) {
    guint64 zero;
    g_autoptr(GArray) buckets = pf_exponential_make(&point->buckets, &zero);
    pf_otlp_sint(out, 6, "scale", PF_EXPONENTIAL_SCALE);
    pf_otlp_fixed64(out, 7, "zeroCount", zero);
    if (buckets->len > 0) {
        const pf_exponential_bucket *bucket = (const pf_exponential_bucket *)buckets->data;
        gint32 first = bucket[0].index;
        guint count = (guint)(bucket[buckets->len - 1].index - first) + 1;
        g_autofree guint64 *counts = g_new0(guint64, count);
        for (guint i = 0; i < buckets->len; i++) {
            counts[bucket[i].index - first] = bucket[i].count;
        }
        gsize positive = pf_otlp_begin(out, 8, "positive");
        pf_otlp_sint(out, 1, "offset", first);
        pf_otlp_counts(out, 2, "bucketCounts", counts, count, FALSE);
        pf_otlp_end(out, positive);
    }
    exemplars(out, form, 11, &point->exemplar);
}

static void histogram_point(pf_otlp_writer *out, const pf_otlp_form *form, const pf_point *point,
                            gint64 start, gint64 now) {
    gsize item = pf_otlp_item(out, 1);
    attributes(out, form->is_explicit ? 9 : 1, point->series);
    times(out, start, now);
    pf_otlp_fixed64(out, 4, "count", point->buckets.total);
    pf_otlp_double(out, 5, "sum", point->buckets.sum_ns / 1e9);
    if (form->is_explicit) {
        explicit_point(out, form, point);
    } else {
        exponential_point(out, form, point);
    }
    pf_otlp_end(out, item);
}

static void number_point(pf_otlp_writer *out, const pf_point *point, gint64 start, gint64 now) {
    gsize item = pf_otlp_item(out, 1);
    attributes(out, 7, point->series);
    if (pf_point_metric(point)->kind == PF_KIND_COUNTER) {
        times(out, start, now);
    } else {
        pf_otlp_fixed64(out, 3, "timeUnixNano", (guint64)now);
    }
    if (strcmp(pf_point_metric(point)->unit, "s") == 0) {
        pf_otlp_double(out, 4, "asDouble", pf_point_value(point));
    } else {
        pf_otlp_fixed64(out, 6, "asInt", (guint64)point->value);
    }
    pf_otlp_end(out, item);
}

static void data_points(pf_otlp_writer *out, const pf_otlp_form *form, PfMetricSet *set,
                        const guint *order, guint count) {
    pf_otlp_list(out, "dataPoints");
    for (guint i = 0; i < count; i++) {
        const pf_point *point = pf_set_point(set, order[i]);
        gint64 since = point->series->start_unix_ns;
        pf_point made = *point;
        if (form->deltas != NULL) {
            made = pf_deltas_make(form->deltas, point, &since);
        }
        if (pf_point_metric(point)->kind == PF_KIND_HISTOGRAM) {
            histogram_point(out, form, &made, since, set->unix_ns);
        } else {
            number_point(out, &made, since, set->unix_ns);
        }
        if (form->deltas != NULL) {
            pf_delta_clear(&made);
        }
    }
    pf_otlp_list_end(out);
}

static void metric(pf_otlp_writer *out, const pf_otlp_form *form, PfMetricSet *set,
                   const guint *order, guint count) {
    const pf_metric *about = pf_point_metric(pf_set_point(set, order[0]));
    guint temporality = form->deltas != NULL ? TEMPORALITY_DELTA : TEMPORALITY_CUMULATIVE;
    gsize item = pf_otlp_item(out, 2);
    pf_otlp_string(out, 1, "name", about->name);
    pf_otlp_string(out, 2, "description", about->help);
    pf_otlp_string(out, 3, "unit", about->unit);
    gboolean is_explicit = form->is_explicit;
    gsize data = about->kind == PF_KIND_GAUGE     ? pf_otlp_begin(out, 5, "gauge")
                 : about->kind == PF_KIND_COUNTER ? pf_otlp_begin(out, 7, "sum")
                 : is_explicit                    ? pf_otlp_begin(out, 9, "histogram")
                                                  : pf_otlp_begin(out, 10, "exponentialHistogram");
    data_points(out, form, set, order, count);
    if (about->kind != PF_KIND_GAUGE) {
        pf_otlp_enum(out, 2, "aggregationTemporality", temporality);
    }
    if (about->kind == PF_KIND_COUNTER) {
        pf_otlp_bool(out, 3, "isMonotonic", TRUE);
    }
    pf_otlp_end(out, data);
    pf_otlp_end(out, item);
}

static gboolean is_given(const pf_otlp_form *form, const gchar *name) {
    for (const gchar *const *pair = form->resource; *pair != NULL; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static void resource(pf_otlp_writer *out, const pf_otlp_form *form, const gchar *program) {
    const gchar *name = *program != 0 ? program : "pfprof";
    gsize began = pf_otlp_begin(out, 1, "resource");
    pf_otlp_list(out, "attributes");
    if (form->service != NULL || !is_given(form, "service.name")) {
        attribute(out, 1, "service.name", form->service != NULL ? form->service : name);
    }
    for (const gchar *const *pair = form->resource; *pair != NULL; pair += 2) {
        if (form->service == NULL || strcmp(pair[0], "service.name") != 0) {
            attribute(out, 1, pair[0], pair[1]);
        }
    }
    if (!is_given(form, "host.name")) {
        attribute(out, 1, "host.name", g_get_host_name());
    }
    attribute(out, 1, "process.executable.name", name);
    attribute(out, 1, "telemetry.sdk.name", "pfprof");
    attribute(out, 1, "telemetry.sdk.language", "c");
    attribute(out, 1, "telemetry.sdk.version", PF_VERSION);
    pf_otlp_list_end(out);
    pf_otlp_end(out, began);
}

static guint same(PfMetricSet *set, const guint *order, guint count, gboolean same_metric) {
    const pf_series *first = pf_set_point(set, order[0])->series;
    guint length = 1;
    for (; length < count; length++) {
        const pf_series *next = pf_set_point(set, order[length])->series;
        if (strcmp(first->program, next->program) != 0 || (same_metric && first->id != next->id)) {
            break;
        }
    }
    return length;
}

static void program(pf_otlp_writer *out, const pf_otlp_form *form, PfMetricSet *set,
                    const guint *order, guint count) {
    gsize item = pf_otlp_item(out, 1);
    resource(out, form, pf_set_point(set, order[0])->series->program);
    pf_otlp_list(out, "scopeMetrics");
    gsize scope = pf_otlp_item(out, 2);
    gsize about = pf_otlp_begin(out, 1, "scope");
    pf_otlp_string(out, 1, "name", "pfprof");
    pf_otlp_string(out, 2, "version", PF_VERSION);
    pf_otlp_end(out, about);
    pf_otlp_list(out, "metrics");
    for (guint at = 0; at < count;) {
        guint length = same(set, order + at, count - at, TRUE);
        metric(out, form, set, order + at, length);
        at += length;
    }
    pf_otlp_list_end(out);
    pf_otlp_end(out, scope);
    pf_otlp_list_end(out);
    pf_otlp_end(out, item);
}

GString *pf_otlp_request(const pf_otlp_form *form, PfMetricSet *set, const guint *order,
                         guint count) {
    pf_otlp_writer out = {g_string_sized_new(16384), form->is_json};
    g_string_append(out.out, form->is_json ? "{" : "");
    pf_otlp_list(&out, "resourceMetrics");
    for (guint at = 0; at < count;) {
        guint length = same(set, order + at, count - at, FALSE);
        program(&out, form, set, order + at, length);
        at += length;
    }
    pf_otlp_list_end(&out);
    g_string_append(out.out, form->is_json ? "}" : "");
    return out.out;
}

static gint by_program(gconstpointer a, gconstpointer b, gpointer user) {
    PfMetricSet *set = user;
    guint one = *(const guint *)a;
    guint other = *(const guint *)b;
    gint difference =
        strcmp(pf_set_point(set, one)->series->program, pf_set_point(set, other)->series->program);
    return difference != 0 ? difference : one < other ? -1 : one > other;
}

guint *pf_otlp_order(PfMetricSet *set) {
    guint *order = g_new(guint, set->points->len + 1);
    for (guint i = 0; i < set->points->len; i++) {
        order[i] = i;
    }
    if (set->points->len > 1) {
        g_qsort_with_data(order, (gint)set->points->len, sizeof *order, by_program, set);
    }
    return order;
}
