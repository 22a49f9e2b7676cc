// SPDX-License-Identifier: Apache-2.0
// Any machine: counters by relaxed atomics, which a signal handler cannot split either.
#pragma once
#include <stdbool.h>
#include <stdint.h>

static inline void pf_add(uint64_t *counter, uint64_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

static inline void pf_add32(uint32_t *counter, uint32_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

// 128 bits, low half first.  The carry is that of our own addition, whatever comes in between.
static inline void pf_add128(uint64_t *counter, uint64_t low, uint64_t high) {
    uint64_t before = __atomic_fetch_add(&counter[0], low, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counter[1], high + (before + low < before), __ATOMIC_RELAXED);
}

// One less; true when the result is negative.
static inline bool pf_take_one(int32_t *counter) {
    return __atomic_fetch_sub(counter, 1, __ATOMIC_RELAXED) <= 0;
}

// One more; the value before.
static inline uint64_t pf_next_of(uint64_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
