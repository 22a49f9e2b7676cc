// SPDX-License-Identifier: Apache-2.0
// Who made most of the calls of a bin: sites and threads.  Internal.
#pragma once
#include "pf-snapshot-private.h"
#include "pf-timeline.h"

// The same for a row of the call sites as for a cell's site, in every process of a run.
guint64 pf_leader_of_site(const gchar *function, const PfModule *module, guint64 offset);
guint64 pf_leader_of_thread(guint pid, guint tid);

// All who made calls, PfTimelineLeader; NULL: nobody did.  Up to %PF_MOST_IN_CROWD each, so that those who lead many looks
// are not lost because others led single ones.
typedef struct {
    GArray *sites;
    GArray *threads;
} pf_crowd;

#define PF_MOST_IN_CROWD 64u

void pf_crowd_clear(pf_crowd *self);
// Adds `share` of `from`.
void pf_crowd_add(pf_crowd *self, const pf_crowd *from, gdouble share);

// Calls of messages so far: id -> gdouble.
GHashTable *pf_leaders_count(const pf_model *model, gboolean threads);
// What came between two counts; `before` NULL: nothing did.  NULL when nothing has come.
GArray *pf_leaders_differ(GHashTable *now, GHashTable *before);
// The first of a crowd.
void pf_leaders_of(const GArray *crowd, PfTimelineLeader ret_leaders[PF_TIMELINE_LEADERS]);
