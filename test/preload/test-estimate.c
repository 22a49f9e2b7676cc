// SPDX-License-Identifier: Apache-2.0
// The interval of the total covers the truth as often as it says, on laws with known totals.
#include "../check-main.h"
#include "law-pool.h"
#include "pf-estimate.h"
#include "pf-hist.h"
#include <stdio.h>

static double fixed(void) { return 1000; }
static double narrow(void) { return 1000 + 10 * normal(); }
static double exponential(void) { return -1000 * pf_ln(uniform()); }
static double lognormal_1(void) { return 1000 * exp(normal()); }
static double lognormal_15(void) { return 1000 * exp(1.5 * normal()); }
static double pareto_25(void) { return 1000 * exp(pf_ln(uniform()) / -2.5); }
static double pareto_15(void) { return 1000 * exp(pf_ln(uniform()) / -1.5); }
static double two_modes(void) { return uniform() < 0.02 ? 100000 : 1000; }
static double flushes(void) { return two_modes() * exp(0.4 * normal()); }

struct situation {
    unsigned strata;
    double calls;
    double rate;
    double most_refused; // share of runs that may end without an interval
};

// 10 and 100 timed calls on average are refused, always or nearly so.
static const struct situation situations[] = {
    {1, 1000, 0.01, 1},      {1, 10000, 0.01, 1},      {1, 20000, 0.01, 0.001},
    {8, 20000, 0.01, 0.001}, {50, 20000, 0.01, 0.001}, {50, 100000, 0.01, 0},
    {1, 1000, 0.1, 1},       {1, 2000, 0.1, 0.001},    {8, 2000, 0.1, 0.001},
    {50, 2000, 0.1, 0.001},  {8, 10000, 0.1, 0},       {50, 100000, 0.1, 0},
    {8, 1000, 0.5, 0},       {8, 1000, 0.95, 0},
};
#define SITUATIONS (sizeof situations / sizeof *situations)

static const struct law laws[] = {
    {"fixed", fixed},
    {"normal, 1 % wide", narrow},
    {"exponential", exponential},
    {"log-normal 1", lognormal_1},
    {"log-normal 1.5", lognormal_15},
    {"Pareto 2.5", pareto_25},
    {"Pareto 1.5", pareto_15},
    {"2 % are 100 times slower", two_modes},
    {"the same, log-normal 0.4", flushes},
};
#define LAWS (sizeof laws / sizeof *laws)

struct outcome {
    unsigned runs;
    unsigned printed;
    unsigned covered;
    unsigned disordered;
    double width; // sum over printed runs, in parts of the truth
};

static void add_timed(struct pf_stratum *stratum, uint64_t ns) {
    double middle = pf_hist_middle(pf_hist_bucket(ns));
    stratum->max_ns = ns > stratum->max_ns ? ns : stratum->max_ns;
    stratum->sampled++;
    stratum->sum_ns += ns;
    stratum->sumsq += (double)ns * (double)ns;
    stratum->mid_sum += middle;
    stratum->mid_sumsq += middle * middle;
    stratum->sumcube += middle * middle * middle;
}

// One call site of n calls: the first is timed with certainty, the others by geometric skipping,
// exactly as the probe does it.  Returns what all calls took.
static double fill(struct pf_stratum *stratum, struct pool *pool, double rate, uint64_t n,
                   uint64_t scale) {
    double factor = pf_skip_factor(rate);
    size_t at = pool_stretch(pool, n);
    const uint64_t *ns = pool->ns + at;
    uint64_t first = ns[0] * scale;
    *stratum = (struct pf_stratum){
        .calls = n - 1, .certain_calls = 1, .certain_ns = first, .max_ns = first};
    for (uint64_t i = 1 + (uint64_t)pf_skip_draw(factor, &state); i < n;
         i += 1 + (uint64_t)pf_skip_draw(factor, &state)) {
        add_timed(stratum, ns[i] * scale);
    }
    return (double)(scale * (pool->sum[at + n] - pool->sum[at]));
}

// Sites of Zipf sizes; each has its own scale, but for the laws that are there for having no spread.
static struct outcome simulate(struct pool *pool, const struct situation *at, unsigned runs) {
    struct outcome outcome = {.runs = runs};
    double harmonic = 0;
    for (unsigned s = 0; s < at->strata; s++) {
        harmonic += 1.0 / (s + 1);
    }
    bool same_scale = pool->law->draw == fixed || pool->law->draw == narrow;
    for (unsigned run = 0; run < runs; run++) {
        struct pf_estimator estimator;
        struct pf_estimate estimate;
        double truth = 0;
        pf_estimator_init(&estimator, at->rate);
        for (unsigned s = 0; s < at->strata; s++) {
            struct pf_stratum stratum;
            uint64_t n = (uint64_t)(at->calls / harmonic / (s + 1)) + 1;
            truth += fill(&stratum, pool, at->rate, n, same_scale ? 1 : 1 + s % 5);
            pf_estimator_add(&estimator, &stratum);
        }
        pf_estimator_finish(&estimator, &estimate);
        if (estimate.kind == PF_ESTIMATE_INTERVAL || estimate.kind == PF_ESTIMATE_EXACT) {
            outcome.printed++;
            // Doubles: a fixed latency is exact to rounding.
            double slack = 1e-9 * truth;
            outcome.covered +=
                estimate.low_ns <= truth + slack && truth <= estimate.high_ns + slack;
            outcome.disordered +=
                !(estimate.low_ns <= estimate.total_ns && estimate.total_ns <= estimate.high_ns);
            outcome.width += (estimate.high_ns - estimate.low_ns) / truth;
        }
    }
    return outcome;
}

#define POOL 300000u

// As many runs as time 400,000 calls, within limits.
static unsigned affordable(const struct situation *at) {
    double runs = 4e5 / (at->calls * at->rate);
    return runs > 1000 ? 1000 : runs < 100 ? 100 : (unsigned)runs;
}

static void check_coverage(const struct law *law, const struct situation *at, struct outcome o) {
    double refused = 1 - (double)o.printed / o.runs;
    ck_assert_uint_eq(o.disordered, 0);
    ck_assert_msg(refused <= at->most_refused, "%s, %u strata, %.0f calls at %g: %.3f refused",
                  law->name, at->strata, at->calls, at->rate, refused);
    ck_assert(law->draw != fixed || (o.covered == o.printed && o.width <= 1e-6 * o.printed));
    if (law->draw == fixed || o.printed < 50) {
        return;
    }
    // 95 +- 3, give or take what chance does to so many runs (three standard deviations).
    double covered = 100.0 * o.covered / o.printed;
    double noise = 300 * sqrt(0.95 * 0.05 / o.printed);
    // With 95 % timed about one slow call is among the untimed: that comes in whole numbers, and no
    // interval can hold just 95 % of them.
    double most = at->rate > 0.9 ? 99 : 98;
    ck_assert_msg(covered >= 92 - noise && covered <= most + noise,
                  "%s, %u strata, %.0f calls at %g: covers %.1f %%", law->name, at->strata,
                  at->calls, at->rate, covered);
}

// With a fixed seed: the same runs each time.  Every situation has 100 to 1,000 runs, of stretches of one pool of calls;
// test/machine/measure_estimates.py draws each run's calls anew.
START_TEST(the_interval_covers_the_truth) {
    const struct law *law = &laws[_i];
    begin_chance();
    struct pool pool = pool_new(law, POOL, false);
    for (size_t i = 0; i < SITUATIONS; i++) {
        check_coverage(law, &situations[i],
                       simulate(&pool, &situations[i], affordable(&situations[i])));
    }
    pool_free(&pool);
}
END_TEST

static void print_table(unsigned runs) {
    for (size_t i = 0; i < LAWS * SITUATIONS; i++) {
        const struct law *law = &laws[i / SITUATIONS];
        const struct situation *at = &situations[i % SITUATIONS];
        struct pool pool = pool_new(law, (size_t)at->calls + 1, true);
        begin_chance();
        struct outcome o = simulate(&pool, at, runs);
        pool_free(&pool);
        printf("| %s | %u | %.0f | %g | ", law->name, at->strata, at->calls, at->rate);
        if (o.printed >= 50) {
            printf("%.1f | %.1f", 100.0 * o.covered / o.printed, 100 * o.width / o.printed);
        } else {
            printf("- | -");
        }
        printf(" | %.1f |\n", 100 - 100.0 * o.printed / o.runs);
    }
}

// Timed calls of which the moments are given; a third central moment of `skewness` deviations, no longest call.
static struct pf_stratum made_stratum(uint64_t calls, uint64_t timed, double mean, double deviation,
                                      double skewness) {
    double n = (double)timed;
    double variance = deviation * deviation;
    return (struct pf_stratum){.calls = calls,
                               .sampled = timed,
                               .sum_ns = (uint64_t)(n * mean),
                               .max_ns = (uint64_t)mean,
                               .sumsq = n * (mean * mean + variance),
                               .sumcube = n * (mean * mean * mean + 3 * mean * variance +
                                               skewness * variance * deviation)};
}

static void check_interval(const struct pf_estimator *e, double total, double low, double high) {
    struct pf_estimate estimate;
    pf_estimator_finish(e, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_INTERVAL);
    ck_assert_double_eq_tol(estimate.total_ns, total, 1e-9 * total);
    ck_assert_double_eq_tol(estimate.low_ns, low, 1e-6 * (total - low));
    ck_assert_double_eq_tol(estimate.high_ns, high, 1e-6 * (high - total));
}

// Without skewness an interval is Student's: N mean +- t sqrt(N^2 (1 - n/N) s^2 / n), with Welch's degrees of freedom
// for several strata.
#define T_499 1.96472939
#define T_774 1.96303267 // of sites of 500 and 400 timed calls, below: 774.25 degrees
START_TEST(limits_are_those_of_the_formula) {
    struct pf_estimator e;
    struct pf_stratum one = made_stratum(10000, 500, 1000, 200, 0);
    double square_one = 1e8 * 0.95 * 40000 / 499;
    double half = T_499 * sqrt(square_one);
    pf_estimator_init(&e, 0.05);
    pf_estimator_add(&e, &one);
    check_interval(&e, 1e7, 1e7 - half, 1e7 + half);
    // What was timed with certainty is added, and adds no doubt.
    one.certain_calls = 3;
    one.certain_ns = 4321;
    pf_estimator_init(&e, 0.05);
    pf_estimator_add(&e, &one);
    check_interval(&e, 1e7 + 4321, 1e7 + 4321 - half, 1e7 + 4321 + half);
    // Another site: the squares add up.
    struct pf_stratum other = made_stratum(8000, 400, 3000, 300, 0);
    double square_other = 64e6 * 0.95 * 90000 / 399;
    double both = T_774 * sqrt(square_one + square_other);
    pf_estimator_add(&e, &other);
    check_interval(&e, 3.4e7 + 4321, 3.4e7 + 4321 - both, 3.4e7 + 4321 + both);
    // Sites of too few calls to stand alone are one: the spread between them counts as spread.
    pf_estimator_init(&e, 0.05);
    for (unsigned i = 0; i < 20; i++) {
        struct pf_stratum small = made_stratum(500, 25, i % 2 == 0 ? 900 : 1100, 0, 0);
        pf_estimator_add(&e, &small);
    }
    half = T_499 * sqrt(1e8 * 0.95 * 10000 / 499);
    check_interval(&e, 1e7, 1e7 - half, 1e7 + half);
    // Skewness moves both limits, by what docs/sampling.md says.
    one = made_stratum(10000, 500, 1000, 200, 1.5);
    one.max_ns = 2000;
    pf_estimator_init(&e, 0.05);
    pf_estimator_add(&e, &one);
    check_interval(&e, 1e7, 1e7 - 1.72378420 * sqrt(square_one),
                   1e7 + 2.66784280 * sqrt(square_one));
}
END_TEST

START_TEST(every_call_timed_is_exact) {
    struct pf_estimator estimator;
    struct pf_estimate estimate;
    pf_estimator_init(&estimator, 1);
    pf_estimator_add(&estimator, &(struct pf_stratum){.calls = 3, .sampled = 3, .sum_ns = 77});
    pf_estimator_finish(&estimator, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_EXACT);
    ck_assert(estimate.total_ns == 77 && estimate.low_ns == 77 && estimate.high_ns == 77);
}
END_TEST

START_TEST(nothing_timed_is_no_estimate) {
    struct pf_estimator estimator;
    struct pf_estimate estimate;
    pf_estimator_init(&estimator, 0.01);
    pf_estimator_finish(&estimator, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_EXACT); // no calls at all took no time
    ck_assert(estimate.total_ns == 0);
    pf_estimator_add(&estimator, &(struct pf_stratum){.calls = 50});
    pf_estimator_finish(&estimator, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_NONE);
    pf_estimator_add(&estimator, &(struct pf_stratum){.calls = 50, .sampled = 1, .sum_ns = 5});
    pf_estimator_finish(&estimator, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_TOO_FEW);
}
END_TEST

// 199 calls of 1 us and one of 50 ms: the lower limit may not be below what was seen, the upper one
// must leave room for many more such calls.
START_TEST(one_slow_call_makes_a_wide_interval) {
    struct pf_estimator estimator;
    struct pf_estimate estimate;
    pf_estimator_init(&estimator, 0.01);
    struct pf_stratum stratum = {.calls = 20000, .sampled = 200, .sum_ns = 199 * 1000 + 50000000};
    stratum.max_ns = 50000000;
    stratum.sumsq = 199e6 + 2.5e15;
    stratum.sumcube = 199e9 + 1.25e23;
    pf_estimator_add(&estimator, &stratum);
    pf_estimator_finish(&estimator, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_INTERVAL);
    ck_assert(estimate.low_ns == (double)stratum.sum_ns);
    ck_assert(estimate.high_ns > 5 * estimate.total_ns);
}
END_TEST

static void check_sane(const struct pf_estimator *estimator, enum pf_estimate_kind kind) {
    struct pf_estimate estimate;
    pf_estimator_finish(estimator, &estimate);
    ck_assert_int_eq(estimate.kind, kind);
    ck_assert(isfinite(estimate.total_ns) && isfinite(estimate.low_ns));
    ck_assert(isfinite(estimate.high_ns) && estimate.low_ns >= 0);
    if (kind == PF_ESTIMATE_INTERVAL || kind == PF_ESTIMATE_EXACT) {
        ck_assert(estimate.low_ns <= estimate.total_ns && estimate.total_ns <= estimate.high_ns);
    }
}

START_TEST(odd_input_gives_numbers) {
    struct pf_estimator e;
    // Rate 0: counted only.
    pf_estimator_init(&e, 0);
    pf_estimator_add(&e, &(struct pf_stratum){.calls = UINT64_MAX});
    check_sane(&e, PF_ESTIMATE_NONE);
    // Every call but one timed: a signal handler interrupted our recording.
    pf_estimator_init(&e, 1);
    struct pf_stratum all_but_one = {.calls = 100, .sampled = 99, .sum_ns = 990, .max_ns = 10};
    all_but_one.sumsq = 9900;
    pf_estimator_add(&e, &all_but_one);
    check_sane(&e, PF_ESTIMATE_INTERVAL);
    // A reader of a live segment may see more timed calls than calls, and sums that do not fit.
    pf_estimator_init(&e, 0.01);
    pf_estimator_add(&e, &(struct pf_stratum){.calls = 3, .sampled = 5, .sum_ns = 50});
    check_sane(&e, PF_ESTIMATE_EXACT);
    struct pf_stratum torn = {.calls = 100000, .sampled = 1000, .sum_ns = 1000000};
    pf_estimator_add(&e, &torn);
    check_sane(&e, PF_ESTIMATE_INTERVAL);
    torn.sumsq = 1e40;
    torn.sumcube = -1e60;
    pf_estimator_add(&e, &torn);
    check_sane(&e, PF_ESTIMATE_INTERVAL);
    torn.sampled = 0;
    pf_estimator_add(&e, &torn);
    check_sane(&e, PF_ESTIMATE_TOO_FEW);
}
END_TEST

// 1,000 sites of one further call each, of which none happened to be timed, are a tenth of all calls,
// and count as such.
START_TEST(a_small_remainder_is_not_forgotten) {
    struct pf_estimator e;
    struct pf_estimate estimate;
    pf_estimator_init(&e, 0.02);
    for (unsigned i = 0; i < 1000; i++) {
        pf_estimator_add(&e, &(struct pf_stratum){.calls = 1});
    }
    struct pf_stratum big = {.calls = 9000, .sampled = 180, .sum_ns = 18000, .max_ns = 100};
    big.sumsq = 1800000;
    pf_estimator_add(&e, &big);
    pf_estimator_finish(&e, &estimate);
    ck_assert_int_eq(estimate.kind, PF_ESTIMATE_INTERVAL);
    ck_assert(fabs(estimate.total_ns - 10000 * 100.0) < 1e-6);
}
END_TEST

static struct pf_stratum some_stratum(unsigned i) {
    uint64_t sampled = 1 + i * 7 % 120;
    uint64_t mean = 100 + i * 13 % 900;
    struct pf_stratum stratum = {.calls = sampled * 50 + i,
                                 .certain_calls = i % 3,
                                 .certain_ns = i % 3 * 50,
                                 .sampled = sampled,
                                 .sum_ns = sampled * mean,
                                 .max_ns = mean * 4};
    stratum.sumsq = (double)sampled * (double)mean * (double)mean * 1.5;
    stratum.sumcube = stratum.sumsq * (double)mean * 2;
    if (i % 5 == 0) { // timed at another rate than the others
        stratum.calls = sampled * 20 + i;
        stratum.weight = (double)sampled * 20;
        stratum.weighted_ns = stratum.weight * (double)mean;
        stratum.spread = stratum.weight * 19;
        stratum.spread_ns = stratum.spread * (double)mean;
        stratum.spread_ns2 = stratum.spread_ns * (double)mean * 1.5;
    }
    return stratum;
}

static void check_close(double one, double other) {
    ck_assert_msg(fabs(one - other) <= 1e-9 * fabs(one), "%.17g is not %.17g", one, other);
}

// In whatever parts the strata are added up.
START_TEST(parts_make_the_whole) {
    unsigned count = (unsigned)_i;
    struct pf_estimator whole;
    struct pf_estimator joined;
    struct pf_estimator part[4];
    pf_estimator_init(&whole, 0.02);
    pf_estimator_init(&joined, 0.02);
    for (unsigned i = 0; i < 4; i++) {
        pf_estimator_init(&part[i], 0.02);
    }
    for (unsigned i = 0; i < count; i++) {
        struct pf_stratum stratum = some_stratum(i);
        pf_estimator_add(&whole, &stratum);
        pf_estimator_add(&part[i % 3], &stratum); // one part stays empty
    }
    for (unsigned i = 0; i < 4; i++) {
        pf_estimator_merge(&joined, &part[i]);
    }
    struct pf_estimate expected;
    struct pf_estimate got;
    pf_estimator_finish(&whole, &expected);
    pf_estimator_finish(&joined, &got);
    ck_assert_int_eq(got.kind, expected.kind);
    ck_assert(count < 10 || got.kind == PF_ESTIMATE_INTERVAL);
    check_close(got.total_ns, expected.total_ns);
    check_close(got.low_ns, expected.low_ns);
    check_close(got.high_ns, expected.high_ns);
}
END_TEST

START_TEST(two_estimates_make_one) {
    const struct pf_estimate exact = {.total_ns = 100, .low_ns = 100, .high_ns = 100};
    const struct pf_estimate one = {1000, 970, 1040, PF_ESTIMATE_INTERVAL};
    const struct pf_estimate other = {2000, 1960, 2030, PF_ESTIMATE_INTERVAL};
    struct pf_estimate sum;
    pf_estimate_sum(&exact, &exact, &sum);
    ck_assert_int_eq(sum.kind, PF_ESTIMATE_EXACT);
    ck_assert(sum.total_ns == 200 && sum.low_ns == 200 && sum.high_ns == 200);
    pf_estimate_sum(&one, &exact, &sum);
    ck_assert_int_eq(sum.kind, PF_ESTIMATE_INTERVAL);
    ck_assert(sum.total_ns == 1100 && sum.low_ns == 1070 && sum.high_ns == 1140);
    pf_estimate_sum(&one, &other, &sum); // errors of 30 and 40, of 40 and 30
    ck_assert(sum.total_ns == 3000 && sum.low_ns == 2950 && sum.high_ns == 3050);
    pf_estimate_sum(&one, &(struct pf_estimate){.total_ns = 5, .kind = PF_ESTIMATE_TOO_FEW}, &sum);
    ck_assert_int_eq(sum.kind, PF_ESTIMATE_TOO_FEW);
    ck_assert(sum.low_ns == 0 && sum.high_ns == 0);
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1) { // the table of docs/sampling.md
        print_table((unsigned)atoi(argv[1]));
        return 0;
    }
    const struct check_test tests[] = {
        {the_interval_covers_the_truth, LAWS},
        {limits_are_those_of_the_formula, 0},
        {every_call_timed_is_exact, 0},
        {nothing_timed_is_no_estimate, 0},
        {one_slow_call_makes_a_wide_interval, 0},
        {odd_input_gives_numbers, 0},
        {a_small_remainder_is_not_forgotten, 0},
        {parts_make_the_whole, 60},
        {two_estimates_make_one, 0},
        {NULL, 0},
    };
    return check_main("estimate", tests);
}
