// SPDX-License-Identifier: Apache-2.0
// A line in one run, and what changed between runs.  Internal.
#pragma once
#include "pf-difference.h"
#include "pf-yardstick.h"

typedef struct {
    gdouble calls;
    gdouble bytes;
    gdouble clock_ns; // what the latencies of its process cannot tell apart
    PfHistogram *histogram;
} pf_line_run;

#define PF_CHANGES 4u // calls, bytes, latency, cost

// How many of cost, calls and bytes may differ by chance: calls and bytes do not where all runs agree, and of a line
// that is not in all of them nothing is compared.
guint pf_runs_count_varying(GArray *before, GArray *after);

// Runs are pf_line_run.  `noise`: what two runs differ by without a change; `machine`: by what their latencies
// do beyond that, since the machine did.  Both count only when each side has one run.  `p`: how likely a
// change may be seen where there is none.
void pf_runs_compare(GArray *before, GArray *after, gdouble noise, const pf_machine *machine,
                     gdouble p, PfChange *const changes[PF_CHANGES]);

// The same of all lines together: `before` and `after` hold the runs of each line.  No latency.
void pf_totals_compare(GPtrArray *before, GPtrArray *after, gdouble noise,
                       const pf_machine *machine, gdouble p, PfChange *const changes[PF_CHANGES]);
