// SPDX-License-Identifier: Apache-2.0
// Replays a trace under a sampler: what would have been timed, and what would have been said.
#pragma once
#include "pf-estimate.h"
#include "pf-sampler.h"
#include "sampler-trace.h"

typedef struct {
    gdouble cpu;  // CPU seconds of the program per second; its processes' shares go by their calls
    gdouble rate; // at start, and throughout with no sampler
    guint certain;
    gdouble cost_ns;
    gdouble count_cost_ns;
    guint slow_site; // from slow_from_ns on its calls take `slower` times as long
    guint64 slow_from_ns;
    gdouble slower; // 0: none
} replay_options;

typedef struct {
    struct pf_stratum stratum;
    gdouble truth_ns;
    gdouble variance; // of its estimate, by design: sum (1/p - 1) (x - mean)^2 over all its calls
    guint64 calls;
} replay_site;

typedef struct {
    replay_site *site;
    guint64 timed;
    gdouble spent; // share of CPU time, by the books of the samplers
    gdouble truth_ns;
    gdouble variance; // likewise, of the total
    struct pf_estimate total;
    guint64 noticed_ns; // when the slow site was noticed; 0: never
    guint false_alarms;
} replay_result;

// `make` NULL: a fixed rate, watched with the same detector.  Else every process of the trace gets a sampler of its
// own, as with the real observer, which finds a new process within LOOK_MS: one that ends sooner is not steered.
void replay(const trace *trace, PfSampler *(*make)(gconstpointer data), gconstpointer data,
            const replay_options *options, guint64 seed, replay_result *ret_result);
void replay_result_clear(replay_result *self);
// Of one site.
struct pf_estimate replay_estimate(const replay_site *site, gdouble rate);
