// SPDX-License-Identifier: Apache-2.0
// A file that is always whole: written beside its name, then renamed.  Internal.
#pragma once
#include <glib.h>

gboolean pf_atomic_file_write(const gchar *path, const gchar *text, gsize size, GError **error);
