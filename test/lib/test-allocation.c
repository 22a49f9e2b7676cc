// SPDX-License-Identifier: Apache-2.0
// Timed calls shared out among made sites: each rule alone, to the digit.
#include "pf-allocation.h"
#include "pf-test.h"
#include <math.h>

static gdouble spent(const pf_share *shares, guint count) {
    gdouble sum = 0;
    for (guint i = 0; i < count; i++) {
        sum += shares[i].calls * shares[i].cost * shares[i].rate;
    }
    return sum;
}

static void is_close(gdouble got, gdouble wanted) {
    ck_assert_msg(fabs(got - wanted) <= 1e-9 * wanted, "%.12g is not %.12g", got, wanted);
}

START_TEST(one_rate_for_all) {
    pf_share shares[] = {{.calls = 1000, .mean = 500, .deviation = 1, .cost = 100},
                         {.calls = 4000, .mean = 9, .deviation = 900, .cost = 50}};
    pf_allocate(shares, 2, 30000, 1, 0); // all calls would cost 300,000
    is_close(shares[0].rate, 0.1);
    is_close(shares[1].rate, 0.1);
    pf_allocate(shares, 2, 1e6, 1, 0); // more than all of them cost
    ck_assert(shares[0].rate == 1 && shares[1].rate == 1);
}
END_TEST

// p proportional to S / sqrt(c).
START_TEST(by_neyman) {
    pf_share shares[] = {{.calls = 1000, .mean = 500, .deviation = 100, .cost = 100},
                         {.calls = 1000, .mean = 500, .deviation = 300, .cost = 100},
                         {.calls = 1000, .mean = 500, .deviation = 100, .cost = 400}};
    pf_allocate(shares, 3, 30000, 0, 0);
    is_close(shares[1].rate, 3 * shares[0].rate);
    is_close(shares[0].rate, 2 * shares[2].rate);
    is_close(spent(shares, 3), 30000); // 1000 p (100 + 300 + 200)
    is_close(shares[0].rate, 0.05);
    // Who has all calls timed leaves the rest to the others.
    pf_allocate(shares, 3, 220000, 0, 0);
    ck_assert(shares[1].rate == 1);
    is_close(shares[0].rate, 120000.0 / 300000);
    is_close(shares[2].rate, 60000.0 / 300000);
}
END_TEST

// S^2 (1/p - 1) / N is the same part of every mean, squared.
START_TEST(every_site_as_well_known) {
    pf_share shares[] = {{.calls = 100, .mean = 500, .deviation = 250, .cost = 100},
                         {.calls = 10000, .mean = 500, .deviation = 250, .cost = 100},
                         {.calls = 10000, .mean = 2000, .deviation = 3000, .cost = 100}};
    pf_allocate(shares, 3, 100000, 0, 1);
    is_close(spent(shares, 3), 100000);
    gdouble error[3];
    for (guint i = 0; i < 3; i++) {
        gdouble own = shares[i].deviation / shares[i].mean;
        error[i] = own * own * (1 / shares[i].rate - 1) / shares[i].calls;
    }
    is_close(error[1], error[0]);
    is_close(error[2], error[0]);
    ck_assert(shares[0].rate > 0.4); // rarely called: nearly all, for next to nothing
}
END_TEST

// What a site shall have in any case goes first, with half of the budget at most.
START_TEST(the_least_of_each) {
    pf_share shares[] = {{.calls = 1000, .deviation = 0, .cost = 100, .least = 0.2},
                         {.calls = 1000, .mean = 10, .deviation = 10, .cost = 100}};
    pf_allocate(shares, 2, 50000, 0, 0);
    is_close(shares[0].rate, 0.2);
    is_close(shares[1].rate, 0.3);
    pf_allocate(shares, 2, 10000, 0, 0);
    is_close(shares[0].rate, 0.05); // of 20,000 wanted 5,000
    is_close(shares[1].rate, 0.05);
    shares[0].least = 7;
    pf_allocate(shares, 2, 1e9, 0, 0);
    ck_assert(shares[0].rate == 1);
}
END_TEST

// A quarter even, a third fair, the rest by Neyman: never beyond the budget, whatever the sites are.
START_TEST(never_beyond_the_budget) {
    g_autoptr(GRand) chance = g_rand_new_with_seed(4);
    for (guint round = 0; round < 300; round++) {
        pf_share shares[8] = {0};
        guint count = (guint)g_rand_int_range(chance, 1, 9);
        for (guint i = 0; i < count; i++) {
            shares[i] = (pf_share){.calls = exp(g_rand_double_range(chance, -5, 15)),
                                   .mean = exp(g_rand_double_range(chance, 3, 15)),
                                   .deviation = exp(g_rand_double_range(chance, 0, 15)),
                                   .cost = g_rand_double_range(chance, 20, 3000),
                                   .least = g_rand_double_range(chance, 0, 0.1)};
        }
        gdouble budget = exp(g_rand_double_range(chance, 3, 18));
        pf_allocate(shares, count, budget, 0.25, 0.35);
        gdouble most = 0;
        for (guint i = 0; i < count; i++) {
            ck_assert(shares[i].rate >= 0 && shares[i].rate <= 1);
            most += shares[i].calls * shares[i].cost;
        }
        ck_assert_double_le(spent(shares, count), budget * (1 + 1e-9));
        ck_assert_double_ge(spent(shares, count), MIN(0.59 * budget, 0.59 * most));
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {one_rate_for_all,         by_neyman,
                                  every_site_as_well_known, the_least_of_each,
                                  never_beyond_the_budget,  NULL};
    return pf_test_run("allocation", tests);
}
