// SPDX-License-Identifier: Apache-2.0
// Takes the same stack with pf_unwind, with libunwind and with glibc, and compares.
#pragma once
#include <check.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "pf-unwind.h"

#define DEPTH 200
#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

enum { LIBUNWIND = 1, GLIBC = 2, BOTH = 3 };

// By handle, as libunwind defines backtrace too.
static int (*glibc_backtrace)(void **, int);

static __thread struct pf_unwind_state judge_state;
static volatile int judge_wrong;
static volatile int judge_right;
static volatile unsigned judge_least = 4; // frames that a stack has at least

static inline void judge_say(const char *who, const uintptr_t *ours, unsigned count, void **theirs,
                             int their_count, int first) {
    if (judge_wrong++ > 3) {
        return;
    }
    dprintf(2, "not as %s has it: %u frames, %d\n", who, count, their_count - first);
    for (int i = 0; i < 40 && ((unsigned)i < count || i < their_count - first); i++) {
        dprintf(2, "  %16lx %16lx\n", (unsigned)i < count ? (long)ours[i] : 0,
                i < their_count - first ? (long)theirs[first + i] : 0);
    }
}

static inline void judge(const char *who, uintptr_t site, const uintptr_t *ours, unsigned count,
                         void **theirs, int their_count) {
    int first = 0;
    while (first < 3 && first < their_count && (uintptr_t)theirs[first] != site) {
        first++;
    }
    int same = their_count - first == (int)count && count >= judge_least;
    for (unsigned i = 0; same && i < count; i++) {
        same = ours[i] == (uintptr_t)theirs[first + (int)i];
    }
    if (same) {
        judge_right++;
    } else {
        judge_say(who, ours, count, theirs, their_count, first);
    }
}

// Compares the stack of the caller.  Twice: without and with rules in the cache.
static NOINLINE void compare_with(int judges) {
    uintptr_t site = (uintptr_t)__builtin_return_address(0);
    uintptr_t ours[DEPTH];
    void *theirs[DEPTH];
    for (int pass = 0; pass < 2; pass++) {
        unsigned count = pf_unwind(&judge_state, site, ours, DEPTH);
        if (judges & LIBUNWIND) {
            judge("libunwind", site, ours, count, theirs, unw_backtrace(theirs, DEPTH));
        }
        if (judges & GLIBC) {
            judge("glibc", site, ours, count, theirs, glibc_backtrace(theirs, DEPTH));
        }
    }
}

static void __attribute__((unused)) compare(void) {
    compare_with(BOTH);
    __asm__ volatile(""); // not a tail call
}

// Check runs each test in a process of its own.
static void judge_begin(void) {
    void *none[1];
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    glibc_backtrace = (int (*)(void **, int))dlsym(libc, "backtrace");
    ck_assert(glibc_backtrace != NULL);
    glibc_backtrace(none, 1); // loads libgcc_s, which must not happen in a handler
    pf_unwind_init();
}

#define JUDGED(least)                                                                              \
    do {                                                                                           \
        ck_assert_int_eq(judge_wrong, 0);                                                          \
        ck_assert_int_ge(judge_right, least);                                                      \
    } while (0)
