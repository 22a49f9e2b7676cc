// SPDX-License-Identifier: Apache-2.0
// x86_64: counters as one instruction, so that a signal handler cannot come in between.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// No lock prefix: only the owning thread and the handlers on top of it write here.
static inline __attribute__((always_inline)) void pf_add(uint64_t *counter, uint64_t value) {
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(value) : "cc");
}

// One less; true when the result is negative.
static inline __attribute__((always_inline)) bool pf_take_one(int32_t *counter) {
    bool negative;
    __asm__("subl $1, %0" : "+m"(*counter), "=@ccs"(negative));
    return negative;
}

#define PF_ARCH_HAS_THUNKS 1
