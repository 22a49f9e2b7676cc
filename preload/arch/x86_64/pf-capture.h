// SPDX-License-Identifier: Apache-2.0
// x86_64: what a stack is taken from.
#pragma once
#include "../../pf-arch.h"
#include "../../pf-expression.h"

#define PF_HAVE_CAPTURE 1

// Must be inlined: the instruction pointer, and what is in each register there, belong together.
PF_INLINE uintptr_t pf_capture(struct pf_registers *ret_registers) {
    uintptr_t pc;
    __asm__ volatile("movq %%rbx, 24(%1)\n\t"
                     "movq %%rbp, 48(%1)\n\t"
                     "movq %%rsp, 56(%1)\n\t"
                     "movq %%r12, 96(%1)\n\t"
                     "movq %%r13, 104(%1)\n\t"
                     "movq %%r14, 112(%1)\n\t"
                     "movq %%r15, 120(%1)\n\t"
                     "leaq 0(%%rip), %0\n\t"
                     "movq %0, 128(%1)"
                     : "=&r"(pc)
                     : "r"(ret_registers->value)
                     : "memory");
    ret_registers->known = 1u << 3 | 1u << 6 | 1u << 7 | 0xfu << 12 | 1u << 16;
    return pc;
}

// In a thread that libc made, its control block: it lies above the stack, in the same mapping.
PF_INLINE uintptr_t pf_thread_pointer(void) {
    uintptr_t thread;
    __asm__("movq %%fs:0, %0" : "=r"(thread));
    return thread;
}

PF_INLINE uintptr_t pf_plain_address(uintptr_t address) { return address; }
