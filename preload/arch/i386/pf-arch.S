// SPDX-License-Identifier: Apache-2.0
// i386: vfork, and the wrappers of variadic functions that have no v form.
#include <sys/syscall.h>

        .text
        .hidden pf_after_vfork
        .hidden pf_tail_enter
        .hidden pf_tail_leave

// pid_t vfork(void)
//
// The child runs on this stack and will overwrite our return address, so it waits in %ecx, which the
// kernel keeps for each of the two.  The child parks its thread's slot (it is the parent's: its stores
// would land there); the parent takes the slot back.
//
//      entry:  (%esp) return address
        .macro PF_VFORK name
        .globl  \name
        .type   \name, @function
        .p2align 4
\name:
        .cfi_startproc
        popl    %ecx
        .cfi_adjust_cfa_offset -4
        .cfi_register %eip, %ecx
        movl    $SYS_vfork, %eax
        int     $0x80
        pushl   %ecx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %eip, 0
        subl    $8, %esp                // so that %esp is a multiple of 16 at the call
        .cfi_adjust_cfa_offset 8
        pushl   %eax
        .cfi_adjust_cfa_offset 4
        call    pf_after_vfork
        addl    $12, %esp
        .cfi_adjust_cfa_offset -12
        ret
        .cfi_endproc
        .size   \name, .-\name
        .endm

        PF_VFORK vfork
        PF_VFORK __vfork

// A variadic call without a v form.  No argument is in a register.  pf_tail_enter counts the call and
// says what is to be done, and then either
//      jump to the real function: the caller's frame is as it was, nothing of ours stays behind; or
//      call it with a copy of the arguments, and pf_tail_leave afterwards.
//
//      -16(%ebp)       the real function
//      -12(%ebp)       %edi, %esi and %ebx of the caller, upwards
//      (%ebp)          %ebp of the caller
//      4(%ebp)         return address
//      8(%ebp)         arguments, those that have a name first
        .macro PF_TAIL name index
        .globl  \name
        .type   \name, @function
        .p2align 4
\name:
        movl    $\index, %ecx
        jmp     pf_tail
        .size   \name, .-\name
        .endm

        .type   pf_tail, @function
        .p2align 4
pf_tail:
        .cfi_startproc
        pushl   %ebp
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %ebp, 0
        movl    %esp, %ebp
        .cfi_def_cfa_register %ebp
        pushl   %ebx
        .cfi_offset %ebx, -12
        pushl   %esi
        .cfi_offset %esi, -16
        pushl   %edi
        .cfi_offset %edi, -20
        subl    $12, %esp
        andl    $-16, %esp              // old callers keep 4 bytes only
        subl    $32, %esp
        leal    8(%ebp), %edx
        leal    -16(%ebp), %eax
        movl    %ecx, 0(%esp)           // the row
        movl    4(%ebp), %ecx
        movl    %ecx, 4(%esp)           // the site
        movl    %edx, 8(%esp)           // the arguments
        movl    %edx, 12(%esp)          // the frame
        movl    %eax, 16(%esp)          // where the real function's address goes
        call    pf_tail_enter
        testl   %eax, %eax
        js      3f

// %eax bytes of arguments, a multiple of 16: copy them, call, leave.
        subl    %eax, %esp
        movl    %eax, %ecx
        shrl    $2, %ecx
        leal    8(%ebp), %esi
        movl    %esp, %edi
        rep movsl
        call    *-16(%ebp)
        movl    %eax, %ebx
        leal    8(%ebp), %eax
        movl    %eax, (%esp)
        call    pf_tail_leave
        movl    %ebx, %eax
        leal    -12(%ebp), %esp
        popl    %edi
        popl    %esi
        popl    %ebx
        popl    %ebp
        .cfi_remember_state
        .cfi_restore %edi
        .cfi_restore %esi
        .cfi_restore %ebx
        .cfi_restore %ebp
        .cfi_def_cfa %esp, 4
        ret
        .cfi_restore_state

3:      movl    -16(%ebp), %ecx
        leal    -12(%ebp), %esp
        popl    %edi
        popl    %esi
        popl    %ebx
        popl    %ebp
        .cfi_restore %edi
        .cfi_restore %esi
        .cfi_restore %ebx
        .cfi_restore %ebp
        .cfi_def_cfa %esp, 4
        jmp     *%ecx
        .cfi_endproc
        .size   pf_tail, .-pf_tail

#define PF_CALL(name, ...)
#define PF_VCALL(name, ...)
#define PF_HOOK(name, ...)
#define PF_SCOPE(name, ...)
#define PF_TAIL(name, ...) PF_TAIL name __COUNTER__
#include "pf-calls.def"

        .section .note.GNU-stack,"",@progbits
