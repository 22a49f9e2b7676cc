// SPDX-License-Identifier: Apache-2.0
// The configuration: the same rules and words as the preloaded library, every value
// and every line compared.
//
// link: ../../preload/pf-env.c ../../preload/pf-real.c ../../preload/pf-image.c
#include "pf-config-parts.h"
#include "pf-env.h"
#include "pf-test.h"
#include <glib/gstdio.h>
#include <string.h>

static GString *said;

static void complain(const char *line, size_t length) {
    g_string_append_len(said, line, (gssize)length);
}

// Both sides read the same environment: the same values, from the same sources, the same complaints.
static void compare(gchar **environment, const gchar *what) {
    struct pf_config theirs;
    g_autoptr(PfProfilingConfig) ours = pf_profiling_config_new();
    said = g_string_new(NULL);
    pf_config_read(&theirs, environment, complain);
    pf_profiling_config_load(ours, (const gchar *const *)environment);
    for (guint i = 0; i < PF_SETTING_COUNT; i++) {
        const pf_setting_value *value = pf_profiling_config_get(ours, i);
        const gchar *name = pf_setting_name(i);
        ck_assert_msg(value->number == theirs.setting[i].number, "%s: %s", what, name);
        ck_assert_msg(value->real == theirs.setting[i].real, "%s: %s", what, name);
        gboolean is_kept =
            theirs.setting[i].source == PF_SOURCE_DEFAULT || !pf_variable_is_for_others(i);
        ck_assert_str_eq(is_kept ? pf_profiling_config_get_value(ours, name) : "",
                         theirs.setting[i].text);
        ck_assert_int_eq((int)pf_profiling_config_get_source(ours, name),
                         (int)theirs.setting[i].source);
    }
    g_autofree gchar *lines = g_strjoinv("\n", (gchar **)pf_profiling_config_get_warnings(ours));
    if (said->len > 0) {
        g_string_truncate(said, said->len - 1);
    }
    ck_assert_str_eq(lines, said->str);
    g_string_free(said, TRUE);
}

static const gchar *const values[] = {
    "",
    " ",
    "true",
    "TRUE",
    "False",
    "yes",
    "no",
    "on",
    "OFF",
    "0",
    "1",
    "2",
    " 1",
    "1 ",
    "tru",
    "truee",
    "0.5",
    ".5",
    "5.",
    ".",
    "1e-3",
    "1E0",
    "1e",
    "1e+1",
    "1.0000001",
    "-0",
    "-1",
    "+1",
    "nan",
    "inf",
    "0x10",
    "0.00000000000000000000001",
    "1e-400",
    "1e400",
    "7",
    "007",
    "65536",
    "65537",
    "10000000",
    "10000001",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "1,5",
    "text",
    "JSON",
    "xml",
    "json text",
    "fixed",
    "Adaptive",
    "load pattern",
    "auto",
    "stderr",
    "none",
    "/tmp/%n-%p",
    "file",
    "file,prometheus",
    "file prometheus",
    ", ,",
    ",,file,",
    "prometheus;file",
    "PROMETHEUS, DataDog ,opentelemetry",
    "graphite",
    "file,graphite",
    "a\nb",
    "\"quoted\"",
    "back\\slash",
    "h\xc3\xa9",
    "\xff\xfe",
    "\x7f\x01",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
};

// _i is the setting.  In a process of its own: the preloaded library keeps texts in 4 KiB of memory.
START_TEST(every_value_means_the_same_on_both_sides) {
    if (_i == PF_SETTING_ENABLED || _i == PF_SETTING_CONFIG) {
        return; // without the switch the preloaded library reads nothing; files are below
    }
    for (guint v = 0; v < G_N_ELEMENTS(values); v++) {
        g_autofree gchar *assignment = g_strdup_printf("%s=%s", pf_setting_variable(_i), values[v]);
        compare((gchar *[]){"PROVIDE_PROFILING_ENABLED=true", assignment, NULL}, assignment);
    }
}
END_TEST

static const gchar *const lines[] = {"# comment",
                                     "; comment",
                                     "[section]",
                                     "",
                                     "   ",
                                     "sample_rate = 0.5",
                                     "  SAMPLE_RATE\t=\t0.25  \r",
                                     "sample_rate=0.125=",
                                     "sample_rate",
                                     "= 5",
                                     "=",
                                     "sample rate = 1",
                                     "sample_rate = 7",
                                     "exporters = file, prometheus",
                                     "exporters = graphite",
                                     "no_such = 1",
                                     "output = a # b",
                                     "buffer_size = 12",
                                     "buffer_size = 13",
                                     "enabled = maybe",
                                     "format = JSON",
                                     "[format = text",
                                     "PROVIDE_PROFILING_FORMAT = json",
                                     "h\xc3\xa9 = \xff",
                                     "\"x\" = 1"};

// _i is the seed.
START_TEST(every_line_of_a_file_means_the_same_on_both_sides) {
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)_i);
    for (guint round = 0; round < 10; round++) {
        g_autoptr(GString) text = g_string_new(NULL);
        // Below 4 KiB, which is what the preloaded library reads of a file.
        for (gint i = g_rand_int_range(random, 0, 20); i > 0; i--) {
            gint32 n = g_rand_int_range(random, 0, G_N_ELEMENTS(lines));
            g_string_append_printf(text, "%s\n", lines[n]);
        }
        g_autofree gchar *path = pf_test_file(text->str);
        g_autofree gchar *config = g_strdup_printf("PROVIDE_PROFILING_CONFIG=%s", path);
        compare((gchar *[]){"PROVIDE_PROFILING_ENABLED=true", config,
                            "PROVIDE_PROFILING_BUFFER_SIZE=99", NULL},
                text->str);
    }
}
END_TEST

START_TEST(the_file_is_looked_for_in_the_same_places) {
    g_autofree gchar *xdg = g_strdup_printf("XDG_CONFIG_HOME=%s", pf_test_folder);
    g_autofree gchar *home = g_strdup_printf("HOME=%s", pf_test_folder);
    g_autofree gchar *inner = g_build_filename(pf_test_folder, "pfprof", NULL);
    g_autofree gchar *path = g_build_filename(inner, "config.ini", NULL);
    ck_assert_int_eq(g_mkdir(inner, 0700), 0);
    ck_assert(g_file_set_contents(path, "buffer_size = 17\n", -1, NULL));
    gchar *on = "PROVIDE_PROFILING_ENABLED=true";
    compare((gchar *[]){on, xdg, NULL}, "XDG_CONFIG_HOME");
    compare((gchar *[]){on, home, NULL}, "HOME");
    compare((gchar *[]){on, "XDG_CONFIG_HOME=relative", xdg, NULL}, "relative");
    compare((gchar *[]){on, "PROVIDE_PROFILING_CONFIG=/nonexistent/x", xdg, NULL}, "unreadable");
    compare((gchar *[]){on, "PROVIDE_PROFILING_CONFIG=", xdg, NULL}, "empty");
    g_unlink(path);
    g_rmdir(inner);
}
END_TEST

int main(void) {
    pf_test_folder_make();
    const struct check_test tests[] = {
        {every_value_means_the_same_on_both_sides, PF_SETTING_COUNT},
        {every_line_of_a_file_means_the_same_on_both_sides, 60},
        {the_file_is_looked_for_in_the_same_places, 0},
        {NULL, 0},
    };
    int failed = check_main("agree", tests);
    pf_test_folder_remove();
    return failed;
}
