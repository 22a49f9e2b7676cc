// SPDX-License-Identifier: Apache-2.0
// i386: counters that a signal handler cannot split, though 64 bits take two instructions.
//
// add leaves its carry in the flags and adc takes it from there; nothing in between touches them.  A
// handler that comes between the two adds its own value to both halves, and the kernel gives us the
// flags back as they were: our carry is still due, and each carry arrives exactly once.  Another
// thread (or process) that reads just then sees 2^32 too little, for one instruction.
#pragma once
#include "pf-sys.h"
#include <stdbool.h>
#include <stdint.h>

typedef uint32_t __attribute__((may_alias)) pf_half;

// No lock prefix: only the owning thread and the handlers on top of it write here.
static inline __attribute__((always_inline)) void pf_add(uint64_t *counter, uint64_t value) {
    pf_half *half = (pf_half *)counter;
    __asm__("addl %2, %0\n\tadcl %3, %1"
            : "+m"(half[0]), "+m"(half[1])
            : "ri"((uint32_t)value), "ri"((uint32_t)(value >> 32))
            : "cc");
}

static inline __attribute__((always_inline)) void pf_add32(uint32_t *counter, uint32_t value) {
    __asm__("addl %1, %0" : "+m"(*counter) : "ri"(value) : "cc");
}

// The same with four halves, lowest first.
static inline __attribute__((always_inline)) void pf_add128(uint64_t *counter, uint64_t low,
                                                            uint64_t high) {
    pf_half *half = (pf_half *)counter;
    __asm__("addl %4, %0\n\tadcl %5, %1\n\tadcl %6, %2\n\tadcl %7, %3"
            : "+m"(half[0]), "+m"(half[1]), "+m"(half[2]), "+m"(half[3])
            : "ri"((uint32_t)low), "ri"((uint32_t)(low >> 32)), "ri"((uint32_t)high),
              "ri"((uint32_t)(high >> 32))
            : "cc");
}

// For counters that threads share.  The compiler's own is a loop around cmpxchg8b, which never ends
// when a handler adds to the same counter in each of its rounds; two locked halves always do.
static inline __attribute__((always_inline)) void pf_add_shared(uint64_t *counter, uint64_t value) {
    pf_half *half = (pf_half *)counter;
    __asm__ volatile("lock addl %2, %0\n\tlock adcl %3, %1"
                     : "+m"(half[0]), "+m"(half[1])
                     : "ri"((uint32_t)value), "ri"((uint32_t)(value >> 32))
                     : "cc", "memory");
}
#define PF_ARCH_HAS_ADD_SHARED 1

// One less; true when the result is negative.
static inline __attribute__((always_inline)) bool pf_take_one(int32_t *counter) {
    bool negative;
    __asm__("subl $1, %0" : "+m"(*counter), "=@ccs"(negative) : : "cc");
    return negative;
}

// One more; the lower half of the value before, which is enough for a place in a ring.
static inline __attribute__((always_inline)) uint64_t pf_next_of(uint64_t *counter) {
    pf_half *half = (pf_half *)counter;
    uint32_t one = 1;
    __asm__("xaddl %0, %1\n\tadcl $0, %2" : "+r"(one), "+m"(half[0]), "+m"(half[1]) : : "cc");
    return one;
}

#define PF_ARCH_HAS_THUNKS 1
// Named arguments are on the stack as well, in front of the others: six at most.
#define PF_TAIL_NAMED_BYTES 32
