// SPDX-License-Identifier: Apache-2.0
// i386: what a stack is taken from.
#pragma once
#include "../../pf-arch.h"
#include "../../pf-expression.h"

#define PF_HAVE_CAPTURE 1

// Must be inlined: the instruction pointer, and what is in each register there, belong together.
PF_INLINE uintptr_t pf_capture(struct pf_registers *ret_registers) {
    uintptr_t pc;
    __asm__ volatile("movl %%ebx, 12(%1)\n\t"
                     "movl %%esp, 16(%1)\n\t"
                     "movl %%ebp, 20(%1)\n\t"
                     "movl %%esi, 24(%1)\n\t"
                     "movl %%edi, 28(%1)\n\t"
                     "call 1f\n"
                     "1:\tpopl %0\n\t"
                     "movl %0, 32(%1)"
                     : "=&r"(pc)
                     : "r"(ret_registers->value)
                     : "memory");
    ret_registers->known = 0x1f8;
    return pc;
}

// In a thread that libc made, its control block: it lies above the stack, in the same mapping.
PF_INLINE uintptr_t pf_thread_pointer(void) {
    uintptr_t thread;
    __asm__("movl %%gs:0, %0" : "=r"(thread));
    return thread;
}

PF_INLINE uintptr_t pf_plain_address(uintptr_t address) { return address; }
