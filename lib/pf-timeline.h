// SPDX-License-Identifier: Apache-2.0
// PfTimeline: how a run went, in a bounded number of bins; no event is kept for it.
#pragma once
#include "pf-snapshot.h"

G_BEGIN_DECLS

/**
 * PF_TIMELINE_OCTAVES:
 *
 * Rows of the heat map: octave n holds the calls that took from 2^n to less than 2^(n+1) ns.
 */
#define PF_TIMELINE_OCTAVES 44
/**
 * PF_TIMELINE_BINS:
 *
 * The most bins that there can be.
 */
#define PF_TIMELINE_BINS 240

/**
 * PF_TIMELINE_LEADERS:
 *
 * How many call sites, and threads, a bin can name.
 */
#define PF_TIMELINE_LEADERS 4

/**
 * PfTimelineLeader:
 * @id: a number for a call site or a thread, the same in all bins of a run; 0: nobody
 * @calls: calls that it made, at least
 *
 * One of those that made most of a bin's calls.
 */
typedef struct {
    guint64 id;
    gdouble calls;
} PfTimelineLeader;

/**
 * PfTimelineBin:
 * @calls: calls, flushes not included
 * @bytes: bytes
 * @cost_ns: time in those calls and in flushes
 * @sites: (array fixed-size=4): call sites that made most of the calls, in no order
 * @threads: (array fixed-size=4): threads that did
 * @octaves: (array fixed-size=44): calls by latency
 *
 * What happened in one bin.
 */
typedef struct {
    gdouble calls;
    gdouble bytes;
    gdouble cost_ns;
    PfTimelineLeader sites[PF_TIMELINE_LEADERS];
    PfTimelineLeader threads[PF_TIMELINE_LEADERS];
    gfloat octaves[PF_TIMELINE_OCTAVES];
} PfTimelineBin;

#define PF_TYPE_TIMELINE (pf_timeline_get_type())
typedef struct _PfTimeline PfTimeline;
PF_API GType pf_timeline_get_type(void);
PF_API PfTimeline *pf_timeline_new(gint64 start_unix_ns, guint64 width_ns);
PF_API PfTimeline *pf_timeline_ref(PfTimeline *self);
PF_API void pf_timeline_unref(PfTimeline *self);
PF_API void pf_timeline_add(PfTimeline *self, PfSnapshot *snapshot, gint64 monotonic_ns);
PF_API void pf_timeline_note_look(PfTimeline *self, gint64 monotonic_ns);
PF_API void pf_timeline_ignore(PfTimeline *self, PfSnapshot *snapshot);
PF_API gint64 pf_timeline_get_start_unix_ns(PfTimeline *self);
PF_API guint64 pf_timeline_get_width_ns(PfTimeline *self);
PF_API guint pf_timeline_get_bin_count(PfTimeline *self);
PF_API const PfTimelineBin *pf_timeline_get_bin(PfTimeline *self, guint index);
PF_API GBytes *pf_timeline_to_bytes(PfTimeline *self);
PF_API PfTimeline *pf_timeline_new_from_bytes(GBytes *bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfTimeline, pf_timeline_unref)

G_END_DECLS
