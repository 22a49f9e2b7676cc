// SPDX-License-Identifier: Apache-2.0
// aarch64: vfork, and the wrappers of variadic functions that have no v form.
#include <sys/syscall.h>

// CLONE_VM | CLONE_VFORK | SIGCHLD: there is no vfork call on this machine.
#define VFORK_FLAGS 0x4111

        .text
        .hidden pf_after_vfork
        .hidden pf_tail_enter
        .hidden pf_tail_leave

// pid_t vfork(void)
//
// The child runs on this stack and will overwrite what we put there, so the return address stays in
// x30, which the kernel keeps for each of the two, until the call is over.  The child parks its
// thread's slot (it is the parent's: its stores would land there); the parent takes the slot back.
        .macro PF_VFORK name
        .globl  \name
        .type   \name, %function
        .p2align 4
\name:
        .cfi_startproc
        hint    #34                     // bti c
        mov     x0, #VFORK_FLAGS
        mov     x1, #0                  // the parent's stack
        mov     x2, #0
        mov     x3, #0
        mov     x4, #0
        mov     x8, #SYS_clone
        svc     #0
        stp     x29, x30, [sp, #-16]!
        .cfi_adjust_cfa_offset 16
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        mov     x29, sp
        bl      pf_after_vfork
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_restore x30
        .cfi_adjust_cfa_offset -16
        ret
        .cfi_endproc
        .size   \name, .-\name
        .endm

        PF_VFORK vfork
        PF_VFORK __vfork

// A variadic call without a v form.  All argument registers are saved, pf_tail_enter counts the call
// and says what is to be done, the registers come back, and then either
//      jump to the real function: the caller's frame is as it was, nothing of ours stays behind; or
//      call it with a copy of the stack arguments, and pf_tail_leave afterwards.
//
//      x29 + 0         x29 and x30 of the caller
//      x29 + 16        x19 of the caller
//      x29 + 24        the real function
//      x29 + 32        x0 to x7, the integer arguments
//      x29 + 96        x8
//      x29 + 112       q0 to q7, the vector arguments
//      x29 + 240       the caller's frame: stack arguments
#define FRAME 240
        .macro PF_TAIL name index
        .globl  \name
        .type   \name, %function
        .p2align 4
\name:
        hint    #34                     // bti c
        mov     w16, #\index
        b       pf_tail
        .size   \name, .-\name
        .endm

        .type   pf_tail, %function
        .p2align 4
pf_tail:
        .cfi_startproc
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_adjust_cfa_offset FRAME
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        mov     x29, sp
        .cfi_def_cfa_register x29
        str     x19, [sp, #16]
        .cfi_rel_offset x19, 16
        stp     x0, x1, [sp, #32]
        stp     x2, x3, [sp, #48]
        stp     x4, x5, [sp, #64]
        stp     x6, x7, [sp, #80]
        str     x8, [sp, #96]
        stp     q0, q1, [sp, #112]
        stp     q2, q3, [sp, #144]
        stp     q4, q5, [sp, #176]
        stp     q6, q7, [sp, #208]
        mov     w0, w16                 // the row
        mov     x1, x30                 // the site
        add     x2, sp, #32             // the integer arguments
        add     x3, sp, #FRAME          // the frame
        add     x4, sp, #24             // where the real function's address goes
        bl      pf_tail_enter
        tbnz    x0, #63, 3f

// x0 bytes of stack arguments, a multiple of 16: copy them, call, leave.
        sub     sp, sp, x0
        mov     x9, sp
        add     x10, x29, #FRAME
        add     x11, x9, x0
1:      cmp     x9, x11
        b.eq    2f
        ldp     x12, x13, [x10], #16
        stp     x12, x13, [x9], #16
        b       1b
2:      bl      pf_tail_restore
        ldr     x16, [x29, #24]
        blr     x16
        mov     x19, x0
        add     x0, x29, #FRAME
        bl      pf_tail_leave
        mov     x0, x19
        mov     sp, x29
        ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #FRAME
        .cfi_remember_state
        .cfi_restore x19
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa sp, 0
        ret
        .cfi_restore_state

3:      bl      pf_tail_restore
        ldr     x16, [x29, #24]
        ldp     x29, x30, [sp], #FRAME
        .cfi_restore x19
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa sp, 0
        br      x16
        .cfi_endproc
        .size   pf_tail, .-pf_tail

// Brings every argument register back from the save area at x29.
        .type   pf_tail_restore, %function
pf_tail_restore:
        ldp     q0, q1, [x29, #112]
        ldp     q2, q3, [x29, #144]
        ldp     q4, q5, [x29, #176]
        ldp     q6, q7, [x29, #208]
        ldr     x8, [x29, #96]
        ldp     x6, x7, [x29, #80]
        ldp     x4, x5, [x29, #64]
        ldp     x2, x3, [x29, #48]
        ldp     x0, x1, [x29, #32]
        ret
        .size   pf_tail_restore, .-pf_tail_restore

#define PF_CALL(name, ...)
#define PF_VCALL(name, ...)
#define PF_HOOK(name, ...)
#define PF_SCOPE(name, ...)
#define PF_TAIL(name, ...) PF_TAIL name __COUNTER__
#include "pf-calls.def"

        .section .note.GNU-stack,"",%progbits
