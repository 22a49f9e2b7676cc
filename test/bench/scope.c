// SPDX-License-Identifier: Apache-2.0
// What a profiled scope costs, in ns: best of the rounds, less those of the same loop without one.
//
// scope [ROUNDS [CALLS]]; run it as it is, and preloaded with several rates.
#include <pf-profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static __attribute__((noinline)) void bare(long i) { __asm__ volatile("" : : "r"(i)); }

static __attribute__((noinline)) void profiled(long i) {
    PF_PROFILE_FUNCTION();
    __asm__ volatile("" : : "r"(i));
}

static double measure(void (*run)(long), long calls) {
    uint64_t start = now();
    for (long i = 0; i < calls; i++) {
        run(i);
    }
    return (double)(now() - start) / (double)calls;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 31;
    long calls = argc > 2 ? atol(argv[2]) : 200000;
    double best[2] = {1e9, 1e9};
    for (int round = 0; round < rounds; round++) {
        double ns[2] = {measure(bare, calls), measure(profiled, calls)};
        for (int i = 0; i < 2; i++) {
            best[i] = ns[i] < best[i] ? ns[i] : best[i];
        }
    }
    printf("%.2f\n", best[1] - best[0]);
    return 0;
}
