// SPDX-License-Identifier: Apache-2.0
// What the tests of lib/ have in common: Check, and a main of one test case.
#pragma once
#include <check.h>
#include <glib/gstdio.h>
#include <pf-profiling.h>

// A list of tests that ends with NULL, run in one process each (CK_FORK).
static inline int pf_test_run(const char *name, const TTest *const *tests) {
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);
    for (; *tests != NULL; tests++) {
        tcase_add_test(all, *tests);
    }
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

// What a call reported: its domain and code, and a message that is one line.
#define ck_assert_error(error, error_domain, error_code)                                           \
    do {                                                                                           \
        ck_assert_ptr_nonnull(error);                                                              \
        ck_assert_uint_eq((error)->domain, (error_domain));                                        \
        ck_assert_int_eq((error)->code, (error_code));                                             \
        ck_assert_ptr_null(strchr((error)->message, '\n'));                                        \
        g_clear_error(&(error));                                                                   \
    } while (0)

// A folder for the files of a test, and one file in it, written anew.
static gchar *pf_test_folder;

static inline void pf_test_folder_make(void) {
    pf_test_folder = g_dir_make_tmp("pf-test-XXXXXX", NULL);
}

static inline gchar *pf_test_file(const gchar *text) {
    gchar *path = g_build_filename(pf_test_folder, "config.ini", NULL);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static inline void pf_test_folder_remove(void) {
    g_autofree gchar *path = g_build_filename(pf_test_folder, "config.ini", NULL);
    g_unlink(path);
    g_rmdir(pf_test_folder);
    g_clear_pointer(&pf_test_folder, g_free);
}
