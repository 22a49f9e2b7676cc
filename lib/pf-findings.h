// SPDX-License-Identifier: Apache-2.0
// PfFinding: something that the numbers of a snapshot say should be changed.
#pragma once
#include "pf-snapshot.h"

G_BEGIN_DECLS

/**
 * PF_MOST_FINDINGS:
 *
 * How many findings there are at most.
 */
#define PF_MOST_FINDINGS 5

/**
 * PfFinding:
 * @kind: `tiny-writes`, `flush-per-line`, `endl`, `lock`, `blocked`, `storm`, `duplicates`, `not-worth`,
 *   `errors`, `short-writes`, `signal-handler`, `fork-exec` or `cost`
 * @title: one line that says what
 * @evidence: the numbers that it stands on
 * @next_step: what to do
 * @place: (nullable): the line of the program
 * @saved_ns: what that would save; -1: not known
 * @low_ns: lower 95 % limit of that; -1: not known
 * @high_ns: upper limit, likewise
 * @saved_calls: calls that would not be made; -1: not known
 * @wall_percent: @saved_ns in percent of the wall time, with several threads at a time of that of all of
 *   them; -1: not known
 * @thread_count: whose time @saved_ns is: 1, or that many threads at a time
 *
 * A finding; docs/findings.md says when there is one.
 */
typedef struct {
    const gchar *kind;
    gchar *title;
    gchar *evidence;
    gchar *next_step;
    gchar *place;
    gdouble saved_ns;
    gdouble low_ns;
    gdouble high_ns;
    gdouble saved_calls;
    gdouble wall_percent;
    guint thread_count;
} PfFinding;

#define PF_TYPE_FINDING (pf_finding_get_type())
PF_API GType pf_finding_get_type(void);
PF_API PfFinding *pf_finding_ref(PfFinding *self);
PF_API void pf_finding_unref(PfFinding *self);
PF_API gchar *pf_finding_get_saving(const PfFinding *self);

PF_API GPtrArray *pf_snapshot_find(PfSnapshot *self, PfSymbolizer *symbolizer);
PF_API gchar *pf_findings_to_text(GPtrArray *findings, guint width, gboolean colour);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFinding, pf_finding_unref)

G_END_DECLS
