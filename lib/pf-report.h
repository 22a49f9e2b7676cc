// SPDX-License-Identifier: Apache-2.0
// Reports of a session: JSON with everything, and one page that shows it.
#pragma once
#include "pf-session.h"

G_BEGIN_DECLS

PF_API gchar *pf_session_to_report_json(PfSession *self, PfSymbolizer *symbolizer, GError **error);
PF_API gchar *pf_session_to_report_html(PfSession *self, PfSymbolizer *symbolizer, GError **error);

G_END_DECLS
