// SPDX-License-Identifier: Apache-2.0
// The format walker: fields, emoji and what it must not read.
#include "pf-format.h"
#include <check.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SMILE "\xf0\x9f\x98\x80"

static struct pf_format walk(const char *format, ...) {
    struct pf_format result;
    va_list args;
    va_start(args, format);
    pf_format_walk(format, args, &result);
    va_end(args);
    return result;
}

static struct pf_format walk_wide(const wchar_t *format, ...) {
    struct pf_format result;
    va_list args;
    va_start(args, format);
    pf_format_walk_wide(format, args, &result);
    va_end(args);
    return result;
}

#define IS(call, want_fields, want_emoji, want_complete)                                           \
    do {                                                                                           \
        struct pf_format got = call;                                                               \
        ck_assert_uint_eq(got.fields, want_fields);                                                \
        ck_assert_int_eq(got.emoji, want_emoji);                                                   \
        ck_assert_int_eq(got.complete, want_complete);                                             \
    } while (0)

START_TEST(fields_are_counted) {
    int n;
    IS(walk(""), 0, false, true);
    IS(walk("plain"), 0, false, true);
    IS(walk("100 %% sure"), 0, false, true);
    IS(walk("%d", 1), 1, false, true);
    IS(walk("%d %s %c\n", 1, "two", '3'), 3, false, true);
    IS(walk("%m"), 1, false, true);
    IS(walk("%n%d", &n, 1), 1, false, true);
    IS(walk("%-+ #05d|%'d|%Id", 1, 2, 3), 3, false, true);
    IS(walk("%*d %.*f %-*.*s", 5, 1, 2, 3.0, 9, 4, "text"), 3, false, true);
    IS(walk("%5.2", 0), 0, false, true);
    IS(walk("%", 0), 0, false, true);
}
END_TEST

// A wrong size for any argument would make the string after it a wild pointer, or lose the emoji.
START_TEST(arguments_keep_in_step) {
    IS(walk("%hhd %hd %d %ld %lld %s", 1, 2, 3, 4L, 5LL, SMILE), 6, true, true);
    IS(walk("%zu %zd %td %jd %qd %Zu %s", (size_t)1, (ssize_t)2, (ptrdiff_t)3, (intmax_t)4, 5LL,
            (size_t)6, SMILE),
       7, true, true);
    IS(walk("%f %e %g %a %F %E %G %A %f %f %s", 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., SMILE), 11,
       true, true);
    IS(walk("%d %Lf %d %Lg %s", 1, 2.0L, 3, 4.0L, SMILE), 5, true, true);
    IS(walk("%lf %p %c %o %x %X %u %i %s", 1., (void *)0, 'c', 1u, 2u, 3u, 4u, 5, SMILE), 9, true,
       true);
    IS(walk("%lc %C %ls %S %s", L'a', L'b', L"wide", L"Wide", SMILE), 5, true, true);
    IS(walk("%*d%-*d%s", 3, 1, -3, 2, SMILE), 3, true, true);
}
END_TEST

START_TEST(emoji_are_seen_where_they_stand) {
    IS(walk("done " SMILE " %d", 1), 1, true, true);
    IS(walk("%d done " SMILE, 1), 1, true, true);
    IS(walk("%s", "none"), 1, false, true);
    IS(walk("%ls", L"\x1f600"), 1, true, true);
    IS(walk("%lc", (wint_t)0x1f600), 1, true, true);
    IS(walk("%.4s", "abcd" SMILE), 1, false, true);
    IS(walk("%.8s", "abcd" SMILE), 1, true, true);
    IS(walk("%.*s", -1, SMILE), 1, true, true);
    IS(walk("%.0s", SMILE), 1, false, true);
    IS(walk("%.s", SMILE), 1, false, true);
    IS(walk("%s %s", NULL, SMILE), 2, true, true);
    IS(walk(NULL), 0, false, true);
}
END_TEST

START_TEST(stops_where_arguments_cannot_be_known) {
    IS(walk("%2$s %1$d " SMILE, 1, "x"), 0, true, false);
    IS(walk("%*1$d", 1), 0, false, false);
    IS(walk("%d %Y %s", 1, (void *)1, (char *)1), 1, false, false);
    IS(walk("%Y " SMILE, 1), 0, true, false);
}
END_TEST

START_TEST(wide_formats) {
    IS(walk_wide(L"%d %s %ls", 1, "two", L"three"), 3, false, true);
    IS(walk_wide(L"%s", SMILE), 1, true, true);
    IS(walk_wide(L"\x1f600 %d", 1), 1, true, true);
    IS(walk_wide(L"%.3s|%lc", "abc" SMILE, L'x'), 2, false, true);
    IS(walk_wide(NULL), 0, false, true);
}
END_TEST

START_TEST(an_unterminated_string_is_read_to_its_precision) {
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(pages, MAP_FAILED);
    ck_assert_int_eq(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    memset(pages, 'x', 4096);
    IS(walk("%.*s", 10, pages + 4086), 1, false, true);
    IS(walk("%.10s", pages + 4086), 1, false, true);
    memcpy(pages + 4092, SMILE, 4);
    IS(walk("%.*s", 10, pages + 4086), 1, true, true);
    munmap(pages, 8192);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("format");
    TCase *tests = tcase_create("format");
    tcase_add_test(tests, fields_are_counted);
    tcase_add_test(tests, arguments_keep_in_step);
    tcase_add_test(tests, emoji_are_seen_where_they_stand);
    tcase_add_test(tests, stops_where_arguments_cannot_be_known);
    tcase_add_test(tests, wide_formats);
    tcase_add_test(tests, an_unterminated_string_is_read_to_its_precision);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
