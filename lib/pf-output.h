// SPDX-License-Identifier: Apache-2.0
// Where a summary goes: what the setting `output` names.  Internal.
#pragma once
#include <glib.h>

// Every component of the process is disabled and reset (defined beside the class).
void pf_profiling_component_reset_all(void);

// Writes `text` to stderr, or behind what is in the file of a pattern with %p, %n and %%.
gboolean pf_output_write(const gchar *output, const gchar *text, GError **error);

gchar *pf_output_path(const gchar *pattern);
