// SPDX-License-Identifier: Apache-2.0
// PfProfileMetrics: every field, and the edges: nothing recorded, clocks set back, the largest numbers.
#include "pf-metrics-values.h"
#include "pf-test.h"
#include <errno.h>
#include <json-glib/json-glib.h>
#include <string.h>

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
    g_usleep(2000); // a time that passes
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

int main(void) {
    return pf_test_run("metrics",
                       (const TTest *[]){nothing_recorded_is_nothing_but_zeros,
                                         every_field_is_what_was_recorded, time_goes_on,
                                         a_clock_that_was_set_back_gives_zero,
                                         sums_end_at_the_largest_number, reset_puts_everything_back,
                                         the_properties_are_the_getters, json_has_every_name,
                                         text_is_80_columns_wide, NULL});
}
