// SPDX-License-Identifier: Apache-2.0
// Lines and call paths in JSON: in a report as in a file for speedscope.
#include "pf-flame.h"

void pf_flame_put_lines(const pf_flame *self, pf_json *json) {
    for (guint i = 0; i < self->lines->len; i++) {
        const pf_flame_line *line = pf_flame_line_at(self, i);
        pf_json_element(json, '{');
        pf_json_string(json, "name", line->name);
        if (line->file != NULL) {
            pf_json_string(json, "file", line->file);
            pf_json_uint(json, "line", line->line);
        }
        pf_json_end(json, '}');
    }
}

void pf_flame_put_frames(const pf_flame *self, pf_json *json, const pf_flame_path *path) {
    for (guint p = path->depth; p-- > 0;) {
        const GArray *lines = pf_flame_place_at(self, path->places[p])->lines;
        for (guint l = lines->len; l-- > 0;) {
            pf_json_element(json, 0);
            pf_json_number(json, g_array_index(lines, guint, l), 0);
        }
    }
}
