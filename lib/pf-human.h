// SPDX-License-Identifier: Apache-2.0
// Numbers and foreign text as every report of pfprof writes them.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

PF_API gchar *pf_human_duration(gdouble ns);
PF_API gchar *pf_human_bytes(gdouble bytes);
PF_API gchar *pf_human_count(gdouble count);
PF_API gchar *pf_human_text(const gchar *text, guint columns);
PF_API guint pf_human_columns(const gchar *text);

G_END_DECLS
