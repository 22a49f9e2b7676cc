// SPDX-License-Identifier: Apache-2.0
// The clock of every latency: CLOCK_MONOTONIC straight from the vDSO.
#pragma once
#include "pf-real.h"
#include <stdint.h>
#include <time.h>
#pragma GCC visibility push(hidden)

typedef int pf_clock_fn(clockid_t clock, struct pf_time *ret_time);

// clock_gettime of the vDSO, libc's until pf_clock_init ran or where there is none.  Not libc's in
// general: a preloaded faketime would then bend our latencies.
extern pf_clock_fn *pf_clock_gettime;

// Finds the vDSO's clock and measures what one read costs.  Safe to call more than once.
void pf_clock_init(void);

// The cost of one clock read in ns, subtracted from every latency; 0 before pf_clock_init.
extern uint64_t pf_clock_cost_ns;

static inline uint64_t pf_time_ns(clockid_t clock) {
    struct pf_time time;
    pf_clock_gettime(clock, &time);
    return (uint64_t)time.seconds * 1000000000u + (uint64_t)time.nanoseconds;
}

static inline __attribute__((always_inline)) uint64_t pf_now(void) {
    return pf_time_ns(CLOCK_MONOTONIC);
}

// From one moment to a later one; 0 when the clock went back in between (a restored checkpoint, a
// process moved to another machine), never 2^64.
static inline __attribute__((always_inline)) uint64_t pf_since(uint64_t then, uint64_t now) {
    return now > then ? now - then : 0;
}
#pragma GCC visibility pop
