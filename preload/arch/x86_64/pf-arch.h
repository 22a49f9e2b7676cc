// SPDX-License-Identifier: Apache-2.0
// x86_64: counters as one instruction, so that a signal handler cannot come in between.
//
// No lock prefix: only the owning thread and the handlers on top of it write here.
#pragma once
#include "pf-sys.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

static inline __attribute__((always_inline)) void pf_add(uint64_t *counter, uint64_t value) {
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(value) : "cc");
}

static inline __attribute__((always_inline)) void pf_add32(uint32_t *counter, uint32_t value) {
    __asm__("addl %1, %0" : "+m"(*counter) : "er"(value) : "cc");
}

// 128 bits, low half first.  A handler between the two instructions adds its own whole number; the
// carry of ours is kept with the flags that it gives back, so the sum comes out right.
static inline __attribute__((always_inline)) void pf_add128(uint64_t *counter, uint64_t low,
                                                            uint64_t high) {
    __asm__("addq %2, %0\n\tadcq %3, %1"
            : "+m"(counter[0]), "+m"(counter[1])
            : "r"(low), "er"(high)
            : "cc");
}

// One less; true when the result is negative.
static inline __attribute__((always_inline)) bool pf_take_one(int32_t *counter) {
    bool negative;
    __asm__("subl $1, %0" : "+m"(*counter), "=@ccs"(negative));
    return negative;
}

// One more; the value before.
static inline __attribute__((always_inline)) uint64_t pf_next_of(uint64_t *counter) {
    uint64_t one = 1;
    __asm__("xaddq %0, %1" : "+r"(one), "+m"(*counter) : : "cc");
    return one;
}

// Puts `value` there if `*expected` is what it holds, else says in `*expected` what it holds.
#define PF_ARCH_HAS_EXCHANGE 1
static inline __attribute__((always_inline)) bool pf_exchange(uint64_t *at, uint64_t *expected,
                                                              uint64_t value) {
    bool done;
    __asm__("cmpxchgq %3, %0" : "+m"(*at), "+a"(*expected), "=@ccz"(done) : "r"(value));
    return done;
}

#define PF_ARCH_HAS_THUNKS 1
#define PF_TAIL_NAMED_BYTES 0 // they are in registers

// A va_list (System V ABI, figure 3.34) walked in registers: the caller's own stays as it is.
struct pf_arguments {
    uint32_t integers; // offset of the next in `saved`, 48 when these are used up
    uint32_t floats;   // likewise, up to 176
    const char *overflow;
    const char *saved;
};
#define PF_ARCH_HAS_ARGUMENTS 1

static inline __attribute__((always_inline)) struct pf_arguments pf_arguments_of(va_list list) {
    const unsigned char *at = (const unsigned char *)list;
    struct pf_arguments it;
    __builtin_memcpy(&it.integers, at, 4);
    __builtin_memcpy(&it.floats, at + 4, 4);
    __builtin_memcpy(&it.overflow, at + 8, 8);
    __builtin_memcpy(&it.saved, at + 16, 8);
    return it;
}

static inline __attribute__((always_inline)) uint64_t pf_next_integer(struct pf_arguments *at) {
    if (at->integers < 48) {
        at->integers += 8;
        return *(const uint64_t *)(at->saved + at->integers - 8);
    }
    at->overflow += 8;
    return *(const uint64_t *)(at->overflow - 8);
}

static inline __attribute__((always_inline)) void pf_pass_double(struct pf_arguments *at) {
    if (at->floats < 176) {
        at->floats += 16;
    } else {
        at->overflow += 8;
    }
}
