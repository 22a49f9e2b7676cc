// SPDX-License-Identifier: Apache-2.0
// PfDifference: a line of a program in two runs.
#pragma once
#include "pf-snapshot.h"

G_BEGIN_DECLS

/**
 * PfChange:
 * @before: value in the first run
 * @after: value in the second
 * @percent: change in percent of @before; 0 when either is not known
 * @low: lower limit of that, 95 % for cost, calls and bytes of all lines together
 * @high: upper limit, likewise
 * @is_known: whether the limits are
 *
 * One number in two runs.
 */
typedef struct {
    gdouble before;
    gdouble after;
    gdouble percent;
    gdouble low;
    gdouble high;
    gboolean is_known;
} PfChange;

/**
 * PfDifference:
 * @function: output function
 * @caller: function of the program
 * @place: where that is now, or was
 * @text: what it says; "" when not known
 * @calls: calls
 * @bytes: bytes
 * @latency: time of a call in ns: mean of the middle half
 * @cost: @calls times @latency, in ns
 *
 * The same line in two runs, matched by output function, calling function and message, whatever its
 * address and line number.
 */
typedef struct {
    gchar *function;
    gchar *caller;
    gchar *place;
    gchar *text;
    PfChange calls;
    PfChange bytes;
    PfChange latency;
    PfChange cost;
} PfDifference;

#define PF_TYPE_DIFFERENCE (pf_difference_get_type())
PF_API GType pf_difference_get_type(void);
PF_API PfDifference *pf_difference_ref(PfDifference *self);
PF_API void pf_difference_unref(PfDifference *self);
PF_API gboolean pf_change_is_significant(const PfChange *self);

PF_API gboolean pf_snapshots_compare_machine(PfSnapshot *before, PfSnapshot *after,
                                             PfChange *ret_change);
PF_API GPtrArray *pf_snapshots_compare(GPtrArray *before, GPtrArray *after,
                                       PfSymbolizer *symbolizer, gdouble noise);
PF_API GPtrArray *pf_snapshot_compare(PfSnapshot *before, PfSnapshot *after,
                                      PfSymbolizer *symbolizer, gdouble noise);
PF_API PfDifference *pf_differences_sum(GPtrArray *lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfDifference, pf_difference_unref)

G_END_DECLS
