// SPDX-License-Identifier: Apache-2.0
// The lower part of a row's details: call sites, what they say, call stacks.
#include "top-details.h"
#include "top-text.h"
#include <string.h>

#define MOST_SITES 12u
#define MOST_STACKS 8u
#define MOST_TEMPLATES 6u

static void heading(GPtrArray *lines, const gchar *text) {
    pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "%s", "");
    pf_top_lines_add(lines, PF_TOP_STYLE_BOLD, "%s", text);
}

// --- which call sites belong to a row

static const PfStream *as_stream(const pf_top_row *row) {
    return row->release == (GDestroyNotify)pf_stream_unref ? row->source : NULL;
}

static gboolean writes_to(const PfCallSite *site, const PfStream *stream) {
    for (guint i = 0; i < site->streams->len; i++) {
        if (g_array_index(site->streams, guint, i) == stream->id) {
            return TRUE;
        }
    }
    return FALSE;
}

// Calls of a site that belong to the row; 0: none do, or nobody knows.
static gdouble calls_of(const PfCallSite *site, const pf_top_row *row) {
    if (row->level >= 0) {
        gdouble timed = (gdouble)site->stats.sampled_count;
        return timed > 0 ? (gdouble)site->stats.levels[row->level] / timed *
                               (gdouble)site->stats.message_count
                         : 0;
    }
    if (as_stream(row) != NULL) {
        return writes_to(site, as_stream(row)) ? (gdouble)site->stats.message_count : 0;
    }
    return row->release == (GDestroyNotify)pf_function_unref &&
                   strcmp(site->function, row->function) == 0
               ? (gdouble)site->stats.message_count
               : 0;
}

static void add_sites(GPtrArray *lines, PfSnapshot *window, PfSymbolizer *symbolizer,
                      const pf_top_row *row) {
    GPtrArray *sites = pf_snapshot_get_call_sites(window);
    guint shown = 0;
    for (guint i = 0; i < sites->len && shown < MOST_SITES; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        gdouble calls = calls_of(site, row);
        if (calls <= 0) {
            continue;
        }
        if (shown++ == 0) {
            heading(lines, "call sites");
        }
        g_autoptr(PfPlace) place =
            pf_symbolizer_find_return(symbolizer, site->module, site->address);
        g_autofree gchar *name =
            place != NULL ? pf_top_text_place(place) : g_strdup("(without a place)");
        g_autofree gchar *count = pf_top_text_count(calls);
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  %7s  %-18s %s", count, site->function, name);
    }
}

// --- one call site

static void add_streams(GPtrArray *lines, PfSnapshot *window, const PfCallSite *site) {
    GPtrArray *streams = pf_snapshot_get_streams(window);
    guint shown = 0;
    for (guint i = 0; i < streams->len && shown < MOST_SITES; i++) {
        const PfStream *stream = g_ptr_array_index(streams, i);
        if (!writes_to(site, stream)) {
            continue;
        }
        if (shown++ == 0) {
            heading(lines, "writes to");
        }
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  %s %s",
                         pf_stream_kind_to_string(stream->kind), stream->name);
    }
}

static void add_templates(GPtrArray *lines, const PfCallSite *site) {
    for (guint i = 0; i < site->templates->len && i < MOST_TEMPLATES; i++) {
        const PfTemplateCount *template = g_ptr_array_index(site->templates, i);
        if (i == 0) {
            heading(lines, "what it says");
        }
        g_autofree gchar *count = pf_top_text_count(template->message_count);
        g_autofree gchar *text = g_strescape(template->text, NULL);
        if (*text != 0) {
            pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  %7s  \"%s\"", count, text);
        } else {
            pf_top_lines_add(lines, PF_TOP_STYLE_DIM, "  %7s  (the text was not kept)", count);
        }
    }
}

// --- call stacks

static void add_stack(GPtrArray *lines, PfSymbolizer *symbolizer, const PfStack *stack,
                      gdouble whole) {
    pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN,
                     "  %.0f %% of the calls, %" G_GUINT64_FORMAT " stack%s taken",
                     100 * stack->weight / whole, stack->taken, stack->taken == 1 ? "" : "s");
    for (guint i = 0; i < stack->depth; i++) {
        const PfFrame *frame = &stack->frames[i];
        g_autoptr(PfPlace) place =
            pf_symbolizer_find_return(symbolizer, frame->module, frame->address);
        g_autofree gchar *name = place != NULL
                                     ? pf_top_text_place(place)
                                     : g_strdup_printf("0x%" G_GINT64_MODIFIER "x", frame->address);
        pf_top_lines_add(lines, i == 0 ? PF_TOP_STYLE_PLAIN : PF_TOP_STYLE_DIM, "    %2u  %s", i,
                         name);
    }
}

static void add_stacks(GPtrArray *lines, PfSnapshot *window, PfSymbolizer *symbolizer,
                       const PfCallSite *site) {
    g_autoptr(GPtrArray) mine = pf_snapshot_get_stacks_of(window, site);
    gdouble whole = 0;
    for (guint i = 0; i < mine->len; i++) {
        whole += ((const PfStack *)g_ptr_array_index(mine, i))->weight;
    }
    heading(lines, "call stacks, since the start");
    if (mine->len == 0 || whole <= 0) {
        pf_top_lines_add(lines, PF_TOP_STYLE_DIM, "  none was taken");
        return;
    }
    for (guint i = 0; i < mine->len && i < MOST_STACKS; i++) {
        add_stack(lines, symbolizer, g_ptr_array_index(mine, i), whole);
    }
    if (mine->len > MOST_STACKS) {
        pf_top_lines_add(lines, PF_TOP_STYLE_DIM, "  and %u more", mine->len - MOST_STACKS);
    }
}

static void add_stall(GPtrArray *lines, const PfThread *thread) {
    if (thread->longest_stall_ns != 0) {
        g_autofree gchar *time = pf_top_text_time((gdouble)thread->longest_stall_ns);
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "%s", "");
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  its longest call: %s in %s", time,
                         thread->longest_stall_function);
    }
    if (thread->in_call_ns != 0) {
        g_autofree gchar *time = pf_top_text_time((gdouble)thread->in_call_ns);
        pf_top_lines_add(lines, PF_TOP_STYLE_WARN, "  in a call since %s: %s", time,
                         thread->in_call_function != NULL ? thread->in_call_function : "?");
    }
}

void pf_top_details_add_places(GPtrArray *lines, PfSnapshot *window, PfSymbolizer *symbolizer,
                               const pf_top_row *row) {
    if (row->release == (GDestroyNotify)pf_thread_unref) {
        add_stall(lines, row->source);
    } else if (row->call_site != NULL) {
        add_streams(lines, window, row->call_site);
        add_templates(lines, row->call_site);
        add_stacks(lines, window, symbolizer, row->call_site);
    } else {
        add_sites(lines, window, symbolizer, row);
    }
}
