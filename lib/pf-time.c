// SPDX-License-Identifier: Apache-2.0
// Measures what a look at the clock costs.
#include "pf-time.h"

#define ROUNDS 64

gint64 pf_time_cost_ns(void) {
    static gsize known; // the cost + 1
    if (g_once_init_enter(&known)) {
        // The smallest of many differences: anything above it was an interruption.
        gint64 least = G_MAXINT64;
        gint64 before = pf_time_ns();
        for (guint i = 0; i < ROUNDS; i++) {
            gint64 after = pf_time_ns();
            least = MIN(least, after - before);
            before = after;
        }
        g_once_init_leave(&known, (gsize)CLAMP(least, 0, 100000) + 1);
    }
    return (gint64)known - 1;
}
