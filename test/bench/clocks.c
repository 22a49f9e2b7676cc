// SPDX-License-Identifier: Apache-2.0
// A preload library that reads the clock twice around fputs and fwrite_unlocked and does no more:
// what timing every call of a program costs whoever does it.
#define _GNU_SOURCE
#define __NO_INLINE__ 1
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
#undef fwrite_unlocked

static int (*real_fputs)(const char *, FILE *);
static size_t (*real_fwrite_unlocked)(const void *, size_t, size_t, FILE *);

__attribute__((constructor)) static void resolve(void) {
    real_fputs = (int (*)(const char *, FILE *))dlsym(RTLD_NEXT, "fputs");
    real_fwrite_unlocked =
        (size_t(*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, "fwrite_unlocked");
}

int fputs(const char *text, FILE *stream) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int result = real_fputs(text, stream);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return result;
}

size_t fwrite_unlocked(const void *data, size_t size, size_t items, FILE *stream) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    size_t result = real_fwrite_unlocked(data, size, items, stream);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return result;
}
