// SPDX-License-Identifier: Apache-2.0
// Profiled scopes as a person reads them.
#include "pf-snapshot-private.h"

gchar *pf_scope_title(const PfScope *scope, PfSymbolizer *symbolizer) {
    if (*scope->name != 0) {
        return scope->group != 0 && g_strcmp0(scope->kind, "object") == 0
                   ? g_strdup_printf("%s 0x%" G_GINT64_MODIFIER "x", scope->name, scope->group)
                   : g_strdup(scope->name);
    }
    // The symbolizer takes return addresses, and looks one byte before.
    g_autoptr(PfPlace) place =
        pf_symbolizer_find_return(symbolizer, scope->module, scope->address + 1);
    return place->function != NULL ? g_strdup(place->function)
           : place->symbol != NULL ? g_strdup(place->symbol)
                                   : g_strdup_printf("0x%" G_GINT64_MODIFIER "x", scope->address);
}
