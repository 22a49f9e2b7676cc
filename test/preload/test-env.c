// SPDX-License-Identifier: Apache-2.0
// Configuration: defaults, precedence, and one clear line for every bad value.
#include "../check-main.h"
#include "pf-env.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char said[8192];

static void complain(const char *line, size_t length) { strncat(said, line, length); }

static void read_with(struct pf_config *config, char *const *environment) {
    said[0] = 0;
    pf_config_read(config, environment, complain);
}

#define ON "PROVIDE_PROFILING_ENABLED=true"

START_TEST(defaults) {
    struct pf_config config;
    read_with(&config, (char *[]){NULL});
    ck_assert_uint_eq(config.setting[PF_VAR_ENABLED].number, 0);
    ck_assert(config.setting[PF_VAR_SAMPLE_RATE].real == 0.01);
    ck_assert_uint_eq(config.setting[PF_VAR_BUFFER_SIZE].number, 1000);
    ck_assert_uint_eq(config.setting[PF_VAR_FLUSH_INTERVAL_SECONDS].number, 30);
    ck_assert_uint_eq(config.setting[PF_VAR_MAX_MEMORY_MB].number, 100);
    ck_assert_uint_eq(config.setting[PF_VAR_BATCH_SIZE].number, 100);
    ck_assert_uint_eq(config.setting[PF_VAR_EXPORT_TIMEOUT_SECONDS].number, 30);
    ck_assert_uint_eq(config.setting[PF_VAR_MAX_RETRIES].number, 3);
    ck_assert_uint_eq(config.setting[PF_VAR_ENABLE_FAST_PATH].number, 1);
    ck_assert_uint_eq(config.setting[PF_VAR_BACKGROUND_PROCESSING].number, 1);
    ck_assert_uint_eq(config.setting[PF_VAR_CLI_ENABLED].number, 1);
    ck_assert_uint_eq(config.setting[PF_VAR_TRACK_MEMORY].number, 0);
    ck_assert_uint_eq(config.setting[PF_VAR_EXPORTERS].number, 0);
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(every_default_is_allowed) {
    for (unsigned i = 0; i < PF_VAR_COUNT; i++) {
        struct pf_setting setting = {0};
        ck_assert(pf_config_parse(i, pf_variable_default(i), &setting));
    }
}
END_TEST

START_TEST(the_environment_wins_over_the_file) {
    char path[] = "/tmp/test-env-XXXXXX";
    char variable[64];
    struct pf_config config;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    dprintf(fd, "# a comment\n[profiling]\nenabled = yes\n sample_rate = 0.5 \nbuffer_size=7\n");
    close(fd);
    snprintf(variable, sizeof variable, "PROVIDE_PROFILING_CONFIG=%s", path);
    read_with(&config, (char *[]){variable, "PROVIDE_PROFILING_BUFFER_SIZE=9", NULL});
    unlink(path);
    ck_assert_uint_eq(config.setting[PF_VAR_ENABLED].number, 1);
    ck_assert_int_eq(config.setting[PF_VAR_ENABLED].source, PF_SOURCE_FILE);
    ck_assert(config.setting[PF_VAR_SAMPLE_RATE].real == 0.5);
    ck_assert_uint_eq(config.setting[PF_VAR_BUFFER_SIZE].number, 9);
    ck_assert_int_eq(config.setting[PF_VAR_BUFFER_SIZE].source, PF_SOURCE_ENVIRONMENT);
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(a_bad_value_is_said_in_one_line) {
    static const struct {
        const char *variable;
        const char *line;
    } cases[] = {
        {"PROVIDE_PROFILING_SAMPLE_RATE=2", "pfprof: PROVIDE_PROFILING_SAMPLE_RATE=\"2\" is not a "
                                            "number from 0 to 1; using \"0.01\"\n"},
        {"PROVIDE_PROFILING_SAMPLE_RATE=nan",
         "pfprof: PROVIDE_PROFILING_SAMPLE_RATE=\"nan\" is not a number from 0 to 1; using "
         "\"0.01\"\n"},
        {"PROVIDE_PROFILING_FORMAT=xml",
         "pfprof: PROVIDE_PROFILING_FORMAT=\"xml\" is not text or json; using \"text\"\n"},
        {"PROVIDE_PROFILING_BUFFER_SIZE=0",
         "pfprof: PROVIDE_PROFILING_BUFFER_SIZE=\"0\" is not a whole number from 1 to 10000000; "
         "using \"1000\"\n"},
        {"PROVIDE_PROFILING_EXPORTERS=prometheus,graphite",
         "pfprof: PROVIDE_PROFILING_EXPORTERS=\"prometheus,graphite\" is not a list of prometheus, "
         "datadog, opentelemetry, file; using \"\"\n"},
        {"PROVIDE_PROFILING_TRACK_MEMORY=a\nb",
         "pfprof: PROVIDE_PROFILING_TRACK_MEMORY=\"a\\u000ab\" is not true or false; using "
         "\"false\"\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_config config;
        read_with(&config, (char *[]){ON, (char *)cases[i].variable, NULL});
        ck_assert_str_eq(said, cases[i].line);
    }
}
END_TEST

START_TEST(a_process_that_is_not_profiled_hears_nothing) {
    struct pf_config config;
    read_with(&config, (char *[]){"PROVIDE_PROFILING_SAMPLE_RATE=2", NULL});
    ck_assert_str_eq(said, "");
    read_with(&config,
              (char *[]){"PROVIDE_PROFILING_ENABLED=false", "PROVIDE_PROFILING_FORMAT=x", NULL});
    ck_assert_str_eq(said, "");
    read_with(&config, (char *[]){"PROVIDE_PROFILING_ENABLED=maybe", NULL});
    ck_assert_str_eq(said, "pfprof: PROVIDE_PROFILING_ENABLED=\"maybe\" is not true or false; "
                           "using \"false\"\n");
}
END_TEST

START_TEST(a_list_is_a_set) {
    struct pf_config config;
    read_with(&config, (char *[]){ON, "PROVIDE_PROFILING_EXPORTERS=File, prometheus", NULL});
    ck_assert_uint_eq(config.setting[PF_VAR_EXPORTERS].number, 1 | 8);
}
END_TEST

static char path[64], variable[100];

static void write_file(const char *head, size_t padding, const char *tail) {
    snprintf(path, sizeof path, "/tmp/pf-test-env-%d.ini", (int)getpid());
    snprintf(variable, sizeof variable, "PROVIDE_PROFILING_CONFIG=%s", path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "%s%*s%s", head, (int)padding, "", tail);
    fclose(file);
}

// `said`, with PATH for the name of the file.
static const char *said_of_path(void) {
    static char text[sizeof said];
    size_t used = 0;
    for (const char *at = said; *at;) {
        if (strncmp(at, path, strlen(path)) == 0) {
            memcpy(text + used, "PATH", 4);
            used += 4;
            at += strlen(path);
        } else {
            text[used++] = *at++;
        }
    }
    text[used] = 0;
    return text;
}

START_TEST(the_old_flat_form) {
    struct pf_config config;
    write_file("profiling_enabled = true\nPROFILING_SAMPLE_RATE=0.25\nprofiling_x = 1\n", 0, "");
    read_with(&config, (char *[]){ON, variable, NULL});
    ck_assert(config.setting[PF_VAR_SAMPLE_RATE].real == 0.25);
    ck_assert_str_eq(said_of_path(), "pfprof: PATH: \"profiling_x\" is not the name of a "
                                     "setting; the line is left out\n"
                                     "pfprof: PATH: names that begin with profiling_ are "
                                     "deprecated; `pfprof config migrate PATH` rewrites the "
                                     "file\n");
}
END_TEST

START_TEST(long_files) {
    struct pf_config config;
    write_file("#", 60000, "\nformat = json\n");
    read_with(&config, (char *[]){ON, variable, NULL});
    ck_assert_uint_eq(config.setting[PF_VAR_FORMAT].number, 1);
    ck_assert_str_eq(said, "");
    write_file("#", 70000, "\nformat = json\n");
    read_with(&config, (char *[]){ON, variable, NULL});
    ck_assert_uint_eq(config.setting[PF_VAR_FORMAT].number, 0);
    ck_assert_str_eq(said_of_path(), "pfprof: PATH: is longer than 65534 bytes; the rest is "
                                     "not read\n");
    unlink(path);
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {defaults, 0},
        {every_default_is_allowed, 0},
        {the_environment_wins_over_the_file, 0},
        {a_bad_value_is_said_in_one_line, 0},
        {a_process_that_is_not_profiled_hears_nothing, 0},
        {a_list_is_a_set, 0},
        {the_old_flat_form, 0},
        {long_files, 0},
        {NULL, 0},
    };
    return check_main("env", tests);
}
