// SPDX-License-Identifier: Apache-2.0
// The upper part of a row's details: figures, reasons, histogram.
#include "top-details.h"
#include "top-text.h"
#include <math.h>

static void line_free(gpointer data) {
    pf_top_line *self = data;
    g_free(self->text);
    g_free(self);
}

void pf_top_lines_add(GPtrArray *lines, pf_top_style style, const gchar *format, ...) {
    va_list arguments;
    pf_top_line *line = g_new0(pf_top_line, 1);
    va_start(arguments, format);
    line->style = style;
    line->text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(lines, line);
}

// --- figures

static void add_total(GPtrArray *lines, const PfStats *stats) {
    const PfEstimate *estimate = &stats->estimate;
    g_autofree gchar *total = pf_top_text_time(estimate->total_ns);
    g_autofree gchar *low = pf_top_text_time(estimate->low_ns);
    g_autofree gchar *high = pf_top_text_time(estimate->high_ns);
    switch (estimate->certainty) {
    case PF_CERTAINTY_EXACT:
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  time     %s, every call was timed", total);
        break;
    case PF_CERTAINTY_INTERVAL:
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  time     %s (95 %%: %s to %s)", total, low,
                         high);
        break;
    default:
        pf_top_lines_add(lines, PF_TOP_STYLE_DIM,
                         "  time     not enough timed calls for an honest number");
        break;
    }
}

static void add_figures(GPtrArray *lines, const pf_top_row *row) {
    const PfStats *stats = row->stats;
    g_autofree gchar *calls = pf_top_text_count(row->calls);
    g_autofree gchar *rate = pf_top_text_count(row->calls_s);
    g_autofree gchar *bytes = pf_top_text_bytes((gdouble)stats->bytes);
    g_autofree gchar *timed = pf_top_text_count((gdouble)stats->sampled_count);
    pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  calls    %s   (%s a second, %s timed)", calls,
                     rate, timed);
    if (stats->bytes_unknown_count == 0) {
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  bytes    %s", bytes);
    }
    add_total(lines, stats);
    if (stats->charged_flush_ns > 0) {
        g_autofree gchar *flush = pf_top_text_time(stats->charged_flush_ns);
        pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "  flushes  %s more, of what it had buffered",
                         flush);
    }
    if (stats->error_count != 0) {
        pf_top_lines_add(lines, PF_TOP_STYLE_WARN, "  failed   %" G_GUINT64_FORMAT " calls",
                         stats->error_count);
    }
}

static void add_quantiles(GPtrArray *lines, const PfStats *stats) {
    static const struct {
        const gchar *name;
        gdouble share;
    } wanted[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    GString *text = g_string_new("  latency ");
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        gdouble ns = -1;
        pf_stats_get_quantile_ns(stats, wanted[i].share, &ns);
        g_autofree gchar *time = pf_top_text_time(ns);
        g_string_append_printf(text, " %s %s  ", wanted[i].name, time);
    }
    g_autofree gchar *most = pf_top_text_time((gdouble)stats->max_ns);
    g_string_append_printf(text, " max %s", most);
    pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "%s", text->str);
    g_string_free(text, TRUE);
}

// --- bars

static gchar *bar(gdouble share, guint width) {
    GString *text = g_string_new(NULL);
    gdouble eighths = CLAMP(share, 0, 1) * width * 8;
    guint whole = (guint)(eighths / 8);
    for (guint i = 0; i < whole; i++) {
        g_string_append(text, "█");
    }
    guint rest = (guint)eighths % 8;
    if (whole == 0 && rest == 0 && share > 0) {
        rest = 1; // a rare slow call is what people look for
    }
    if (rest != 0) {
        g_string_append_unichar(text, 0x2590 - rest);
    }
    return g_string_free(text, FALSE);
}

static void add_reasons(GPtrArray *lines, const PfStats *stats, guint width) {
    gboolean any = FALSE;
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        any |= stats->reasons[i].count != 0;
    }
    if (!any) {
        return;
    }
    pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "%s", "");
    pf_top_lines_add(lines, PF_TOP_STYLE_BOLD, "where the time went");
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        const PfReasonShare *reason = &stats->reasons[i];
        if (reason->count == 0) {
            continue;
        }
        g_autofree gchar *count = pf_top_text_count((gdouble)reason->count);
        g_autofree gchar *drawn = bar(reason->share, MAX(width, 70) - 58);
        if (reason->share >= 0) {
            pf_top_lines_add(lines, PF_TOP_STYLE_BAR,
                             "  %-8s %5.1f %% (95 %%: %3.0f to %3.0f)  %7s timed  %s",
                             pf_reason_to_string((PfReason)i), 100 * reason->share,
                             100 * reason->low, 100 * reason->high, count, drawn);
        } else {
            pf_top_lines_add(lines, PF_TOP_STYLE_DIM, "  %-8s       – %%  %21s timed",
                             pf_reason_to_string((PfReason)i), count);
        }
    }
}

// A line for each octave: the sixteen buckets of one are too fine for the eye.
static void add_histogram(GPtrArray *lines, const PfStats *stats, guint width) {
    gdouble sums[65] = {0};
    gint first = 64;
    gint last = -1;
    gdouble most = 0;
    guint count = stats->histogram != NULL ? pf_histogram_get_bucket_count(stats->histogram) : 0;
    for (guint i = 0; i < count; i++) {
        guint64 low;
        gdouble weight;
        pf_histogram_get_bucket(stats->histogram, i, &low, NULL, NULL, &weight);
        gint octave = low == 0 ? 0 : 63 - __builtin_clzll(low);
        sums[octave] += weight;
        most = MAX(most, sums[octave]);
        if (weight > 0) {
            first = MIN(first, octave);
            last = MAX(last, octave);
        }
    }
    if (last < 0) {
        return;
    }
    pf_top_lines_add(lines, PF_TOP_STYLE_PLAIN, "%s", "");
    pf_top_lines_add(lines, PF_TOP_STYLE_BOLD,
                     "latencies, all calls (estimated from the timed ones)");
    gdouble whole = pf_histogram_get_weight(stats->histogram);
    for (gint octave = first; octave <= last; octave++) {
        g_autofree gchar *from = pf_top_text_time(octave == 0 ? 0 : ldexp(1, octave));
        g_autofree gchar *calls = pf_top_text_count(round(sums[octave]));
        g_autofree gchar *drawn = bar(sums[octave] / most, MAX(width, 50) - 36);
        g_autofree gchar *cell = pf_top_text_fit(from, 9, TRUE);
        pf_top_lines_add(lines, PF_TOP_STYLE_BAR, " %s  %7s %5.1f %%  %s", cell, calls,
                         100 * sums[octave] / whole, drawn);
    }
}

static void add_errors(GPtrArray *lines, const PfFunction *function) {
    if (function->errors->len == 0) {
        return;
    }
    GString *text = g_string_new("  errors  ");
    for (guint i = 0; i < function->errors->len; i++) {
        const PfErrorCount *error = g_ptr_array_index(function->errors, i);
        g_string_append_printf(text, " %s %" G_GUINT64_FORMAT, error->name, error->count);
    }
    pf_top_lines_add(lines, PF_TOP_STYLE_WARN, "%s", text->str);
    g_string_free(text, TRUE);
}

GPtrArray *pf_top_details_new(PfSnapshot *window, PfSymbolizer *symbolizer, const pf_top_row *row,
                              guint width) {
    GPtrArray *lines = g_ptr_array_new_with_free_func(line_free);
    if (row->stats != NULL && row->stats->message_count != 0) {
        add_figures(lines, row);
        if (row->stats->sampled_count != 0) {
            add_quantiles(lines, row->stats);
        }
        if (row->release == (GDestroyNotify)pf_function_unref) {
            add_errors(lines, row->source);
        }
        add_reasons(lines, row->stats, width);
        add_histogram(lines, row->stats, width);
    }
    pf_top_details_add_places(lines, window, symbolizer, row);
    if (lines->len == 0) {
        pf_top_lines_add(lines, PF_TOP_STYLE_DIM, "  nothing in this window");
    }
    return lines;
}
