// SPDX-License-Identifier: Apache-2.0
// What a stack costs: ours, libunwind's unw_backtrace, glibc's backtrace(); build/test/bench-unwind
// [FRAMES]
#include "pf-process.h"
#include "pf-unwind.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

struct pf_process pf_process;

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif
#define ROUNDS 31
#define CALLS 2000

// By handle, as libunwind defines backtrace too.
static int (*glibc_backtrace)(void **, int);

static __thread struct pf_unwind_state state;
static unsigned depth = 16;
static const char *where;
static volatile int sink;

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *rounds, int frames) {
    qsort(rounds, ROUNDS, sizeof *rounds, order);
    printf("%-12s %-16s %8.1f ns  (%.1f to %.1f), %d frames\n", where, name, rounds[ROUNDS / 2],
           rounds[ROUNDS / 4], rounds[3 * ROUNDS / 4], frames);
}

// Interleaved, so that a slow moment of the machine meets all.
static NOINLINE void measure(void) {
    uintptr_t site = (uintptr_t)__builtin_return_address(0);
    uintptr_t frames[64];
    void *others[64];
    double ours[ROUNDS], first[ROUNDS], unwind[ROUNDS], libc[ROUNDS];
    int counts[3] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        struct pf_unwind_state fresh = {0};
        double start = now_ns();
        pf_unwind(&fresh, site, frames, depth);
        first[round] = now_ns() - start;
        start = now_ns();
        for (int i = 0; i < CALLS; i++) {
            counts[0] = (int)pf_unwind(&state, site, frames, depth);
        }
        ours[round] = (now_ns() - start) / CALLS;
        start = now_ns();
        for (int i = 0; i < CALLS; i++) {
            counts[1] = unw_backtrace(others, (int)depth);
        }
        unwind[round] = (now_ns() - start) / CALLS;
        start = now_ns();
        for (int i = 0; i < CALLS / 10; i++) {
            counts[2] = glibc_backtrace(others, (int)depth);
        }
        libc[round] = (now_ns() - start) / (CALLS / 10);
    }
    printf("%-12s %-16s %8.1f ns\n", where, "very first", first[0]);
    print("pf_unwind", ours, counts[0]);
    print("unw_backtrace", unwind, counts[1]);
    print("glibc backtrace", libc, counts[2]);
}

// Functions of different code, as a program's are.
#define LAYER(n, next)                                                                             \
    static NOINLINE int layer_##n(int deep) {                                                      \
        char room[16 + 24 * n];                                                                    \
        __asm__ volatile("" ::"r"(room) : "memory");                                               \
        return next(deep + 1) + sink;                                                              \
    }
static NOINLINE int innermost(int deep) {
    measure();
    return deep;
}
LAYER(0, innermost)
LAYER(1, layer_0)
LAYER(2, layer_1)
LAYER(3, layer_2)
LAYER(4, layer_3)
LAYER(5, layer_4)
LAYER(6, layer_5)
LAYER(7, layer_6)
LAYER(8, layer_7)
LAYER(9, layer_8)
LAYER(10, layer_9)
LAYER(11, layer_10)
LAYER(12, layer_11)
LAYER(13, layer_12)
LAYER(14, layer_13)
LAYER(15, layer_14)
LAYER(16, layer_15)

static void *thread_main(void *unused) {
    layer_16(0);
    return unused;
}

static ucontext_t here, there;
static void coroutine(void) { layer_16(0); }

int main(int argc, char **argv) {
    depth = argc > 1 ? (unsigned)atoi(argv[1]) : 16;
    depth = depth < 1 ? 1 : depth > 64 ? 64 : depth;
    pf_unwind_init();
    glibc_backtrace = (int (*)(void **, int))dlsym(dlopen("libc.so.6", RTLD_NOW), "backtrace");
    where = "main";
    layer_16(0);
    where = "thread";
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_main, NULL) == 0) {
        pthread_join(thread, NULL);
    }
    where = "coroutine";
    getcontext(&there);
    there.uc_stack.ss_size = 1 << 18;
    there.uc_stack.ss_sp = malloc(there.uc_stack.ss_size);
    there.uc_link = &here;
    makecontext(&there, coroutine, 0);
    swapcontext(&here, &there);
    return 0;
}
