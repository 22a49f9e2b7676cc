// SPDX-License-Identifier: Apache-2.0
// PfMetricSet: the exported metrics of one moment; immutable.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

/**
 * PfMetricSet:
 *
 * The metrics of one moment, as an exporter gets them: each a point of a series.  Counters are those
 * since the aggregator began, so that a set which never arrived is made good by the next one.
 */
#define PF_TYPE_METRIC_SET (pf_metric_set_get_type())
typedef struct _PfMetricSet PfMetricSet;

PF_API GType pf_metric_set_get_type(void);
PF_API PfMetricSet *pf_metric_set_ref(PfMetricSet *self);
PF_API void pf_metric_set_unref(PfMetricSet *self);
PF_API guint pf_metric_set_get_point_count(PfMetricSet *self);
PF_API gint64 pf_metric_set_get_unix_ns(PfMetricSet *self);
PF_API gchar *pf_metric_set_to_openmetrics(PfMetricSet *self);
PF_API gchar *pf_metric_set_to_prometheus(PfMetricSet *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfMetricSet, pf_metric_set_unref)

G_END_DECLS
