// SPDX-License-Identifier: Apache-2.0
// x86_64: a system call, and the clock in the vDSO.
#pragma once

#define PF_VDSO_CLOCK "__vdso_clock_gettime"

static inline long pf_arch_sys(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
