// SPDX-License-Identifier: Apache-2.0
// Folded stacks (flamegraph.pl, inferno), and a file for speedscope.
#include "pf-format-private.h"
#include "pf-json-writer.h"
#include <math.h>
#include <string.h>

// Frames are separated by semicolons, and the value by a space from the last one.
static void put_name(GString *text, const gchar *name) {
    for (; *name != 0; name++) {
        g_string_append_c(text, *name == ';' || *name == '\n' || *name == '\r' ? ':' : *name);
    }
}

static void put_path(GString *text, const pf_flame *flame, const pf_flame_path *path) {
    for (guint p = path->depth; p-- > 0;) {
        const pf_flame_place *place = pf_flame_place_at(flame, path->places[p]);
        for (guint l = place->lines->len; l-- > 0;) {
            const pf_flame_line *line =
                pf_flame_line_at(flame, g_array_index(place->lines, guint, l));
            put_name(text, line->name);
            if (line->file != NULL) {
                g_autofree gchar *base = g_path_get_basename(line->file);
                g_string_append_c(text, '@');
                put_name(text, base);
                g_string_append_printf(text, ":%u", line->line);
            }
            g_string_append_c(text, p == 0 && l == 0 ? ' ' : ';');
        }
    }
}

void pf_format_write_folded(GString *text, const pf_flame *flame) {
    for (guint i = 0; i < flame->paths->len; i++) {
        const pf_flame_path *path = pf_flame_path_at(flame, i);
        if (round(path->value[PF_FLAME_TIME]) > 0) {
            put_path(text, flame, path);
            g_string_append_printf(text, "%.0f\n", round(path->value[PF_FLAME_TIME]));
        }
    }
}

// --- speedscope

static void put_profile(pf_json *json, const pf_flame *flame, pf_flame_value value) {
    pf_json_element(json, '{');
    pf_json_string(json, "type", "sampled");
    pf_json_string(json, "name", pf_flame_kinds[value].name);
    pf_json_string(json, "unit", pf_flame_kinds[value].unit);
    pf_json_uint(json, "startValue", 0);
    pf_json_fixed(json, "endValue", pf_flame_total(flame, value), 3);
    pf_json_begin(json, "samples", '[');
    for (guint i = 0; i < flame->paths->len; i++) {
        const pf_flame_path *path = pf_flame_path_at(flame, i);
        pf_json_element(json, '[');
        for (guint p = path->depth; p-- > 0;) {
            const GArray *lines = pf_flame_place_at(flame, path->places[p])->lines;
            for (guint l = lines->len; l-- > 0;) {
                pf_json_element(json, 0);
                pf_json_number(json, g_array_index(lines, guint, l), 0);
            }
        }
        pf_json_end(json, ']');
    }
    pf_json_end(json, ']');
    pf_json_begin(json, "weights", '[');
    for (guint i = 0; i < flame->paths->len; i++) {
        pf_json_element(json, 0);
        pf_json_number(json, pf_flame_path_at(flame, i)->value[value], 3);
    }
    pf_json_end(json, ']');
    pf_json_end(json, '}');
}

void pf_format_write_speedscope(GString *text, PfSnapshot *snapshot, const pf_flame *flame) {
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    pf_json json = {.text = text};
    g_string_append_c(text, '{');
    pf_json_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    pf_json_string(&json, "name", process != NULL ? process->command : "pfprof");
    pf_json_string(&json, "exporter", "pfprof@" PF_VERSION);
    pf_json_uint(&json, "activeProfileIndex", 0);
    pf_json_begin(&json, "shared", '{');
    pf_flame_put_lines(flame, &json, "frames");
    pf_json_end(&json, '}');
    pf_json_begin(&json, "profiles", '[');
    for (guint value = 0; value < PF_FLAME_VALUES; value++) {
        if (value <= PF_FLAME_BYTES || pf_flame_total(flame, (pf_flame_value)value) > 0) {
            put_profile(&json, flame, (pf_flame_value)value);
        }
    }
    pf_json_end(&json, ']');
    g_string_append(text, "}\n");
}
