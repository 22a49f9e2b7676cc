// SPDX-License-Identifier: Apache-2.0
// PfProfilingComponent, registration and the reset of everything.
#include "pf-test.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static PfProfilingConfig *config_with(const gchar *output, const gchar *format) {
    PfProfilingConfig *config = pf_profiling_config_new();
    ck_assert(pf_profiling_config_set(config, "output", output, NULL));
    ck_assert(pf_profiling_config_set(config, "format", format, NULL));
    ck_assert(pf_profiling_config_set(config, "sample_rate", "1", NULL));
    return config;
}

static void feed(PfProfilingComponent *component, guint messages) {
    PfProfilingProcessor *processor = pf_profiling_component_get_processor(component);
    for (guint i = 0; i < messages; i++) {
        pf_profiling_processor_record(processor, 5, FALSE, 0);
    }
}

static guint64 count(PfProfilingComponent *component) {
    return pf_profile_metrics_get_message_count(pf_profiling_component_get_metrics(component));
}

START_TEST(everything_may_be_done_twice) {
    g_autoptr(PfProfilingConfig) config = config_with("none", "text");
    g_autoptr(PfProfilingComponent) c = pf_profiling_component_new(config);
    ck_assert(!pf_profiling_component_get_enabled(c));
    feed(c, 3);
    ck_assert_uint_eq(count(c), 0);
    for (guint i = 0; i < 2; i++) {
        pf_profiling_component_enable(c);
        pf_profiling_component_enable(c);
        ck_assert(pf_profiling_component_get_enabled(c));
        feed(c, 3);
        ck_assert_uint_eq(count(c), 3);
        pf_profiling_component_disable(c);
        pf_profiling_component_disable(c);
        feed(c, 3);
        ck_assert_uint_eq(count(c), 3);
        pf_profiling_component_reset(c);
        pf_profiling_component_reset(c);
        ck_assert_uint_eq(count(c), 0);
    }
}
END_TEST

START_TEST(the_configuration_enables_it) {
    g_autoptr(PfProfilingConfig) config = config_with("none", "text");
    ck_assert(pf_profiling_config_set(config, "enabled", "yes", NULL));
    g_autoptr(PfProfilingComponent) c = pf_profiling_component_new(config);
    ck_assert(pf_profiling_component_get_enabled(c));
    ck_assert_ptr_eq(pf_profiling_component_get_config(c), config);
}
END_TEST

START_TEST(enabling_starts_the_clock_when_nothing_was_counted) {
    g_autoptr(PfProfilingConfig) config = config_with("none", "text");
    g_autoptr(PfProfilingComponent) c = pf_profiling_component_new(config);
    PfProfileMetrics *metrics = pf_profiling_component_get_metrics(c);
    gdouble made = pf_profile_metrics_get_start_time(metrics);
    g_usleep(2000); // a time that passes
    pf_profiling_component_enable(c);
    gdouble enabled = pf_profile_metrics_get_start_time(metrics);
    ck_assert(enabled >= made + 0.001);
    feed(c, 1);
    pf_profiling_component_disable(c);
    pf_profiling_component_enable(c);
    ck_assert(pf_profile_metrics_get_start_time(metrics) == enabled);
}
END_TEST

START_TEST(flush_writes_what_no_flush_wrote) {
    g_autofree gchar *folder = g_dir_make_tmp("test-component-XXXXXX", NULL);
    g_autofree gchar *pattern = g_build_filename(folder, "%%-%n-%p", NULL);
    g_autofree gchar *path =
        g_strdup_printf("%s/%%-%s-%ld", folder, program_invocation_short_name, (long)getpid());
    g_autoptr(PfProfilingConfig) config = config_with(pattern, "json");
    g_autoptr(PfProfilingComponent) c = pf_profiling_component_new(config);
    static const guint fed[] = {3, 0, 4};
    pf_profiling_component_enable(c);
    for (guint i = 0; i < G_N_ELEMENTS(fed); i++) {
        feed(c, fed[i]);
        g_autoptr(PfExportResult) result = pf_profiling_component_flush_remaining_data(c);
        ck_assert(result->success);
        ck_assert_uint_eq(result->exported_count, fed[i]);
        ck_assert_ptr_null(result->error_message);
    }
    pf_profiling_component_reset(c);
    feed(c, 2);
    g_autoptr(PfExportResult) after = pf_profiling_component_flush_remaining_data(c);
    ck_assert_uint_eq(after->exported_count, 2);
    g_autofree gchar *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 4); // three summaries, and nothing behind the last
    ck_assert_ptr_nonnull(strstr(lines[0], "\"message_count\":3,"));
    ck_assert_ptr_nonnull(strstr(lines[1], "\"message_count\":7,"));
    ck_assert_ptr_nonnull(strstr(lines[2], "\"message_count\":2,"));
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

START_TEST(a_flush_that_fails_says_so_and_keeps_the_data) {
    static const gchar *const outputs[] = {"/nonexistent/x", "/dev/full"};
    for (guint i = 0; i < G_N_ELEMENTS(outputs); i++) {
        g_autoptr(PfProfilingConfig) config = config_with(outputs[i], "text");
        g_autoptr(PfProfilingComponent) c = pf_profiling_component_new(config);
        pf_profiling_component_enable(c);
        feed(c, 3);
        for (guint again = 0; again < 2; again++) {
            g_autoptr(PfExportResult) result = pf_profiling_component_flush_remaining_data(c);
            ck_assert(!result->success);
            ck_assert_uint_eq(result->exported_count, 0);
            ck_assert_ptr_nonnull(strstr(result->error_message, outputs[i]));
        }
    }
}
END_TEST

START_TEST(stderr_and_none) {
    g_autofree gchar *folder = g_dir_make_tmp("test-component-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "err", NULL);
    int kept = dup(2);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    static const gchar *const outputs[] = {"none", "stderr"};
    for (guint i = 0; i < 2; i++) {
        g_autoptr(PfProfilingConfig) config = config_with(outputs[i], "text");
        g_autoptr(PfProfilingComponent) c = pf_profiling_component_new(config);
        pf_profiling_component_enable(c);
        feed(c, 3);
        dup2(file, 2);
        g_autoptr(PfExportResult) result = pf_profiling_component_flush_remaining_data(c);
        dup2(kept, 2);
        ck_assert(result->success);
        ck_assert_uint_eq(result->exported_count, i == 0 ? 0 : 3);
        ck_assert_int_eq(lseek(file, 0, SEEK_END) > 0, i == 1);
    }
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

START_TEST(registering_twice_gives_the_same_profiler) {
    g_autoptr(PfHub) hub = pf_hub_new();
    GError *error = NULL;
    PfProfilingComponent *first = pf_register_profiling(hub, NULL, &error);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_eq(pf_register_profiling(hub, NULL, &error), first);
    ck_assert_ptr_eq(pf_hub_get_component(hub, "profiler"), first);
    g_autoptr(PfHub) other = pf_hub_new();
    ck_assert(pf_hub_add_component(other, "profiler", G_OBJECT(hub), &error));
    ck_assert_ptr_null(pf_register_profiling(other, NULL, &error));
    ck_assert_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_EXISTS);
}
END_TEST

static gpointer register_it(gpointer hub) { return pf_register_profiling(hub, NULL, NULL); }

START_TEST(threads_that_register_get_one_profiler) {
    g_autoptr(PfHub) hub = pf_hub_new();
    GThread *threads[8];
    for (guint i = 0; i < 8; i++) {
        threads[i] = g_thread_new("register", register_it, hub);
    }
    for (guint i = 0; i < 8; i++) {
        ck_assert_ptr_eq(g_thread_join(threads[i]), pf_hub_get_component(hub, "profiler"));
    }
}
END_TEST

static gint nothing(const gchar *const *arguments, gpointer data) { return 0; }

START_TEST(reset_puts_the_process_back) {
    g_autoptr(PfProfilingConfig) config = config_with("none", "text");
    g_autoptr(PfProfilingComponent) held = pf_profiling_component_new(config);
    PfProfilingComponent *registered = pf_register_profiling(NULL, config, NULL);
    ck_assert_ptr_eq(pf_hub_get_component(pf_hub_get_default(), "profiler"), registered);
    ck_assert(pf_hub_add_command(pf_hub_get_default(), "x", "x", nothing, NULL, NULL, NULL));
    g_object_add_weak_pointer(G_OBJECT(registered), (gpointer *)&registered);
    pf_profiling_component_enable(held);
    feed(held, 3);
    pf_reset_profiling_state();
    ck_assert_ptr_null(registered);
    ck_assert(!pf_profiling_component_get_enabled(held));
    ck_assert_uint_eq(count(held), 0);
    g_auto(GStrv) components = pf_hub_list_components(pf_hub_get_default());
    g_auto(GStrv) commands = pf_hub_list_commands(pf_hub_get_default());
    ck_assert_ptr_null(components[0]);
    ck_assert_ptr_null(commands[0]);
    pf_reset_profiling_state();
}
END_TEST

START_TEST(results) {
    g_autoptr(PfExportResult) fine = pf_export_result_new_success(12, 3.5);
    g_autoptr(PfExportResult) bad = pf_export_result_new_failure("no route", -1);
    g_autoptr(PfExportResult) copy = pf_export_result_copy(bad);
    ck_assert(fine->success && fine->exported_count == 12 && fine->response_time_ms == 3.5);
    ck_assert_ptr_null(fine->error_message);
    ck_assert(!copy->success && copy->exported_count == 0 && copy->response_time_ms == 0);
    ck_assert_str_eq(copy->error_message, "no route");
    pf_export_result_free(NULL);
}
END_TEST

int main(void) {
    g_unsetenv("PROVIDE_PROFILING_ENABLED");
    return pf_test_run("component",
                       (const TTest *[]){everything_may_be_done_twice, the_configuration_enables_it,
                                         enabling_starts_the_clock_when_nothing_was_counted,
                                         flush_writes_what_no_flush_wrote,
                                         a_flush_that_fails_says_so_and_keeps_the_data,
                                         stderr_and_none, registering_twice_gives_the_same_profiler,
                                         threads_that_register_get_one_profiler,
                                         reset_puts_the_process_back, results, NULL});
}
