// SPDX-License-Identifier: Apache-2.0
// Buckets as exponential ones: whatever lay in one of ours, a receiver that takes any value of the one of theirs
// is off by 3.8 % at most, and the order stays, so that quantiles are off by no more than that.
#include "pf-exponential.h"
#include "pf-test.h"
#include <math.h>

#define BOUND 0.038

// The bucket that the calls of one of ours come into.
static gint32 index_of(guint bucket) {
    pf_buckets one = {0};
    guint64 zero = 0;
    pf_buckets_add(&one, bucket, 7);
    g_autoptr(GArray) made = pf_exponential_make(&one, &zero);
    pf_buckets_clear(&one);
    ck_assert_uint_eq(zero, 0);
    ck_assert_uint_eq(made->len, 1);
    ck_assert_uint_eq(g_array_index(made, pf_exponential_bucket, 0).count, 7);
    return g_array_index(made, pf_exponential_bucket, 0).index;
}

static gdouble bound_ns(gint32 index) { return exp2(ldexp(index, -PF_EXPONENTIAL_SCALE)) * 1e9; }

START_TEST(test_every_bucket) {
    gint32 before = G_MININT32;
    gdouble worst = 0;
    for (guint bucket = 1; bucket < PF_HIST_BUCKETS - 1; bucket++) {
        gint32 index = index_of(bucket);
        gdouble least = (gdouble)pf_hist_low(bucket);
        gdouble most = (gdouble)pf_hist_low(bucket + 1) - 1; // whole ns
        gdouble up = bound_ns(index + 1) / least - 1;
        gdouble down = 1 - bound_ns(index) / most;
        ck_assert_int_ge(index, before);
        ck_assert_msg(up <= BOUND && down <= BOUND, "bucket %u, %g to %g ns: %g to %g", bucket,
                      least, most, bound_ns(index), bound_ns(index + 1));
        worst = fmax(worst, fmax(up, down));
        before = index;
    }
    ck_assert_double_gt(worst, 0.037); // it is what was compared
}
END_TEST

START_TEST(test_zero_and_sums) {
    pf_buckets all = {0};
    guint64 zero = 0;
    guint64 sum = 0;
    for (guint bucket = 0; bucket < PF_HIST_BUCKETS; bucket++) {
        pf_buckets_add(&all, bucket, bucket + 1);
    }
    g_autoptr(GArray) made = pf_exponential_make(&all, &zero);
    pf_buckets_clear(&all);
    for (guint i = 0; i < made->len; i++) {
        const pf_exponential_bucket *one = &g_array_index(made, pf_exponential_bucket, i);
        ck_assert(i == 0 || one->index > one[-1].index);
        sum += one->count;
    }
    ck_assert_uint_eq(zero, 1);
    ck_assert_uint_eq(zero + sum, (guint64)PF_HIST_BUCKETS * (PF_HIST_BUCKETS + 1) / 2);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_every_bucket, test_zero_and_sums, NULL};
    return pf_test_run("exponential", tests);
}
