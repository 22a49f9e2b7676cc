// SPDX-License-Identifier: Apache-2.0
// Geometric skips have the law that they claim, and the histogram's buckets the widths.
#include "../check-main.h"
#include "pf-hist.h"
#include "pf-skip.h"
#include <math.h>

START_TEST(logarithm_is_accurate) {
    for (double x = 1e-300; x < 1e300; x *= 1.37) {
        double want = log(x);
        ck_assert_msg(fabs(pf_ln(x) - want) <= 1e-12 * fabs(want) + 1e-14, "ln %g", x);
    }
    ck_assert(pf_ln(1) == 0);
}
END_TEST

// P(skip = k) = (1 - p)^k p: chi-square over the first values, mean and a lag-1 product for
// independence.
START_TEST(skips_are_geometric) {
    static const double rates[] = {0.5, 0.1, 0.01, 0.0003};
    double rate = rates[_i];
    double factor = pf_skip_factor(rate);
    uint64_t random = 42 + (uint64_t)_i;
    enum { DRAWS = 400000, CELLS = 20 };
    double counts[CELLS + 1] = {0};
    double sum = 0;
    double width = ceil(0.1 / rate);
    for (unsigned i = 0; i < DRAWS; i++) {
        int32_t skip = pf_skip_draw(factor, &random);
        check_often(skip >= 0, "draw %u", i);
        sum += skip;
        unsigned cell = (unsigned)(skip / width);
        counts[cell < CELLS ? cell : CELLS]++;
    }
    double mean = (1 - rate) / rate;
    double deviation = sqrt(1 - rate) / rate / sqrt(DRAWS);
    ck_assert_msg(fabs(sum / DRAWS - mean) < 4 * deviation, "mean %g, want %g", sum / DRAWS, mean);
    double chi = 0;
    double left = 1;
    for (unsigned cell = 0; cell <= CELLS; cell++) {
        double end = cell < CELLS ? pow(1 - rate, width * (cell + 1)) : 0;
        double want = DRAWS * (left - end);
        chi += want > 5 ? (counts[cell] - want) * (counts[cell] - want) / want : 0;
        left = end;
    }
    ck_assert_msg(chi < 50, "chi-square %g with %d cells", chi, CELLS); // p < 0.0002
}
END_TEST

START_TEST(the_ends_of_the_range) {
    uint64_t random = 1;
    ck_assert_int_eq(pf_skip_draw(pf_skip_factor(1), &random), 0);
    ck_assert_int_eq(pf_skip_draw(pf_skip_factor(0), &random), PF_SKIP_NEVER);
    ck_assert_int_ge(pf_skip_draw(pf_skip_factor(1e-12), &random), 1000);
}
END_TEST

START_TEST(every_value_falls_into_its_bucket) {
    for (uint64_t value = 0; value < 1ull << 43; value += 1 + value / 64) {
        unsigned bucket = pf_hist_bucket(value);
        check_often(bucket < PF_HIST_BUCKETS, "%llu", (unsigned long long)value);
        check_often(pf_hist_low(bucket) <= value, "%llu", (unsigned long long)value);
        check_often(pf_hist_low(bucket + 1) > value, "%llu", (unsigned long long)value);
        double width = (double)(pf_hist_low(bucket + 1) - pf_hist_low(bucket));
        check_often(width == 1 || width <= (double)value / 16, "%llu", (unsigned long long)value);
    }
    ck_assert_uint_eq(pf_hist_bucket(UINT64_MAX), PF_HIST_BUCKETS - 1);
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {logarithm_is_accurate, 0},
        {skips_are_geometric, 4},
        {the_ends_of_the_range, 0},
        {every_value_falls_into_its_bucket, 0},
        {NULL, 0},
    };
    return check_main("skip", tests);
}
