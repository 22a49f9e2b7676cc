// SPDX-License-Identifier: Apache-2.0
// Where a summary goes: what the setting `output` names.  Internal.
#pragma once
#include <glib.h>

// Writes `text` to stderr, or behind what is in the file of a pattern with %p, %n and %%.
gboolean pf_output_write(const gchar *output, const gchar *text, GError **error);
