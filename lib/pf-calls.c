// SPDX-License-Identifier: Apache-2.0
// The table of intercepted functions, as other programs may ask it.
#include "pf-calls.h"
#include "pf-table.h"
#include <string.h>

/**
 * pf_calls_get_family:
 * @function: name of a function
 *
 * Tells what an output function is (docs/calls.md).
 *
 * Any thread may call this.
 *
 * Returns: (nullable): write, send, copy, stdio, format, wide, syslog, journal, glib, error or flush;
 *   `process` for a function that is intercepted for other reasons; %NULL when it is not intercepted
 */
const gchar *pf_calls_get_family(const gchar *function) {
    g_return_val_if_fail(function != NULL, NULL);
    for (guint i = 0; i < PF_CALL_COUNT; i++) {
        if (strcmp(pf_calls[i].name, function) == 0) {
            return pf_family_names[pf_calls[i].family];
        }
    }
    return NULL;
}
