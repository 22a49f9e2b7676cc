// SPDX-License-Identifier: Apache-2.0
// What all tests that use Check have in common: a main of one test case.
#pragma once
#include <check.h>

// For loops of thousands: ck_assert tells the test's parent each time how far it came.
#define SURE(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("not so: %s", #condition);                                                \
        }                                                                                          \
    } while (0)

// A test, and how often it is run with _i from 0 on; 0: it does not ask for _i.
struct check_test {
    const TTest *test;
    int times;
};

// ck_assert_msg for what is asserted a million times: Check's own writes down each time where it is.
#define check_often(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg(#condition ": " __VA_ARGS__);                                             \
        }                                                                                          \
    } while (0)

// A list that ends with {NULL}, each in a process of its own (CK_FORK).  For main to return.
static inline int check_main(const char *name, const struct check_test *tests) {
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);
    tcase_set_timeout(all, 120);
    for (; tests->test != NULL; tests++) {
        if (tests->times != 0) {
            tcase_add_loop_test(all, tests->test, 0, tests->times);
        } else {
            tcase_add_test(all, tests->test);
        }
    }
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
