// SPDX-License-Identifier: Apache-2.0
// What has a place in the program's code, as a person reads it: lines, scopes, the slowest calls.
#include "pf-snapshot-text.h"
#include <string.h>

#define MOST_SITES 12u
#define MOST_SLOWEST 5u

// `src/log.c:88 in log_line`: with as much of the file's path as there is room for, one folder at most.
static gchar *short_place(const PfPlace *place, guint columns) {
    if (place->file == NULL) {
        return pf_place_to_string(place);
    }
    const gchar *start = place->file + strlen(place->file);
    gchar *text = NULL;
    for (guint slashes = 0; slashes < 2 && start > place->file; slashes++) {
        for (start--; start > place->file && *start != '/'; start--) {
        }
        g_autofree gchar *longer = g_strdup_printf(
            "%s:%u%s%s", start + (*start == '/'), place->line,
            place->function != NULL ? " in " : "", place->function != NULL ? place->function : "");
        if (text == NULL || g_utf8_strlen(longer, -1) <= (glong)columns) {
            g_free(text);
            text = g_steal_pointer(&longer);
        }
    }
    return text != NULL ? text : pf_place_to_string(place);
}

static gdouble share_of(const PfStats *stats, PfReason reason) {
    gdouble share = stats->reasons[reason].share;
    return share < 0 ? -1 : 100 * share;
}

static void put_site(pf_text *text, const PfRealSite *site) {
    const PfStats *stats = &site->site->stats;
    guint columns = 27 + pf_text_spare(text);
    g_autofree gchar *place = short_place(site->place, columns);
    pf_text_add(text, "  ");
    pf_text_left(text, columns, place);
    pf_text_add(text, " ");
    pf_text_left(text, 10, site->function);
    pf_text_right(text, 1, site->is_estimate ? "~" : " ");
    pf_text_count(text, 7, site->message_count);
    pf_text_duration(text, 8, site->total_ns);
    for (guint reason = PF_REASON_FLUSH; reason < PF_REASON_COUNT; reason++) {
        // Of the call site as a whole; what each of several lines has of it is not known.
        pf_text_percent(text, 6 + (reason == PF_REASON_BLOCKED),
                        site->is_estimate ? -1 : share_of(stats, (PfReason)reason));
    }
    pf_text_add(text, "\n");
    if (site->wrapper != NULL) {
        g_autofree gchar *via = short_place(site->wrapper, 50);
        pf_text_add(text, "      via ");
        pf_text_left(text, 50, via);
        pf_text_format(text, " %" G_GUINT64_FORMAT " %s\n", site->stack_count,
                       site->stack_count == 1 ? "stack" : "stacks");
    }
}

void pf_snapshot_text_sites(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer) {
    g_autoptr(GPtrArray) sites = pf_snapshot_find_dearest_lines(self, symbolizer);
    if (sites->len == 0) {
        return;
    }
    g_autofree gchar *title =
        g_strdup_printf("  hottest lines%*s calls   total flush  lock blocked",
                        (int)(29 + pf_text_spare(text)), "");
    pf_text_heading(text, title);
    for (guint i = 0; i < sites->len && i < MOST_SITES; i++) {
        put_site(text, g_ptr_array_index(sites, i));
    }
    pf_text_more(text, sites->len, MOST_SITES, "lines");
}

void pf_snapshot_text_scopes(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer) {
    const GPtrArray *scopes = pf_snapshot_tables(self)->scopes;
    if (scopes->len == 0) {
        return;
    }
    pf_text_heading(text,
                    "  profiled scopes                    calls   total     p50     p99  output");
    for (guint i = 0; i < scopes->len && i < MOST_SITES; i++) {
        const PfScope *scope = g_ptr_array_index(scopes, i);
        g_autofree gchar *title = pf_scope_title(scope, symbolizer);
        gdouble p50 = -1;
        gdouble p99 = -1;
        pf_stats_get_quantile_ns(&scope->stats, 0.5, &p50);
        pf_stats_get_quantile_ns(&scope->stats, 0.99, &p99);
        pf_text_add(text, "  ");
        pf_text_left(text, 32, title);
        pf_text_count(text, 7, (gdouble)scope->stats.message_count);
        pf_text_duration(text, 7, pf_snapshot_text_total(&scope->stats));
        pf_text_duration(text, 7, p50);
        pf_text_duration(text, 7, p99);
        pf_text_percent(text, 7, scope->output_share < 0 ? -1 : 100 * scope->output_share);
        if (scope->open_count != 0) {
            pf_text_format(text, "  %" G_GUINT64_FORMAT " never ended", scope->open_count);
        }
        pf_text_add(text, "\n");
    }
    pf_text_more(text, scopes->len, MOST_SITES, "scopes");
}

void pf_snapshot_text_slowest(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer) {
    const GPtrArray *slowest = pf_snapshot_get_slowest(self);
    if (slowest->len == 0) {
        return;
    }
    pf_text_heading(text, "  slowest calls");
    for (guint i = 0; i < slowest->len && i < MOST_SLOWEST; i++) {
        const PfEvent *event = g_ptr_array_index(slowest, i);
        g_autoptr(PfPlace) place =
            pf_symbolizer_find_return(symbolizer, event->module, event->address);
        g_autofree gchar *where = short_place(place, 40 + pf_text_spare(text));
        g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(event->unix_ns / 1000000000);
        g_autofree gchar *clock =
            time != NULL ? g_date_time_format(time, "%H:%M:%S") : g_strdup("–");
        pf_text_add(text, " ");
        pf_text_duration(text, 9, (gdouble)event->duration_ns);
        pf_text_format(text, "  %s  ", clock);
        pf_text_left(text, 9, event->function);
        pf_text_add(text, " ");
        pf_text_left(text, 8, pf_reason_to_string(event->reason));
        pf_text_left(text, 40 + pf_text_spare(text), where);
        g_string_truncate(text->text, strlen(g_strchomp(text->text->str)));
        pf_text_add(text, "\n");
    }
}
