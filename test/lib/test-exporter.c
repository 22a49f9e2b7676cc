// SPDX-License-Identifier: Apache-2.0
// PfMultiExporter with exporters that hang, fail or are slow: none waits for another, and every point is counted once.
#include "pf-exporter-private.h"
#include "pf-series.h"
#include "pf-test.h"
#include <string.h>

// Takes a set when it is let, and tells how many it has begun.
G_DECLARE_FINAL_TYPE(TestExporter, test_exporter, TEST, EXPORTER, PfExporter)
struct _TestExporter {
    PfExporter parent_instance;
    GMutex lock;
    GCond changed;
    guint begun;
    guint allowed;
};
G_DEFINE_FINAL_TYPE(TestExporter, test_exporter, PF_TYPE_EXPORTER)

static PfExportResult *take(PfExporter *exporter, PfMetricSet *set) {
    TestExporter *self = TEST_EXPORTER(exporter);
    g_mutex_lock(&self->lock);
    guint mine = ++self->begun;
    g_cond_broadcast(&self->changed);
    while (self->allowed < mine) {
        g_cond_wait(&self->changed, &self->lock);
    }
    g_mutex_unlock(&self->lock);
    return pf_export_result_new_success(pf_metric_set_get_point_count(set), 0);
}

static void test_exporter_class_init(TestExporterClass *class) {
    PF_EXPORTER_CLASS(class)->export_set = take;
}

static void test_exporter_init(TestExporter *self) {
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
}

static TestExporter *make(const gchar *name, guint allowed) {
    TestExporter *self =
        g_object_new(test_exporter_get_type(), "name", name, "timeout-seconds", 3600u, NULL);
    self->allowed = allowed;
    return self;
}

static void let(TestExporter *self, guint count) {
    g_mutex_lock(&self->lock);
    self->allowed = count;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

static void wait_begun(TestExporter *self, guint count) {
    g_mutex_lock(&self->lock);
    while (self->begun < count) {
        g_cond_wait(&self->changed, &self->lock);
    }
    g_mutex_unlock(&self->lock);
}

// A set of `points` points.
static PfMetricSet *make_set(guint points) {
    const gchar *labels[] = {NULL};
    PfMetricSet *set = pf_metric_set_new(0);
    for (guint i = 0; i < points; i++) {
        g_autofree gchar *name = g_strdup_printf("app%u", i);
        pf_series *series = pf_series_new(PF_METRIC_PROCESSES, name, labels, 0);
        pf_metric_set_add(set, series, 1);
        pf_series_unref(series);
    }
    ck_assert_uint_eq(pf_metric_set_get_point_count(set), points);
    return set;
}

static void send_set(PfMultiExporter *multi, guint points) {
    g_autoptr(PfMetricSet) set = make_set(points);
    PfExportResult *result = pf_exporter_export(PF_EXPORTER(multi), set);
    pf_export_result_free(result);
}

START_TEST(one_that_hangs_holds_up_no_other) {
    TestExporter *stuck = make("stuck", 0);
    TestExporter *quick = make("quick", G_MAXUINT);
    PfMultiExporter *multi = pf_multi_exporter_new();
    pf_multi_exporter_add(multi, PF_EXPORTER(stuck));
    pf_multi_exporter_add(multi, PF_EXPORTER(quick));
    send_set(multi, 1);
    wait_begun(stuck, 1);
    // Two wait for the first; each further one takes the place of the oldest of them.
    for (guint i = 2; i <= 6; i++) {
        send_set(multi, i);
        wait_begun(quick, i);
    }
    ck_assert_uint_eq(pf_exporter_get_dropped_count(PF_EXPORTER(stuck)), 2 + 3 + 4);
    ck_assert_uint_eq(pf_multi_exporter_displaced(multi), 2 + 3 + 4);
    let(stuck, G_MAXUINT);
    wait_begun(stuck, 3);
    g_autoptr(PfExportResult) result = pf_multi_exporter_finish(multi, 3600000);
    ck_assert(result->success);
    pf_exporter_close(PF_EXPORTER(multi));
    ck_assert_uint_eq(pf_exporter_get_exported_count(PF_EXPORTER(stuck)), 1 + 5 + 6);
    ck_assert_uint_eq(pf_exporter_get_exported_count(PF_EXPORTER(quick)), 1 + 2 + 3 + 4 + 5 + 6);
    ck_assert_uint_eq(pf_exporter_get_dropped_count(PF_EXPORTER(quick)), 0);
    g_object_unref(multi);
    g_object_unref(stuck);
    g_object_unref(quick);
}
END_TEST

START_TEST(what_has_not_ended_in_time_counts_as_dropped_once) {
    TestExporter *stuck = make("stuck", 0);
    PfMultiExporter *multi = pf_multi_exporter_new();
    pf_multi_exporter_add(multi, PF_EXPORTER(stuck));
    send_set(multi, 3);
    wait_begun(stuck, 1);
    send_set(multi, 5);
    g_autoptr(PfExportResult) result = pf_multi_exporter_finish(multi, 1);
    ck_assert(!result->success);
    ck_assert_str_eq(result->error_message, "stuck: no time left");
    pf_exporter_close(PF_EXPORTER(multi));
    ck_assert_uint_eq(pf_exporter_get_dropped_count(PF_EXPORTER(stuck)), 3 + 5);
    ck_assert_uint_eq(pf_multi_exporter_displaced(multi), 0);
    // It comes to an end after all: nobody is told another number than before.
    let(stuck, G_MAXUINT);
    g_autoptr(PfMetricSet) last = make_set(1);
    PfExportResult *late =
        pf_exporter_export(PF_EXPORTER(stuck), last); // waits for the one before it
    pf_export_result_free(late);
    ck_assert_uint_eq(pf_exporter_get_dropped_count(PF_EXPORTER(stuck)), 3 + 5);
    ck_assert_uint_eq(pf_exporter_get_exported_count(PF_EXPORTER(stuck)), 0);
    // Its thread holds the rest: as in a program that ends now.
}
END_TEST

START_TEST(no_try_begins_after_the_deadline) {
    TestExporter *one = make("one", G_MAXUINT);
    g_autoptr(PfMetricSet) set = make_set(1);
    PfExportResult *result = pf_exporter_export(PF_EXPORTER(one), set);
    pf_export_result_free(result);
    ck_assert(!pf_exporter_wait(PF_EXPORTER(one), 4000000)); // an hour is the most: at once
    ck_assert(pf_exporter_wait(PF_EXPORTER(one), 1));
    pf_exporter_limit(PF_EXPORTER(one), 0);
    ck_assert(!pf_exporter_wait(PF_EXPORTER(one), 1));
    g_object_unref(one);
}
END_TEST

int main(void) {
    return pf_test_run("exporter",
                       (const TTest *[]){one_that_hangs_holds_up_no_other,
                                         what_has_not_ended_in_time_counts_as_dropped_once,
                                         no_try_begins_after_the_deadline, NULL});
}
