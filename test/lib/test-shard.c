// SPDX-License-Identifier: Apache-2.0
// Counters of many threads: nothing is lost, nothing goes back, whoever begins, ends, resets or forks.
#include "pf-metrics-values.h"
#include "pf-test.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

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

// Destructors of thread-local values run in any order, also after the library's own, when the thread's
// counters are somebody else's already.
#define LATE 100000

static PfProfileMetrics *late_metrics;

static void record_late(void *nothing) {
    for (guint i = 0; i < LATE; i++) {
        pf_profile_metrics_record(late_metrics, 1, FALSE, 0);
    }
}

static gpointer record_and_end(gpointer data) {
    pthread_key_t *keys = data;
    for (guint i = 0; i < 2; i++) {
        pthread_setspecific(keys[i], keys);
    }
    pf_profile_metrics_record(late_metrics, 1, FALSE, 0);
    return NULL;
}

START_TEST(a_thread_may_record_while_it_ends) {
    pthread_key_t keys[2];
    GThread *threads[40];
    late_metrics = pf_profile_metrics_new();
    pthread_key_create(&keys[0], record_late); // before the library's own, and after it
    pf_profile_metrics_record(late_metrics, 1, FALSE, 0);
    pthread_key_create(&keys[1], record_late);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("late", record_and_end, keys);
    }
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_thread_join(threads[i]);
    }
    ck_assert_uint_eq(pf_profile_metrics_get_message_count(late_metrics),
                      1 + G_N_ELEMENTS(threads) * (1 + 2 * LATE));
    g_object_unref(late_metrics);
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
        "shard", (const TTest *[]){eight_threads_lose_nothing, ended_threads_hand_their_counters_on,
                                   many_metrics_in_one_thread, a_thread_may_record_while_it_ends,
                                   a_reader_never_sees_numbers_go_back_or_contradict,
                                   a_fork_child_counts_on_by_itself, NULL});
}
