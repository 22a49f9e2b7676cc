// SPDX-License-Identifier: Apache-2.0
// One text, or one JSON object on one line, for each interval.
#include "top-batch.h"
#include "top-columns.h"
#include "top-text.h"
#include <stdio.h>
#include <string.h>

#define MOST_ROWS 10u

// --- JSON

static void append_object(GString *text, const gchar *name, PfSnapshot *snapshot,
                          PfSymbolizer *symbolizer) {
    g_autofree gchar *json = pf_snapshot_to_json(snapshot, symbolizer);
    g_string_append_printf(text, ",\"%s\":%s", name, g_strchomp(json));
}

static const gchar *state_of(pf_top_model *model) {
    const PfProcess *process = pf_snapshot_get_process(pf_top_model_get_now(model));
    return process != NULL ? pf_process_state_to_string(process->state) : "none";
}

static void put_json(pf_top_model *model, GString *text) {
    PfSymbolizer *symbolizer = pf_top_model_get_symbolizer(model);
    gint64 now_us = g_get_real_time();
    g_string_append_printf(text,
                           "{\"schema_version\":1,\"time\":%" G_GINT64_FORMAT ".%06d,"
                           "\"interval_seconds\":%.6f,\"state\":\"%s\",\"running_count\":%u",
                           now_us / G_USEC_PER_SEC, (gint)(now_us % G_USEC_PER_SEC),
                           pf_top_model_get_window_seconds(model), state_of(model),
                           pf_top_model_count_running(model));
    append_object(text, "interval", pf_top_model_get_window(model), symbolizer);
    append_object(text, "total", pf_top_model_get_now(model), symbolizer);
    g_string_append(text, "}\n");
}

// --- text

static void put_heading(pf_top_model *model, GString *text) {
    const PfProcess *process = pf_snapshot_get_process(pf_top_model_get_now(model));
    PfSnapshot *window = pf_top_model_get_window(model);
    const PfStats *messages = pf_snapshot_get_messages(window);
    gdouble seconds = pf_top_model_get_window_seconds(model);
    gdouble each = seconds > 0 ? 1 / seconds : 0;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree gchar *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_autofree gchar *calls = pf_top_text_count((gdouble)messages->message_count * each);
    g_autofree gchar *bytes = pf_top_text_bytes_with_unit((gdouble)messages->bytes * each);
    g_autofree gchar *share = pf_top_text_percent(pf_stats_get_cost_ns(messages) * each / 1e7);
    if (pf_top_model_is_merged(model) || process == NULL) {
        g_string_append_printf(text, "%s  %u processes", time, pf_top_model_count_running(model));
    } else {
        g_string_append_printf(text, "%s  pid %u  %s  %s", time, process->pid, process->program,
                               state_of(model));
    }
    g_string_append_printf(text, "\n  %s messages/s  %s/s  output %s%s %% of wall\n", calls, bytes,
                           pf_stats_has_estimate(messages) ? "" : "≈", share);
}

static void put_line(GString *text, const pf_top_layout *layout, const pf_top_row *row) {
    GString *line = g_string_new(NULL);
    for (guint i = 0; i < layout->count; i++) {
        const pf_top_column *by = layout->column[i];
        guint width = layout->width[i] - (i > 0);
        g_autofree gchar *cell =
            row != NULL ? pf_top_column_text(by, row, width) : g_strdup(pf_top_column_title(by));
        g_autofree gchar *fitted = pf_top_text_fit(cell, width, pf_top_column_is_right(by));
        g_string_append(line, i > 0 ? " " : "");
        g_string_append(line, fitted);
    }
    g_string_append_printf(text, "  %s\n", g_strchomp(line->str));
    g_string_free(line, TRUE);
}

static void put_table(pf_top_model *model, const pf_top_batch *how, pf_top_tab tab, GString *text) {
    g_autoptr(GPtrArray) rows =
        pf_top_rows_new(pf_top_model_get_window(model), tab, pf_top_model_get_symbolizer(model));
    pf_top_rows_sort(rows, pf_top_column_default(tab), FALSE);
    pf_top_layout layout = pf_top_layout_for(tab, how->width - 2, FALSE, NULL);
    put_line(text, &layout, NULL);
    for (guint i = 0; i < rows->len && i < MOST_ROWS; i++) {
        put_line(text, &layout, g_ptr_array_index(rows, i));
    }
    if (rows->len > MOST_ROWS) {
        g_string_append_printf(text, "  and %u more\n", rows->len - MOST_ROWS);
    }
}

static void put_text(pf_top_model *model, const pf_top_batch *how, GString *text) {
    put_heading(model, text);
    if (how->has_tab) {
        put_table(model, how, how->tab, text);
    } else {
        put_table(model, how, PF_TOP_TAB_FUNCTIONS, text);
        put_table(model, how, PF_TOP_TAB_SITES, text);
    }
    g_string_append_c(text, '\n');
    if (!how->unicode) {
        // Line by line: an end of line is no sign.
        g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
        for (guint i = 0; lines[i] != NULL; i++) {
            gchar *plain = pf_top_text_ascii(lines[i]);
            g_free(lines[i]);
            lines[i] = plain;
        }
        g_autofree gchar *joined = g_strjoinv("\n", lines);
        g_string_assign(text, joined);
    }
}

// --- the loop

static gboolean print(pf_top_model *model, const pf_top_batch *how) {
    g_autoptr(GString) text = g_string_new(NULL);
    if (how->json) {
        put_json(model, text);
    } else {
        put_text(model, how, text);
    }
    return fwrite(text->str, text->len, 1, stdout) == 1 && fflush(stdout) == 0;
}

gint pf_top_batch_run(pf_top_model *model, const pf_top_batch *how) {
    g_autoptr(GError) error = NULL;
    gint64 next_us = g_get_monotonic_time();
    pf_top_model_set_window_kind(model, PF_TOP_WINDOW_INTERVAL);
    for (guint64 i = 0; how->count == 0 || i < how->count; i++) {
        next_us += (gint64)(how->interval * G_USEC_PER_SEC);
        // One that has ended before we came has no interval: the whole, once.
        if (!pf_top_model_is_over(model)) {
            g_usleep((gulong)MAX(next_us - g_get_monotonic_time(), 0));
            if (!pf_top_model_refresh(model, &error)) {
                fprintf(stderr, "pfprof: %s\n", error->message);
                return 2;
            }
        }
        if (!print(model, how)) {
            fprintf(stderr, "pfprof: standard output cannot be written\n");
            return 2;
        }
        if (pf_top_model_is_over(model)) {
            break;
        }
    }
    return 0;
}
