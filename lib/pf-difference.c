// SPDX-License-Identifier: Apache-2.0
// Compares runs line by line: which lines are the same one.
#include "pf-difference-private.h"
#include "pf-snapshot-private.h"
#include <math.h>
#include <string.h>

#define USUAL_NOISE 0.05
// How likely a change is seen where there is none: in cost, calls or bytes of any line, or of their sum.
#define ANYWHERE 0.05

typedef struct {
    PfDifference row;
    gatomicrefcount references;
    GArray *runs[2]; // pf_line_run; of every run of that side
    gdouble noise;
    pf_machine machine;
    gdouble p; // for one number
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
        g_array_unref(whole->runs[0]);
        g_array_unref(whole->runs[1]);
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

static void run_clear(gpointer data) {
    g_clear_pointer(&((pf_line_run *)data)->histogram, pf_histogram_unref);
}

// The rows of all runs, while they are read.
typedef struct {
    GHashTable *by_key;
    GPtrArray *order;
    guint count[2]; // runs of each side
    PfSymbolizer *symbolizer;
} matching;

static difference *difference_new(const gchar *function, const gchar *caller, const gchar *text,
                                  const guint count[2]) {
    difference *whole = g_new0(difference, 1);
    g_atomic_ref_count_init(&whole->references);
    whole->row.function = g_strdup(function);
    whole->row.caller = g_strdup(caller);
    whole->row.text = g_strdup(text);
    for (guint s = 0; s < 2; s++) {
        whole->runs[s] = g_array_new(FALSE, TRUE, sizeof(pf_line_run));
        g_array_set_clear_func(whole->runs[s], run_clear);
        g_array_set_size(whole->runs[s], count[s]);
    }
    return whole;
}

static difference *row_of(matching *self, const gchar *function, const gchar *caller,
                          const gchar *text) {
    g_autofree gchar *key = g_strdup_printf("%s\n%s\n%s", function, caller, text);
    difference *whole = g_hash_table_lookup(self->by_key, key);
    if (whole == NULL) {
        whole = difference_new(function, caller, text, self->count);
        g_ptr_array_add(self->order, whole);
        g_hash_table_insert(self->by_key, g_steal_pointer(&key), whole);
    }
    return whole;
}

static void add_site(matching *self, const PfCallSite *site, guint s, guint index,
                     gdouble clock_ns) {
    g_autoptr(PfPlace) place =
        pf_symbolizer_find_return(self->symbolizer, site->module, site->address);
    const PfTemplateCount *template =
        site->templates->len > 0 ? g_ptr_array_index(site->templates, 0) : NULL;
    g_autofree gchar *caller = caller_of(place);
    // A site that says many things is matched without them: which one is first is chance.
    gboolean named = template != NULL && template->is_format && site->templates->len == 1;
    difference *whole = row_of(self, site->function, caller, named ? template->text : "");
    pf_line_run *one = &g_array_index(whole->runs[s], pf_line_run, index);
    if (whole->row.place == NULL || s == 1) {
        g_free(whole->row.place);
        whole->row.place = pf_place_to_string(place);
    }
    one->calls += (gdouble)site->stats.message_count;
    one->bytes += (gdouble)site->stats.bytes;
    one->clock_ns = clock_ns;
    if (site->stats.histogram != NULL) {
        PfHistogram *sum = one->histogram != NULL
                               ? pf_histogram_merge(one->histogram, site->stats.histogram)
                               : pf_histogram_ref(site->stats.histogram);
        g_clear_pointer(&one->histogram, pf_histogram_unref);
        one->histogram = sum;
    }
}

static gdouble clock_of(PfSnapshot *snapshot) {
    GPtrArray *processes = pf_snapshot_get_processes(snapshot);
    guint64 cost = 0;
    for (guint i = 0; i < processes->len; i++) {
        cost = MAX(cost, ((const PfProcess *)g_ptr_array_index(processes, i))->clock_cost_ns);
    }
    return (gdouble)cost;
}

static gdouble weight_of(const PfDifference *row) { return MAX(row->cost.before, row->cost.after); }

static gint dearer_first(gconstpointer a, gconstpointer b) {
    gdouble one = weight_of(*(PfDifference *const *)a);
    gdouble other = weight_of(*(PfDifference *const *)b);
    return one < other ? 1 : one > other ? -1 : 0;
}

#define TWO_SIDED 1.96 // 95 %

/**
 * pf_snapshots_compare_machine:
 * @before: a run, of [method@Session.get_snapshot]
 * @after: another
 * @ret_change: (out): what a write of the yardstick took at the time of the runs, in ns, and how that has
 *   changed; @low and @high: by what latencies may have changed, in percent, for the machine's sake alone, both 0
 *   on an even one
 *
 * Tells what the machine did to two runs: it is what [method@Session.measure_machine] has found.
 *
 * Returns: whether it was measured
 */
gboolean pf_snapshots_compare_machine(PfSnapshot *before, PfSnapshot *after, PfChange *ret_change) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(before) && PF_IS_SNAPSHOT(after), FALSE);
    g_return_val_if_fail(ret_change != NULL, FALSE);
    pf_machine machine = pf_yardsticks_compare(&before->yardstick, &after->yardstick);
    gdouble half = TWO_SIDED * machine.error;
    *ret_change = (PfChange){0};
    if (machine.is_known) {
        *ret_change = (PfChange){
            .before = exp(machine.before),
            .after = exp(machine.after),
            .percent = 100 * (exp(machine.after - machine.before) - 1),
            .low = 100 * (exp(MIN(machine.shift, 0) - half) - 1),
            .high = 100 * (exp(MAX(machine.shift, 0) + half) - 1),
            .is_known = TRUE,
        };
    }
    return machine.is_known;
}

/**
 * pf_snapshots_compare:
 * @before: (element-type PfSnapshot): a run, or several
 * @after: (element-type PfSnapshot): a run of another state of the program, or several
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @noise: relative standard deviation between means of two runs of the same program; used only when
 *   there is one run on each side.  Negative: 0.05, and for latencies and costs what the machine adds
 *   ([func@snapshots_compare_machine])
 *
 * Compares runs line by line.  With three runs or more, their own spread makes the limits (Student's
 * distribution).  The limits hold for cost, calls and bytes of all lines together: of a hundred comparisons
 * without any change about five have one number or more that seems to have changed.  What is exactly the same
 * in all runs, as most programs' calls are, takes no part in that.  A latency has the limits that a cost has.
 *
 * Returns: (transfer full) (element-type PfDifference): lines, dearest first
 */
GPtrArray *pf_snapshots_compare(GPtrArray *before, GPtrArray *after, PfSymbolizer *symbolizer,
                                gdouble noise) {
    g_return_val_if_fail(before->len > 0 && after->len > 0, NULL);
    GPtrArray *sides[] = {before, after};
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    g_autoptr(GHashTable) rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    matching all = {
        .by_key = rows,
        .order = g_ptr_array_new_with_free_func((GDestroyNotify)pf_difference_unref),
        .count = {before->len, after->len},
        .symbolizer = used,
    };
    for (guint s = 0; s < 2; s++) {
        for (guint i = 0; i < sides[s]->len; i++) {
            PfSnapshot *snapshot = g_ptr_array_index(sides[s], i);
            GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
            for (guint k = 0; k < sites->len; k++) {
                add_site(&all, g_ptr_array_index(sites, k), s, i, clock_of(snapshot));
            }
        }
    }
    guint numbers = 0;
    guint of_sum = 1;
    for (guint i = 0; i < all.order->len; i++) {
        const difference *whole = g_ptr_array_index(all.order, i);
        guint varying = pf_runs_count_varying(whole->runs[0], whole->runs[1]);
        numbers += varying;
        of_sum = MAX(of_sum, varying > 0 ? varying : 3); // the sum has new lines too
    }
    pf_machine machine = {0};
    if (noise < 0) {
        noise = USUAL_NOISE;
        machine = pf_yardsticks_compare(&((PfSnapshot *)before->pdata[0])->yardstick,
                                        &((PfSnapshot *)after->pdata[0])->yardstick);
    }
    for (guint i = 0; i < all.order->len; i++) {
        difference *whole = g_ptr_array_index(all.order, i);
        PfDifference *row = &whole->row;
        PfChange *changes[PF_CHANGES] = {&row->calls, &row->bytes, &row->latency, &row->cost};
        whole->noise = noise;
        whole->machine = machine;
        whole->p = ANYWHERE / (numbers + of_sum);
        pf_runs_compare(whole->runs[0], whole->runs[1], noise, &machine, whole->p, changes);
    }
    g_ptr_array_sort(all.order, dearer_first);
    return all.order;
}

/**
 * pf_snapshot_compare:
 * @before: a snapshot
 * @after: a snapshot of another run
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @noise: see [func@snapshots_compare]
 *
 * Compares two runs.
 *
 * Returns: (transfer full) (element-type PfDifference): lines, dearest first
 */
GPtrArray *pf_snapshot_compare(PfSnapshot *before, PfSnapshot *after, PfSymbolizer *symbolizer,
                               gdouble noise) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(before) && PF_IS_SNAPSHOT(after), NULL);
    g_autoptr(GPtrArray) a = g_ptr_array_new();
    g_autoptr(GPtrArray) b = g_ptr_array_new();
    g_ptr_array_add(a, before);
    g_ptr_array_add(b, after);
    return pf_snapshots_compare(a, b, symbolizer, noise);
}

/**
 * pf_differences_sum:
 * @lines: (element-type PfDifference): what a comparison has found
 *
 * Compares all lines together, those that are new or gone too.  What lines of few timed calls cost is
 * less well known, and the limits say so; without an idea of more than 2 % of the calls there are none.
 *
 * Returns: (transfer full) (nullable): a row without names or latency; %NULL when there are no lines
 */
PfDifference *pf_differences_sum(GPtrArray *lines) {
    g_autoptr(GPtrArray) before = g_ptr_array_new();
    g_autoptr(GPtrArray) after = g_ptr_array_new();
    if (lines->len == 0) {
        return NULL;
    }
    for (guint i = 0; i < lines->len; i++) {
        const difference *line = g_ptr_array_index(lines, i);
        g_ptr_array_add(before, line->runs[0]);
        g_ptr_array_add(after, line->runs[1]);
    }
    const difference *first = g_ptr_array_index(lines, 0);
    difference *sum = difference_new("", "", "", (const guint[2]){0, 0});
    sum->row.place = g_strdup("");
    PfChange *changes[PF_CHANGES] = {&sum->row.calls, &sum->row.bytes, &sum->row.latency,
                                     &sum->row.cost};
    pf_totals_compare(before, after, first->noise, &first->machine, first->p, changes);
    return &sum->row;
}
