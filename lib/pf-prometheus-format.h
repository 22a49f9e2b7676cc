// SPDX-License-Identifier: Apache-2.0
// A set in the formats that Prometheus reads.  Internal.
#pragma once
#include "pf-series.h"

typedef enum {
    PF_PROMETHEUS_TEXT,        // 0.0.4
    PF_PROMETHEUS_OPENMETRICS, // 1.0.0, with exemplars
    PF_PROMETHEUS_PROTOBUF,    // delimited, with native histograms
} pf_prometheus_format;

GString *pf_prometheus_write(PfMetricSet *set, pf_prometheus_format format);
const gchar *pf_prometheus_content_type(pf_prometheus_format format);
// What the value of an Accept header prefers.
pf_prometheus_format pf_prometheus_choose(const gchar *accept);
// The name that samples of a counter or gauge have.
gchar *pf_prometheus_sample_name(const pf_metric *metric);

void pf_prometheus_write_protobuf(PfMetricSet *set, GString *out);

// Bounds of the classic histogram, in ns: two in an octave, from 64 ns to 17 s.
#define PF_CLASSIC_BOUNDS 57
guint64 pf_classic_bound(guint index);
// Calls below each bound, cumulative.
void pf_classic_counts(const pf_buckets *buckets, guint64 counts[PF_CLASSIC_BOUNDS]);
