// SPDX-License-Identifier: Apache-2.0
// Points as the body of Datadog's /api/v1/series or /api/v2/series.  Internal.
#pragma once
#include "pf-deltas.h"

GString *pf_datadog_series(PfMetricSet *set, guint first, guint count, pf_deltas *deltas,
                           gchar **common_tags, const gchar *host, guint interval, gboolean is_v1);
