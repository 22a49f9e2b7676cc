// SPDX-License-Identifier: Apache-2.0
// Any other machine: the compiler's atomics, which a signal handler cannot split either.
//
// Without assembly of its own such a build has no wrappers for the PF_TAIL rows (they are not
// counted), and its vfork is a fork.
#pragma once
#include "pf-sys.h"
#include <stdbool.h>
#include <stdint.h>

#ifndef __LP64__
#error "32-bit machines need a folder of their own: 64-bit arguments of system calls"
#endif

static inline __attribute__((always_inline)) void pf_add(uint64_t *counter, uint64_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

static inline __attribute__((always_inline)) void pf_add32(uint32_t *counter, uint32_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

// The carry is kept in a register until it is added: a handler in between adds its own.
static inline __attribute__((always_inline)) void pf_add128(uint64_t *counter, uint64_t low,
                                                            uint64_t high) {
    uint64_t carry = __atomic_fetch_add(&counter[0], low, __ATOMIC_RELAXED) > UINT64_MAX - low;
    __atomic_fetch_add(&counter[1], high + carry, __ATOMIC_RELAXED);
}

static inline __attribute__((always_inline)) bool pf_take_one(int32_t *counter) {
    return __atomic_fetch_sub(counter, 1, __ATOMIC_RELAXED) <= 0;
}

// One more; the value before.
static inline uint64_t pf_next_of(uint64_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
