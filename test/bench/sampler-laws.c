// SPDX-License-Identifier: Apache-2.0
// How often the samplers' intervals hold the truth, on laws of latency with known totals.
#include "sampler-laws.h"
#include "pf-adaptive-sampler.h"
#include "pf-skip.h"
#include "pf-statistical-sampler.h"
#include "sampler-replay.h"
#include <math.h>
#include <stdio.h>

#define SITES 12 // at most
#define CALLS 20000
#define LEAST 200

static uint64_t state;

static PfSampler *new_statistical(gconstpointer data) {
    return PF_SAMPLER(pf_statistical_sampler_new(*(const gdouble *)data, LEAST, NULL));
}

// Whose budget is good for every call.
static PfSampler *new_adaptive(gconstpointer data G_GNUC_UNUSED) {
    PfAdaptiveSamplingConfig config = {.overhead_budget = 0.5};
    return PF_SAMPLER(pf_adaptive_sampler_new(&config));
}

static const struct situation {
    const char *name;
    PfSampler *(*make)(gconstpointer data);
    gdouble rate; // at start
    guint certain;
    guint sites;
    gdouble seconds;
} situations[] = {
    {"statistical", new_statistical, 0.02, 8, 12, 10},
    // Some thousand calls come before the first decision, all others are timed.
    {"adaptive, nearly all timed, 1 site", new_adaptive, 0.01, 32, 1, 0.2},
    {"adaptive, nearly all timed, 4 sites", new_adaptive, 0.01, 32, 4, 0.2},
    {"adaptive, nearly all timed, 12 sites", new_adaptive, 0.01, 32, 12, 0.4},
    {"adaptive, four fifths timed, 4 sites", new_adaptive, 0.01, 32, 4, 0.06},
};

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
static void make_trace(trace *to, const struct law *law, const struct situation *in) {
    double harmonic = 0;
    double share[SITES];
    for (guint s = 0; s < in->sites; s++) {
        harmonic += 1.0 / (s + 1);
        share[s] = harmonic;
    }
    for (gsize i = 0; i < to->count; i++) {
        double at = uniform() * harmonic;
        guint site = 0;
        while (site < in->sites - 1 && share[site] < at) {
            site++;
        }
        to->event[i] = (trace_event){
            .start_ns = (guint64)((double)(i + 1) * in->seconds * 1e9 / (double)to->count),
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

static void print_law(const struct situation *in, const struct law *law, guint runs) {
    trace all = {.event = g_new0(trace_event, CALLS),
                 .count = CALLS,
                 .sites = in->sites,
                 .processes = 1,
                 .seconds = in->seconds};
    all.mean_ns = g_new0(gdouble, SITES);
    all.calls = g_new0(guint64, SITES);
    all.process = g_new0(struct trace_process, 1);
    *all.process = (struct trace_process){CALLS, 0, (guint64)(in->seconds * 1e9)};
    replay_options options = {
        .cpu = 1, .rate = in->rate, .certain = in->certain, .cost_ns = 100, .count_cost_ns = 2};
    tally total = {0};
    tally sites = {0};
    gdouble timed = 0;
    state = 88172645463325252ull;
    for (guint run = 1; run <= runs; run++) {
        replay_result result;
        make_trace(&all, law, in);
        replay(&all, in->make, &in->rate, &options, run, &result);
        count(&total, &result.total, result.truth_ns);
        timed += (gdouble)result.timed / CALLS;
        for (guint s = 0; s < in->sites; s++) {
            struct pf_estimate one = replay_estimate(&result.site[s], in->rate);
            count(&sites, &one, result.site[s].truth_ns);
        }
        replay_result_clear(&result);
    }
    printf("{\"situation\": \"%s\", \"law\": \"%s\", \"runs\": %u, \"timed\": %.2f, \"total\": ",
           in->name, law->name, runs, 100 * timed / runs);
    print(&total);
    printf(", \"site\": ");
    print(&sites);
    printf("}\n");
    fflush(stdout);
    trace_clear(&all);
}

void print_laws(guint runs) {
    for (guint i = 0; i < G_N_ELEMENTS(situations); i++) {
        for (guint l = 0; l < G_N_ELEMENTS(laws); l++) {
            print_law(&situations[i], &laws[l], runs);
        }
    }
}
