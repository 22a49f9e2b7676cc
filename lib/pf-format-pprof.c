// SPDX-License-Identifier: Apache-2.0
// A profile in pprof's format (profile.proto), gzipped.
#include "pf-format-private.h"
#include "pf-wire.h"
#include <gio/gio.h>
#include <math.h>

// Fields of profile.proto.
enum { SAMPLE_TYPE = 1, SAMPLE, MAPPING, LOCATION, FUNCTION, STRINGS, TIME = 9, DURATION = 10 };
enum { COMMENT = 13, DEFAULT_TYPE = 14 };

typedef struct {
    GString *out;
    const pf_flame *flame;
    GHashTable *strings; // text -> index
    GPtrArray *texts;
    GHashTable *modules; // PfModule -> id
    GPtrArray *mapped;
} writing;

static guint64 string(writing *self, const gchar *text) {
    gpointer found;
    if (g_hash_table_lookup_extended(self->strings, text, NULL, &found)) {
        return GPOINTER_TO_UINT(found);
    }
    gchar *copy = g_strdup(text);
    g_ptr_array_add(self->texts, copy);
    g_hash_table_insert(self->strings, copy, GUINT_TO_POINTER(self->texts->len - 1));
    return self->texts->len - 1;
}

static void put_packed(writing *self, guint field, const guint64 *values, guint count) {
    gsize packed = pf_wire_begin(self->out, field);
    for (guint i = 0; i < count; i++) {
        pf_wire_varint(self->out, values[i]);
    }
    pf_wire_end(self->out, packed);
}

static void put_types(writing *self) {
    static const struct {
        const gchar *type;
        const gchar *unit;
    } types[PF_FLAME_VALUES] = {
        [PF_FLAME_TIME] = {"time", "nanoseconds"}, [PF_FLAME_CALLS] = {"calls", "count"},
        [PF_FLAME_BYTES] = {"bytes", "bytes"},     [PF_FLAME_FLUSH] = {"flush", "nanoseconds"},
        [PF_FLAME_LOCK] = {"lock", "nanoseconds"}, [PF_FLAME_BLOCKED] = {"blocked", "nanoseconds"},
    };
    for (guint i = 0; i < PF_FLAME_VALUES; i++) {
        gsize type = pf_wire_begin(self->out, SAMPLE_TYPE);
        pf_wire_uint(self->out, 1, string(self, types[i].type));
        pf_wire_uint(self->out, 2, string(self, types[i].unit));
        pf_wire_end(self->out, type);
    }
    pf_wire_uint(self->out, DEFAULT_TYPE, string(self, "time"));
}

// Identified by what it is, since several processes have it at several addresses.
static guint64 mapping_of(writing *self, PfModule *module) {
    if (module == NULL) {
        return 0;
    }
    g_autofree gchar *key = g_strdup_printf("%s %s", module->build_id, module->path);
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(self->modules, key));
    if (found == 0) {
        g_ptr_array_add(self->mapped, module);
        found = self->mapped->len;
        g_hash_table_insert(self->modules, g_steal_pointer(&key), GUINT_TO_POINTER(found));
    }
    return found;
}

static void put_mappings(writing *self) {
    for (guint i = 0; i < self->mapped->len; i++) {
        const PfModule *module = g_ptr_array_index(self->mapped, i);
        gsize mapping = pf_wire_begin(self->out, MAPPING);
        pf_wire_uint(self->out, 1, i + 1);
        pf_wire_uint(self->out, 2, module->start - module->bias);
        pf_wire_uint(self->out, 3, module->end - module->bias);
        pf_wire_uint(self->out, 5, string(self, module->path));
        pf_wire_uint(self->out, 6, string(self, module->build_id));
        for (guint field = 7; field <= 10; field++) {
            pf_wire_uint(self->out, field, 1); // we have looked its symbols up
        }
        pf_wire_end(self->out, mapping);
    }
}

static void put_locations(writing *self) {
    for (guint i = 0; i < self->flame->places->len; i++) {
        const pf_flame_place *place = pf_flame_place_at(self->flame, i);
        gsize location = pf_wire_begin(self->out, LOCATION);
        pf_wire_uint(self->out, 1, i + 1);
        pf_wire_uint(self->out, 2, mapping_of(self, place->module));
        // One less than where the call returns to: within the call.
        pf_wire_uint(self->out, 3, place->address != 0 ? place->address - 1 : 0);
        for (guint l = 0; l < place->lines->len; l++) {
            guint index = g_array_index(place->lines, guint, l);
            gsize line = pf_wire_begin(self->out, 4);
            pf_wire_uint(self->out, 1, index + 1);
            pf_wire_uint(self->out, 2, pf_flame_line_at(self->flame, index)->line);
            pf_wire_end(self->out, line);
        }
        pf_wire_end(self->out, location);
    }
}

// A function of its own for each line of it: pprof takes those of one name for one.
static void put_functions(writing *self) {
    for (guint i = 0; i < self->flame->lines->len; i++) {
        const pf_flame_line *line = pf_flame_line_at(self->flame, i);
        gsize function = pf_wire_begin(self->out, FUNCTION);
        pf_wire_uint(self->out, 1, i + 1);
        pf_wire_uint(self->out, 2, string(self, line->name));
        pf_wire_uint(self->out, 3, string(self, line->symbol));
        pf_wire_uint(self->out, 4, string(self, line->file != NULL ? line->file : ""));
        pf_wire_end(self->out, function);
    }
}

// Rounded so that the sum of all paths is the rounded sum: what is left over goes to the next one.
static void put_samples(writing *self) {
    gdouble left[PF_FLAME_VALUES] = {0};
    for (guint i = 0; i < self->flame->paths->len; i++) {
        const pf_flame_path *path = pf_flame_path_at(self->flame, i);
        g_autofree guint64 *locations = g_new(guint64, path->depth);
        guint64 values[PF_FLAME_VALUES];
        for (guint p = 0; p < path->depth; p++) {
            locations[p] = path->places[p] + 1;
        }
        for (guint v = 0; v < PF_FLAME_VALUES; v++) {
            gdouble exact = path->value[v] + left[v];
            values[v] = (guint64)MAX(round(exact), 0);
            left[v] = exact - (gdouble)values[v];
        }
        gsize sample = pf_wire_begin(self->out, SAMPLE);
        put_packed(self, 1, locations, path->depth);
        put_packed(self, 2, values, PF_FLAME_VALUES);
        pf_wire_end(self->out, sample);
    }
}

static GBytes *compress(const GString *data, GError **error) {
    g_autoptr(GZlibCompressor) zip = g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6);
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
    g_autoptr(GOutputStream) stream = g_converter_output_stream_new(memory, G_CONVERTER(zip));
    if (!g_output_stream_write_all(stream, data->str, data->len, NULL, NULL, error) ||
        !g_output_stream_close(stream, NULL, error)) {
        return NULL;
    }
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(memory));
}

GBytes *pf_format_write_pprof(PfSnapshot *snapshot, const pf_flame *flame, GError **error) {
    g_autoptr(GString) out = g_string_new(NULL);
    writing self = {
        .out = out,
        .flame = flame,
        .strings = g_hash_table_new(g_str_hash, g_str_equal),
        .texts = g_ptr_array_new_with_free_func(g_free),
        .modules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .mapped = g_ptr_array_new(),
    };
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    string(&self, "");
    put_types(&self);
    put_samples(&self);
    put_locations(&self);
    put_mappings(&self);
    put_functions(&self);
    if (process != NULL) {
        pf_wire_uint(out, COMMENT, string(&self, process->command));
        pf_wire_uint(out, TIME, (guint64)process->start_unix_ns);
    }
    pf_wire_uint(out, DURATION, (guint64)(pf_snapshot_get_uptime_seconds(snapshot) * 1e9));
    for (guint i = 0; i < self.texts->len; i++) {
        pf_wire_string(out, STRINGS, g_ptr_array_index(self.texts, i));
    }
    g_hash_table_unref(self.strings);
    g_ptr_array_unref(self.texts);
    g_hash_table_unref(self.modules);
    g_ptr_array_unref(self.mapped);
    return compress(out, error);
}
