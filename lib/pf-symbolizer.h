// SPDX-License-Identifier: Apache-2.0
// PfSymbolizer: from an address in an image to function, file and line.
#pragma once
#include "pf-rows.h"

G_BEGIN_DECLS

/**
 * PfPlace:
 * @function: (nullable): demangled name of the function; %NULL when not known
 * @symbol: (nullable): its name as the linker knows it
 * @symbol_offset: how far behind the symbol's start the address is
 * @file: (nullable): source file as the compiler knew it
 * @line: line in it; 0: not known
 * @module: path of the image; "" when not known
 * @offset: address in the image's file
 * @module_changed: the file on disk is not the one that the process ran
 * @callers: (element-type PfPlace) (nullable): functions that this one was inlined into, innermost
 *   first
 *
 * A place in a program.
 */
typedef struct {
    gchar *function;
    gchar *symbol;
    guint64 symbol_offset;
    gchar *file;
    guint line;
    gchar *module;
    guint64 offset;
    gboolean module_changed;
    GPtrArray *callers;
} PfPlace;

#define PF_TYPE_PLACE (pf_place_get_type())
PF_API GType pf_place_get_type(void);
PF_API PfPlace *pf_place_ref(PfPlace *self);
PF_API void pf_place_unref(PfPlace *self);
PF_API gchar *pf_place_to_string(const PfPlace *self);

#define PF_TYPE_SYMBOLIZER (pf_symbolizer_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfSymbolizer, pf_symbolizer, PF, SYMBOLIZER, GObject)

PF_API PfSymbolizer *pf_symbolizer_new(void);
PF_API void pf_symbolizer_set_root(PfSymbolizer *self, const gchar *root);
PF_API PfPlace *pf_symbolizer_find(PfSymbolizer *self, PfModule *module, guint64 address);
PF_API PfPlace *pf_symbolizer_find_return(PfSymbolizer *self, PfModule *module,
                                          guint64 return_address);
PF_API gchar *pf_symbolizer_demangle(const gchar *symbol);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfPlace, pf_place_unref)

G_END_DECLS
