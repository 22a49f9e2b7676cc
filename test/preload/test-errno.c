// SPDX-License-Identifier: Apache-2.0
// The names of errno values are those that libc has for them.
#include "../check-main.h"
#include "pf-summary.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(names_are_those_of_libc) {
    unsigned named = 0;
    for (unsigned number = 1; number < PF_ERRNO_LIMIT; number++) {
        char name[24] = "";
        pf_errno_name(number, name);
        const char *libc = strerrorname_np((int)number);
        if (libc == NULL) {
            ck_assert_str_eq(strncmp(name, "errno ", 6) == 0 ? "errno " : name, "errno ");
        } else {
            // One number, two names.
            ck_assert_str_eq(name, number == EOPNOTSUPP ? "EOPNOTSUPP" : libc);
            named++;
        }
    }
    ck_assert_uint_gt(named, 100);
}
END_TEST

START_TEST(numbers_without_a_name) {
    char name[24] = "";
    pf_errno_name(41, name); // EWOULDBLOCK's place, never used
    ck_assert_str_eq(name, "errno 41");
    pf_errno_name(PF_ERRNO_LIMIT, name);
    ck_assert_str_eq(name, "other");
    pf_errno_name(4242, name);
    ck_assert_str_eq(name, "other");
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {names_are_those_of_libc, 0},
        {numbers_without_a_name, 0},
        {NULL, 0},
    };
    return check_main("errno", tests);
}
