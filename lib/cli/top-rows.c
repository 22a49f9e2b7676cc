// SPDX-License-Identifier: Apache-2.0
// From a window's snapshot to rows that can be shown, sorted and compared.
#include "top-rows.h"
#include "top-text.h"
#include <math.h>
#include <string.h>

static const gchar *const tab_names[PF_TOP_TAB_COUNT] = {"functions", "sites", "threads", "streams",
                                                         "levels"};

const gchar *pf_top_tab_name(pf_top_tab tab) { return tab_names[tab]; }

gboolean pf_top_tab_find(const gchar *name, pf_top_tab *ret_tab) {
    for (guint i = 0; i < PF_TOP_TAB_COUNT; i++) {
        if (strcmp(name, tab_names[i]) == 0) {
            *ret_tab = (pf_top_tab)i;
            return TRUE;
        }
    }
    return FALSE;
}

static void row_free(gpointer data) {
    pf_top_row *self = data;
    self->release(self->source);
    g_free(self->key);
    g_free(self->name);
    g_free(self);
}

static pf_top_row *row_new(gpointer source, GDestroyNotify release) {
    pf_top_row *self = g_new0(pf_top_row, 1);
    self->source = source;
    self->release = release;
    self->cost_percent = self->error_percent = -1;
    self->p50_ns = self->p99_ns = self->max_ns = -1;
    self->why = self->level = -1;
    self->output_percent = self->share_percent = -1;
    return self;
}

// --- what all rows have

static gdouble quantile(const PfStats *stats, gdouble share) {
    gdouble ns = -1;
    return pf_stats_get_quantile_ns(stats, share, &ns) ? ns : -1;
}

// The part of the time that is largest; of the timed calls where the share is not known.
static void find_why(pf_top_row *row, const PfStats *stats) {
    gdouble whole = 0;
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        whole += (gdouble)stats->reasons[i].total_ns;
    }
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        const PfReasonShare *reason = &stats->reasons[i];
        gdouble share = reason->share >= 0 ? reason->share
                        : whole > 0        ? (gdouble)reason->total_ns / whole
                                           : 0;
        if (share * 100 > row->why_percent) {
            row->why = (gint)i;
            row->why_percent = share * 100;
        }
    }
}

static void set_rates(pf_top_row *row, gdouble calls, gdouble bytes, gdouble seconds) {
    row->calls = calls;
    row->calls_s = seconds > 0 ? calls / seconds : 0;
    row->bytes_s = seconds > 0 ? bytes / seconds : 0;
}

static void set_cost(pf_top_row *row, gdouble cost_ns, const PfEstimate *estimate,
                     gdouble seconds) {
    row->cost_percent = seconds > 0 ? cost_ns / seconds / 1e7 : 0;
    gdouble wide =
        MAX(estimate->high_ns - estimate->total_ns, estimate->total_ns - estimate->low_ns);
    row->is_refused =
        estimate->certainty == PF_CERTAINTY_TOO_FEW || estimate->certainty == PF_CERTAINTY_NONE;
    row->error_percent = row->is_refused                      ? -1
                         : estimate->total_ns > 0 && wide > 0 ? 100 * wide / estimate->total_ns
                                                              : 0;
}

static void set_stats(pf_top_row *row, const PfStats *stats, gdouble seconds) {
    row->stats = stats;
    set_rates(row, (gdouble)stats->message_count, (gdouble)stats->bytes, seconds);
    set_cost(row, pf_stats_get_cost_ns(stats), &stats->estimate, seconds);
    if (stats->message_count != 0 && stats->sampled_count == 0) {
        row->cost_percent = -1; // not nothing, but not known
    }
    row->p50_ns = quantile(stats, 0.5);
    row->p99_ns = quantile(stats, 0.99);
    row->max_ns = stats->sampled_count != 0 ? (gdouble)stats->max_ns : -1;
    find_why(row, stats);
}

// --- one kind after the other

static void add_functions(GPtrArray *rows, PfSnapshot *window, gdouble seconds) {
    GPtrArray *functions = pf_snapshot_get_functions(window);
    for (guint i = 0; i < functions->len; i++) {
        PfFunction *from = g_ptr_array_index(functions, i);
        if (from->stats.message_count == 0) {
            continue;
        }
        pf_top_row *row = row_new(pf_function_ref(from), (GDestroyNotify)pf_function_unref);
        row->key = g_strdup(from->name);
        row->name = g_strdup(from->name);
        row->function = from->name;
        set_stats(row, &from->stats, seconds);
        g_ptr_array_add(rows, row);
    }
}

static gchar *site_key(const PfRealSite *site, const gchar *name) {
    const PfCallSite *inner = site->site;
    return g_strdup_printf("%s %s %s %" G_GINT64_MODIFIER "x", site->function, name,
                           inner->module != NULL ? inner->module->path : "", inner->offset);
}

static void add_site(GPtrArray *rows, PfRealSite *from, gdouble seconds) {
    pf_top_row *row = row_new(pf_real_site_ref(from), (GDestroyNotify)pf_real_site_unref);
    g_autofree gchar *place = pf_top_text_place(from->place);
    g_autofree gchar *wrapper = from->wrapper != NULL && from->wrapper->function != NULL
                                    ? g_strdup_printf(" via %s", from->wrapper->function)
                                    : NULL;
    row->name = g_strconcat(place, wrapper, NULL);
    row->key = site_key(from, row->name);
    row->function = from->function;
    row->call_site = from->site;
    set_stats(row, &from->site->stats, seconds);
    set_rates(row, from->message_count, from->bytes, seconds);
    if (from->is_estimate) {
        // A share of the call site by call stacks: no interval stands behind it.
        set_cost(row, from->cost_ns, &(PfEstimate){.certainty = PF_CERTAINTY_TOO_FEW}, seconds);
        row->is_refused = from->total_ns < 0;
    }
    g_ptr_array_add(rows, row);
}

static void add_sites(GPtrArray *rows, PfSnapshot *window, PfSymbolizer *symbolizer,
                      gdouble seconds) {
    g_autoptr(GPtrArray) sites = pf_snapshot_get_real_sites(window, symbolizer);
    for (guint i = 0; i < sites->len; i++) {
        PfRealSite *site = g_ptr_array_index(sites, i);
        if (site->message_count > 0) {
            add_site(rows, site, seconds);
        }
    }
}

static void add_threads(GPtrArray *rows, PfSnapshot *window, gdouble seconds) {
    GPtrArray *threads = pf_snapshot_get_threads(window);
    gboolean several = pf_snapshot_get_processes(window)->len > 1;
    for (guint i = 0; i < threads->len; i++) {
        PfThread *from = g_ptr_array_index(threads, i);
        pf_top_row *row = row_new(pf_thread_ref(from), (GDestroyNotify)pf_thread_unref);
        row->key = g_strdup_printf("%u %u %s", from->pid, from->tid, from->name);
        row->name = from->tid == 0 ? g_strdup("(without a place)")
                    : several      ? g_strdup_printf("%u/%u %s", from->pid, from->tid, from->name)
                                   : g_strdup_printf("%u %s", from->tid, from->name);
        set_stats(row, &from->stats, seconds);
        row->output_percent = from->output_percent;
        row->output_is_limit = from->output_is_limit;
        row->in_call_ns = (gdouble)from->in_call_ns;
        row->function = from->in_call_ns != 0 ? from->in_call_function : NULL;
        g_ptr_array_add(rows, row);
    }
}

static gchar *stream_name(const PfStream *stream) {
    const gchar *kind = pf_stream_kind_to_string(stream->kind);
    if (stream->is_overflow && stream->kind == PF_STREAM_KIND_UNKNOWN) {
        return g_strdup("descriptors that are not open");
    }
    if (stream->is_overflow) {
        return g_strdup_printf("all further of kind %s", kind);
    }
    if (stream->kind == PF_STREAM_KIND_NONE) {
        return g_strdup(stream->stats.message_count > 0 ? "syslog, loggers" : "all streams");
    }
    if (stream->kind == PF_STREAM_KIND_MEMORY) {
        return g_strdup("stdio in memory");
    }
    return g_str_has_prefix(stream->name, kind) || *stream->name == '/'
               ? g_strdup_printf("%s (fd %d)", stream->name, stream->fd)
               : g_strdup_printf("%s %s (fd %d)", kind, stream->name, stream->fd);
}

static void add_streams(GPtrArray *rows, PfSnapshot *window, gdouble seconds) {
    GPtrArray *streams = pf_snapshot_get_streams(window);
    for (guint i = 0; i < streams->len; i++) {
        PfStream *from = g_ptr_array_index(streams, i);
        if (from->stats.message_count + from->flushes.message_count == 0) {
            continue;
        }
        pf_top_row *row = row_new(pf_stream_ref(from), (GDestroyNotify)pf_stream_unref);
        row->name = stream_name(from);
        row->is_path = TRUE;
        row->key = g_strdup(row->name);
        set_stats(row, &from->stats, seconds);
        g_ptr_array_add(rows, row);
    }
}

static void add_levels(GPtrArray *rows, PfSnapshot *window, gdouble seconds) {
    GPtrArray *levels = pf_snapshot_get_levels(window);
    gdouble whole = 0;
    for (guint i = 0; i < levels->len; i++) {
        whole += ((PfLevelCount *)g_ptr_array_index(levels, i))->message_count;
    }
    for (guint i = 0; i < levels->len; i++) {
        PfLevelCount *from = g_ptr_array_index(levels, i);
        pf_top_row *row = row_new(pf_level_count_ref(from), (GDestroyNotify)pf_level_count_unref);
        row->key = g_strdup(from->name);
        row->name = g_strdup(from->level == PF_LEVELS - 1 ? "(no level found)" : from->name);
        row->level = (gint)from->level;
        set_rates(row, from->message_count, 0, seconds);
        row->share_percent = whole > 0 ? 100 * from->message_count / whole : 0;
        g_ptr_array_add(rows, row);
    }
}

GPtrArray *pf_top_rows_new(PfSnapshot *window, pf_top_tab tab, PfSymbolizer *symbolizer) {
    GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
    gdouble seconds = pf_snapshot_get_uptime_seconds(window);
    switch (tab) {
    case PF_TOP_TAB_SITES: add_sites(rows, window, symbolizer, seconds); break;
    case PF_TOP_TAB_THREADS: add_threads(rows, window, seconds); break;
    case PF_TOP_TAB_STREAMS: add_streams(rows, window, seconds); break;
    case PF_TOP_TAB_LEVELS: add_levels(rows, window, seconds); break;
    default: add_functions(rows, window, seconds); break;
    }
    return rows;
}

// --- comparing and choosing

void pf_top_rows_compare(GPtrArray *rows, GPtrArray *before) {
    g_autoptr(GHashTable) by_key = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < before->len; i++) {
        pf_top_row *row = g_ptr_array_index(before, i);
        g_hash_table_insert(by_key, row->key, row);
    }
    for (guint i = 0; i < rows->len; i++) {
        pf_top_row *row = g_ptr_array_index(rows, i);
        const pf_top_row *old = g_hash_table_lookup(by_key, row->key);
        row->has_change = TRUE;
        row->calls_change_percent =
            old == NULL || old->calls_s <= 0 ? INFINITY : 100 * (row->calls_s / old->calls_s - 1);
        gboolean known = old == NULL || (row->cost_percent >= 0 && old->cost_percent >= 0);
        row->cost_change = !known        ? NAN
                           : old == NULL ? INFINITY
                                         : row->cost_percent - old->cost_percent;
    }
}

static gboolean holds(const gchar *text, const gchar *folded_part) {
    if (text == NULL) {
        return FALSE;
    }
    g_autofree gchar *folded = g_utf8_casefold(text, -1);
    return strstr(folded, folded_part) != NULL;
}

void pf_top_rows_filter(GPtrArray *rows, const gchar *text) {
    g_autofree gchar *part = g_utf8_casefold(text, -1);
    for (guint i = rows->len; i-- > 0;) {
        const pf_top_row *row = g_ptr_array_index(rows, i);
        if (!holds(row->name, part) && !holds(row->function, part)) {
            g_ptr_array_remove_index(rows, i);
        }
    }
}
