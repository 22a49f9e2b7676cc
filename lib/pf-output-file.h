// SPDX-License-Identifier: Apache-2.0
// Where a user wants something written: a file replaced as a whole, or a pipe, a device, a link.
#pragma once
#include "pf-macros.h"
#include <glib.h>

G_BEGIN_DECLS

PF_API gint pf_output_file_check(const gchar *path);
PF_API gint pf_output_file_write(const gchar *path, const gchar *text, gsize size, guint mode);

G_END_DECLS
