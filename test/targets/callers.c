// SPDX-License-Identifier: Apache-2.0
// A logging wrapper in two layers, called from three functions: 600, 300 and 100 times.
#include <stdarg.h>
#include <stdio.h>

__attribute__((noinline)) static void vlog(const char *format, va_list ap) {
    vfprintf(stdout, format, ap);
    __asm__ volatile("");
}
__attribute__((noinline)) static void log_info(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vlog(format, ap);
    va_end(ap);
    __asm__ volatile("");
}
#define CALLER(name)                                                                               \
    __attribute__((noinline)) static void name(int i) {                                            \
        log_info("[INFO] " #name " %d\n", i);                                                      \
        __asm__ volatile("");                                                                      \
    }
CALLER(order)
CALLER(stock)
CALLER(audit)

int main(void) {
    for (int i = 0; i < 1000; i++) {
        if (i % 10 < 6) {
            order(i);
        } else if (i % 10 < 9) {
            stock(i);
        } else {
            audit(i);
        }
    }
    return 0;
}
