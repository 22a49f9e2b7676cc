// SPDX-License-Identifier: Apache-2.0
// PfProfileMetrics: every field, the edges (nothing recorded, clocks set back, the largest numbers),
// and threads.
#include "pf-metrics-values.h"
#include "pf-test.h"
#include <errno.h>
#include <json-glib/json-glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(nothing_recorded_is_nothing_but_zeros) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    gdouble ns = -7;
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 0);
    ck_assert(pf_profile_metrics_get_avg_latency_ms(m) == 0);
    ck_assert(pf_profile_metrics_get_emoji_overhead_percent(m) == 0);
    ck_assert(pf_profile_metrics_get_avg_fields_per_message(m) == 0);
    ck_assert(pf_profile_metrics_get_messages_per_second(m) == 0);
    ck_assert(!pf_profile_metrics_get_quantile_ns(m, 0.5, &ns));
    ck_assert(ns == -7);
}
END_TEST

START_TEST(every_field_is_what_was_recorded) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    gdouble total, low, high, median;
    pf_profile_metrics_record(m, 1000, TRUE, 4);
    pf_profile_metrics_record(m, 3000, FALSE, 2);
    pf_profile_metrics_record_text(m, "héllo 🎉", -1, 2000, 0);
    pf_profile_metrics_record_text(m, "1234 © #", 6, 2000, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 4);
    ck_assert_uint_eq(pf_profile_metrics_get_sampled_count(m), 4);
    ck_assert_uint_eq(pf_profile_metrics_get_dropped_count(m), 0);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), 8000);
    ck_assert_uint_eq(pf_profile_metrics_get_emoji_message_count(m), 2);
    ck_assert(pf_profile_metrics_get_emoji_overhead_percent(m) == 50);
    ck_assert(pf_profile_metrics_get_avg_latency_ms(m) == 0.002);
    ck_assert(pf_profile_metrics_get_avg_fields_per_message(m) == 1.5);
    ck_assert_uint_eq(pf_profile_metrics_get_bytes(m), 11 + 6);
    ck_assert_uint_eq(pf_profile_metrics_get_max_ns(m), 3000);
    ck_assert(pf_profile_metrics_get_estimate(m, &total, &low, &high));
    ck_assert(total == 8000 && low == 8000 && high == 8000);
    ck_assert(pf_profile_metrics_get_quantile_ns(m, 0.5, &median));
    ck_assert(median > 2000 * 31 / 32. && median < 2000 * 33 / 32.);
}
END_TEST

START_TEST(time_goes_on) {
    gdouble before = (gdouble)g_get_real_time() / 1e6;
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    gdouble after = (gdouble)g_get_real_time() / 1e6;
    ck_assert(pf_profile_metrics_get_start_time(m) >= before);
    ck_assert(pf_profile_metrics_get_start_time(m) <= after);
    pf_profile_metrics_record(m, 1, FALSE, 0);
    gdouble first = pf_profile_metrics_get_uptime_seconds(m);
    g_usleep(2000);
    gdouble second = pf_profile_metrics_get_uptime_seconds(m);
    ck_assert(first >= 0 && second >= first + 0.002);
    gdouble rate = pf_profile_metrics_get_messages_per_second(m);
    ck_assert(rate > 0 && rate <= 1 / second);
}
END_TEST

START_TEST(a_clock_that_was_set_back_gives_zero) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    pf_profile_metrics_record(m, -5, FALSE, 0);
    pf_profile_metrics_record(m, G_MININT64, FALSE, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), 0);
    ck_assert_uint_eq(pf_profile_metrics_get_max_ns(m), 0);
    ck_assert(pf_seconds_between(2000000, 1000000) == 0);
    ck_assert(pf_seconds_between(G_MAXINT64, G_MININT64) == 0);
    ck_assert(pf_seconds_between(G_MININT64, G_MAXINT64) == 0);
    ck_assert(pf_seconds_between(1000000, 3500000) == 2.5);
}
END_TEST

START_TEST(sums_end_at_the_largest_number) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    for (int i = 0; i < 4; i++) {
        pf_profile_metrics_record(m, G_MAXINT64, FALSE, G_MAXUINT);
    }
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), G_MAXUINT64);
    ck_assert_uint_eq(pf_profile_metrics_get_max_ns(m), G_MAXINT64);
    ck_assert(pf_profile_metrics_get_avg_latency_ms(m) > 4e12);
    g_autofree gchar *json = pf_profile_metrics_to_json(m);
    g_autoptr(JsonNode) root = json_from_string(json, NULL);
    ck_assert_ptr_nonnull(root);
}
END_TEST

START_TEST(reset_puts_everything_back) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    pf_profile_metrics_record_text(m, "🎉", -1, 2000, 3);
    pf_profile_metrics_record_error(m, EPIPE);
    pf_profile_metrics_reset(m);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 0);
    ck_assert_uint_eq(pf_profile_metrics_get_error_count(m), 0);
    pf_profile_metrics_record(m, 10, FALSE, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 1);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), 10);
    ck_assert_uint_eq(pf_profile_metrics_get_max_ns(m), 10);
    ck_assert_uint_eq(pf_profile_metrics_get_bytes(m), 0);
    ck_assert_uint_eq(pf_profile_metrics_get_emoji_message_count(m), 0);
    gdouble ns;
    ck_assert(pf_profile_metrics_get_quantile_ns(m, 1, &ns));
    ck_assert(ns == 10);
}
END_TEST

START_TEST(the_properties_are_the_getters) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    guint64 count = 0;
    gdouble percent = 0;
    pf_profile_metrics_record(m, 10, TRUE, 0);
    g_object_get(m, "message-count", &count, "emoji-overhead-percent", &percent, NULL);
    ck_assert_uint_eq(count, 1);
    ck_assert(percent == 100);
}
END_TEST

START_TEST(json_has_every_name) {
    static const gchar *const names[] = {"message_count",
                                         "total_duration_ns",
                                         "emoji_message_count",
                                         "dropped_count",
                                         "start_time",
                                         "messages_per_second",
                                         "avg_latency_ms",
                                         "emoji_overhead_percent",
                                         "uptime_seconds",
                                         "sampled_count",
                                         "lost_count",
                                         "estimated_total_duration_ns",
                                         "estimated_total_interval_ns",
                                         "avg_fields_per_message",
                                         "bytes",
                                         "error_count",
                                         "errors",
                                         "p50_ns",
                                         "p90_ns",
                                         "p99_ns",
                                         "p99_9_ns",
                                         "max_ns",
                                         "overhead_ns"};
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    pf_profile_metrics_record_text(m, "x 🎉", -1, 40, 2);
    pf_profile_metrics_record_error(m, EPIPE);
    pf_profile_metrics_record_error(m, 4711);
    pf_profile_metrics_record_error(m, EPIPE);
    g_autofree gchar *json = pf_profile_metrics_to_json(m);
    ck_assert_ptr_null(strchr(json, '\n'));
    g_autoptr(JsonNode) root = json_from_string(json, NULL);
    JsonObject *all = json_node_get_object(root);
    JsonObject *metrics = json_object_get_object_member(all, "metrics");
    ck_assert_int_eq(json_object_get_int_member(all, "schema_version"), 1);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        ck_assert_msg(json_object_has_member(metrics, names[i]), "no %s", names[i]);
    }
    ck_assert_int_eq(json_object_get_int_member(metrics, "message_count"), 1);
    ck_assert(json_object_get_double_member(metrics, "emoji_overhead_percent") == 100);
    ck_assert_int_eq(json_object_get_int_member(metrics, "error_count"), 3);
    JsonObject *errors = json_object_get_object_member(metrics, "errors");
    ck_assert_int_eq(json_object_get_int_member(errors, "EPIPE"), 2);
    ck_assert_int_eq(json_object_get_int_member(errors, "errno 4711"), 1);
}
END_TEST

START_TEST(text_is_80_columns_wide) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    for (int i = 0; i < 1500; i++) {
        pf_profile_metrics_record(m, 10000000000, FALSE, G_MAXUINT);
    }
    pf_profile_metrics_record_error(m, EPIPE);
    g_autofree gchar *text = pf_profile_metrics_to_text(m);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        ck_assert_msg(g_utf8_strlen(lines[i], -1) <= 80, "%s", lines[i]);
    }
    ck_assert_ptr_nonnull(
        strstr(text, "message_count                 1 500   messages_per_second"));
    ck_assert_ptr_nonnull(strstr(text, "every message timed"));
}
END_TEST

// --- threads

#define THREADS 8
#define ROUNDS 1000000

static pthread_barrier_t all_here; // so that they run together, however long a start takes

static gpointer record_many(gpointer data) {
    pthread_barrier_wait(&all_here);
    for (guint i = 0; i < ROUNDS; i++) {
        pf_profile_metrics_record(data, 3, i % 4 == 0, 2);
    }
    return NULL;
}

static void run_threads(GThreadFunc work, gpointer data) {
    GThread *threads[THREADS];
    pthread_barrier_init(&all_here, NULL, THREADS);
    for (guint i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("record", work, data);
    }
    for (guint i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    pthread_barrier_destroy(&all_here);
}

START_TEST(eight_threads_lose_nothing) {
    const guint64 all = (guint64)THREADS * ROUNDS;
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    run_threads(record_many, m);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), all);
    ck_assert_uint_eq(pf_profile_metrics_get_sampled_count(m), all);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(m), 3 * all);
    ck_assert_uint_eq(pf_profile_metrics_get_emoji_message_count(m), all / 4);
    ck_assert(pf_profile_metrics_get_avg_fields_per_message(m) == 2);
}
END_TEST

// Threads that come and go take the place of ended ones; nothing of those is lost.
START_TEST(ended_threads_hand_their_counters_on) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    for (guint i = 0; i < 3; i++) {
        run_threads(record_many, m);
    }
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), (guint64)3 * THREADS * ROUNDS);
    ck_assert_uint_le(pf_profile_metrics_get_set(m)->shards->len, THREADS);
}
END_TEST

// More metrics than the thread's cache has places.
START_TEST(many_metrics_in_one_thread) {
    enum { MANY = 40 };
    PfProfileMetrics *many[MANY];
    for (guint i = 0; i < MANY; i++) {
        many[i] = pf_profile_metrics_new();
    }
    for (guint round = 0; round < 3; round++) {
        for (guint i = 0; i < MANY; i++) {
            pf_profile_metrics_record(many[i], i, FALSE, 0);
        }
    }
    for (guint i = 0; i < MANY; i++) {
        ck_assert_uint_eq(pf_profile_metrics_get_message_count(many[i]), 3);
        ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(many[i]), 3 * i);
        g_object_unref(many[i]);
    }
    g_autoptr(PfProfileMetrics) next = pf_profile_metrics_new();
    pf_profile_metrics_record(next, 5, FALSE, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(next), 1);
}
END_TEST

typedef struct {
    PfProfileMetrics *metrics;
    gint stop;
} watched;

static gpointer record_until_stopped(gpointer data) {
    watched *w = data;
    while (!g_atomic_int_get(&w->stop)) {
        pf_profile_metrics_record(w->metrics, 7, TRUE, 1);
    }
    return NULL;
}

START_TEST(a_reader_never_sees_numbers_go_back_or_contradict) {
    watched w = {.metrics = pf_profile_metrics_new()};
    GThread *threads[3];
    for (guint i = 0; i < 3; i++) {
        threads[i] = g_thread_new("record", record_until_stopped, &w);
    }
    pf_metric_values last = {0};
    for (guint i = 0; i < 2000; i++) {
        pf_metric_values now;
        pf_profile_metrics_read(w.metrics, &now);
        ck_assert_uint_eq(now.message_count, now.sampled_count + now.dropped_count);
        ck_assert_uint_le(now.emoji_message_count, now.sampled_count);
        ck_assert_uint_le(now.total_duration_ns, 7 * now.message_count);
        ck_assert_uint_ge(now.message_count, last.message_count);
        ck_assert_uint_ge(now.sampled_count, last.sampled_count);
        ck_assert_uint_ge(now.total_duration_ns, last.total_duration_ns);
        ck_assert_uint_ge(now.overhead_ns, last.overhead_ns);
        ck_assert(now.uptime_seconds >= last.uptime_seconds);
        last = now;
    }
    // Resets among all this: what is left is what came after the last one.
    for (guint i = 0; i < 500; i++) {
        pf_profile_metrics_reset(w.metrics);
    }
    g_atomic_int_set(&w.stop, 1);
    for (guint i = 0; i < 3; i++) {
        g_thread_join(threads[i]);
    }
    pf_profile_metrics_reset(w.metrics);
    pf_profile_metrics_record(w.metrics, 9, FALSE, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(w.metrics), 1);
    ck_assert_uint_eq(pf_profile_metrics_get_total_duration_ns(w.metrics), 9);
    g_object_unref(w.metrics);
}
END_TEST

START_TEST(a_fork_child_counts_on_by_itself) {
    g_autoptr(PfProfileMetrics) m = pf_profile_metrics_new();
    pf_profile_metrics_record(m, 1, FALSE, 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        pf_profile_metrics_record(m, 1, FALSE, 0);
        _exit(pf_profile_metrics_get_message_count(m) == 2 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(m), 1);
}
END_TEST

int main(void) {
    return pf_test_run(
        "metrics",
        (const TTest *[]){nothing_recorded_is_nothing_but_zeros, every_field_is_what_was_recorded,
                          time_goes_on, a_clock_that_was_set_back_gives_zero,
                          sums_end_at_the_largest_number, reset_puts_everything_back,
                          the_properties_are_the_getters, json_has_every_name,
                          text_is_80_columns_wide, eight_threads_lose_nothing,
                          ended_threads_hand_their_counters_on, many_metrics_in_one_thread,
                          a_reader_never_sees_numbers_go_back_or_contradict,
                          a_fork_child_counts_on_by_itself, NULL});
}
