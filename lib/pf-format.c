// SPDX-License-Identifier: Apache-2.0
// The names of the formats, and which writer makes which.
#include "pf-format-private.h"
#include <string.h>

static const gchar *const names[] = {
    [PF_FORMAT_JSON] = "json",
    [PF_FORMAT_PPROF] = "pprof",
    [PF_FORMAT_FOLDED] = "folded",
    [PF_FORMAT_SPEEDSCOPE] = "speedscope",
    [PF_FORMAT_CHROME_TRACE] = "chrome-trace",
    [PF_FORMAT_CSV] = "csv",
    [PF_FORMAT_OPENMETRICS] = "openmetrics",
    [PF_FORMAT_PROMETHEUS] = "prometheus",
};

/**
 * pf_format_from_string:
 * @name: such as `pprof`
 * @ret_format: (out): the format of that name
 *
 * Finds a format.
 *
 * Returns: whether there is one of that name
 */
gboolean pf_format_from_string(const gchar *name, PfFormat *ret_format) {
    g_return_val_if_fail(name != NULL && ret_format != NULL, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_format = (PfFormat)i;
            return TRUE;
        }
    }
    return FALSE;
}

static GBytes *write_flame(PfSnapshot *self, PfFormat format, PfSymbolizer *symbolizer,
                           GError **error) {
    pf_flame *flame = pf_flame_new(self, symbolizer);
    GString *text = format != PF_FORMAT_PPROF ? g_string_new(NULL) : NULL;
    GBytes *bytes = NULL;
    switch (format) {
    case PF_FORMAT_FOLDED: pf_format_write_folded(text, flame); break;
    case PF_FORMAT_SPEEDSCOPE: pf_format_write_speedscope(text, self, flame); break;
    default: bytes = pf_format_write_pprof(self, flame, error); break;
    }
    pf_flame_free(flame);
    return text != NULL ? g_string_free_to_bytes(text) : bytes;
}

/**
 * pf_snapshot_export:
 * @self: a snapshot
 * @format: what to write
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @error: return location for an error
 *
 * Writes a snapshot in the form of another tool.  Times are estimates for all calls; where none can
 * be given honestly, what was measured stands in its place.
 *
 * Returns: (transfer full): the file's content, or %NULL
 */
GBytes *pf_snapshot_export(PfSnapshot *self, PfFormat format, PfSymbolizer *symbolizer,
                           GError **error) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(self), NULL);
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    switch (format) {
    case PF_FORMAT_PPROF:
    case PF_FORMAT_FOLDED:
    case PF_FORMAT_SPEEDSCOPE: return write_flame(self, format, used, error);
    default: break;
    }
    if (format == PF_FORMAT_JSON) {
        gchar *json = pf_snapshot_to_json(self, used);
        return g_bytes_new_take(json, strlen(json));
    }
    GString *text = g_string_new(NULL);
    switch (format) {
    case PF_FORMAT_CHROME_TRACE: pf_format_write_trace(text, self, used); break;
    case PF_FORMAT_CSV: pf_format_write_csv(text, self, used); break;
    default: pf_format_write_openmetrics(text, self, used, format == PF_FORMAT_OPENMETRICS); break;
    }
    return g_string_free_to_bytes(text);
}
