// SPDX-License-Identifier: Apache-2.0
// PfSymbolizer: keeps images open and remembers what it has found.
#include "pf-symbolizer-private.h"
#include <string.h>

#define MOST_REMEMBERED 200000u

typedef struct {
    pf_debug_file file;
    GHashTable *places; // address in the file -> PfPlace
} opened;

/**
 * PfSymbolizer:
 *
 * Finds function, file and line of addresses: by DWARF, in the file or a separate debug file
 * (/usr/lib/debug by build-id, or .gnu_debuglink), else by symbols.  Nothing is fetched from a network.
 * Any number of threads may share one; they wait for each other.
 */
struct _PfSymbolizer {
    GObject parent_instance;
    GMutex lock;
    GHashTable *files; // "build-id path" -> opened
    gchar *root;
    guint remembered;
};

G_DEFINE_FINAL_TYPE(PfSymbolizer, pf_symbolizer, G_TYPE_OBJECT)

static void opened_free(gpointer data) {
    opened *file = data;
    pf_debug_file_close(&file->file);
    g_hash_table_unref(file->places);
    g_free(file);
}

static void pf_symbolizer_finalize(GObject *object) {
    PfSymbolizer *self = PF_SYMBOLIZER(object);
    g_hash_table_unref(self->files);
    g_free(self->root);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_symbolizer_parent_class)->finalize(object);
}

static void pf_symbolizer_class_init(PfSymbolizerClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = pf_symbolizer_finalize;
}

static void pf_symbolizer_init(PfSymbolizer *self) {
    g_mutex_init(&self->lock);
    self->root = g_strdup("");
    self->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, opened_free);
}

/**
 * pf_symbolizer_new:
 *
 * Gets a symbolizer that has opened nothing yet.
 *
 * Returns: (transfer full): a symbolizer that has opened nothing yet
 */
PfSymbolizer *pf_symbolizer_new(void) { return g_object_new(PF_TYPE_SYMBOLIZER, NULL); }

/**
 * pf_symbolizer_set_root:
 * @self: a symbolizer
 * @root: (nullable): what to put before every path: `/proc/PID/root` for a process in a container
 *
 * Says where the process' files are; forgets what was found so far.
 */
void pf_symbolizer_set_root(PfSymbolizer *self, const gchar *root) {
    g_mutex_lock(&self->lock);
    g_free(self->root);
    self->root = g_strdup(root != NULL && strcmp(root, "/") != 0 ? root : "");
    g_hash_table_remove_all(self->files);
    self->remembered = 0;
    g_mutex_unlock(&self->lock);
}

static opened *open_image(PfSymbolizer *self, const PfModule *module) {
    g_autofree gchar *key = g_strconcat(module->build_id, " ", module->path, NULL);
    opened *file = g_hash_table_lookup(self->files, key);
    if (file == NULL) {
        file = g_new0(opened, 1);
        file->places = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                             (GDestroyNotify)pf_place_unref);
        pf_debug_file_open(&file->file, self->root, module);
        g_hash_table_insert(self->files, g_steal_pointer(&key), file);
    }
    return file;
}

static void fill_symbol(PfPlace *place, Dwfl_Module *module, guint64 address) {
    GElf_Off behind;
    GElf_Sym symbol;
    const char *name = dwfl_module_addrinfo(module, address, &behind, &symbol, NULL, NULL, NULL);
    // Far behind a symbol that says how long it is, the address is in something without a name.
    if (name == NULL || (symbol.st_size != 0 && behind >= symbol.st_size)) {
        return;
    }
    place->symbol = g_utf8_make_valid(name, -1);
    place->symbol_offset = behind;
    place->function = pf_symbolizer_demangle(place->symbol);
}

static PfPlace *look_up(const pf_debug_file *file, const PfModule *module, guint64 offset) {
    PfPlace *place = pf_place_new();
    place->module = g_strdup(module->path);
    place->offset = offset;
    place->module_changed = file->changed;
    if (file->module != NULL) {
        fill_symbol(place, file->module, offset);
        pf_dwarf_fill(place, file->module, offset);
    }
    return place;
}

static PfPlace *find(PfSymbolizer *self, PfModule *module, guint64 address) {
    if (module == NULL) {
        PfPlace *place = pf_place_new();
        place->module = g_strdup("");
        place->offset = address;
        return place;
    }
    guint64 offset = address - module->bias;
    gint64 key = (gint64)offset;
    g_mutex_lock(&self->lock);
    opened *file = open_image(self, module);
    PfPlace *place = g_hash_table_lookup(file->places, &key);
    if (place == NULL) {
        place = look_up(&file->file, module, offset);
        if (self->remembered < MOST_REMEMBERED) {
            self->remembered++;
            g_hash_table_insert(file->places, g_memdup2(&key, sizeof key), pf_place_ref(place));
        }
    } else {
        pf_place_ref(place);
    }
    g_mutex_unlock(&self->lock);
    return place;
}

/**
 * pf_symbolizer_find:
 * @self: a symbolizer
 * @module: (nullable): the image that the address lies in
 * @address: an address in the process
 *
 * Finds a place.  Where the file on disk is not the one that the process ran (by build-id), nothing
 * but module and offset is given, and #PfPlace.module_changed is set.
 *
 * Returns: (transfer full): the place, never %NULL
 */
PfPlace *pf_symbolizer_find(PfSymbolizer *self, PfModule *module, guint64 address) {
    return find(self, module, address);
}

/**
 * pf_symbolizer_find_return:
 * @self: a symbolizer
 * @module: (nullable): the image that the address lies in
 * @return_address: an address in the process that a call returns to
 *
 * Finds the place of the call, which ends one byte before the address that it returns to.
 *
 * Returns: (transfer full): the place, never %NULL
 */
PfPlace *pf_symbolizer_find_return(PfSymbolizer *self, PfModule *module, guint64 return_address) {
    return find(self, module, return_address - (return_address != 0));
}
