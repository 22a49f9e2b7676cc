// SPDX-License-Identifier: Apache-2.0
// A session's report: the snapshot's JSON with the run, the timeline and the call paths beside it, and
// the page of lib/report-ui with that in it.
#include "pf-report.h"
#include "pf-flame.h"
#include "pf-json-writer.h"
#include "pf-report-page.h"
#include <string.h>

static void put_run(pf_json *json, PfSession *self) {
    pf_json_begin(json, "run", '{');
    pf_json_string(json, "command", pf_session_get_command(self));
    pf_json_string(json, "host", pf_session_get_host(self));
    pf_json_uint(json, "pid", pf_session_get_pid(self));
    pf_json_fixed(json, "exit_status", pf_session_get_exit_status(self), 0);
    pf_json_uint(json, "signal", pf_session_get_signal(self));
    pf_json_fixed(json, "wall_seconds", (gdouble)pf_session_get_wall_ns(self) / 1e9, 9);
    pf_json_uint(json, "segment_count", pf_session_get_segment_count(self));
    pf_json_uint(json, "unreadable_count", pf_session_get_unreadable_count(self));
    pf_json_end(json, '}');
}

static void put_values(pf_json *json, const gchar *name, PfTimeline *timeline, gsize offset) {
    pf_json_begin(json, name, '[');
    for (guint i = 0; i < pf_timeline_get_bin_count(timeline); i++) {
        const gchar *bin = (const gchar *)pf_timeline_get_bin(timeline, i);
        pf_json_element(json, 0);
        pf_json_number(json, *(const gdouble *)(const void *)(bin + offset), 1);
    }
    pf_json_end(json, ']');
}

static void put_octaves(pf_json *json, PfTimeline *timeline) {
    pf_json_begin(json, "octaves", '[');
    for (guint i = 0; i < pf_timeline_get_bin_count(timeline); i++) {
        const PfTimelineBin *bin = pf_timeline_get_bin(timeline, i);
        guint last = PF_TIMELINE_OCTAVES;
        while (last > 0 && bin->octaves[last - 1] <= 0) {
            last--;
        }
        pf_json_element(json, '[');
        for (guint o = 0; o < last; o++) {
            pf_json_element(json, 0);
            pf_json_number(json, (gdouble)bin->octaves[o], 0);
        }
        pf_json_end(json, ']');
    }
    pf_json_end(json, ']');
}

static void put_timeline(pf_json *json, PfSession *self) {
    PfTimeline *timeline = pf_session_get_timeline(self);
    if (timeline == NULL || pf_timeline_get_bin_count(timeline) == 0) {
        pf_json_null(json, "timeline");
        return;
    }
    pf_json_begin(json, "timeline", '{');
    pf_json_fixed(json, "start_time", (gdouble)pf_timeline_get_start_unix_ns(timeline) / 1e9, 6);
    pf_json_fixed(json, "bin_seconds", (gdouble)pf_timeline_get_width_ns(timeline) / 1e9, 6);
    put_values(json, "calls", timeline, G_STRUCT_OFFSET(PfTimelineBin, calls));
    put_values(json, "bytes", timeline, G_STRUCT_OFFSET(PfTimelineBin, bytes));
    put_values(json, "cost_ns", timeline, G_STRUCT_OFFSET(PfTimelineBin, cost_ns));
    put_octaves(json, timeline);
    pf_json_end(json, '}');
}

static void put_path(pf_json *json, const pf_flame *flame, const pf_flame_path *path) {
    pf_json_element(json, '{');
    pf_json_begin(json, "frames", '['); // outermost first
    pf_flame_put_frames(flame, json, path);
    pf_json_end(json, ']');
    pf_json_begin(json, "values", '[');
    for (guint v = 0; v < PF_FLAME_VALUES; v++) {
        pf_json_element(json, 0);
        pf_json_number(json, path->value[v], 1);
    }
    pf_json_end(json, ']');
    pf_json_end(json, '}');
}

static void put_flame(pf_json *json, PfSnapshot *snapshot, PfSymbolizer *symbolizer) {
    pf_flame *flame = pf_flame_new(snapshot, symbolizer);
    pf_json_begin(json, "paths", '{');
    pf_json_begin(json, "kinds", '[');
    for (guint v = 0; v < PF_FLAME_VALUES; v++) {
        pf_json_element(json, '{');
        pf_json_string(json, "name", pf_flame_kinds[v].name);
        pf_json_string(json, "unit", pf_flame_kinds[v].unit);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
    pf_json_begin(json, "lines", '[');
    pf_flame_put_lines(flame, json);
    pf_json_end(json, ']');
    pf_json_begin(json, "samples", '[');
    for (guint i = 0; i < flame->paths->len; i++) {
        put_path(json, flame, pf_flame_path_at(flame, i));
    }
    pf_json_end(json, ']');
    pf_json_end(json, '}');
    pf_flame_free(flame);
}

static void put_sizes(pf_json *json, PfSnapshot *snapshot) {
    const PfStats *stats = pf_snapshot_get_messages(snapshot);
    pf_json_begin(json, "size_classes", '['); // timed calls by the bit length of their bytes
    for (guint i = 0; i < PF_SIZE_CLASSES; i++) {
        pf_json_element(json, 0);
        pf_json_number(json, (gdouble)stats->size_classes[i], 0);
    }
    pf_json_end(json, ']');
}

/**
 * pf_session_to_report_json:
 * @self: a session
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Writes what [method@Snapshot.to_json] writes, with the run, the timeline and the call paths.
 *
 * Returns: (transfer full): UTF-8 that ends with a line break, or %NULL
 */
gchar *pf_session_to_report_json(PfSession *self, PfSymbolizer *symbolizer, GError **error) {
    g_return_val_if_fail(PF_IS_SESSION(self), NULL);
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot(self, error);
    if (snapshot == NULL) {
        return NULL;
    }
    g_autofree gchar *whole = pf_snapshot_to_json(snapshot, used);
    pf_json json = {.text = g_string_new(whole)};
    g_string_truncate(json.text, json.text->len - strlen("}\n"));
    put_run(&json, self);
    put_timeline(&json, self);
    put_sizes(&json, snapshot);
    put_flame(&json, snapshot, used);
    g_string_append(json.text, "}\n");
    return g_string_free(json.text, FALSE);
}

/**
 * pf_session_to_report_html:
 * @self: a session
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Writes the report as one page that needs nothing else; its data is the report's JSON.
 *
 * Returns: (transfer full): UTF-8, or %NULL
 */
gchar *pf_session_to_report_html(PfSession *self, PfSymbolizer *symbolizer, GError **error) {
    static const gchar mark[] = "@PFPROF_DATA@";
    g_autofree gchar *data = pf_session_to_report_json(self, symbolizer, error);
    const gchar *page = (const gchar *)pf_report_page;
    const gchar *place = strstr(page, mark);
    if (data == NULL || place == NULL) {
        return NULL;
    }
    GString *html = g_string_new_len(page, place - page);
    // Text of the profiled program must not end the script that holds it.
    for (const gchar *at = data; *at != 0; at++) {
        if (*at == '<') {
            g_string_append(html, "\\u003c");
        } else {
            g_string_append_c(html, *at);
        }
    }
    g_string_append(html, place + strlen(mark));
    return g_string_free(html, FALSE);
}
