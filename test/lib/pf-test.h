// SPDX-License-Identifier: Apache-2.0
// What the tests of lib/ have in common.
#pragma once
#include "../check-main.h"
#include <glib/gstdio.h>
#include <pf-profiling.h>

// A list of tests that ends with NULL.
static inline int pf_test_run(const char *name, const TTest *const *tests) {
    g_autoptr(GArray) all = g_array_new(TRUE, TRUE, sizeof(struct check_test));
    for (; *tests != NULL; tests++) {
        g_array_append_vals(all, &(struct check_test){.test = *tests}, 1);
    }
    return check_main(name, (const struct check_test *)all->data);
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
