// SPDX-License-Identifier: Apache-2.0
// The interval of the total covers the truth as often as it says, on laws with known totals.
#include "../check-main.h"
#include "pf-estimate.h"
#include "pf-hist.h"
#include "pf-skip.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;
static double spare;
static bool has_spare;

static double uniform(void) { return ((double)(pf_random(&state) >> 11) + 0.5) * 0x1p-53; }

// Two at a time (Marsaglia's polar method): most of this test's time is spent here.
static double normal(void) {
    if (has_spare) {
        has_spare = false;
        return spare;
    }
    double x, y, square;
    do {
        x = 2 * uniform() - 1;
        y = 2 * uniform() - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    double scale = sqrt(-2 * pf_ln(square) / square);
    spare = y * scale;
    has_spare = true;
    return x * scale;
}

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

static const struct law {
    const char *name;
    double (*draw)(void);
} laws[] = {
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

// One call site of n calls: the first is timed with certainty, the others by geometric skipping,
// exactly as the probe does it.  Returns what all calls took.
static double fill(struct pf_stratum *stratum, double (*draw)(void), double rate, uint64_t n,
                   double scale) {
    double factor = pf_skip_factor(rate);
    double truth = 0;
    int32_t skip = 0;
    *stratum = (struct pf_stratum){.calls = n - 1, .certain_calls = 1};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t ns = (uint64_t)(draw() * scale);
        truth += (double)ns;
        if (i > 0 && skip-- > 0) {
            continue;
        }
        stratum->max_ns = ns > stratum->max_ns ? ns : stratum->max_ns;
        skip = pf_skip_draw(factor, &state);
        if (i == 0) {
            stratum->certain_ns = ns;
            continue;
        }
        double middle = pf_hist_middle(pf_hist_bucket(ns));
        stratum->sampled++;
        stratum->sum_ns += ns;
        stratum->sumsq += (double)ns * (double)ns;
        stratum->mid_sum += middle;
        stratum->mid_sumsq += middle * middle;
        stratum->sumcube += middle * middle * middle;
    }
    return truth;
}

// Sites of Zipf sizes; each has its own scale, but for the laws that are there for having no spread.
static struct outcome simulate(const struct law *law, const struct situation *at, unsigned runs) {
    struct outcome outcome = {.runs = runs};
    double harmonic = 0;
    for (unsigned s = 0; s < at->strata; s++) {
        harmonic += 1.0 / (s + 1);
    }
    bool same_scale = law->draw == fixed || law->draw == narrow;
    state = 88172645463325252ull;
    has_spare = false;
    for (unsigned run = 0; run < runs; run++) {
        struct pf_estimator estimator;
        struct pf_estimate estimate;
        double truth = 0;
        pf_estimator_init(&estimator, at->rate);
        for (unsigned s = 0; s < at->strata; s++) {
            struct pf_stratum stratum;
            uint64_t n = (uint64_t)(at->calls / harmonic / (s + 1)) + 1;
            truth += fill(&stratum, law->draw, at->rate, n, same_scale ? 1 : 1 + s % 5);
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

// At most as many runs as take about a seventh of a second.
static unsigned affordable(double calls) {
    double runs = 6e6 / calls;
    return runs > 2000 ? 2000 : runs < 100 ? 100 : (unsigned)runs;
}

START_TEST(the_interval_covers_the_truth) {
    const struct law *law = &laws[(size_t)_i / SITUATIONS];
    const struct situation *at = &situations[(size_t)_i % SITUATIONS];
    struct outcome o = simulate(law, at, affordable(at->calls));
    double refused = 1 - (double)o.printed / o.runs;
    ck_assert_uint_eq(o.disordered, 0);
    ck_assert_msg(refused <= at->most_refused, "%s, %u strata, %.0f calls at %g: %.3f refused",
                  law->name, at->strata, at->calls, at->rate, refused);
    ck_assert(law->draw != fixed || (o.covered == o.printed && o.width <= 1e-6 * o.printed));
    if (law->draw == fixed || o.printed < 50) {
        return;
    }
    // 95 +- 3, give or take one standard deviation of these runs.
    double covered = 100.0 * o.covered / o.printed;
    double noise = 100 * sqrt(0.95 * 0.05 / o.printed);
    // With 95 % timed about one slow call is among the untimed: that comes in whole numbers, and no
    // interval can hold just 95 % of them.
    double most = at->rate > 0.9 ? 99 : 98;
    ck_assert_msg(covered >= 92 - noise && covered <= most + noise,
                  "%s, %u strata, %.0f calls at %g: covers %.1f %%", law->name, at->strata,
                  at->calls, at->rate, covered);
}
END_TEST

static void print_table(unsigned runs) {
    for (size_t i = 0; i < LAWS * SITUATIONS; i++) {
        const struct law *law = &laws[i / SITUATIONS];
        const struct situation *at = &situations[i % SITUATIONS];
        struct outcome o = simulate(law, at, runs);
        printf("| %s | %u | %.0f | %g | ", law->name, at->strata, at->calls, at->rate);
        if (o.printed >= 50) {
            printf("%.1f | %.1f", 100.0 * o.covered / o.printed, 100 * o.width / o.printed);
        } else {
            printf("- | -");
        }
        printf(" | %.1f |\n", 100 - 100.0 * o.printed / o.runs);
    }
}

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
        {the_interval_covers_the_truth, LAWS * SITUATIONS},
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
