// SPDX-License-Identifier: Apache-2.0
// Compares two snapshots line by line.
//
// A run differs from the next of the same program by more than sampling explains: machine, cache,
// neighbours.  So latencies are compared by a trimmed mean, which a few preempted calls do not move, and
// `noise`, what a mean differs by from run to run, is added to its variance.
#include "pf-difference.h"
#include <math.h>
#include <string.h>

#define TRIMMED 0.1
#define LEAST_TIMED 140u // as for every interval, docs/sampling.md

typedef struct {
    PfDifference row;
    gatomicrefcount references;
    PfHistogram *histogram[2];
} difference;

G_DEFINE_BOXED_TYPE(PfDifference, pf_difference, pf_difference_ref, pf_difference_unref)

/**
 * pf_difference_ref:
 * @self: a difference
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */
PfDifference *pf_difference_ref(PfDifference *self) {
    g_atomic_ref_count_inc(&((difference *)self)->references);
    return self;
}

/**
 * pf_difference_unref:
 * @self: (transfer full) (nullable): a difference
 *
 * Gives a reference back.
 */
void pf_difference_unref(PfDifference *self) {
    difference *whole = (difference *)self;
    if (self != NULL && g_atomic_ref_count_dec(&whole->references)) {
        g_free(self->function);
        g_free(self->caller);
        g_free(self->place);
        g_free(self->text);
        g_clear_pointer(&whole->histogram[0], pf_histogram_unref);
        g_clear_pointer(&whole->histogram[1], pf_histogram_unref);
        g_free(self);
    }
}

/**
 * pf_change_is_significant:
 * @self: a change
 *
 * Tells whether something has changed beyond doubt.
 *
 * Returns: whether the limits leave no change out
 */
gboolean pf_change_is_significant(const PfChange *self) {
    return self->is_known && (self->low > 0 || self->high < 0);
}

// --- latencies

typedef struct {
    gdouble mean;
    gdouble error; // relative standard error
    gboolean is_known;
} trimmed;

// Of the middle eight tenths; its error by the variance of the values with their ends drawn in.
static trimmed trim(PfHistogram *histogram) {
    trimmed result = {0};
    gdouble all = histogram != NULL ? pf_histogram_get_weight(histogram) : 0;
    gdouble timed = histogram != NULL ? (gdouble)pf_histogram_get_count(histogram) : 0;
    gdouble low_cut = TRIMMED * all;
    gdouble high_cut = (1 - TRIMMED) * all;
    gdouble seen = 0;
    gdouble sum = 0;
    gdouble square = 0;
    gdouble least = -1;
    gdouble most = 0;
    guint64 low;
    guint64 end;
    gdouble weight;
    if (timed < LEAST_TIMED || all <= 0) {
        return result;
    }
    for (guint i = 0; pf_histogram_get_bucket(histogram, i, &low, &end, NULL, &weight); i++) {
        gdouble inside = MIN(seen + weight, high_cut) - MAX(seen, low_cut);
        seen += weight;
        if (inside > 0) {
            gdouble middle = ((gdouble)low + (gdouble)end - 1) / 2;
            sum += inside * middle;
            square += inside * middle * middle;
            least = least < 0 ? middle : least;
            most = middle;
        }
    }
    gdouble kept = all * (1 - 2 * TRIMMED);
    result.mean = sum / kept;
    gdouble drawn_sum = sum + TRIMMED * all * (least + most);
    gdouble drawn_square = square + TRIMMED * all * (least * least + most * most);
    gdouble variance = drawn_square / all - drawn_sum / all * (drawn_sum / all);
    result.error =
        result.mean > 0 ? sqrt(MAX(variance, 0) / timed) / (1 - 2 * TRIMMED) / result.mean : 0;
    result.is_known = result.mean > 0;
    return result;
}

// --- changes

static PfChange change_of(gdouble before, gdouble after, gdouble error, gdouble z) {
    PfChange change = {.before = before, .after = after};
    if (before > 0 && after > 0 && error >= 0) {
        gdouble ratio = log(after / before);
        change.percent = 100 * (after / before - 1);
        change.low = 100 * (exp(ratio - z * error) - 1);
        change.high = 100 * (exp(ratio + z * error) - 1);
        change.is_known = TRUE;
    }
    return change;
}

// The normal quantile of 1 - p/2 (Abramowitz and Stegun 26.2.23, within 0.0005).
static gdouble quantile(gdouble p) {
    gdouble t = sqrt(-2 * log(p / 2));
    return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
                   (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
}

static void fill(difference *whole, gdouble noise, gdouble z) {
    PfDifference *row = &whole->row;
    trimmed a = trim(whole->histogram[0]);
    trimmed b = trim(whole->histogram[1]);
    gdouble calls_before = row->calls.before;
    gdouble calls_after = row->calls.after;
    gboolean both = calls_before > 0 && calls_after > 0;
    // Counts are exact; how often a program does something varies as it may.
    gdouble counted = both ? sqrt(1 / calls_before + 1 / calls_after) : 0;
    gdouble timed =
        a.is_known && b.is_known ? sqrt(a.error * a.error + b.error * b.error + noise * noise) : -1;
    gboolean same_calls = calls_before == calls_after;
    gdouble call_error = same_calls ? 0 : hypot(counted, noise);
    row->calls = change_of(calls_before, calls_after, call_error, z);
    row->bytes = change_of(row->bytes.before, row->bytes.after, hypot(counted, noise), z);
    row->latency = change_of(a.mean, b.mean, timed, z);
    row->cost = change_of(calls_before * a.mean, calls_after * b.mean,
                          timed < 0 ? -1 : hypot(timed, same_calls ? 0 : counted), z);
}

// --- matching

static gchar *caller_of(const PfPlace *place) {
    if (place->function != NULL) {
        return g_strdup(place->function);
    }
    if (place->symbol != NULL) {
        return g_strdup(place->symbol);
    }
    // Nothing but the offset: matched as long as the program is not built anew.
    g_autofree gchar *base = g_path_get_basename(place->module);
    return g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", base, place->offset);
}

static void add_site(GHashTable *rows, GPtrArray *order, const PfCallSite *site,
                     PfSymbolizer *symbolizer, guint side) {
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(symbolizer, site->module, site->address);
    const PfTemplateCount *template =
        site->templates->len > 0 ? g_ptr_array_index(site->templates, 0) : NULL;
    g_autofree gchar *caller = caller_of(place);
    // A site that says many things is matched without them: which one is first is chance.
    gboolean named = template != NULL && template->is_format && site->templates->len == 1;
    gchar *key = g_strdup_printf("%s\n%s\n%s", site->function, caller, named ? template->text : "");
    difference *whole = g_hash_table_lookup(rows, key);
    if (whole == NULL) {
        whole = g_new0(difference, 1);
        g_atomic_ref_count_init(&whole->references);
        whole->row.function = g_strdup(site->function);
        whole->row.caller = g_steal_pointer(&caller);
        whole->row.place = pf_place_to_string(place);
        whole->row.text = g_strdup(named ? template->text : "");
        g_ptr_array_add(order, whole);
        g_hash_table_insert(rows, key, whole);
    } else {
        g_free(key);
        if (side == 1) {
            g_free(whole->row.place);
            whole->row.place = pf_place_to_string(place);
        }
    }
    *(side == 0 ? &whole->row.calls.before : &whole->row.calls.after) +=
        (gdouble)site->stats.message_count;
    *(side == 0 ? &whole->row.bytes.before : &whole->row.bytes.after) += (gdouble)site->stats.bytes;
    if (site->stats.histogram != NULL) {
        PfHistogram *sum = whole->histogram[side] != NULL
                               ? pf_histogram_merge(whole->histogram[side], site->stats.histogram)
                               : pf_histogram_ref(site->stats.histogram);
        g_clear_pointer(&whole->histogram[side], pf_histogram_unref);
        whole->histogram[side] = sum;
    }
}

static gdouble weight_of(const PfDifference *row) { return MAX(row->cost.before, row->cost.after); }

static gint dearer_first(gconstpointer a, gconstpointer b) {
    gdouble one = weight_of(*(PfDifference *const *)a);
    gdouble other = weight_of(*(PfDifference *const *)b);
    return one < other ? 1 : one > other ? -1 : 0;
}

/**
 * pf_snapshot_compare:
 * @before: a snapshot
 * @after: a snapshot of another run
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @noise: relative standard deviation between means of two runs of the same program: 0.03
 *
 * Compares two runs line by line.  The limits hold for all lines together: of a hundred pairs of runs
 * without any change about five have one line or more that seems to have changed.
 *
 * Returns: (transfer full) (element-type PfDifference): lines, dearest first
 */
GPtrArray *pf_snapshot_compare(PfSnapshot *before, PfSnapshot *after, PfSymbolizer *symbolizer,
                               gdouble noise) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(before) && PF_IS_SNAPSHOT(after), NULL);
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    GPtrArray *order = g_ptr_array_new_with_free_func((GDestroyNotify)pf_difference_unref);
    g_autoptr(GHashTable) rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    PfSnapshot *snapshots[] = {before, after};
    for (guint side = 0; side < 2; side++) {
        GPtrArray *sites = pf_snapshot_get_call_sites(snapshots[side]);
        for (guint i = 0; i < sites->len; i++) {
            add_site(rows, order, g_ptr_array_index(sites, i), used, side);
        }
    }
    gdouble z = quantile(0.05 / MAX(order->len, 1));
    for (guint i = 0; i < order->len; i++) {
        fill(g_ptr_array_index(order, i), noise, z);
    }
    g_ptr_array_sort(order, dearer_first);
    return order;
}
