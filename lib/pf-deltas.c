// SPDX-License-Identifier: Apache-2.0
// What has been delivered of each series: only what arrived is taken off, so an outage loses nothing.
#include "pf-deltas.h"

typedef struct {
    gdouble value;
    pf_buckets buckets;
    gint64 unix_ns;
} delivered;

struct pf_deltas {
    GHashTable *series; // pf_series -> delivered
};

static void delivered_free(gpointer data) {
    pf_buckets_clear(&((delivered *)data)->buckets);
    g_free(data);
}

pf_deltas *pf_deltas_new(void) {
    pf_deltas *self = g_new0(pf_deltas, 1);
    self->series =
        g_hash_table_new_full(NULL, NULL, (GDestroyNotify)pf_series_unref, delivered_free);
    return self;
}

void pf_deltas_free(pf_deltas *self) {
    if (self != NULL) {
        g_hash_table_unref(self->series);
        g_free(self);
    }
}

pf_point pf_deltas_make(pf_deltas *self, const pf_point *point, gint64 *ret_since) {
    pf_point delta = *point;
    const delivered *known = g_hash_table_lookup(self->series, point->series);
    delta.buckets = pf_buckets_copy(&point->buckets);
    *ret_since = known != NULL ? known->unix_ns : point->series->start_unix_ns;
    if (known == NULL || pf_point_metric(point)->kind == PF_KIND_GAUGE) {
        return delta;
    }
    delta.value -= known->value;
    delta.buckets.sum_ns -= known->buckets.sum_ns;
    delta.buckets.total -= known->buckets.total;
    for (guint i = 0; i < delta.buckets.count; i++) {
        delta.buckets.bucket[i] -= pf_buckets_get(&known->buckets, delta.buckets.first + i);
    }
    return delta;
}

void pf_delta_clear(pf_point *delta) { pf_buckets_clear(&delta->buckets); }

void pf_deltas_commit(pf_deltas *self, const pf_point *point, gint64 unix_ns) {
    delivered *known = g_hash_table_lookup(self->series, point->series);
    if (known == NULL) {
        known = g_new0(delivered, 1);
        g_hash_table_insert(self->series, pf_series_ref(point->series), known);
    }
    known->value = point->value;
    known->unix_ns = unix_ns;
    pf_buckets_clear(&known->buckets);
    known->buckets = pf_buckets_copy(&point->buckets);
}
