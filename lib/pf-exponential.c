// SPDX-License-Identifier: Apache-2.0
// A histogram as OpenTelemetry's and Prometheus's exponential one.
#include "pf-exponential.h"
#include <math.h>

static gint32 index_of(guint bucket) {
    return (gint32)ceil(ldexp(log2(pf_hist_middle(bucket) / 1e9), PF_EXPONENTIAL_SCALE)) - 1;
}

GArray *pf_exponential_make(const pf_buckets *buckets, guint64 *ret_zero) {
    GArray *made = g_array_new(FALSE, FALSE, sizeof(pf_exponential_bucket));
    *ret_zero = pf_buckets_get(buckets, 0);
    for (guint i = 0; i < buckets->count; i++) {
        guint bucket = buckets->first + i;
        if (bucket == 0 || buckets->bucket[i] == 0) {
            continue;
        }
        pf_exponential_bucket next = {index_of(bucket), buckets->bucket[i]};
        pf_exponential_bucket *last =
            made->len > 0 ? &g_array_index(made, pf_exponential_bucket, made->len - 1) : NULL;
        if (last != NULL && last->index == next.index) {
            last->count += next.count;
        } else {
            g_array_append_val(made, next);
        }
    }
    return made;
}
