// SPDX-License-Identifier: Apache-2.0
// PfAggregator on made segments: sums over processes, no counter that goes back, a bounded number of series.
// link: segment-maker.c
#include "pf-series.h"
#include "pf-test.h"
#include "segment-maker.h"
#include <pf-profiling.h>
#include <string.h>

static gboolean is_running; // it was copied before a reset, and goes on
static guint resets;
static guint sites = 1; // each with so many calls
static gint64 started_us;

static PfSnapshot *make(segment_maker *maker, guint pid, const gchar *program, guint64 calls) {
    maker_init(maker, 1 << 20);
    struct pf_segment *header = maker_header(maker);
    header->pid = pid;
    header->state = PF_STATE_ENDED;
    g_strlcpy(header->how, is_running ? "reset" : "exit", sizeof header->how);
    started_us = (gint64)header->start_unix_ns / 1000;
    g_strlcpy(header->program, program, sizeof header->program);
    struct pf_slot *slot = maker_add_slot(maker, pid, "main");
    header->control.reset = slot->reset = resets;
    header->control.reset_unix_ns = 1000000 * resets;
    for (guint i = 0; i < sites; i++) {
        maker_add_entry(maker, slot, maker_key(MAKER_SITE + 16 * i, 0, 0), calls, calls * 10);
    }
    g_autoptr(GBytes) bytes = maker_bytes(maker);
    g_autoptr(GError) error = NULL;
    PfSnapshot *snapshot = pf_snapshot_new_from_bytes(bytes, PF_SNAPSHOT_DEFAULT, &error);
    ck_assert_msg(snapshot != NULL, "%s", error != NULL ? error->message : "");
    maker_clear(maker);
    return snapshot;
}

static gdouble total(PfMetricSet *set, pf_metric_id id, const gchar *program) {
    gdouble sum = 0;
    for (guint i = 0; i < pf_metric_set_get_point_count(set); i++) {
        const pf_point *point = pf_set_point(set, i);
        if (point->series->id == id &&
            (program == NULL || strcmp(point->series->program, program) == 0)) {
            sum += point->value;
        }
    }
    return sum;
}

START_TEST(test_processes_add_up) {
    PfAggregator *aggregator = pf_aggregator_new(10);
    segment_maker maker;
    for (guint pid = 1; pid <= 5; pid++) {
        PfSnapshot *snapshot = make(&maker, pid, "app", 100 * pid);
        pf_aggregator_update(aggregator, snapshot);
        g_object_unref(snapshot);
    }
    g_autoptr(PfMetricSet) set = pf_aggregator_collect(aggregator);
    ck_assert_double_eq(total(set, PF_METRIC_MESSAGES, "app"), 1500);
    ck_assert_double_eq(total(set, PF_METRIC_BYTES, "app"), 15000);
    ck_assert_double_eq(total(set, PF_METRIC_SITE_MESSAGES, "app"), 1500);
    ck_assert_double_eq(total(set, PF_METRIC_ENDED, "app"), 5);
    g_object_unref(aggregator);
}
END_TEST

// A process that is seen again adds what it has counted since; what sinks adds nothing until it is past where it was;
// what began anew, by `ctl reset`, adds all of it.
START_TEST(test_counters_only_grow) {
    PfAggregator *aggregator = pf_aggregator_new(10);
    segment_maker maker;
    static const guint64 calls[] = {100, 250, 240, 260, 40};
    static const gdouble sums[] = {100, 250, 250, 260, 300};
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        is_running = TRUE;
        resets = i == 4;
        PfSnapshot *snapshot = make(&maker, 7, "app", calls[i]);
        pf_aggregator_update(aggregator, snapshot);
        g_object_unref(snapshot);
        g_autoptr(PfMetricSet) set = pf_aggregator_collect(aggregator);
        ck_assert_double_eq(total(set, PF_METRIC_MESSAGES, "app"), sums[i]);
        ck_assert_double_eq(total(set, PF_METRIC_BYTES, "app"), 10 * sums[i]);
        ck_assert_double_eq(total(set, PF_METRIC_SITE_MESSAGES, "app"), sums[i]);
        ck_assert_double_eq(total(set, PF_METRIC_PROCESSES, "app"), 1);
        ck_assert_double_eq(total(set, PF_METRIC_ENDED, "app"), 0);
    }
    is_running = FALSE;
    resets = 0;
    pf_aggregator_forget(aggregator, 7, started_us);
    pf_aggregator_forget(aggregator, 7, started_us); // it is gone already
    g_autoptr(PfMetricSet) set = pf_aggregator_collect(aggregator);
    ck_assert_double_eq(total(set, PF_METRIC_MESSAGES, "app"), 300);
    ck_assert_double_eq(total(set, PF_METRIC_ENDED, "app"), 1);
    ck_assert_double_eq(total(set, PF_METRIC_PROCESSES, "app"), 0);
    g_object_unref(aggregator);
}
END_TEST

// Two sites have series of their own, the others are one.
START_TEST(test_sites_are_bounded) {
    PfAggregator *aggregator = pf_aggregator_new(2);
    segment_maker maker;
    sites = 5;
    PfSnapshot *snapshot = make(&maker, 7, "app", 100);
    sites = 1;
    pf_aggregator_update(aggregator, snapshot);
    g_object_unref(snapshot);
    g_autoptr(PfMetricSet) set = pf_aggregator_collect(aggregator);
    ck_assert_double_eq(total(set, PF_METRIC_SITE_MESSAGES, "app"), 500);
    guint series = 0;
    for (guint i = 0; i < pf_metric_set_get_point_count(set); i++) {
        series += pf_set_point(set, i)->series->id == PF_METRIC_SITE_MESSAGES;
    }
    ck_assert_uint_eq(series, 3);
    g_object_unref(aggregator);
}
END_TEST

START_TEST(test_programs_are_bounded) {
    PfAggregator *aggregator = pf_aggregator_new(10);
    segment_maker maker;
    for (guint pid = 1; pid <= 400; pid++) {
        g_autofree gchar *program = g_strdup_printf("app%u", pid);
        PfSnapshot *snapshot = make(&maker, pid, program, 1);
        pf_aggregator_update(aggregator, snapshot);
        g_object_unref(snapshot);
    }
    g_autoptr(PfMetricSet) set = pf_aggregator_collect(aggregator);
    ck_assert_double_eq(total(set, PF_METRIC_MESSAGES, NULL), 400);
    ck_assert_double_eq(total(set, PF_METRIC_MESSAGES, "other"), 400 - 256);
    g_object_unref(aggregator);
}
END_TEST

START_TEST(test_hostile_names_are_escaped) {
    PfAggregator *aggregator = pf_aggregator_new(10);
    segment_maker maker;
    PfSnapshot *snapshot = make(&maker, 7, "a\"b\\c\n\xff", 1);
    pf_aggregator_update(aggregator, snapshot);
    g_object_unref(snapshot);
    g_autoptr(PfMetricSet) set = pf_aggregator_collect(aggregator);
    g_autofree gchar *text = pf_metric_set_to_prometheus(set);
    ck_assert(g_utf8_validate(text, -1, NULL));
    ck_assert_ptr_nonnull(strstr(text, "program=\"a\\\"b\\\\c"));
    g_object_unref(aggregator);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_processes_add_up,          test_counters_only_grow,
                                  test_sites_are_bounded,         test_programs_are_bounded,
                                  test_hostile_names_are_escaped, NULL};
    return pf_test_run("aggregator", tests);
}
