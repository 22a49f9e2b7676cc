// SPDX-License-Identifier: Apache-2.0
// PfAggregator: adds the processes of a program up to counters that only grow.
#pragma once
#include "pf-metric-set.h"
#include "pf-snapshot.h"

G_BEGIN_DECLS

#define PF_TYPE_AGGREGATOR (pf_aggregator_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfAggregator, pf_aggregator, PF, AGGREGATOR, GObject)

PF_API PfAggregator *pf_aggregator_new(guint max_sites);
PF_API void pf_aggregator_update(PfAggregator *self, PfSnapshot *snapshot);
PF_API void pf_aggregator_forget(PfAggregator *self, guint pid, gint64 start_unix_us);
PF_API PfMetricSet *pf_aggregator_collect(PfAggregator *self);
PF_API void pf_aggregator_count(PfAggregator *self, const gchar *what, const gchar *exporter,
                                guint64 total);

G_END_DECLS
