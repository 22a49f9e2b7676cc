// SPDX-License-Identifier: Apache-2.0
// Judges samplers on traces: `samplers.py` records them and makes the tables.
//
//   samplers extract TRACE SEGMENT...
//   samplers compare TRACE CPU BUDGET SEEDS   adaptive against a fixed rate with as many timed calls
//   samplers laws RUNS                        the statistical sampler on five laws
//   samplers notice TRACE CPU BUDGET SEEDS    how soon a rare site that got 3 times as slow is noticed
#include "pf-adaptive-sampler.h"
#include "sampler-laws.h"
#include "sampler-oracle.h"
#include "sampler-replay.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COST_NS 85.0 // 2 x 20 + 45, as on the machine of docs/sampling.md
#define COUNT_COST_NS 2.3
#define FEWEST_CALLS 30 // of a site that is looked at
#define CERTAIN 32      // first calls of a site in a process, as in pf-segment-map.c

typedef struct {
    guint runs;
    guint intervals;
    guint covered;
    gdouble printed_width; // of the total's intervals, relative
    gdouble width;         // what they would be on average: 2 x 1.96 deviations by design
    gdouble worst_site;    // likewise, of the site where it is largest
    gdouble timed;
    guint site_intervals; // sites that got one
    guint sites;          // that were looked at
} arm;

static void arm_add(arm *self, const trace *trace, const replay_result *result, gdouble rate) {
    const struct pf_estimate *total = &result->total;
    gdouble worst = 0;
    self->runs++;
    self->timed += (gdouble)result->timed;
    self->width += 2 * 1.96 * sqrt(result->variance) / result->truth_ns;
    if (total->kind == PF_ESTIMATE_INTERVAL || total->kind == PF_ESTIMATE_EXACT) {
        self->intervals++;
        self->printed_width += (total->high_ns - total->low_ns) / result->truth_ns;
        self->covered += total->low_ns <= result->truth_ns * (1 + 1e-9) &&
                         result->truth_ns <= total->high_ns * (1 + 1e-9);
    }
    for (guint i = 0; i < trace->sites; i++) {
        const replay_site *site = &result->site[i];
        if (trace->calls[i] >= FEWEST_CALLS) {
            struct pf_estimate one = replay_estimate(site, rate);
            self->site_intervals +=
                one.kind == PF_ESTIMATE_INTERVAL || one.kind == PF_ESTIMATE_EXACT;
            self->sites++;
            worst = MAX(worst,
                        site->truth_ns > 0 ? 2 * 1.96 * sqrt(site->variance) / site->truth_ns : 0);
        }
    }
    self->worst_site += worst;
}

static void arm_print(const arm *self, const char *name) {
    gdouble runs = self->runs;
    printf("\"%s\": {\"timed\": %.1f, \"intervals\": %u, \"covered\": %u, \"printed_width\": %.6f, "
           "\"width\": %.6f, \"worst_site\": %.6f, \"sites_with_interval\": %.2f, \"sites\": %.0f}",
           name, self->timed / runs, self->intervals, self->covered,
           self->intervals ? self->printed_width / self->intervals : 0, self->width / runs,
           self->worst_site / runs, self->site_intervals / runs, self->sites / runs);
}

static PfSampler *new_sampler(gconstpointer budget) {
    PfAdaptiveSamplingConfig config = {.overhead_budget = *(const gdouble *)budget};
    return PF_SAMPLER(pf_adaptive_sampler_new(&config));
}

static void compare(const trace *trace, replay_options *options, gdouble budget, guint seeds) {
    arm adaptive = {0};
    arm fixed = {0};
    gdouble spent = 0;
    for (guint seed = 1; seed <= seeds; seed++) {
        replay_result result;
        options->certain = CERTAIN;
        options->rate = 0.01;
        replay(trace, new_sampler, &budget, options, seed, &result);
        arm_add(&adaptive, trace, &result, options->rate);
        spent += result.spent;
        guint64 timed = result.timed;
        replay_result_clear(&result);
        options->certain = 1;
        options->rate = MIN((gdouble)(timed - MIN(timed, trace->sites)) /
                                (gdouble)(trace->count - trace->sites),
                            1);
        replay(trace, NULL, NULL, options, seed + 1000, &result);
        arm_add(&fixed, trace, &result, options->rate);
        replay_result_clear(&result);
    }
    oracle_widths best;
    oracle(trace, adaptive.timed / seeds, FEWEST_CALLS, &best);
    printf("{\"calls\": %zu, \"seconds\": %.3f, \"all_sites\": %u, \"processes\": %u, "
           "\"best_total\": %.4f, \"best_worst\": %.4f, \"total_of_best_worst\": %.4f, "
           "\"both_total\": %.4f, \"both_worst\": %.4f, \"spent\": %.5f, ",
           trace->count, trace->seconds, trace->sites, trace->processes, best.total, best.worst,
           best.total_of_worst, best.both_total, best.both_worst, spent / seeds);
    arm_print(&adaptive, "adaptive");
    printf(", ");
    arm_print(&fixed, "fixed");
    printf("}\n");
}

// The rarest site that is called once a second or more, in both halves.
static guint rare_site(const trace *trace) {
    g_autofree guint64 *late = g_new0(guint64, trace->sites);
    guint64 middle = trace->event[0].start_ns + (guint64)(trace->seconds * 0.5e9);
    for (gsize i = 0; i < trace->count; i++) {
        late[trace->event[i].site] += trace->event[i].start_ns > middle;
    }
    guint best = trace->sites;
    gdouble least = MAX(trace->seconds, 60);
    for (guint i = 0; i < trace->sites; i++) {
        if ((gdouble)trace->calls[i] >= least && (gdouble)late[i] >= least / 3 &&
            (gdouble)(trace->calls[i] - late[i]) >= least / 3 &&
            (best == trace->sites || trace->calls[i] < trace->calls[best])) {
            best = i;
        }
    }
    return best;
}

static gint by_value(gconstpointer a, gconstpointer b) {
    gdouble one = *(const gdouble *)a;
    gdouble other = *(const gdouble *)b;
    return one < other ? -1 : one > other;
}

// Seconds until noticed, the median; what is never noticed counts as the end of the trace.
static gdouble median_delay(const trace *trace, PfSampler *(*make)(gconstpointer), gdouble budget,
                            replay_options *options, guint seeds, gdouble *timed, guint *ret_found,
                            gdouble *ret_false) {
    g_autofree gdouble *delay = g_new(gdouble, seeds);
    gdouble sum = 0;
    *ret_found = 0;
    *ret_false = 0;
    guint64 end = trace->event[trace->count - 1].start_ns;
    for (guint seed = 1; seed <= seeds; seed++) {
        replay_result result;
        replay(trace, make, &budget, options, seed, &result);
        guint64 when = result.noticed_ns != 0 ? result.noticed_ns : end;
        *ret_found += result.noticed_ns != 0;
        *ret_false += result.false_alarms;
        delay[seed - 1] = (gdouble)(when - options->slow_from_ns) / 1e9;
        sum += (gdouble)result.timed;
        replay_result_clear(&result);
    }
    *timed = sum / seeds;
    *ret_false /= seeds;
    qsort(delay, seeds, sizeof *delay, by_value);
    return delay[seeds / 2];
}

static void notice(const trace *trace, replay_options *options, gdouble budget, guint seeds) {
    guint site = rare_site(trace);
    if (site == trace->sites) {
        printf("{\"site_calls\": 0}\n");
        return;
    }
    options->slow_site = site;
    options->slower = 3;
    options->slow_from_ns = trace->event[0].start_ns + (guint64)(trace->seconds * 0.5e9);
    options->certain = CERTAIN;
    options->rate = 0.01;
    gdouble timed;
    guint found;
    gdouble alarms;
    gdouble adaptive =
        median_delay(trace, new_sampler, budget, options, seeds, &timed, &found, &alarms);
    printf("{\"site_calls\": %" G_GUINT64_FORMAT ", \"half\": %.3f, \"adaptive\": %.4f, "
           "\"adaptive_found\": %u, \"adaptive_false\": %.2f, ",
           trace->calls[site], trace->seconds / 2, adaptive, found, alarms);
    options->certain = 1;
    options->rate = MIN((timed - trace->sites) / (gdouble)(trace->count - trace->sites), 1);
    gdouble fixed = median_delay(trace, NULL, 0, options, seeds, &timed, &found, &alarms);
    printf("\"fixed\": %.4f, \"fixed_found\": %u, \"fixed_false\": %.2f, \"rate\": %.5f}\n", fixed,
           found, alarms, options->rate);
}

int main(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "extract") == 0) {
        return trace_extract(argv[2], argv + 3, argc - 3);
    }
    if (argc == 3 && strcmp(argv[1], "laws") == 0) {
        print_laws((guint)atoi(argv[2]));
        return 0;
    }
    trace all;
    if (argc != 6 || !trace_load(&all, argv[2])) {
        fprintf(stderr,
                "usage: samplers extract TRACE SEGMENT... | compare|notice TRACE CPU BUDGET "
                "SEEDS\n");
        return 2;
    }
    replay_options options = {
        .cpu = atof(argv[3]), .cost_ns = COST_NS, .count_cost_ns = COUNT_COST_NS};
    if (strcmp(argv[1], "compare") == 0) {
        compare(&all, &options, atof(argv[4]), (guint)atoi(argv[5]));
    } else {
        notice(&all, &options, atof(argv[4]), (guint)atoi(argv[5]));
    }
    trace_clear(&all);
    return 0;
}
