// SPDX-License-Identifier: Apache-2.0
// aarch64: what a stack is taken from.
#pragma once
#include "../../pf-arch.h"
#include "../../pf-expression.h"

#define PF_HAVE_CAPTURE 1

// Must be inlined: the instruction pointer, and what is in each register there, belong together.
PF_INLINE uintptr_t pf_capture(struct pf_registers *ret_registers) {
    uintptr_t pc;
    __asm__ volatile("stp x19, x20, [%1, #152]\n\t"
                     "stp x21, x22, [%1, #168]\n\t"
                     "stp x23, x24, [%1, #184]\n\t"
                     "stp x25, x26, [%1, #200]\n\t"
                     "stp x27, x28, [%1, #216]\n\t"
                     "stp x29, x30, [%1, #232]\n\t"
                     "mov %0, sp\n\t"
                     "str %0, [%1, #248]\n\t"
                     "adr %0, ."
                     : "=&r"(pc)
                     : "r"(ret_registers->value)
                     : "memory");
    ret_registers->known = 0xfff80000;
    return pc;
}

// In a thread that libc made, its control block: it lies above the stack, in the same mapping.
PF_INLINE uintptr_t pf_thread_pointer(void) { return (uintptr_t)__builtin_thread_pointer(); }

// Without the signature that pointer authentication puts into the unused bits (xpaclri).
PF_INLINE uintptr_t pf_plain_address(uintptr_t address) {
    register uintptr_t x30 __asm__("x30") = address;
    __asm__("hint #7" : "+r"(x30));
    return x30;
}
