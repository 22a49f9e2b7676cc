// SPDX-License-Identifier: Apache-2.0
// PfMetricSet: points in an array, counted references.
#include "pf-metric-set.h"
#include "pf-series.h"
#include <string.h>

G_DEFINE_BOXED_TYPE(PfMetricSet, pf_metric_set, pf_metric_set_ref, pf_metric_set_unref)

static void point_clear(gpointer data) {
    pf_point *point = data;
    pf_series_unref(point->series);
    pf_buckets_clear(&point->buckets);
}

PfMetricSet *pf_metric_set_new(gint64 unix_ns) {
    PfMetricSet *self = g_new0(PfMetricSet, 1);
    g_atomic_ref_count_init(&self->references);
    self->unix_ns = unix_ns;
    self->points = g_array_new(FALSE, TRUE, sizeof(pf_point));
    g_array_set_clear_func(self->points, point_clear);
    return self;
}

/**
 * pf_metric_set_ref:
 * @self: a set
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */
PfMetricSet *pf_metric_set_ref(PfMetricSet *self) {
    g_atomic_ref_count_inc(&self->references);
    return self;
}

/**
 * pf_metric_set_unref:
 * @self: (transfer full) (nullable): a set
 *
 * Gives a reference back.
 */
void pf_metric_set_unref(PfMetricSet *self) {
    if (self != NULL && g_atomic_ref_count_dec(&self->references)) {
        g_array_unref(self->points);
        g_free(self);
    }
}

pf_point *pf_metric_set_add(PfMetricSet *self, pf_series *series, gdouble value) {
    pf_point point = {.series = pf_series_ref(series), .value = value};
    g_array_append_val(self->points, point);
    return pf_set_point(self, self->points->len - 1);
}

// The order of the formats that want the series of a metric together; and the same each time.
static gint in_order(gconstpointer a, gconstpointer b) {
    const pf_series *one = ((const pf_point *)a)->series;
    const pf_series *other = ((const pf_point *)b)->series;
    gint difference = (gint)one->id - (gint)other->id;
    if (difference == 0) {
        difference = strcmp(one->program, other->program);
    }
    for (guint i = 0; difference == 0 && one->labels[i] != NULL && other->labels[i] != NULL; i++) {
        difference = strcmp(one->labels[i], other->labels[i]);
    }
    return difference;
}

void pf_metric_set_sort(PfMetricSet *self) { g_array_sort(self->points, in_order); }

gdouble pf_point_value(const pf_point *self) {
    return strcmp(pf_point_metric(self)->unit, "s") == 0 ? self->value / 1e9 : self->value;
}

/**
 * pf_metric_set_get_point_count:
 * @self: a set
 *
 * Tells how many points it holds.
 *
 * Returns: how many points it holds
 */
guint pf_metric_set_get_point_count(PfMetricSet *self) { return self->points->len; }

/**
 * pf_metric_set_get_unix_ns:
 * @self: a set
 *
 * Tells of what moment it is.
 *
 * Returns: ns since 1970
 */
gint64 pf_metric_set_get_unix_ns(PfMetricSet *self) { return self->unix_ns; }
