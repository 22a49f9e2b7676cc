// SPDX-License-Identifier: Apache-2.0
// Variadic calls without a v form, with more arguments than any machine has registers for.
//
//   tail N    each of three functions N times; what they print tells whether each argument came
#include "truth.h"
#include <stdio.h>

extern void g_print(const char *format, ...);
extern void g_printerr(const char *format, ...);
extern void g_log_structured_standard(const char *domain, int level, const char *file,
                                      const char *line, const char *function, const char *format,
                                      ...);

#define FORMAT                                                                                     \
    "%d %s %.2f %lld %Lf %c %p %.*Lf %*d %.*f|%d %d %d %d %d %d|%g %g %g %g %g %g %g %g %g|"       \
    "%.*Lf %.*Lf %.*Lf %.*Lf %.*Lf %.*Lf %.*Lf %.*Lf|%llx %s\n"
#define ARGUMENTS                                                                                  \
    i, "text", 1.5, 1ll << 40, 2.25L, 'c', (void *)0x1234, 3, 3.125L, 5, 42, 2, 6.5, 1, 2, 3, 4,   \
        5, 6, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1, 1.5L, 2, 2.5L, 3, 3.5L, 1, 4.5L, 2, 5.5L, 3,  \
        6.5L, 1, 7.5L, 2, 8.5L, 0xfedcba9876543210ull, "last"

static void count(struct truth *truth) {
    truth_begin(truth);
    truth_end(truth, 0);
}

int main(int argc, char **argv) {
    int most = argc > 1 ? atoi(argv[1]) : 1;
    truth_open();
    struct truth *print = truth_new("g_print");
    struct truth *complain = truth_new("g_printerr");
    struct truth *log = truth_new("g_log_structured_standard");
    for (int i = 0; i < most; i++) {
        count(print);
        g_print(FORMAT, ARGUMENTS);
        count(complain);
        g_printerr(FORMAT, ARGUMENTS);
        count(log);
        g_log_structured_standard("domain", 64, "file", "12", "function", FORMAT, ARGUMENTS);
        count(print);
        g_print("nothing to convert\n");
        count(print);
        g_print("%3$s %1$d %2$.3f\n", i, 2.5, "positional");
    }
    return 0;
}
