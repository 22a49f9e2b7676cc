// SPDX-License-Identifier: Apache-2.0
// Estimates stay unbiased, and intervals cover, whatever rates a sampler sets while a program runs.
#include "../check-main.h"
#include "law-pool.h"
#include "pf-estimate.h"
#include "timed-call.h"
#include <stdio.h>

static double narrow(void) { return 1000 + 10 * normal(); }
static double exponential(void) { return -1000 * pf_ln(uniform()); }
static double lognormal(void) { return 1000 * exp(normal()); }
static double pareto(void) { return 1000 * exp(pf_ln(uniform()) / -2.5); }
static double flushes(void) { return (uniform() < 0.02 ? 100000 : 1000) * exp(0.4 * normal()); }

static const struct law laws[] = {
    {"normal, 1 % wide", narrow},          {"exponential", exponential},
    {"log-normal 1", lognormal},           {"Pareto 2.5", pareto},
    {"2 % are 100 times slower", flushes},
};
#define LAWS (sizeof laws / sizeof *laws)

// How rates change.  SWITCHED: every site's, every few calls, and latencies change with them, so that
// whoever took the plain mean of the timed calls would be far off.  BY_SITE: each site has its own.
// SOON_ALL: a sampler that finds that it can afford every call; some hundred came before.
enum change { SWITCHED, BY_SITE, STARTS_WITH_ALL, SOON_ALL, CHANGES };
static const char *const change_names[CHANGES] = {"switched", "by site", "rate 1 at first",
                                                  "rate 1 soon"};

static const double steps[] = {0.02, 0.3, 0.05, 1, 0.1, 0.01};
#define STEPS (sizeof steps / sizeof *steps)

// How many calls from the i-th on have its rate, by the rule of rate_of.
static uint64_t ends_at(enum change change, uint64_t i, uint64_t n) {
    switch (change) {
    case SWITCHED: return ((i * 40 / n + 1) * n + 39) / 40;
    case BY_SITE: return n;
    case SOON_ALL: return i < n * 3 / 200 ? n * 3 / 200 : n;
    default: return i < n / 50 ? n / 50 : n;
    }
}

static double rate_of(enum change change, unsigned site, uint64_t i, uint64_t n) {
    switch (change) {
    case SWITCHED: return steps[(i * 40 / n + site) % STEPS];
    case BY_SITE: return 0.02 * (1 + (double)(site * 7 % 8) * 4);
    case SOON_ALL: return i < n * 3 / 200 ? 0.01 : 1;
    default: return i < n / 50 ? 1 : 0.05;
    }
}

// In hundredths, so that latencies stay whole numbers.
static uint64_t slowness(enum change change, unsigned site, double rate) {
    uint64_t own = 1 + site % 5;
    return own * (change == SWITCHED ? 100 + (uint64_t)(300 * rate + 0.5) : 100);
}

// As pf-record.c and pf-control.c do it: a change of rate draws the wait anew.
static double fill(struct pf_stratum *s, struct pool *pool, enum change change, unsigned site,
                   uint64_t n) {
    double truth = 0;
    uint64_t i = 0;
    size_t at = pool_stretch(pool, n);
    *s = (struct pf_stratum){.calls = n - 1, .certain_calls = 1};
    for (uint64_t end; i < n; i = end) {
        double rate = rate_of(change, site, i, n);
        double factor = pf_skip_factor(rate);
        uint64_t slow = slowness(change, site, rate);
        end = ends_at(change, i, n);
        truth += (double)(slow * (pool->sum[at + end] - pool->sum[at + i]));
        i += i == 0 ? 0 : (uint64_t)pf_skip_draw(factor, &state);
        for (; i < end; i += 1 + (uint64_t)pf_skip_draw(factor, &state)) {
            uint64_t ns = pool->ns[at + i] * slow;
            s->max_ns = ns > s->max_ns ? ns : s->max_ns;
            if (i == 0) {
                s->certain_ns = ns;
            } else {
                timed_call_add(s, ns, rate);
            }
        }
    }
    return truth;
}

struct outcome {
    unsigned runs;
    unsigned printed;
    unsigned covered;
    double width;
    double error; // sum of (estimate - truth) / truth
    double errors_squared;
};

static struct outcome simulate(struct pool *pool, enum change change, unsigned sites, double calls,
                               unsigned runs) {
    struct outcome o = {.runs = runs};
    double harmonic = 0;
    for (unsigned s = 0; s < sites; s++) {
        harmonic += 1.0 / (s + 1);
    }
    for (unsigned run = 0; run < runs; run++) {
        struct pf_estimator estimator;
        struct pf_estimate estimate;
        double truth = 0;
        pf_estimator_init(&estimator, 0.01);
        for (unsigned s = 0; s < sites; s++) {
            struct pf_stratum stratum;
            truth += fill(&stratum, pool, change, s, (uint64_t)(calls / harmonic / (s + 1)) + 1);
            pf_estimator_add(&estimator, &stratum);
        }
        pf_estimator_finish(&estimator, &estimate);
        double error = (estimate.total_ns - truth) / truth;
        o.error += error;
        o.errors_squared += error * error;
        if (estimate.kind == PF_ESTIMATE_INTERVAL) {
            o.printed++;
            o.covered += estimate.low_ns <= truth && truth <= estimate.high_ns;
            o.width += (estimate.high_ns - estimate.low_ns) / truth;
        }
    }
    return o;
}

static const struct {
    unsigned sites;
    double calls;
} sizes[] = {{1, 20000}, {8, 20000}, {30, 40000}};
#define SIZES (sizeof sizes / sizeof *sizes)

#define POOL 300000u

static struct outcome simulate_case(unsigned i, unsigned runs, bool always_anew) {
    unsigned size = i % SIZES;
    begin_chance();
    struct pool pool = pool_new(&laws[i / SIZES / CHANGES],
                                always_anew ? (size_t)sizes[size].calls + 1 : POOL, always_anew);
    struct outcome o = simulate(&pool, (enum change)(i / SIZES % CHANGES), sizes[size].sites,
                                sizes[size].calls, runs);
    pool_free(&pool);
    return o;
}

// With a fixed seed: the same runs each time, each of stretches of one pool of calls, and what chance does to so many
// allowed for (three standard deviations).  test/machine/measure_estimates.py draws each run's calls anew.
START_TEST(changed_rates_do_not_bias) {
    unsigned i = (unsigned)_i;
    struct outcome o = simulate_case(i, 100, false);
    const char *law = laws[i / SIZES / CHANGES].name;
    const char *change = change_names[i / SIZES % CHANGES];
    double mean = o.error / o.runs;
    double deviation = sqrt(fmax(o.errors_squared / o.runs - mean * mean, 0) / o.runs);
    ck_assert_msg(fabs(mean) <= 4 * deviation + 1e-9, "%s, %s: off by %g on average, noise %g", law,
                  change, mean, deviation);
    ck_assert_msg(o.printed >= 0.99 * o.runs, "%s, %s: %u of %u printed", law, change, o.printed,
                  o.runs);
    double covered = 100.0 * o.covered / o.printed;
    double noise = 300 * sqrt(0.95 * 0.05 / o.printed);
    // Where the widths were chosen for one rate, several may make them too wide, never too narrow.
    ck_assert_msg(covered >= 92 - noise, "%s, %s, %u sites: covers %.1f %%", law, change,
                  sizes[i % SIZES].sites, covered);
}
END_TEST

// The same sample, told with weights and without, must give the same interval.
START_TEST(equal_weights_change_nothing) {
    struct pf_estimator plain, weighted;
    struct pf_estimate a, b;
    state = 1;
    pf_estimator_init(&plain, 0.05);
    pf_estimator_init(&weighted, 0.5); // another rate, so that the weights are used
    for (unsigned site = 0; site < 3; site++) {
        struct pf_stratum s = {.calls = 20000};
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t ns = (uint64_t)exponential();
            double x = (double)ns;
            s.sampled++;
            s.sum_ns += ns;
            s.sumsq += x * x;
            s.sumcube += x * x * x;
            s.max_ns = ns > s.max_ns ? ns : s.max_ns;
        }
        pf_estimator_add(&plain, &s);
        double w = 20;
        s.weight = w * 1000;
        s.weighted_ns = w * (double)s.sum_ns;
        s.spread = w * (w - 1) * 1000;
        s.spread_ns = w * (w - 1) * (double)s.sum_ns;
        s.spread_ns2 = w * (w - 1) * s.sumsq;
        pf_estimator_add(&weighted, &s);
    }
    pf_estimator_finish(&plain, &a);
    pf_estimator_finish(&weighted, &b);
    ck_assert_int_eq(b.kind, PF_ESTIMATE_INTERVAL);
    ck_assert(fabs(a.total_ns - b.total_ns) <= 1e-9 * a.total_ns);
    ck_assert(fabs(a.low_ns - b.low_ns) <= 0.01 * (a.high_ns - a.low_ns));
    ck_assert(fabs(a.high_ns - b.high_ns) <= 0.01 * (a.high_ns - a.low_ns));
}
END_TEST

// 1,000 calls of 1 us timed at rate 1/2, 1,000 of 3 us at 1/20: they stand for 22,000, of which the total is known to be
// 62 ms, give or take t times the root of sum w (w - 1) (x - mean)^2 (Hajek), with the degrees of freedom of
// (sum of w - 1)^2 / sum of (w - 1)^2 witnesses, 1,104.97.
#define T_1104 1.96211517

START_TEST(limits_of_two_rates_to_the_digit) {
    struct pf_estimator e;
    struct pf_estimate estimate;
    struct pf_stratum s = {.calls = 22000, .sampled = 2000, .sum_ns = 4000000, .max_ns = 3000};
    double sums[2] = {0};
    pf_estimator_init(&e, 0.1);
    for (unsigned i = 0; i < 2; i++) {
        double x = i == 0 ? 1000 : 3000;
        double w = i == 0 ? 2 : 20;
        s.sumsq += 1000 * x * x;
        s.sumcube += 1000 * x * x * x;
        s.weight += 1000 * w;
        s.weighted_ns += 1000 * w * x;
        s.spread += 1000 * w * (w - 1);
        s.spread_ns += 1000 * w * (w - 1) * x;
        s.spread_ns2 += 1000 * w * (w - 1) * x * x;
        sums[i] = 1000 * w * (w - 1) * (x - 62e6 / 22000) * (x - 62e6 / 22000);
    }
    pf_estimator_add(&e, &s);
    pf_estimator_finish(&e, &estimate);
    double half = T_1104 * sqrt((sums[0] + sums[1]) * 2000 / 1999);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_INTERVAL);
    ck_assert_double_eq_tol(estimate.total_ns, 62e6, 1e-3);
    ck_assert_double_eq_tol(estimate.high_ns, 62e6 + half, 1e-6 * half);
    ck_assert_double_eq_tol(estimate.low_ns, 62e6 - half, 1e-6 * half);
}
END_TEST

// While the rate was 0 nobody looked: what was timed before must not stand for it in silence.
START_TEST(calls_without_a_chance_are_told) {
    struct pf_estimator e;
    struct pf_estimate estimate;
    struct pf_stratum s = {.calls = 100000, .sampled = 5000, .sum_ns = 5000000};
    s.sumsq = 5001e6;
    s.weight = 50000; // one in ten, of half the calls
    s.weighted_ns = 50000e3;
    s.spread = 90 * 5000;
    s.spread_ns = 90 * 5000000.0;
    s.spread_ns2 = 90 * s.sumsq;
    pf_estimator_init(&e, 0.1);
    s.weight *= 1.0001; // not all at 0.1
    pf_estimator_add(&e, &s);
    pf_estimator_finish(&e, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_TOO_FEW);
}
END_TEST

// Every call of one site timed, few of another: the first adds no doubt.
START_TEST(what_was_timed_whole_is_exact) {
    struct pf_estimator e;
    struct pf_estimate estimate;
    pf_estimator_init(&e, 0.1);
    struct pf_stratum whole = {.calls = 500, .sampled = 500, .sum_ns = 500000, .weight = 500};
    whole.weighted_ns = 500000;
    pf_estimator_add(&e, &whole);
    pf_estimator_finish(&e, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_EXACT);
    ck_assert(estimate.total_ns == 500000 && estimate.high_ns == 500000);
}
END_TEST

static void print_table(unsigned runs) {
    for (unsigned i = 0; i < LAWS * CHANGES * SIZES; i++) {
        struct outcome o = simulate_case(i, runs, true);
        printf("| %s | %s | %u | %.0f | %.1f | %.1f | %.1f | %+.3f |\n",
               laws[i / SIZES / CHANGES].name, change_names[i / SIZES % CHANGES],
               sizes[i % SIZES].sites, sizes[i % SIZES].calls, 100.0 * o.covered / o.printed,
               100 * o.width / o.printed, 100 - 100.0 * o.printed / o.runs, 100 * o.error / o.runs);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) { // the table of docs/sampling.md
        print_table((unsigned)atoi(argv[1]));
        return 0;
    }
    const struct check_test tests[] = {
        {changed_rates_do_not_bias, LAWS * CHANGES * SIZES},
        {equal_weights_change_nothing, 0},
        {limits_of_two_rates_to_the_digit, 0},
        {calls_without_a_chance_are_told, 0},
        {what_was_timed_whole_is_exact, 0},
        {NULL, 0},
    };
    return check_main("weights", tests);
}
