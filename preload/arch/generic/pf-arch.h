// SPDX-License-Identifier: Apache-2.0
// Any other machine: the compiler's atomic, which a signal handler cannot split either.
#pragma once
#include <stdbool.h>
#include <stdint.h>

static inline __attribute__((always_inline)) void pf_add(uint64_t *counter, uint64_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

static inline __attribute__((always_inline)) bool pf_take_one(int32_t *counter) {
    return __atomic_fetch_sub(counter, 1, __ATOMIC_RELAXED) <= 0;
}
