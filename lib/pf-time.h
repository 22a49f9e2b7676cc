// SPDX-License-Identifier: Apache-2.0
// The clock of every duration, and what a look at it costs.  Internal.
#pragma once
#include <glib.h>
#include <time.h>

// CLOCK_MONOTONIC in ns; g_get_monotonic_time() has only µs.
static inline gint64 pf_time_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (gint64)time.tv_sec * 1000000000 + time.tv_nsec;
}

// What one read costs in ns, measured once: part of it lies between two reads, and is ours.
gint64 pf_time_cost_ns(void);
