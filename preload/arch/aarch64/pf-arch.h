// SPDX-License-Identifier: Apache-2.0
// aarch64: counters that a signal handler cannot split.
//
// load, add and store are three instructions here, so a handler between them would lose its count.
// The store is therefore exclusive: it fails when an exception was taken since the load, and then all
// is done again.  (Where the compiler may use the one-instruction form, it does.)
#pragma once
#include "pf-sys.h"
#include <stdbool.h>
#include <stdint.h>

static inline __attribute__((always_inline)) uint64_t pf_fetch_add(uint64_t *counter,
                                                                   uint64_t value) {
#ifdef __ARM_FEATURE_ATOMICS
    return __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
#else
    // By hand, because the compiler's own is a call of a helper that looks for the other form.
    uint64_t old;
    uint64_t new;
    uint32_t failed;
    __asm__("1:\tldxr %0, %3\n\tadd %1, %0, %4\n\tstxr %w2, %1, %3\n\tcbnz %w2, 1b"
            : "=&r"(old), "=&r"(new), "=&r"(failed), "+Q"(*counter)
            : "Ir"(value));
    return old;
#endif
}

static inline __attribute__((always_inline)) uint32_t pf_fetch_add32(uint32_t *counter,
                                                                     uint32_t value) {
#ifdef __ARM_FEATURE_ATOMICS
    return __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
#else
    uint32_t old;
    uint32_t new;
    uint32_t failed;
    __asm__("1:\tldxr %w0, %3\n\tadd %w1, %w0, %w4\n\tstxr %w2, %w1, %3\n\tcbnz %w2, 1b"
            : "=&r"(old), "=&r"(new), "=&r"(failed), "+Q"(*counter)
            : "Ir"(value));
    return old;
#endif
}

static inline __attribute__((always_inline)) void pf_add(uint64_t *counter, uint64_t value) {
    pf_fetch_add(counter, value);
}

static inline __attribute__((always_inline)) void pf_add32(uint32_t *counter, uint32_t value) {
    pf_fetch_add32(counter, value);
}

// The carry is kept in a register until it is added: a handler in between adds its own, and each
// arrives exactly once.
static inline __attribute__((always_inline)) void pf_add128(uint64_t *counter, uint64_t low,
                                                            uint64_t high) {
    uint64_t carry = pf_fetch_add(&counter[0], low) > UINT64_MAX - low;
    pf_fetch_add(&counter[1], high + carry);
}

// One less; true when the result is negative.
static inline __attribute__((always_inline)) bool pf_take_one(int32_t *counter) {
    return (int32_t)(pf_fetch_add32((uint32_t *)counter, UINT32_MAX) - 1) < 0;
}

// One more; the value before.
static inline __attribute__((always_inline)) uint64_t pf_next_of(uint64_t *counter) {
    return pf_fetch_add(counter, 1);
}

#define PF_ARCH_HAS_THUNKS 1
#define PF_TAIL_NAMED_BYTES 0 // they are in registers
