// SPDX-License-Identifier: Apache-2.0
// PfProfilingProcessor: which messages are timed, enabling, and bad rates.
#include "pf-test.h"
#include "pf-time.h"
#include <math.h>
#include <string.h>

static PfProfilingProcessor *processor_at(gdouble rate) {
    g_autoptr(GError) error = NULL;
    PfProfilingProcessor *processor = pf_profiling_processor_new(rate, &error);
    ck_assert_ptr_null(error);
    ck_assert_ptr_nonnull(processor);
    return processor;
}

START_TEST(a_bad_rate_is_a_sampling_error) {
    static const gdouble bad[] = {-0.001, 1.001, NAN, INFINITY, -INFINITY};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;
        ck_assert_ptr_null(pf_profiling_processor_new(bad[i], &error));
        ck_assert_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RATE);
        ck_assert_ptr_null(pf_profiling_processor_new(bad[i], NULL));
    }
}
END_TEST

START_TEST(rate_one_times_all_and_rate_zero_none) {
    for (guint rate = 0; rate <= 1; rate++) {
        g_autoptr(PfProfilingProcessor) p = processor_at(rate);
        PfProfileMetrics *m = pf_profiling_processor_get_metrics(p);
        for (guint i = 0; i < 1000; i++) {
            pf_profiling_processor_record(p, 5, FALSE, 0);
        }
        ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 1000);
        ck_assert_uint_eq(pf_profile_metrics_get_sampled_count(m), rate * 1000);
        ck_assert_uint_eq(pf_profile_metrics_get_dropped_count(m), 1000 - rate * 1000);
        ck_assert(pf_profiling_processor_get_sample_rate(p) == rate);
    }
}
END_TEST

// 200,000 messages at 0.1: 20,000 expected, deviation 134; seven deviations to each side.
START_TEST(a_share_is_timed_and_the_rest_counted) {
    g_autoptr(PfProfilingProcessor) p = processor_at(0.1);
    PfProfileMetrics *m = pf_profiling_processor_get_metrics(p);
    gdouble total, low, high;
    for (guint i = 0; i < 200000; i++) {
        pf_profiling_processor_record_text(p, "12345", -1, 100, 3);
    }
    guint64 sampled = pf_profile_metrics_get_sampled_count(m);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 200000);
    ck_assert_uint_eq(pf_profile_metrics_get_dropped_count(m), 200000 - sampled);
    ck_assert_uint_eq(pf_profile_metrics_get_bytes(m), 1000000);
    ck_assert_uint_ge(sampled, 20000 - 7 * 134);
    ck_assert_uint_le(sampled, 20000 + 7 * 134);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), 100 * sampled);
    ck_assert(pf_profile_metrics_get_estimate(m, &total, &low, &high));
    ck_assert(total == 20e6 && low <= total && high >= total);
}
END_TEST

// A fixed stride would time either all or none of the slow messages.
START_TEST(a_periodic_slow_message_is_neither_missed_nor_always_met) {
    g_autoptr(PfProfilingProcessor) p = processor_at(0.1);
    PfProfileMetrics *m = pf_profiling_processor_get_metrics(p);
    gdouble total, low, high;
    for (guint i = 0; i < 200000; i++) {
        pf_profiling_processor_record(p, i % 10 == 0 ? 1000 : 0, FALSE, 0);
    }
    ck_assert(pf_profile_metrics_get_estimate(m, &total, &low, &high));
    ck_assert(total > 18e6 && total < 22e6);
}
END_TEST

START_TEST(disabled_counts_nothing) {
    g_autoptr(PfProfilingProcessor) p = processor_at(1);
    PfProfileMetrics *m = pf_profiling_processor_get_metrics(p);
    ck_assert(pf_profiling_processor_get_enabled(p));
    pf_profiling_processor_record(p, 5, FALSE, 0);
    pf_profiling_processor_disable(p);
    pf_profiling_processor_disable(p);
    ck_assert(!pf_profiling_processor_get_enabled(p));
    pf_profiling_processor_record(p, 5, FALSE, 0);
    pf_profiling_processor_record_text(p, "x", 1, 5, 0);
    pf_profiling_processor_end(p, pf_profiling_processor_begin(p), "x", 1, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 1);
    pf_profiling_processor_enable(p);
    pf_profiling_processor_enable(p);
    pf_profiling_processor_record(p, 5, FALSE, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 2);
    pf_profiling_processor_reset(p);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 0);
    ck_assert(pf_profiling_processor_get_enabled(p));
}
END_TEST

START_TEST(begin_and_end_measure_what_lies_between) {
    g_autoptr(PfProfilingProcessor) p = processor_at(1);
    PfProfileMetrics *m = pf_profiling_processor_get_metrics(p);
    gint64 begun = pf_profiling_processor_begin(p);
    ck_assert_int_gt(begun, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 0);
    g_usleep(3000); // what the message takes
    pf_profiling_processor_end(p, begun, "done 🎉", -1, 2);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 1);
    ck_assert_uint_ge(pf_profile_metrics_get_total_duration_ns(m),
                      3000000 - (guint64)pf_time_cost_ns());
    ck_assert_uint_eq(pf_profile_metrics_get_emoji_message_count(m), 1);
    ck_assert_uint_eq(pf_profile_metrics_get_bytes(m), 9);
    ck_assert_uint_ge(pf_profile_metrics_get_overhead_ns(m), 2 * (guint64)pf_time_cost_ns());
    pf_profiling_processor_end(p, G_MAXINT64, "", 0, 0); // a clock that was set back
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 2);
    pf_profiling_processor_end(p, 0, "not timed", -1, 2);
    ck_assert_uint_eq(pf_profile_metrics_get_sampled_count(m), 2);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 3);
    ck_assert_uint_eq(pf_profile_metrics_get_bytes(m), 18);
}
END_TEST

#define THREADS 8
#define ROUNDS 100000

static gpointer record_many(gpointer data) {
    for (guint i = 0; i < ROUNDS; i++) {
        pf_profiling_processor_record(data, 10, FALSE, 1);
    }
    return NULL;
}

START_TEST(threads_sample_each_for_itself) {
    g_autoptr(PfProfilingProcessor) p = processor_at(0.01);
    PfProfileMetrics *m = pf_profiling_processor_get_metrics(p);
    GThread *threads[THREADS];
    for (guint i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("record", record_many, p);
    }
    for (guint i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    guint64 sampled = pf_profile_metrics_get_sampled_count(m);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), (guint64)THREADS * ROUNDS);
    ck_assert_uint_ge(sampled, 8000 - 7 * 89);
    ck_assert_uint_le(sampled, 8000 + 7 * 89);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), 10 * sampled);
}
END_TEST

// A sampler that goes up and down, and latencies that go with it: the plain mean would be far off.
#define WAVE_TYPE_SAMPLER (wave_sampler_get_type())
G_DECLARE_FINAL_TYPE(WaveSampler, wave_sampler, WAVE, SAMPLER, GObject)
struct _WaveSampler {
    GObject parent_instance;
    guint turn;
};
static const gdouble wave[] = {0.5, 0.05, 1, 0.1};

static void wave_decide(PfSampler *sampler, const PfSamplingContext *context,
                        PfSamplingDecision *decision) {
    WaveSampler *self = WAVE_SAMPLER(sampler);
    ck_assert_uint_eq(context->stratum_count, 1);
    pf_sampling_decision_set_rate(decision, 0, wave[self->turn++ % G_N_ELEMENTS(wave)]);
}
static void wave_init(PfSamplerInterface *iface) { iface->decide = wave_decide; }
G_DEFINE_FINAL_TYPE_WITH_CODE(WaveSampler, wave_sampler, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(PF_TYPE_SAMPLER, wave_init))
static void wave_sampler_class_init(WaveSamplerClass *class G_GNUC_UNUSED) {}
static void wave_sampler_init(WaveSampler *self G_GNUC_UNUSED) {}

START_TEST(a_sampler_sets_the_rate_without_a_bias) {
    g_autoptr(WaveSampler) sampler = g_object_new(WAVE_TYPE_SAMPLER, NULL);
    g_autoptr(PfProfilingProcessor) processor =
        pf_profiling_processor_new_steered(0.1, PF_SAMPLER(sampler), NULL);
    gdouble truth = 0;
    for (guint turn = 0; turn < 40; turn++) {
        gdouble rate = pf_profiling_processor_adapt(processor);
        ck_assert(rate == wave[turn % G_N_ELEMENTS(wave)]);
        for (guint i = 0; i < 5000; i++) {
            gint64 ns = (gint64)(1000 + 9000 * rate) + i % 100;
            truth += (gdouble)ns;
            pf_profiling_processor_record(processor, ns, FALSE, 0);
        }
    }
    PfProfileMetrics *metrics = pf_profiling_processor_get_metrics(processor);
    gdouble low = 0;
    gdouble high = 0;
    gdouble estimate = 0;
    ck_assert(pf_profile_metrics_get_estimate(metrics, &estimate, &low, &high));
    gdouble plain = 200000.0 * (gdouble)pf_profile_metrics_get_total_duration_ns(metrics) /
                    (gdouble)pf_profile_metrics_get_sampled_count(metrics);
    ck_assert(plain > 1.3 * truth);
    ck_assert(fabs(estimate - truth) < 0.05 * truth);
    ck_assert(low < high && high < 1.2 * truth && low > 0.8 * truth);
}
END_TEST

int main(void) {
    return pf_test_run(
        "processor",
        (const TTest *[]){a_bad_rate_is_a_sampling_error, rate_one_times_all_and_rate_zero_none,
                          a_share_is_timed_and_the_rest_counted,
                          a_periodic_slow_message_is_neither_missed_nor_always_met,
                          disabled_counts_nothing, begin_and_end_measure_what_lies_between,
                          threads_sample_each_for_itself, a_sampler_sets_the_rate_without_a_bias,
                          NULL});
}
