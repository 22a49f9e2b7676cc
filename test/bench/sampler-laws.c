// SPDX-License-Identifier: Apache-2.0
// How often the statistical sampler's intervals hold the truth, on laws of latency with known totals.
#include "sampler-laws.h"
#include "pf-skip.h"
#include "pf-statistical-sampler.h"
#include "sampler-replay.h"
#include <math.h>
#include <stdio.h>

#define SITES 12
#define CALLS 20000
#define SECONDS 10.0
#define RATE 0.02
#define LEAST 200

static uint64_t state;

static PfSampler *new_sampler(gconstpointer data G_GNUC_UNUSED) {
    return PF_SAMPLER(pf_statistical_sampler_new(RATE, LEAST, NULL));
}

static double uniform(void) { return ((double)(pf_random(&state) >> 11) + 0.5) * 0x1p-53; }
static double normal(void) {
    return sqrt(-2 * pf_ln(uniform())) * cos(6.283185307179586 * uniform());
}
static double exponential(void) { return -1000 * pf_ln(uniform()); }
static double lognormal(void) { return 1000 * exp(normal()); }
static double pareto(void) { return 1000 * exp(pf_ln(uniform()) / -2.5); }
static double flushes(void) { return (uniform() < 0.02 ? 100000 : 1000) * exp(0.4 * normal()); }

// Runs of slow calls, as when a disk is busy: a tenth of the time everything takes 20 times as long.
static double burst_left;
static double bursts(void) {
    burst_left = burst_left > 0 ? burst_left - 1 : uniform() < 0.002 ? 50 : 0;
    return exponential() * (burst_left > 0 ? 20 : 1);
}

static const struct law {
    const char *name;
    double (*draw)(void);
} laws[] = {{"exponential", exponential},
            {"log-normal 1", lognormal},
            {"Pareto 2.5", pareto},
            {"2 % are 100 times slower", flushes},
            {"bursts", bursts}};

// Sites of Zipf sizes, each with a scale of its own, calls evenly over the time.
static void make_trace(trace *to, const struct law *law) {
    double harmonic = 0;
    double share[SITES];
    for (guint s = 0; s < SITES; s++) {
        harmonic += 1.0 / (s + 1);
        share[s] = harmonic;
    }
    for (gsize i = 0; i < to->count; i++) {
        double at = uniform() * harmonic;
        guint site = 0;
        while (site < SITES - 1 && share[site] < at) {
            site++;
        }
        to->event[i] = (trace_event){
            .start_ns = (guint64)((double)(i + 1) * SECONDS * 1e9 / (double)to->count),
            .duration_ns = (guint64)(law->draw() * (1 + site % 5)),
            .site = site};
    }
}

typedef struct {
    guint runs, printed, covered;
    gdouble width;
} tally;

static void count(tally *to, const struct pf_estimate *estimate, gdouble truth) {
    to->runs++;
    if (estimate->kind == PF_ESTIMATE_INTERVAL || estimate->kind == PF_ESTIMATE_EXACT) {
        to->printed++;
        to->covered +=
            estimate->low_ns <= truth * (1 + 1e-9) && truth <= estimate->high_ns * (1 + 1e-9);
        to->width += (estimate->high_ns - estimate->low_ns) / truth;
    }
}

static void print(const tally *of) {
    printf("{\"covered\": %.2f, \"width\": %.2f, \"refused\": %.2f}",
           of->printed ? 100.0 * of->covered / of->printed : 0,
           of->printed ? 100.0 * of->width / of->printed : 0, 100 - 100.0 * of->printed / of->runs);
}

void print_laws(guint runs) {
    trace all = {.event = g_new0(trace_event, CALLS),
                 .count = CALLS,
                 .sites = SITES,
                 .processes = 1,
                 .seconds = SECONDS};
    all.mean_ns = g_new0(gdouble, SITES);
    all.calls = g_new0(guint64, SITES);
    all.process = g_new0(struct trace_process, 1);
    *all.process = (struct trace_process){CALLS, 0, (guint64)(SECONDS * 1e9)};
    replay_options options = {
        .cpu = 1, .rate = RATE, .certain = 8, .cost_ns = 100, .count_cost_ns = 2};
    for (guint l = 0; l < G_N_ELEMENTS(laws); l++) {
        tally total = {0};
        tally sites = {0};
        state = 88172645463325252ull;
        for (guint run = 1; run <= runs; run++) {
            replay_result result;
            make_trace(&all, &laws[l]);
            replay(&all, new_sampler, NULL, &options, run, &result);
            count(&total, &result.total, result.truth_ns);
            for (guint s = 0; s < SITES; s++) {
                struct pf_estimate one = replay_estimate(&result.site[s], RATE);
                count(&sites, &one, result.site[s].truth_ns);
            }
            replay_result_clear(&result);
        }
        printf("{\"law\": \"%s\", \"runs\": %u, \"total\": ", laws[l].name, runs);
        print(&total);
        printf(", \"site\": ");
        print(&sites);
        printf("}\n");
        fflush(stdout);
    }
    trace_clear(&all);
}
