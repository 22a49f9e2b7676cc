// SPDX-License-Identifier: Apache-2.0
// steady CALLS NS: three functions that print, each call of a known length: 10 us, but of beta() NS.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long length_ns;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static ssize_t spin(void *cookie, const char *data, size_t size) {
    (void)cookie, (void)data;
    for (uint64_t end = now() + (uint64_t)length_ns; now() < end;) {
    }
    return (ssize_t)size;
}

static void alpha(FILE *file) {
    length_ns = 10000;
    fputs("a line of alpha\n", file);
}

static void beta(FILE *file, long ns) {
    length_ns = ns;
    fputs("a line of beta\n", file);
}

static void gamma_(FILE *file) {
    length_ns = 10000;
    fputs("a line of gamma\n", file);
}

int main(int argc, char **argv) {
    int calls = argc > 1 ? atoi(argv[1]) : 400;
    long ns = argc > 2 ? atol(argv[2]) : 10000;
    FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = spin});
    setvbuf(file, NULL, _IONBF, 0);
    for (int i = 0; i < calls; i++) {
        alpha(file);
        beta(file, ns);
        gamma_(file);
    }
    return 0;
}
