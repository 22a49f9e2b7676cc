// SPDX-License-Identifier: Apache-2.0
// Names as the programmer wrote them, for C++ and Rust.
#include "pf-symbolizer.h"
#include <libiberty/demangle.h>
#include <stdlib.h>

/**
 * pf_symbolizer_demangle:
 * @symbol: a name as the linker knows it
 *
 * Demangles C++ and Rust; the parameters of a function are left out.
 *
 * Returns: (transfer full): the name in the source, or @symbol when it is not mangled
 */
gchar *pf_symbolizer_demangle(const gchar *symbol) {
    // Anything else than these two is not mangled, whatever it looks like.
    if (!g_str_has_prefix(symbol, "_Z") && !g_str_has_prefix(symbol, "_R")) {
        return g_strdup(symbol);
    }
    char *plain = cplus_demangle(symbol, DMGL_AUTO | DMGL_ANSI);
    if (plain == NULL) {
        return g_strdup(symbol);
    }
    gchar *copy = g_utf8_make_valid(plain, -1);
    free(plain);
    return copy;
}
