// SPDX-License-Identifier: Apache-2.0
// The segments that an agent watches.  Internal.
#pragma once
#include "pf-aggregator.h"

typedef struct pf_agent_watch pf_agent_watch;

// `folder`: (nullable): that one only, instead of all of this user (root: of all users).
pf_agent_watch *pf_agent_watch_new(PfAggregator *aggregator, const gchar *folder);
void pf_agent_watch_free(pf_agent_watch *self);
// FALSE: another agent watches already; `error` says so.
gboolean pf_agent_watch_lock(pf_agent_watch *self, GError **error);
void pf_agent_watch_unlock(pf_agent_watch *self);

// Reads what has ended since the last look and, with `all`, every process that runs.  Returns how many
// processes have ended.
guint pf_agent_watch_look(pf_agent_watch *self, gboolean all);
// Reads one segment, for the last time.
void pf_agent_watch_take(pf_agent_watch *self, const gchar *path);
guint pf_agent_watch_running(pf_agent_watch *self);
guint64 pf_agent_watch_unreadable(pf_agent_watch *self);
