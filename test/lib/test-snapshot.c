// SPDX-License-Identifier: Apache-2.0
// Snapshots of made segments: the numbers, their difference and their sum.
// link: segment-maker.c
#include "pf-estimate.h"
#include "pf-test.h"
#include "segment-maker.h"
#include <math.h>
#include <string.h>

#define SITE 0x1000010u

static segment_maker maker;
static struct pf_slot *slots[2];

// Two threads and two sites; 200 timed of 20,000 calls each, 1 of 5 of them flushes.
static void make(double rate) {
    maker_init(&maker, 4 << 20);
    maker_header(&maker)->rate = maker_header(&maker)->control.rate = rate;
    uint32_t module = maker_add_module(&maker, "/usr/bin/made", 0x1000000, 0x2000000, "abcdef");
    maker_add_stream(&maker, 2, PF_KIND_FILE, 3, "/var/log/made.log");
    for (uint32_t t = 0; t < 2; t++) {
        slots[t] = maker_add_slot(&maker, 100 + t, t == 0 ? "main" : "worker");
        for (uint64_t s = 0; s < 2; s++) {
            struct pf_entry *entry =
                maker_add_entry(&maker, slots[t], maker_key(SITE + s * 16, PF_CALL_vfprintf, 2),
                                20000, 20000 * (s == 0 ? 90 : 30));
            maker_detail(&maker, entry, rate)->module = module;
            for (uint64_t i = 0; i < 200; i++) {
                maker_time(&maker, entry, rate, 1000 + i * 10 + s * 500,
                           i % 5 == 0 ? PF_WHY_FLUSH : PF_WHY_FORMAT);
            }
        }
    }
}

static PfSnapshot *take(void) {
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    GError *error = NULL;
    PfSnapshot *snapshot = pf_snapshot_new_from_bytes(bytes, PF_SNAPSHOT_DEFAULT, &error);
    ck_assert_ptr_nonnull(snapshot);
    return snapshot;
}

START_TEST(counts) {
    make(0.01);
    PfSnapshot *snapshot = take();
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    ck_assert_uint_eq(messages->message_count, 80000);
    ck_assert_uint_eq(messages->bytes, 2 * 20000 * 120);
    ck_assert_uint_eq(messages->sampled_count, 800);
    ck_assert_uint_eq(messages->dropped_count, 79200);
    ck_assert_uint_eq(pf_snapshot_get_call_sites(snapshot)->len, 2);
    ck_assert_uint_eq(pf_snapshot_get_threads(snapshot)->len, 2);
    ck_assert_uint_eq(pf_snapshot_get_streams(snapshot)->len, 1);
    ck_assert_uint_eq(pf_snapshot_get_functions(snapshot)->len, 1);
    const PfCallSite *site = g_ptr_array_index(pf_snapshot_get_call_sites(snapshot), 0);
    ck_assert_uint_eq(site->address, SITE + 16); // the dearer one
    ck_assert_uint_eq(site->offset, 0x10 + 16);
    ck_assert_uint_eq(site->thread_count, 2);
    ck_assert_str_eq(site->module->path, "/usr/bin/made");
    ck_assert_str_eq(site->function, "vfprintf");
    const PfStream *stream = g_ptr_array_index(pf_snapshot_get_streams(snapshot), 0);
    ck_assert_str_eq(stream->name, "/var/log/made.log");
    ck_assert_int_eq(stream->kind, PF_STREAM_KIND_FILE);
    ck_assert_double_eq_tol(pf_snapshot_get_uptime_seconds(snapshot), 2, 1e-9);
    ck_assert_double_eq_tol(pf_snapshot_get_messages_per_second(snapshot), 40000, 1e-3);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

// A thread's share of its time in output: an estimate, or, where that is longer than the thread has lived, a
// limit that is marked as one.
START_TEST(output_of_a_thread) {
    make(0.01);
    for (unsigned t = 0; t < 2; t++) {
        slots[t]->attach_ns = 0;
        slots[t]->attached_ns = t == 0 ? 500000000 : 10000000; // 90 ms in output are estimated
    }
    PfSnapshot *snapshot = take();
    GPtrArray *threads = pf_snapshot_get_threads(snapshot);
    g_autofree gchar *json = pf_snapshot_to_json(snapshot, NULL);
    g_autofree gchar *text = pf_snapshot_to_text(snapshot, NULL, 80, FALSE);
    for (unsigned i = 0; i < 2; i++) {
        const PfThread *thread = g_ptr_array_index(threads, i);
        gboolean lived_long = g_str_equal(thread->name, "main");
        gdouble share = 100 * thread->stats.estimate.total_ns / (gdouble)thread->wall_ns;
        ck_assert_uint_eq(thread->wall_ns, lived_long ? 500000000 : 10000000);
        ck_assert(lived_long ? share > 10 && share < 25 : share > 500);
        ck_assert_int_eq(thread->output_is_limit, !lived_long);
        ck_assert_double_eq_tol(thread->output_percent, lived_long ? share : 100, 1e-9);
    }
    ck_assert_ptr_nonnull(
        strstr(json, "\"output_share_percent\":100.0000,\"output_share_is_limit\":true"));
    ck_assert_ptr_nonnull(strstr(json, "\"output_share_is_limit\":false"));
    ck_assert_ptr_nonnull(strstr(text, " \u2264100 %  "));
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

// The exit summary's own mathematics on the same strata gives the same.
START_TEST(estimate) {
    make(0.01);
    struct pf_estimator estimator;
    struct pf_estimate expected;
    pf_estimator_init(&estimator, 0.01);
    for (unsigned stratum = 0; stratum < 4; stratum++) {
        struct pf_stratum s = {.calls = 20000, .sampled = 200};
        for (uint64_t i = 0; i < 200; i++) {
            uint64_t ns = 1000 + i * 10 + (stratum % 2) * 500;
            double middle = pf_hist_middle(pf_hist_bucket(ns));
            s.sum_ns += ns;
            s.sumsq += (double)ns * (double)ns;
            s.mid_sum += middle;
            s.mid_sumsq += middle * middle;
            s.sumcube += middle * middle * middle;
            s.max_ns = MAX(s.max_ns, ns);
        }
        pf_estimator_add(&estimator, &s);
    }
    pf_estimator_finish(&estimator, &expected);
    PfSnapshot *snapshot = take();
    const PfEstimate *found = &pf_snapshot_get_messages(snapshot)->estimate;
    ck_assert_int_eq(found->certainty, PF_CERTAINTY_INTERVAL);
    ck_assert_double_eq_tol(found->total_ns / expected.total_ns, 1, 1e-9);
    ck_assert_double_eq_tol(found->low_ns / expected.low_ns, 1, 1e-9);
    ck_assert_double_eq_tol(found->high_ns / expected.high_ns, 1, 1e-9);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

// Two rates one after the other: 1 in 10 of 10,000 fast calls, then 1 in 100 of 100,000 slow ones.
START_TEST(several_rates) {
    maker_init(&maker, 4 << 20);
    struct pf_slot *slot = maker_add_slot(&maker, 1, "main");
    struct pf_entry *entry =
        maker_add_entry(&maker, slot, maker_key(SITE, PF_CALL_write, 2), 110000, 0);
    for (unsigned i = 0; i < 1000; i++) {
        maker_time(&maker, entry, 0.1, 1000, PF_WHY_FLUSH);
    }
    for (unsigned i = 0; i < 1000; i++) {
        maker_time(&maker, entry, 0.01, 5000, PF_WHY_FLUSH);
    }
    PfSnapshot *snapshot = take();
    const PfEstimate *found = &pf_snapshot_get_messages(snapshot)->estimate;
    double truth = 10000 * 1000.0 + 100000 * 5000.0;
    ck_assert_int_eq(found->certainty, PF_CERTAINTY_INTERVAL);
    ck_assert_double_eq_tol(found->total_ns / truth, 1, 1e-9);
    ck_assert(found->low_ns < truth && found->low_ns > 0.8 * truth);
    ck_assert(found->high_ns > truth && found->high_ns < 1.2 * truth);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

START_TEST(few_and_all) {
    maker_init(&maker, 4 << 20);
    maker_header(&maker)->rate = maker_header(&maker)->control.rate = 0.01;
    struct pf_slot *slot = maker_add_slot(&maker, 1, "main");
    struct pf_entry *few =
        maker_add_entry(&maker, slot, maker_key(SITE, PF_CALL_write, 2), 1000, 0);
    for (unsigned i = 0; i < 10; i++) {
        maker_time(&maker, few, 0.01, 1000, PF_WHY_FLUSH);
    }
    struct pf_entry *all =
        maker_add_entry(&maker, slot, maker_key(SITE + 16, PF_CALL_puts, 2), 50, 500);
    for (unsigned i = 0; i < 50; i++) {
        maker_time(&maker, all, 1, 100 + i, PF_WHY_FORMAT);
    }
    PfSnapshot *snapshot = take();
    GPtrArray *functions = pf_snapshot_get_functions(snapshot);
    const PfFunction *write = g_ptr_array_index(functions, 0);
    const PfFunction *puts = g_ptr_array_index(functions, 1);
    ck_assert_str_eq(write->name, "write");
    ck_assert_int_eq(write->stats.estimate.certainty, PF_CERTAINTY_TOO_FEW);
    ck_assert_int_eq(pf_stats_has_estimate(&write->stats), FALSE);
    ck_assert_int_eq(puts->stats.estimate.certainty, PF_CERTAINTY_EXACT);
    ck_assert_double_eq(puts->stats.estimate.total_ns, 50 * 100 + 49 * 25);
    ck_assert_double_eq(puts->stats.estimate.low_ns, puts->stats.estimate.high_ns);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

START_TEST(reasons_and_flushes) {
    make(0.01);
    // fflush on the same stream, and text that never was in its buffer.
    struct pf_entry *flush =
        maker_add_entry(&maker, slots[0], maker_key(SITE + 64, PF_CALL_fflush, 2), 100, 0);
    for (unsigned i = 0; i < 100; i++) {
        maker_time(&maker, flush, 1, 10000, PF_WHY_FLUSH);
    }
    maker_add_entry(&maker, slots[0], maker_key(SITE + 80, PF_CALL_write, 2), 100, 1000000);
    PfSnapshot *snapshot = take();
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    const PfReasonShare *flushed = pf_stats_get_reason(messages, PF_REASON_FLUSH);
    // i % 5 == 0: those 40 are a little faster than the mean of all 200.
    double of_flush = 0;
    double of_all = 0;
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < 200; i++) {
            of_all += 1000 + i * 10 + s * 500;
            of_flush += i % 5 == 0 ? 1000 + i * 10 + s * 500 : 0;
        }
    }
    ck_assert_uint_eq(flushed->count, 160);
    ck_assert_double_eq_tol(flushed->share, of_flush / of_all, 1e-9);
    // Each timed call stands for 100, so 99 in 100 were not looked at; the residuals of a share r are (1 - r) x and
    // -r x, and its limits lie where the logits do (docs/sampling.md).
    double squares[2] = {0};
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < 200; i++) {
            double x = 1000 + i * 10 + s * 500;
            squares[i % 5 == 0] += x * x;
        }
    }
    double r = of_flush / of_all;
    double residuals = (1 - r) * (1 - r) * squares[1] + r * r * squares[0];
    double error = sqrt(2 * 0.99 * residuals) / (2 * of_all);
    double step = exp(1.959964 * error / (r * (1 - r)));
    ck_assert_double_eq_tol(flushed->low, r / (r + (1 - r) * step), 1e-9);
    ck_assert_double_eq_tol(flushed->high, r / (r + (1 - r) / step), 1e-9);
    ck_assert_double_eq_tol(flushed->estimated_ns, 100 * 2 * of_flush, 1e-3);
    ck_assert_double_eq_tol(flushed->half_ns, 1.959964 * 100 * sqrt(2 * 0.99 * squares[1]), 1e-3);
    // Flush time: in calls (both threads, 100 calls for each timed one), and of fflush; by bytes 3 to 1.
    double charged = 2 * 100 * of_flush + 100 * 10000.0;
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    double sum = 0;
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        sum += site->stats.charged_flush_ns;
        if (site->address == SITE) {
            ck_assert_double_eq_tol(site->stats.charged_flush_ns / charged, 0.75, 1e-9);
        } else if (site->address == SITE + 16) {
            ck_assert_double_eq_tol(site->stats.charged_flush_ns / charged, 0.25, 1e-9);
        } else {
            ck_assert_double_eq(site->stats.charged_flush_ns, 0);
        }
    }
    ck_assert_double_eq_tol(sum / charged, 1, 1e-9);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

START_TEST(reset_slots_are_passed_over) {
    make(0.01);
    maker_header(&maker)->control.reset = 1;
    slots[1]->reset = 1;
    PfSnapshot *snapshot = take();
    ck_assert_uint_eq(pf_snapshot_get_messages(snapshot)->message_count, 40000);
    ck_assert_uint_eq(pf_snapshot_get_threads(snapshot)->len, 1);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

START_TEST(spilled_calls) {
    make(0.01);
    maker_header(&maker)->spill[PF_CALL_puts] = (struct pf_spill){.calls = 7, .bytes = 70};
    maker_header(&maker)->lost[PF_LOST_MEMORY] = 7;
    PfSnapshot *snapshot = take();
    ck_assert_uint_eq(pf_snapshot_get_messages(snapshot)->message_count, 80007);
    ck_assert_uint_eq(pf_snapshot_get_lost(snapshot, "memory"), 7);
    g_object_unref(snapshot);
    maker_clear(&maker);
}
END_TEST

START_TEST(delta) {
    make(0.01);
    PfSnapshot *earlier = take();
    struct pf_entry *entry = &slots[1]->cache[0];
    entry->calls += 30000;
    entry->bytes += 300;
    for (unsigned i = 0; i < 300; i++) {
        maker_time(&maker, entry, 0.01, 4000, PF_WHY_FORMAT);
    }
    maker_add_entry(&maker, slots[0], maker_key(SITE + 160, PF_CALL_puts, 2), 5, 50);
    maker_header(&maker)->end_monotonic_ns += 3000000000;
    PfSnapshot *later = take();
    GError *error = NULL;
    PfSnapshot *difference = pf_snapshot_delta(later, earlier, &error);
    ck_assert_ptr_nonnull(difference);
    const PfStats *messages = pf_snapshot_get_messages(difference);
    ck_assert_uint_eq(messages->message_count, 30005);
    ck_assert_uint_eq(messages->bytes, 350);
    ck_assert_uint_eq(messages->sampled_count, 300);
    ck_assert_uint_eq(messages->total_duration_ns, 300 * 4000);
    ck_assert_double_eq_tol(pf_snapshot_get_uptime_seconds(difference), 3, 1e-9);
    const PfCallSite *site = g_ptr_array_index(pf_snapshot_get_call_sites(difference), 0);
    gdouble ns;
    gdouble low;
    gdouble high;
    ck_assert(pf_histogram_get_quantile(site->stats.histogram, 0.5, &ns, &low, &high));
    ck_assert(low <= 4000 && 4000 <= high && high <= low * 17 / 16);
    ck_assert_double_eq_tol(site->stats.estimate.total_ns, 30000 * 4000.0, 1);
    ck_assert_ptr_null(pf_snapshot_delta(difference, earlier, &error));
    ck_assert_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED);
    // A reset in between: what there is counts whole.
    maker_header(&maker)->control.reset = slots[0]->reset = slots[1]->reset = 1;
    PfSnapshot *anew = take();
    PfSnapshot *whole = pf_snapshot_delta(anew, earlier, NULL);
    ck_assert_uint_eq(pf_snapshot_get_messages(whole)->message_count, 110005);
    g_object_unref(whole);
    g_object_unref(anew);
    g_object_unref(earlier); // what is derived from it goes on
    g_object_unref(later);
    ck_assert_uint_eq(pf_snapshot_get_stacks(difference)->len, 0);
    g_object_unref(difference);
    maker_clear(&maker);
}
END_TEST

START_TEST(merge) {
    PfSnapshot *both[2];
    for (unsigned i = 0; i < 2; i++) {
        make(0.01);
        maker_header(&maker)->pid += i;
        if (i == 1) { // elsewhere in memory
            struct pf_module *module = maker_at(&maker, maker_header(&maker)->first_module);
            module->start = module->bias = 0x5000000;
            module->end = 0x6000000;
            for (unsigned t = 0; t < 2; t++) {
                for (unsigned s = 0; s < 2; s++) {
                    slots[t]->cache[s].key += 0x4000000;
                }
            }
        }
        both[i] = take();
        maker_clear(&maker);
    }
    PfSnapshot *sum = pf_snapshot_merge(both, 2);
    g_object_unref(both[0]);
    g_object_unref(both[1]);
    ck_assert_uint_eq(pf_snapshot_get_messages(sum)->message_count, 160000);
    ck_assert_uint_eq(pf_snapshot_get_call_sites(sum)->len, 2);
    ck_assert_uint_eq(pf_snapshot_get_streams(sum)->len, 1);
    ck_assert_uint_eq(pf_snapshot_get_threads(sum)->len, 4);
    ck_assert_uint_eq(pf_snapshot_get_processes(sum)->len, 2);
    const PfCallSite *site = g_ptr_array_index(pf_snapshot_get_call_sites(sum), 0);
    ck_assert_uint_eq(site->stats.message_count, 80000);
    ck_assert_uint_eq(site->thread_count, 4);
    g_object_unref(sum);
    PfSnapshot *nothing = pf_snapshot_merge(NULL, 0);
    ck_assert_uint_eq(pf_snapshot_get_messages(nothing)->message_count, 0);
    ck_assert_ptr_null(pf_snapshot_get_process(nothing));
    g_autofree gchar *text = pf_snapshot_to_text(nothing, NULL, 80, FALSE);
    ck_assert_ptr_nonnull(strstr(text, "no processes"));
    g_object_unref(nothing);
}
END_TEST

START_TEST(histogram) {
    static const guint64 values[] = {0, 5, 100, 1000, 1000, 1000, 1000000};
    PfHistogram *one = pf_histogram_new_from_values(values, G_N_ELEMENTS(values));
    PfHistogram *empty = pf_histogram_new_from_values(NULL, 0);
    PfHistogram *sum = pf_histogram_merge(one, empty);
    PfHistogram *twice = pf_histogram_merge(sum, one);
    gdouble ns;
    gdouble low;
    gdouble high;
    ck_assert(!pf_histogram_get_quantile(empty, 0.5, NULL, NULL, NULL));
    ck_assert_uint_eq(pf_histogram_get_count(twice), 14);
    ck_assert_double_eq(pf_histogram_get_weight(twice), 14);
    // 1,000 is in the bucket 992 to 1,023; the longest is known, and no quantile goes beyond it.
    ck_assert(pf_histogram_get_quantile(twice, 0.5, &ns, &low, &high));
    ck_assert(ns == 1007.5 && low == 992 && high == 1023);
    ck_assert(pf_histogram_get_quantile(twice, 1, &ns, &low, &high));
    ck_assert(ns == 999423.5 && low == 983040 && high == 1000000);
    ck_assert(pf_histogram_get_quantile(twice, 0, &ns, NULL, NULL));
    ck_assert_double_eq(ns, 0);
    // Of the 14 six take at most 100 ns.
    ck_assert(pf_histogram_get_quantile(twice, 6.0 / 14, &ns, NULL, NULL) && ns == 101.5);
    ck_assert(pf_histogram_get_quantile(twice, 6.1 / 14, &ns, NULL, NULL) && ns == 1007.5);
    ck_assert_double_eq_tol(pf_histogram_get_weight_up_to(twice, 500), 6, 1e-9);
    ck_assert_double_eq_tol(pf_histogram_get_weight_up_to(twice, 1007), 6 + 6 / 2.0, 1e-9);
    g_autofree gchar *bar = pf_histogram_to_bar(twice, 16, 16u << 24, 12);
    ck_assert_str_eq(bar, "▇▇█····▇····");
    pf_histogram_unref(one);
    pf_histogram_unref(empty);
    pf_histogram_unref(sum);
    pf_histogram_unref(twice);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {counts,
                                  output_of_a_thread,
                                  estimate,
                                  several_rates,
                                  few_and_all,
                                  reasons_and_flushes,
                                  reset_slots_are_passed_over,
                                  spilled_calls,
                                  delta,
                                  merge,
                                  histogram,
                                  NULL};
    return pf_test_run("snapshot", tests);
}
