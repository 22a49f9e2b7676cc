// SPDX-License-Identifier: Apache-2.0
// Who made most of the calls of a bin: sites and threads.  Internal.
#pragma once
#include "pf-snapshot-private.h"
#include "pf-timeline.h"

// The same for a row of the call sites as for a cell's site, in every process of a run.
guint64 pf_leader_of_site(const gchar *function, const PfModule *module, guint64 offset);
guint64 pf_leader_of_thread(guint pid, guint tid);

// Calls of messages so far: id -> gdouble.
GHashTable *pf_leaders_count(const pf_model *model, gboolean threads);
// The largest of what came between two counts; `before` NULL: nothing did.
void pf_leaders_differ(GHashTable *now, GHashTable *before, PfTimelineLeader *ret_leaders);
// Adds `share` of `from`.  Where there is no place left, the smallest gives way.
void pf_leaders_add(PfTimelineLeader *to, const PfTimelineLeader *from, gdouble share);
