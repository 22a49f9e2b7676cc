// SPDX-License-Identifier: Apache-2.0
// The configuration: precedence, sources, typed parts, and the old flat form.
#include "pf-test.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

START_TEST(the_strongest_source_wins_in_any_order) {
    g_autofree gchar *path = pf_test_file("sample_rate = 0.5\nbatch_size = 7\nmax_retries = 1\n");
    g_autofree gchar *named = g_strdup_printf("PROVIDE_PROFILING_CONFIG=%s", path);
    const gchar *environment[] = {named, "PROVIDE_PROFILING_BATCH_SIZE=8",
                                  "PROVIDE_PROFILING_SAMPLE_RATE=0.25", NULL};
    for (guint order = 0; order < 2; order++) {
        g_autoptr(PfProfilingConfig) c = pf_profiling_config_new();
        if (order == 0) {
            pf_profiling_config_load(c, environment);
        }
        ck_assert(pf_profiling_config_set(c, "sample_rate", "0.75", NULL));
        if (order == 1) {
            pf_profiling_config_load(c, environment);
        }
        ck_assert_str_eq(pf_profiling_config_get_value(c, "sample_rate"), "0.75");
        ck_assert_int_eq(pf_profiling_config_get_source(c, "sample_rate"),
                         PF_CONFIG_SOURCE_COMMAND_LINE);
        ck_assert_str_eq(pf_profiling_config_get_value(c, "batch_size"), "8");
        ck_assert_int_eq(pf_profiling_config_get_source(c, "batch_size"),
                         PF_CONFIG_SOURCE_ENVIRONMENT);
        ck_assert_ptr_null(pf_profiling_config_get_origin(c, "batch_size"));
        ck_assert_str_eq(pf_profiling_config_get_value(c, "max_retries"), "1");
        ck_assert_int_eq(pf_profiling_config_get_source(c, "max_retries"), PF_CONFIG_SOURCE_FILE);
        ck_assert_str_eq(pf_profiling_config_get_origin(c, "max_retries"), path);
        ck_assert_int_eq(pf_profiling_config_get_source(c, "output"), PF_CONFIG_SOURCE_DEFAULT);
        ck_assert_ptr_null(pf_profiling_config_get_warnings(c)[0]);
    }
}
END_TEST

START_TEST(a_wrong_command_line_is_an_error_and_changes_nothing) {
    g_autoptr(PfProfilingConfig) c = pf_profiling_config_new();
    GError *error = NULL;
    ck_assert(!pf_profiling_config_set(c, "sample_rate", "2", &error));
    ck_assert_str_eq(error->message, "sample_rate=2 is not a number from 0 to 1");
    ck_assert_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_BAD_VALUE);
    ck_assert(!pf_profiling_config_set(c, "sample", "1", &error));
    ck_assert_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNKNOWN_NAME);
    ck_assert(!pf_profiling_config_load_file(c, "/nonexistent/x", &error));
    ck_assert_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE);
    ck_assert(!pf_profiling_config_migrate_file("/nonexistent/x", &error));
    ck_assert_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE);
    ck_assert_str_eq(pf_profiling_config_get_value(c, "sample_rate"), "0.01");
    ck_assert_ptr_null(pf_profiling_config_get_value(c, "sample"));
}
END_TEST

START_TEST(the_parts_have_the_values_and_the_seeds_defaults) {
    g_autoptr(PfProfilingConfig) c = pf_profiling_config_new();
    g_autoptr(PfProcessorConfig) p = pf_profiling_config_get_processor(c);
    g_autoptr(PfExporterConfig) e = pf_profiling_config_get_exporter(c);
    g_autoptr(PfAdaptiveSamplingConfig) a = pf_profiling_config_get_adaptive_sampling(c);
    ck_assert(!p->enabled && p->sample_rate == 0.01 && !p->track_memory && p->enable_fast_path);
    ck_assert(p->cli_enabled && p->buffer_size == 1000 && p->max_memory_mb == 100);
    ck_assert(p->stack_depth == 16 && p->stack_every == 16 && !p->capture_text);
    ck_assert_str_eq(p->output, "stderr");
    ck_assert_str_eq(p->format, "text");
    ck_assert_ptr_null(e->exporters[0]);
    ck_assert(e->flush_interval_seconds == 30 && e->batch_size == 100 && e->max_retries == 3);
    ck_assert(e->export_timeout_seconds == 30 && e->background_processing);
    ck_assert_str_eq(a->sampler, "fixed");
    ck_assert(pf_profiling_config_set(c, "exporters", "File, PROMETHEUS", NULL));
    ck_assert(pf_profiling_config_set(c, "FORMAT", "JSON", NULL));
    g_autoptr(PfExporterConfig) changed = pf_profiling_config_get_exporter(c);
    g_autoptr(PfExporterConfig) copy = pf_exporter_config_copy(changed);
    g_autoptr(PfProcessorConfig) now = pf_profiling_config_get_processor(c);
    g_autoptr(PfProcessorConfig) copy_of_now = pf_processor_config_copy(now);
    g_autofree gchar *list = g_strjoinv(",", copy->exporters);
    ck_assert_str_eq(list, "prometheus,file");
    ck_assert_str_eq(copy_of_now->format, "json");
}
END_TEST

START_TEST(every_setting_is_described) {
    const gchar *const *names = pf_profiling_config_list_names();
    guint count = 0;
    for (; names[count] != NULL; count++) {
        g_autofree gchar *upper = g_ascii_strup(names[count], -1);
        ck_assert(g_str_has_suffix(pf_profiling_config_get_variable(names[count]), upper));
        ck_assert_uint_gt(strlen(pf_profiling_config_get_allowed(names[count])), 0);
        ck_assert_uint_gt(strlen(pf_profiling_config_get_meaning(names[count])), 0);
        ck_assert_ptr_nonnull(pf_profiling_config_get_default(names[count]));
    }
    ck_assert_uint_ge(count, 21);
    ck_assert_ptr_null(pf_profiling_config_get_default("no_such"));
}
END_TEST

// --- the old flat form

static const gchar flat[] = "# how we profile\n"
                            "; since 2024\n"
                            "profiling_enabled = yes\n"
                            "sample_rate = 0.5\n"
                            "Profiling_Exporters = file\n"
                            "something_else = 5\n"
                            "profiling_buffer_size = 0\n"
                            "# the end\n";

START_TEST(the_flat_form_is_read_with_one_warning) {
    g_autoptr(PfProfilingConfig) c = pf_profiling_config_new();
    g_autofree gchar *path = pf_test_file(flat);
    ck_assert(pf_profiling_config_load_file(c, path, NULL));
    ck_assert_str_eq(pf_profiling_config_get_value(c, "enabled"), "yes");
    ck_assert_str_eq(pf_profiling_config_get_value(c, "sample_rate"), "0.5");
    ck_assert_str_eq(pf_profiling_config_get_value(c, "exporters"), "file");
    const gchar *const *warnings = pf_profiling_config_get_warnings(c);
    ck_assert_uint_eq(g_strv_length((gchar **)warnings), 3);
    ck_assert_ptr_nonnull(strstr(warnings[0], "something_else"));
    ck_assert_ptr_nonnull(strstr(warnings[1], "BUFFER_SIZE"));
    ck_assert_ptr_nonnull(strstr(warnings[2], "deprecated"));
    ck_assert_ptr_nonnull(strstr(warnings[2], "pfprof config migrate"));
}
END_TEST

START_TEST(migrate_keeps_values_and_comments) {
    g_autofree gchar *text = pf_profiling_config_migrate(flat);
    ck_assert_str_eq(text, "[processor]\n"
                           "#how we profile\n"
                           "#since 2024\n"
                           "enabled=yes\n"
                           "sample_rate=0.5\n"
                           "#not a setting: something_else = 5\n"
                           "buffer_size=0\n"
                           "\n"
                           "[exporter]\n"
                           "exporters=file\n"
                           "#the end\n");
    g_autofree gchar *again = pf_profiling_config_migrate(text);
    ck_assert_str_eq(again, text);
    g_autoptr(GKeyFile) file = g_key_file_new();
    ck_assert(g_key_file_load_from_data(file, text, -1, G_KEY_FILE_NONE, NULL));
    ck_assert(g_key_file_get_double(file, "processor", "sample_rate", NULL) == 0.5);
    g_autofree gchar *nothing = pf_profiling_config_migrate("");
    ck_assert_str_eq(nothing, "");
}
END_TEST

START_TEST(migrate_rewrites_the_file_behind_a_link) {
    g_autofree gchar *path = pf_test_file(flat);
    g_autofree gchar *link = g_build_filename(pf_test_folder, "link", NULL);
    GStatBuf status;
    ck_assert_int_eq(g_chmod(path, 0600), 0);
    ck_assert_int_eq(symlink(path, link), 0);
    ck_assert(pf_profiling_config_migrate_file(link, NULL));
    ck_assert_int_eq(g_lstat(link, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(g_stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    g_autoptr(PfProfilingConfig) c = pf_profiling_config_new();
    ck_assert(pf_profiling_config_load_file(c, path, NULL));
    ck_assert_str_eq(pf_profiling_config_get_value(c, "enabled"), "yes");
    ck_assert_uint_eq(g_strv_length((gchar **)pf_profiling_config_get_warnings(c)), 1);
    g_unlink(link);
}
END_TEST

int main(void) {
    pf_test_folder_make();
    int failed = pf_test_run(
        "config", (const TTest *[]){
                      the_strongest_source_wins_in_any_order,
                      a_wrong_command_line_is_an_error_and_changes_nothing,
                      the_parts_have_the_values_and_the_seeds_defaults, every_setting_is_described,
                      the_flat_form_is_read_with_one_warning, migrate_keeps_values_and_comments,
                      migrate_rewrites_the_file_behind_a_link, NULL});
    pf_test_folder_remove();
    return failed;
}
