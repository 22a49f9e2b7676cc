// SPDX-License-Identifier: Apache-2.0
// The best that any choice of rates per site could reach on a trace, had it known the trace beforehand.
#pragma once
#include "sampler-trace.h"

// Widths in parts of those of one rate for all with as many timed calls; 0 where that has none either.
typedef struct {
    gdouble total;          // Neyman's allocation
    gdouble worst;          // the worst site's relative width, where every site has the same
    gdouble total_of_worst; // the total's with that
    gdouble both_total;     // half of the timed calls the one way, half the other
    gdouble both_worst;
} oracle_widths;

void oracle(const trace *trace, gdouble timed, guint fewest_calls, oracle_widths *ret_widths);
