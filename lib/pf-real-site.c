// SPDX-License-Identifier: Apache-2.0
// Charges messages to the lines that are to blame: call sites, shared out by call stacks.
#include "pf-call-path.h"
#include "pf-pair-map.h"
#include "pf-rows-private.h"
#include "pf-snapshot-private.h"

// Paths of one call site.
typedef struct {
    GPtrArray *paths; // pf_path
    gdouble weight;
    gdouble time;
} site_paths;

static void site_paths_free(gpointer data) {
    site_paths *self = data;
    g_ptr_array_unref(self->paths);
    g_free(self);
}

static GHashTable *sort_paths(const pf_paths *paths) {
    GHashTable *sites = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, site_paths_free);
    for (guint i = 0; i < paths->paths->len; i++) {
        pf_path *path = g_ptr_array_index(paths->paths, i);
        const PfFrame *frame = &path->stack->frames[0];
        gchar *key = pf_site_key(path->stack->function, frame->module, frame->address);
        site_paths *site = g_hash_table_lookup(sites, key);
        if (site == NULL) {
            site = g_new0(site_paths, 1);
            site->paths = g_ptr_array_new();
            g_hash_table_insert(sites, g_strdup(key), site);
        }
        g_free(key);
        g_ptr_array_add(site->paths, path);
        site->weight += path->stack->weight;
        site->time += pf_stack_time(path->stack);
    }
    return sites;
}

typedef struct {
    pf_paths paths;
    pf_pair_map row_of; // function and line, wrapper's line -> index into rows
    GPtrArray *rows;
    GArray *unknown; // for each row, calls of sites without an estimate (gdouble)
} charging;

static guint row_for(charging *self, PfCallSite *site, PfPlace *place, PfPlace *wrapper) {
    guint function = pf_paths_number(&self->paths, site->function);
    guint64 line = pf_paths_line_of(&self->paths, place);
    guint64 via = wrapper != NULL ? pf_paths_line_of(&self->paths, wrapper) : 0;
    uint32_t *index = pf_pair_map_at(&self->row_of, (guint64)function << 32 | line, via);
    if (*index == PF_PAIR_NEW) {
        PfRealSite *row = pf_real_site_new();
        row->function = site->function;
        row->place = pf_place_ref(place);
        row->wrapper = wrapper != NULL ? pf_place_ref(wrapper) : NULL;
        row->site = pf_call_site_ref(site);
        *index = self->rows->len;
        g_ptr_array_add(self->rows, row);
        g_array_set_size(self->unknown, self->rows->len);
    }
    return *index;
}

static void charge(charging *self, guint index, const PfCallSite *site, gdouble share,
                   gdouble time_share) {
    const PfStats *stats = &site->stats;
    PfRealSite *row = g_ptr_array_index(self->rows, index);
    gdouble *unknown = &g_array_index(self->unknown, gdouble, index);
    row->message_count += share * (gdouble)stats->message_count;
    row->bytes += share * (gdouble)stats->bytes;
    row->cost_ns += time_share * pf_stats_get_cost_ns(stats);
    row->charged_flush_ns += share * stats->charged_flush_ns;
    *unknown += pf_stats_has_estimate(stats) ? 0 : share * (gdouble)stats->message_count;
}

// The row of a path: the step that is charged, by way of the last wrapper, or of a library.
static guint row_of_path(charging *self, PfCallSite *site, const pf_path *path) {
    const pf_step *steps = (const pf_step *)(void *)path->steps->data;
    PfPlace *wrapper = path->wrapper >= 0 ? steps[path->wrapper].place
                       : path->real > 0   ? steps[0].place
                                          : NULL;
    return row_for(self, site, steps[path->real].place, wrapper);
}

// By the weights of its stacks.  Where all stacks lead to one line that is exact, wherever it lies.
static void charge_by_paths(charging *self, PfCallSite *site, const site_paths *of) {
    guint first = row_of_path(self, site, g_ptr_array_index(of->paths, 0));
    gboolean several = FALSE;
    for (guint i = 0; i < of->paths->len; i++) {
        const pf_path *path = g_ptr_array_index(of->paths, i);
        several |= row_of_path(self, site, path) != first;
    }
    for (guint i = 0; i < of->paths->len; i++) {
        const pf_path *path = g_ptr_array_index(of->paths, i);
        guint index = row_of_path(self, site, path);
        PfRealSite *row = g_ptr_array_index(self->rows, index);
        gdouble share = path->stack->weight / of->weight;
        gdouble time = of->time > 0 ? pf_stack_time(path->stack) / of->time : share;
        charge(self, index, site, share, time);
        row->stack_count += path->stack->taken;
        row->is_estimate |= several;
    }
}

#define MOST_UNKNOWN 0.02 // share of calls without an estimate, as in pf-estimate.c

static void finish(charging *self) {
    for (guint i = 0; i < self->rows->len; i++) {
        PfRealSite *row = g_ptr_array_index(self->rows, i);
        gdouble unknown = g_array_index(self->unknown, gdouble, i);
        row->total_ns = unknown <= MOST_UNKNOWN * row->message_count ? row->cost_ns : -1;
    }
}

static gint dearer_first(gconstpointer a, gconstpointer b) {
    const PfRealSite *one = *(PfRealSite *const *)a;
    const PfRealSite *other = *(PfRealSite *const *)b;
    if (one->cost_ns != other->cost_ns) {
        return one->cost_ns < other->cost_ns ? 1 : -1;
    }
    return one->message_count < other->message_count   ? 1
           : one->message_count > other->message_count ? -1
                                                       : 0;
}

static GPtrArray *blame(PfSnapshot *self, PfSymbolizer *symbolizer, gboolean with_flushes) {
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    GPtrArray *stacks = pf_snapshot_get_stacks(self);
    charging work = {.rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_real_site_unref),
                     .unknown = g_array_new(FALSE, TRUE, sizeof(gdouble))};
    pf_paths_init(&work.paths, used);
    pf_pair_map_init(&work.row_of, 256);
    for (guint i = 0; i < stacks->len; i++) {
        const PfStack *stack = g_ptr_array_index(stacks, i);
        if (stack->depth > 0 && stack->weight > 0) {
            pf_paths_add(&work.paths, stack);
        }
    }
    pf_paths_settle(&work.paths);
    g_autoptr(GHashTable) sites = sort_paths(&work.paths);
    for (guint i = 0; i < pf_snapshot_tables(self)->call_sites->len; i++) {
        PfCallSite *site = g_ptr_array_index(pf_snapshot_tables(self)->call_sites, i);
        if (!site->is_message && !with_flushes) {
            continue;
        }
        g_autofree gchar *key = pf_site_key(site->function, site->module, site->address);
        const site_paths *of = g_hash_table_lookup(sites, key);
        if (of != NULL) {
            charge_by_paths(&work, site, of);
            continue;
        }
        g_autoptr(PfPlace) place = pf_symbolizer_find_return(used, site->module, site->address);
        charge(&work, row_for(&work, site, place, NULL), site, 1, 1);
    }
    finish(&work);
    g_ptr_array_sort(work.rows, dearer_first);
    g_array_unref(work.unknown);
    pf_pair_map_clear(&work.row_of);
    pf_paths_clear(&work.paths);
    return work.rows;
}

GPtrArray *pf_snapshot_find_dearest_lines(PfSnapshot *self, PfSymbolizer *symbolizer) {
    return blame(self, symbolizer, TRUE);
}

/**
 * pf_snapshot_get_real_sites:
 * @self: a snapshot
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 *
 * Charges messages to the lines of the program that are to blame for them.  Frames of libc, of language
 * runtimes and of known loggers are skipped, and so are functions that the call stacks show to be
 * logging wrappers: many lines call them, and they pass the messages on through few lines of their own.
 * Where one call site serves several lines, its numbers are shared out by the weights of its call
 * stacks, and the rows say on how many stacks that stands.
 *
 * Returns: (transfer container) (element-type PfRealSite): the lines, dearest first
 */
GPtrArray *pf_snapshot_get_real_sites(PfSnapshot *self, PfSymbolizer *symbolizer) {
    return blame(self, symbolizer, FALSE);
}
