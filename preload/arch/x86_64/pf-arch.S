// SPDX-License-Identifier: Apache-2.0
// x86_64: vfork, and the wrappers of variadic functions that have no v form.
#include <sys/syscall.h>

// What an entry jumps to, where there are entries (pf-entry.S); else what the program calls.
#ifdef PF_HAS_ENTRIES
#define PF_WRAPPER(name) pf_on_##name
#else
#define PF_WRAPPER(name) name
#endif

        .text

// pid_t vfork(void)
//
// The child runs on this stack and will overwrite our return address, so it waits in %rdi, which the
// kernel keeps for each of the two.  The child parks its thread's slot (it is the parent's: its stores
// would land there); the parent takes the slot back.
//
//      entry:  (%rsp) return address
        .macro PF_VFORK name
        .globl  \name
        .type   \name, @function
        .p2align 4
\name:
        .cfi_startproc
        endbr64
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdi
        movl    $SYS_vfork, %eax
        syscall
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rip, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        movl    %eax, %edi
        cltq
        call    pf_after_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   \name, .-\name
        .endm

        PF_VFORK PF_WRAPPER(vfork)
        PF_VFORK PF_WRAPPER(__vfork)

// A variadic call without a v form.  All argument registers are saved, pf_tail_enter counts the call
// and says what is to be done, the registers come back, and then either
//      jump to the real function: the caller's frame is as it was, nothing of ours stays behind; or
//      call it with a copy of the stack arguments, and pf_tail_leave afterwards.
//
//      -8(%rbp)        %rbx of the caller
//      -208(%rbp)      6 integer registers, %rax, 8 vector registers
//      (%rbp)          %rbp of the caller
//      8(%rbp)         return address
//      16(%rbp)        stack arguments
        .macro PF_TAIL name index
        .globl  \name
        .type   \name, @function
        .p2align 4
\name:
        endbr64
        movl    $\index, %r11d
        jmp     pf_tail
        .size   \name, .-\name
        .endm

        .type   pf_tail, @function
        .p2align 4
pf_tail:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %rbx
        .cfi_offset %rbx, -24
        subq    $216, %rsp
        movq    %rdi, 0(%rsp)
        movq    %rsi, 8(%rsp)
        movq    %rdx, 16(%rsp)
        movq    %rcx, 24(%rsp)
        movq    %r8, 32(%rsp)
        movq    %r9, 40(%rsp)
        movq    %rax, 48(%rsp)
        testb   %al, %al
        je      1f
        movups  %xmm0, 64(%rsp)
        movups  %xmm1, 80(%rsp)
        movups  %xmm2, 96(%rsp)
        movups  %xmm3, 112(%rsp)
        movups  %xmm4, 128(%rsp)
        movups  %xmm5, 144(%rsp)
        movups  %xmm6, 160(%rsp)
        movups  %xmm7, 176(%rsp)
1:      movq    %rsp, %rbx
        movl    %r11d, %edi             // the row
        movq    8(%rbp), %rsi           // the site
        movq    %rsp, %rdx              // the integer arguments
        leaq    16(%rbp), %rcx          // the frame
        leaq    192(%rsp), %r8          // where the real function's address goes
        call    pf_tail_enter
        testq   %rax, %rax
        js      3f

// %rax bytes of stack arguments, a multiple of 16: copy them, call, leave.
        subq    %rax, %rsp
        movq    %rax, %rcx
        shrq    $3, %rcx
        leaq    16(%rbp), %rsi
        movq    %rsp, %rdi
        rep movsq
        call    pf_tail_restore
        call    *192(%rbx)
        movq    %rax, 0(%rbx)
        leaq    16(%rbp), %rdi
        call    pf_tail_leave
        movq    0(%rbx), %rax
        movq    -8(%rbp), %rbx
        movq    %rbp, %rsp
        popq    %rbp
        .cfi_remember_state
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_restore_state

3:      call    pf_tail_restore
        movq    192(%rbx), %r11
        movq    -8(%rbp), %rbx
        movq    %rbp, %rsp
        popq    %rbp
        .cfi_def_cfa %rsp, 8
        jmp     *%r11
        .cfi_endproc
        .size   pf_tail, .-pf_tail

// Brings every argument register back from the save area at %rbx.
        .type   pf_tail_restore, @function
pf_tail_restore:
        movq    48(%rbx), %rax
        testb   %al, %al
        je      1f
        movups  64(%rbx), %xmm0
        movups  80(%rbx), %xmm1
        movups  96(%rbx), %xmm2
        movups  112(%rbx), %xmm3
        movups  128(%rbx), %xmm4
        movups  144(%rbx), %xmm5
        movups  160(%rbx), %xmm6
        movups  176(%rbx), %xmm7
1:      movq    0(%rbx), %rdi
        movq    8(%rbx), %rsi
        movq    16(%rbx), %rdx
        movq    24(%rbx), %rcx
        movq    32(%rbx), %r8
        movq    40(%rbx), %r9
        ret
        .size   pf_tail_restore, .-pf_tail_restore

#define PF_CALL(name, ...)
#define PF_VCALL(name, ...)
#define PF_HOOK(name, ...)
#define PF_SCOPE(name, ...)
#define PF_TAIL(name, ...) PF_TAIL PF_WRAPPER(name) __COUNTER__
#include "pf-calls.def"

        .section .note.GNU-stack,"",@progbits
