// SPDX-License-Identifier: Apache-2.0
// PfAgent: watches segments, and exports what is in them.
#pragma once
#include "pf-config.h"
#include "pf-multi-exporter.h"

G_BEGIN_DECLS

#define PF_TYPE_AGENT (pf_agent_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfAgent, pf_agent, PF, AGENT, GObject)

PF_API PfAgent *pf_agent_new(PfProfilingConfig *config, const gchar *folder);
PF_API gboolean pf_agent_start(PfAgent *self, GError **error);
PF_API void pf_agent_run(PfAgent *self, guint idle_seconds);
PF_API void pf_agent_run_once(PfAgent *self, const gchar *const *paths);
PF_API void pf_agent_stop(PfAgent *self);
PF_API guint64 pf_agent_finish(PfAgent *self);
PF_API PfMultiExporter *pf_agent_get_exporters(PfAgent *self);

G_END_DECLS
