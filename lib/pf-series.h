// SPDX-License-Identifier: Apache-2.0
// What a metric is, a series of it, and one point of that.  Internal.
#pragma once
#include "pf-hist.h"
#include "pf-metric-set.h"

typedef enum { PF_KIND_COUNTER, PF_KIND_GAUGE, PF_KIND_HISTOGRAM } pf_metric_kind;

typedef enum {
#define PF_METRIC(id, ...) PF_METRIC_##id,
#include "pf-metrics.def"
    PF_METRIC_COUNT
} pf_metric_id;

typedef struct {
    const gchar *name; // pfprof.call.duration
    const gchar *unit;
    const gchar *help;
    pf_metric_kind kind;
    gchar *prometheus; // pfprof_call_duration_seconds, without _total
} pf_metric;

const pf_metric *pf_metric_get(pf_metric_id id);

// Identity of a series; two of one aggregator are the same when they are the same pointer.
typedef struct {
    gatomicrefcount references;
    pf_metric_id id;
    gchar *program; // "": of the agent itself
    gchar **labels; // name, value, ...
    gint64 start_unix_ns;
    // Of a call site.
    gchar *code_function;
    gchar *code_file;
    guint code_line;
} pf_series;

pf_series *pf_series_new(pf_metric_id id, const gchar *program, const gchar *const *labels,
                         gint64 start_unix_ns);
pf_series *pf_series_ref(pf_series *self);
void pf_series_unref(pf_series *self);

// Calls by bucket of pf-hist.h, from the first to the last that holds something.
typedef struct {
    guint first;
    guint count;
    guint64 total;
    gdouble sum_ns;
    guint64 *bucket;
} pf_buckets;

void pf_buckets_clear(pf_buckets *self);
pf_buckets pf_buckets_copy(const pf_buckets *self);
guint64 pf_buckets_get(const pf_buckets *self, guint bucket);
void pf_buckets_add(pf_buckets *self, guint bucket, guint64 count);

typedef struct {
    gdouble value_ns; // 0: there is none
    gint64 unix_ns;
    guint pid;
    gchar site[64];
    gchar request_id[48]; // of the program's own; "": not said
} pf_exemplar;

typedef struct {
    pf_series *series;
    gdouble value; // a counter's or gauge's; ns for what is in s
    pf_buckets buckets;
    pf_exemplar exemplar;
} pf_point;

struct _PfMetricSet {
    gatomicrefcount references;
    gint64 unix_ns;
    GArray *points; // by metric, then by program
};

PfMetricSet *pf_metric_set_new(gint64 unix_ns);
// Takes the buckets, and a reference to the series.
pf_point *pf_metric_set_add(PfMetricSet *self, pf_series *series, gdouble value);
void pf_metric_set_sort(PfMetricSet *self);
// In units of the metric: seconds, not ns.
gdouble pf_point_value(const pf_point *self);
static inline const pf_metric *pf_point_metric(const pf_point *self) {
    return pf_metric_get(self->series->id);
}

static inline pf_point *pf_set_point(PfMetricSet *self, guint index) {
    return &g_array_index(self->points, pf_point, index);
}

// A number as JSON, Prometheus and CSV take it, the shortest that is read back the same.
void pf_put_number(GString *text, gdouble value);
