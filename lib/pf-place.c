// SPDX-License-Identifier: Apache-2.0
// PfPlace: a place in a program, and how it is written.
#include "pf-symbolizer-private.h"

G_DEFINE_BOXED_TYPE(PfPlace, pf_place, pf_place_ref, pf_place_unref)

PfPlace *pf_place_new(void) { return g_atomic_rc_box_new0(PfPlace); }

static void place_clear(PfPlace *self) {
    g_free(self->function);
    g_free(self->symbol);
    g_free(self->file);
    g_free(self->module);
    g_clear_pointer(&self->callers, g_ptr_array_unref);
}

/**
 * pf_place_ref:
 * @self: a place
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */
PfPlace *pf_place_ref(PfPlace *self) { return g_atomic_rc_box_acquire(self); }

/**
 * pf_place_unref:
 * @self: (transfer full) (nullable): a place
 *
 * Gives a reference back.
 */
void pf_place_unref(PfPlace *self) {
    if (self != NULL) {
        g_atomic_rc_box_release_full(self, (GDestroyNotify)place_clear);
    }
}

/**
 * pf_place_to_string:
 * @self: a place
 *
 * Writes a place in as few words as it is known in: `src/log.c:88 in log_line`, or
 * `log_line+0x1a in orderd`, or `orderd+0x11f3`, with `(module changed)` where that is so;
 * `(per function only)` for calls of which no site was kept.
 *
 * Returns: (transfer full): the text
 */
gchar *pf_place_to_string(const PfPlace *self) {
    g_autofree gchar *base = *self->module != 0 ? g_path_get_basename(self->module) : NULL;
    if (self->file != NULL) {
        return self->function != NULL
                   ? g_strdup_printf("%s:%u in %s", self->file, self->line, self->function)
                   : g_strdup_printf("%s:%u", self->file, self->line);
    }
    if (self->function != NULL) {
        return base != NULL ? g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x in %s", self->function,
                                              self->symbol_offset, base)
                            : g_strdup(self->function);
    }
    if (base == NULL && self->offset == 0) {
        return g_strdup("(per function only)");
    }
    return g_strdup_printf("%s%s0x%" G_GINT64_MODIFIER "x%s", base != NULL ? base : "",
                           base != NULL ? "+" : "", self->offset,
                           self->module_changed ? " (module changed)" : "");
}
