// SPDX-License-Identifier: Apache-2.0
// The format walker: fields, emoji and what it must not read.
#include "../check-main.h"
#include "pf-format.h"
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SMILE "\xf0\x9f\x98\x80"

static unsigned compiled;

// Every format that can be compiled must come to the same that way.
static struct pf_format walk(const char *format, ...) {
    struct pf_format result;
    struct pf_format again;
    struct pf_format_program program;
    va_list args;
    va_start(args, format);
    pf_format_walk(format, args, &result);
    if (format != NULL && pf_format_compile(format, &program)) {
        pf_format_run(&program, args, &again);
        ck_assert_msg(again.fields == result.fields && again.emoji == result.emoji &&
                          again.complete == result.complete,
                      "compiled \"%s\": %u fields, emoji %d", format, again.fields, again.emoji);
        compiled++;
    }
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
    IS(walk("%2$s " SMILE, 1, "x"), 0, true, false); // what is the first one?
    IS(walk("%1$d %1$s", 1), 0, false, false);
    IS(walk("%1$d %d", 1, 1), 0, false, false);
    IS(walk("%d %1$d", 1), 1, false, false);
    IS(walk("%33$d", 1), 0, false, false);
    IS(walk("%4294967297$d", 1), 0, false, false);
    IS(walk("%0$d", 1), 0, false, false);
    IS(walk("%*1$d", 1), 0, false, false);
    IS(walk("%*5d%s", 1, (char *)1), 0, false, false);
    // Printf takes none of these for a conversion, or fails: the wild pointer is never read.
    IS(walk("%hld%s", (char *)1), 0, false, false);
    IS(walk("%hls", (wchar_t *)1), 0, false, false);
    IS(walk("%lhd%s", (char *)1), 0, false, false);
    IS(walk("%llls", (wchar_t *)1), 0, false, false);
    IS(walk("%.-5s", (char *)1), 0, false, false);
    IS(walk("%5-s", (char *)1), 0, false, false);
    IS(walk("%.5.5s", (char *)1), 0, false, false);
    IS(walk("%.2147483648s", (char *)1), 0, false, false);
    IS(walk("%99999999999s", (char *)1), 0, false, false);
    IS(walk("%Y", 1), 0, false, false);
    IS(walk("%d %Y %s", 1, (void *)1, (char *)1), 1, false, false);
    IS(walk("%Y " SMILE, 1), 0, true, false);
}
END_TEST

START_TEST(numbered_arguments) {
    IS(walk("%2$s %1$d " SMILE, 1, "x"), 2, true, true);
    IS(walk("%2$s %1$d", 1, SMILE), 2, true, true);
    IS(walk("%1$s %1$s %%", "x"), 2, false, true);
    IS(walk("%3$s %2$Lf %1$f", 1.0, 2.0L, SMILE), 3, true, true);
    IS(walk("%1$.*2$s", "abcd" SMILE, 4), 1, false, true);
    IS(walk("%1$*3$.*2$s", "abcd" SMILE, 8, 20), 1, true, true);
    IS(walk("%1$n%2$ls%3$lc", (int *)1, L"x", (wint_t)0x1f600), 2, true, true);
    IS(walk("%01$d", 1), 1, false, true);
    IS(walk("%32$d%1$d%2$d%3$d%4$d%5$d%6$d%7$d%8$d%9$d%10$d%11$d%12$d%13$d%14$d%15$d%16$d%17$d%18$d"
            "%19$d%20$d%21$d%22$d%23$d%24$d%25$d%26$d%27$d%28$d%29$d%30$d%31$d",
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
            25, 26, 27, 28, 29, 30, 31, 32),
       32, false, true);
    IS(walk_wide(L"%2$s %1$d", 1, SMILE), 2, true, true);
}
END_TEST

// As glibc reads them, whatever ISO C leaves open.
START_TEST(odd_modifiers) {
    IS(walk("%hs %hhs %s", "one", "two", SMILE), 3, true, true);
    IS(walk("%hf %hp %hm %s", 1.0, (void *)1, SMILE), 4, true, true);
    IS(walk("%lls", L"\x1f600"), 1, true, true);
    IS(walk("%Ls", L"\x1f600"), 1, true, true);
    IS(walk("%zs", L"\x1f600"), 1, true, true);
    IS(walk("%llf %qf %s", 1.0L, 2.0L, SMILE), 3, true, true);
    IS(walk("%5% %*% %l% %s", 3, SMILE), 1, true, true);
    IS(walk("%b %B %lb %s", 1, 2, 3L, SMILE), 4, true, true);
    IS(walk("%.2147483647s", SMILE), 1, true, true);
    IS(walk("%.*s", 100, SMILE), 1, true, true);
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
    IS(walk("%2$.*1$s", 10, pages + 4086), 1, false, true);
    IS(walk("%.0s%.s", pages + 4096, pages + 4096), 2, false, true);
    IS(walk("%.0ls", (wchar_t *)(pages + 4096)), 1, false, true);
    IS(walk_wide(L"%.10s", pages + 4086), 1, false, true);
    memcpy(pages + 4092, SMILE, 4);
    IS(walk("%.*s", 10, pages + 4086), 1, true, true);
    IS(walk("%.*s", 9, pages + 4086), 1, false, true);
    // The precision is one of bytes here: four of them are this one character, and no next is read.
    *(wchar_t *)(pages + 4092) = 0x1f600;
    IS(walk("%.4ls", (wchar_t *)(pages + 4092)), 1, true, true);
    IS(walk("%.3ls", (wchar_t *)(pages + 4092)), 1, false, true);
    IS(walk_wide(L"%.1ls", (wchar_t *)(pages + 4092)), 1, true, true);
    munmap(pages, 8192);
}
END_TEST

START_TEST(plain_formats_are_compiled) {
    compiled = 0;
    walk("%d %s %c %%", 1, "two", '3');
    walk("%f %s %s %f %d %s", 1.0, "a", SMILE, 2.0, 3, "b");
    walk("%d%d%d%d%d%d%d%d%f%f%f%f%f%f%f%f", 1, 2, 3, 4, 5, 6, 7, 8, 1., 2., 3., 4., 5., 6., 7.,
         8.);
    // Past the registers, and doubles past theirs.
    walk("%d%d%d%d%d%d%d%s", 1, 2, 3, 4, 5, 6, 7, SMILE);
    walk("%f%f%f%f%f%f%f%f%f%s%d", 1., 2., 3., 4., 5., 6., 7., 8., 9., SMILE, 1);
    walk("%.3s%.127s", "abcdef", SMILE);
    ck_assert_uint_eq(compiled, 6);
    walk("%.*s", 3, "abc");
    walk("%1$s", "abc");
    walk("%Lf %s", 1.0L, "abc");
    walk("%ls", L"abc");
    walk("%.128s", "abc");
    walk("%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%s", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
         16, 17, "too many before it");
    ck_assert_uint_eq(compiled, 6);
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {fields_are_counted, 0},
        {arguments_keep_in_step, 0},
        {emoji_are_seen_where_they_stand, 0},
        {stops_where_arguments_cannot_be_known, 0},
        {numbered_arguments, 0},
        {odd_modifiers, 0},
        {wide_formats, 0},
        {an_unterminated_string_is_read_to_its_precision, 0},
        {plain_formats_are_compiled, 0},
        {NULL, 0},
    };
    return check_main("format", tests);
}
