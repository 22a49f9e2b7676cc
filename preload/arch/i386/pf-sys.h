// SPDX-License-Identifier: Apache-2.0
// i386: a system call, and the clock in the vDSO.
#pragma once

#define PF_VDSO_CLOCK "__vdso_clock_gettime64"

// The sixth argument goes into %ebp, which inline assembly cannot name: a function without a frame
// of its own.
//
//      20(%esp)        number, after four registers and the return address
//      24(%esp)        a to f
__attribute__((naked, noinline, unused)) static long pf_arch_sys(long number, long a, long b,
                                                                 long c, long d, long e, long f) {
    __asm__("pushl %ebx\n\t"
            ".cfi_adjust_cfa_offset 4\n\t"
            ".cfi_rel_offset %ebx, 0\n\t"
            "pushl %esi\n\t"
            ".cfi_adjust_cfa_offset 4\n\t"
            ".cfi_rel_offset %esi, 0\n\t"
            "pushl %edi\n\t"
            ".cfi_adjust_cfa_offset 4\n\t"
            ".cfi_rel_offset %edi, 0\n\t"
            "pushl %ebp\n\t"
            ".cfi_adjust_cfa_offset 4\n\t"
            ".cfi_rel_offset %ebp, 0\n\t"
            "movl 20(%esp), %eax\n\t"
            "movl 24(%esp), %ebx\n\t"
            "movl 28(%esp), %ecx\n\t"
            "movl 32(%esp), %edx\n\t"
            "movl 36(%esp), %esi\n\t"
            "movl 40(%esp), %edi\n\t"
            "movl 44(%esp), %ebp\n\t"
            "int $0x80\n\t"
            "popl %ebp\n\t"
            ".cfi_adjust_cfa_offset -4\n\t"
            ".cfi_restore %ebp\n\t"
            "popl %edi\n\t"
            ".cfi_adjust_cfa_offset -4\n\t"
            ".cfi_restore %edi\n\t"
            "popl %esi\n\t"
            ".cfi_adjust_cfa_offset -4\n\t"
            ".cfi_restore %esi\n\t"
            "popl %ebx\n\t"
            ".cfi_adjust_cfa_offset -4\n\t"
            ".cfi_restore %ebx\n\t"
            "ret");
}
