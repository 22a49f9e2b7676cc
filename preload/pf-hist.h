// SPDX-License-Identifier: Apache-2.0
// The latency histogram: base-2 octaves of 16 linear buckets, which maps to OTel and Prometheus.
#pragma once
#include <stdint.h>

#define PF_HIST_SUB 16
#define PF_HIST_OCTAVES 40
#define PF_HIST_BUCKETS (PF_HIST_OCTAVES * PF_HIST_SUB)

// Values below 16 have a bucket each; octave e >= 4 has 16 buckets of width 2^(e-4), so the relative
// width is at most 1/16.  The last bucket takes everything from 2^43 ns (2.4 hours) up.
static inline unsigned pf_hist_bucket(uint64_t value) {
    if (value < PF_HIST_SUB) {
        return (unsigned)value;
    }
    unsigned octave = 63u - (unsigned)__builtin_clzll(value);
    unsigned bucket = ((octave - 3) << 4) + (unsigned)((value >> (octave - 4)) & 15);
    return bucket < PF_HIST_BUCKETS ? bucket : PF_HIST_BUCKETS - 1;
}

// The lowest value that falls into a bucket.
static inline uint64_t pf_hist_low(unsigned bucket) {
    if (bucket < PF_HIST_SUB) {
        return bucket;
    }
    unsigned octave = (bucket >> 4) + 3;
    return (16ull + (bucket & 15)) << (octave - 4);
}

// The middle of a bucket: what a reader takes for the values in it.
static inline double pf_hist_middle(unsigned bucket) {
    return (double)(int64_t)(pf_hist_low(bucket) + pf_hist_low(bucket + 1) - 1) / 2;
}
