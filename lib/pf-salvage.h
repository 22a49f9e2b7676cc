// SPDX-License-Identifier: Apache-2.0
// Deleting what killed processes have left behind.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

PF_API gboolean pf_salvage_remove(const gchar *path, GError **error);
PF_API guint pf_salvage_clean(void);

G_END_DECLS
