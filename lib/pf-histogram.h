// SPDX-License-Identifier: Apache-2.0
// PfHistogram: latencies in base-2 octaves of 16 buckets; immutable.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

/**
 * PfHistogram:
 *
 * How many calls took how long: 16 buckets for each octave of nanoseconds, so that a latency is known
 * within 1/32.  Each timed call is counted once, and weighs as many calls as it stands for.
 */
#define PF_TYPE_HISTOGRAM (pf_histogram_get_type())
typedef struct _PfHistogram PfHistogram;

PF_API GType pf_histogram_get_type(void);
PF_API PfHistogram *pf_histogram_new_from_values(const guint64 *values_ns, gsize value_count);
PF_API PfHistogram *pf_histogram_ref(PfHistogram *self);
PF_API void pf_histogram_unref(PfHistogram *self);
PF_API PfHistogram *pf_histogram_merge(PfHistogram *self, PfHistogram *other);

PF_API guint64 pf_histogram_get_count(PfHistogram *self);
PF_API gdouble pf_histogram_get_weight(PfHistogram *self);
PF_API gboolean pf_histogram_get_quantile(PfHistogram *self, gdouble share, gdouble *ret_ns,
                                          gdouble *ret_low_ns, gdouble *ret_high_ns);
PF_API gdouble pf_histogram_get_weight_up_to(PfHistogram *self, gdouble ns);

PF_API guint pf_histogram_get_bucket_count(PfHistogram *self);
PF_API gboolean pf_histogram_get_bucket(PfHistogram *self, guint index, guint64 *ret_low_ns,
                                        guint64 *ret_end_ns, guint64 *ret_count,
                                        gdouble *ret_weight);
PF_API gchar *pf_histogram_to_bar(PfHistogram *self, guint64 from_ns, guint64 to_ns, guint columns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfHistogram, pf_histogram_unref)

G_END_DECLS
