// SPDX-License-Identifier: Apache-2.0
// What the files of PfSnapshot share.  Internal.
#pragma once
#include "pf-snapshot.h"
#include "pf-tables.h"
#include "pf-timeline.h"
#include "pf-yardstick.h"

struct _PfSnapshot {
    GObject parent_instance;
    pf_model *model;
    PfSnapshotFlags flags;
    PfTimeline *timeline;   // of the session that it is the sum of; NULL: none
    pf_yardstick yardstick; // likewise
    GPtrArray *processes;
    guint thread_count;
    guint64 overhead_ns;
    // Made when somebody asks.
    gsize tables_made;
    pf_tables tables; // by pf_snapshot_tables()
    GMutex lock;
    GPtrArray *slowest;
    GPtrArray *recent;
    GPtrArray *stacks;
    pf_pair_map stack_of; // process, link -> index into stacks
};

PfSnapshot *pf_snapshot_new_from_model(pf_model *model, PfSnapshotFlags flags); // takes the model

const pf_tables *pf_snapshot_tables(PfSnapshot *self);

// Takes the reader; with NULL the error stands as it is.
PfSnapshot *pf_snapshot_new_from_reader(pf_reader *reader, PfSnapshotFlags flags, GError **error);

// As pf_snapshot_get_real_sites(), with the lines that flush (pf-real-site.c).
GPtrArray *pf_snapshot_find_dearest_lines(PfSnapshot *self, PfSymbolizer *symbolizer);

// A stream as people call it.
gchar *pf_stream_title(const PfStream *stream);

// A scope as people call it (pf-snapshot-scopes.c).
gchar *pf_scope_title(const PfScope *scope, PfSymbolizer *symbolizer);

// pf-snapshot-events.c, under the lock
GPtrArray *pf_snapshot_make_stacks(PfSnapshot *self);
GPtrArray *pf_snapshot_make_slowest(PfSnapshot *self);
GPtrArray *pf_snapshot_make_recent(PfSnapshot *self);
