// SPDX-License-Identifier: Apache-2.0
// A histogram as OpenTelemetry's and Prometheus's exponential one.  Internal.
#pragma once
#include "pf-series.h"

// Ours has 16 buckets of equal width in an octave, theirs are of equal ratio, so that no scale fits but
// 0.  Each bucket goes where its middle lies, whole: so counts only grow.  The middle is within 3.1 % of
// every call in the bucket, a bucket of theirs is 1.1 % wide at scale 6: together 4.3 %.
#define PF_EXPONENTIAL_SCALE 6

typedef struct {
    gint32 index; // as OpenTelemetry counts: (base^index, base^(index + 1)], in seconds
    guint64 count;
} pf_exponential_bucket;

// Ascending, without empty ones; *ret_zero: calls of 0 ns.
GArray *pf_exponential_make(const pf_buckets *buckets, guint64 *ret_zero);
