// SPDX-License-Identifier: Apache-2.0
// The counters of arch/<cpu>/ add, carry and count down as plain arithmetic does.  Without Check, so
// that it runs wherever the library does.
#include "pf-arch.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static void fail(int line) {
    fprintf(stderr, "test-arch.c:%d: failed\n", line);
    exit(1);
}
#define MUST(condition) ((condition) ? (void)0 : fail(__LINE__))

static const uint64_t values[] = {0,
                                  1,
                                  2,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x100000000,
                                  1ull << 63,
                                  UINT64_MAX - 1,
                                  UINT64_MAX,
                                  0x123456789abcdef0};
#define VALUES (sizeof values / sizeof *values)

static void test_add(void) {
    for (unsigned i = 0; i < VALUES; i++) {
        for (unsigned j = 0; j < VALUES; j++) {
            uint64_t counter[3] = {7, values[i], 7};
            pf_add(&counter[1], values[j]);
            MUST(counter[1] == values[i] + values[j]);
            pf_add_shared(&counter[1], values[j]);
            MUST(counter[1] == values[i] + 2 * values[j] && counter[0] == 7 && counter[2] == 7);
            uint32_t small[3] = {7, (uint32_t)values[i], 7};
            pf_add32(&small[1], (uint32_t)values[j]);
            MUST(small[1] == (uint32_t)(values[i] + values[j]) && small[0] == 7 && small[2] == 7);
        }
        uint64_t next = values[i];
        MUST((uint32_t)pf_next_of(&next) == (uint32_t)values[i] && next == values[i] + 1);
    }
}

static void test_add128(void) {
    for (unsigned i = 0; i < VALUES; i++) {
        for (unsigned j = 0; j < VALUES; j++) {
            uint64_t counter[4] = {7, values[i], values[j], 7};
            uint64_t low = values[j];
            uint64_t high = values[(i + j) % VALUES];
            pf_add128(&counter[1], low, high);
            uint64_t carry = values[i] > UINT64_MAX - low;
            MUST(counter[1] == values[i] + low && counter[2] == values[j] + high + carry);
            MUST(counter[0] == 7 && counter[3] == 7);
        }
    }
}

// 32 bits at a time, the way it is done by hand.
static void test_square(void) {
    for (unsigned i = 0; i < VALUES; i++) {
        uint64_t a = values[i] >> 32;
        uint64_t b = values[i] & 0xffffffff;
        uint64_t expected[2] = {b * b, a * a};
        for (int twice = 0; twice < 2; twice++) {
            uint64_t low = expected[0] + (a * b << 32);
            expected[1] += (a * b >> 32) + (low < expected[0]);
            expected[0] = low;
        }
        uint64_t square[2];
        pf_square(values[i], square);
        MUST(square[0] == expected[0] && square[1] == expected[1]);
    }
}

static void test_take_one(void) {
    int32_t left = 2;
    MUST(!pf_take_one(&left) && !pf_take_one(&left) && pf_take_one(&left) && left == -1);
    left = INT32_MAX;
    MUST(!pf_take_one(&left) && left == INT32_MAX - 1);
}

// A handler on the same counters: each of its additions and of ours arrives.  Steps just below 2^32
// make every second addition carry.
static uint64_t counter, pair[2];
static uint32_t small;
static volatile uint64_t by_handler;
#define STEP 0xfffffff1ull

static void on_timer(int number) {
    (void)number;
    pf_add(&counter, STEP);
    pf_add32(&small, 3);
    pf_add128(pair, UINT64_MAX - 4, 5);
    by_handler = by_handler + 1;
}

static void test_under_signals(void) {
    struct sigaction action = {.sa_handler = on_timer};
    struct itimerval often = {{0, 50}, {0, 50}};
    struct itimerval never = {{0, 0}, {0, 0}};
    MUST(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    uint64_t ours = 0;
    while (by_handler < 2000) {
        for (int i = 0; i < 1000; i++, ours++) {
            pf_add(&counter, STEP);
            pf_add32(&small, 3);
            pf_add128(pair, UINT64_MAX - 4, 5);
        }
    }
    MUST(setitimer(ITIMER_REAL, &never, NULL) == 0);
    uint64_t times = ours + by_handler;
    // (2^64 - 5) n = 2^64 n - 5 n, and 5 n is not 0 and below 2^64.
    MUST(counter == times * STEP && small == (uint32_t)(times * 3));
    MUST(pair[0] == 0 - 5 * times && pair[1] == times - 1 + 5 * times);
}

int main(void) {
    test_add();
    test_add128();
    test_square();
    test_take_one();
    test_under_signals();
    return 0;
}
