// SPDX-License-Identifier: Apache-2.0
// x86_64: what the program calls, one entry for each row.
//
//      write:  load pf_ways[row]       where calls of this name go, once that is known:
//              none yet? ask           libc's write itself (off, or the name is somebody else's), or
//              jump there              our wrapper pf_on_write
//
// No register but %r11 is touched, which no caller hands anything over in: whatever signature the name
// has where it goes, its arguments and its result pass as without us.  pf_ways is all zeroes at first, so
// that this works before the loader has relocated us.
//
// An entry stands under libc's own version of the name, and not as its default (`write@GLIBC_2.2.5`):
// only references that ask for libc's come here, never one to a name that a library of the program defines
// for itself.  (dlsym does not find it either: pf-dlsym.c.)
#if defined(PF_HAS_ENTRIES)
#include "pf-versions.h"

        .set    row, 0

        .macro  PF_ENTRY name, version
        .text
        .p2align 4
        .ifc    \version, PLAIN
        .globl  \name
        .type   \name, @function
\name:
        .else
        .globl  pf_entry_\name
        .type   pf_entry_\name, @function
        .symver pf_entry_\name, \name@\version
        .endif
pf_entry_\name:
        .cfi_startproc
        endbr64
        movq    pf_ways + 8 * row(%rip), %r11
        testq   %r11, %r11
        je      1f
        jmp     *%r11
1:      movl    $row, %r11d
        jmp     pf_entry_ask
        .cfi_endproc
        .size   pf_entry_\name, .-pf_entry_\name

        .section .rodata.pf_entry_names, "a", @progbits
        .long   2f - pf_entry_names
        .section .rodata.pf_entry_texts, "aMS", @progbits, 1
2:      .asciz  "\name"
        .section .rodata.pf_entry_wrappers, "a", @progbits
        .long   pf_on_\name - pf_entry_wrappers
        .section .rodata.pf_entry_places, "a", @progbits
        .long   pf_entry_\name - pf_entry_places
        .set    row, row + 1
        .endm

        .macro  PF_NO_ENTRY
        .section .rodata.pf_entry_names, "a", @progbits
        .long   0
        .section .rodata.pf_entry_wrappers, "a", @progbits
        .long   0
        .section .rodata.pf_entry_places, "a", @progbits
        .long   0
        .set    row, row + 1
        .endm

        .section .rodata.pf_entry_names, "a", @progbits
        .p2align 2
        .globl  pf_entry_names
        .hidden pf_entry_names
pf_entry_names:
        .section .rodata.pf_entry_wrappers, "a", @progbits
        .p2align 2
        .globl  pf_entry_wrappers
        .hidden pf_entry_wrappers
pf_entry_wrappers:
        .section .rodata.pf_entry_places, "a", @progbits
        .p2align 2
        .globl  pf_entry_places
        .hidden pf_entry_places
pf_entry_places:

// A profiled program calls these by names of our own, and directly (pf-profile.h).
#define PF_SCOPE_pf_profile_enter PF_NO_ENTRY
#define PF_SCOPE_pf_profile_leave PF_NO_ENTRY
#define PF_SCOPE_pf_profile_begin PF_NO_ENTRY
#define PF_SCOPE_pf_profile_end PF_NO_ENTRY
#define PF_SCOPE_pf_profile_set_context PF_NO_ENTRY
#define PF_SCOPE_pf_profile_restore_context PF_NO_ENTRY
#define PF_SCOPE___cyg_profile_func_enter PF_ENTRY __cyg_profile_func_enter, PF_VERSION_FLOOR
#define PF_SCOPE___cyg_profile_func_exit PF_ENTRY __cyg_profile_func_exit, PF_VERSION_FLOOR

#define PF_CALL(name, ...) PF_ENTRY name, PF_ROW_VERSION(name)
#define PF_VCALL(name, ...) PF_ENTRY name, PF_ROW_VERSION(name)
#define PF_TAIL(name, ...) PF_ENTRY name, PF_ROW_VERSION(name)
#define PF_HOOK(name, ...) PF_ENTRY name, PF_ROW_VERSION(name)
#define PF_SCOPE(name, ...) PF_SCOPE_##name
#include "pf-calls.def"
        PF_ENTRY dlsym, PF_ROW_VERSION(dlsym) // behind the rows: pf-dlsym.c

#define PF_ALSO(name) .symver pf_entry_##name, name@PF_VERSION_FLOOR ;
        PF_ALSO_UNDER_FLOOR(PF_ALSO)

// The row's number is in %r11d: asks where it goes, with every register that may hold an argument saved
// (pf_entry_find uses no wider ones than these), and jumps there.
        .text
        .type   pf_entry_ask, @function
        .p2align 4
pf_entry_ask:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        subq    $192, %rsp
        movq    %rdi, 0(%rsp)
        movq    %rsi, 8(%rsp)
        movq    %rdx, 16(%rsp)
        movq    %rcx, 24(%rsp)
        movq    %r8, 32(%rsp)
        movq    %r9, 40(%rsp)
        movq    %rax, 48(%rsp)
        movq    %r10, 56(%rsp)
        movups  %xmm0, 64(%rsp)
        movups  %xmm1, 80(%rsp)
        movups  %xmm2, 96(%rsp)
        movups  %xmm3, 112(%rsp)
        movups  %xmm4, 128(%rsp)
        movups  %xmm5, 144(%rsp)
        movups  %xmm6, 160(%rsp)
        movups  %xmm7, 176(%rsp)
        movl    %r11d, %edi
        call    pf_entry_find
        movq    %rax, %r11
        movups  64(%rsp), %xmm0
        movups  80(%rsp), %xmm1
        movups  96(%rsp), %xmm2
        movups  112(%rsp), %xmm3
        movups  128(%rsp), %xmm4
        movups  144(%rsp), %xmm5
        movups  160(%rsp), %xmm6
        movups  176(%rsp), %xmm7
        movq    0(%rsp), %rdi
        movq    8(%rsp), %rsi
        movq    16(%rsp), %rdx
        movq    24(%rsp), %rcx
        movq    32(%rsp), %r8
        movq    40(%rsp), %r9
        movq    48(%rsp), %rax
        movq    56(%rsp), %r10
        movq    %rbp, %rsp
        popq    %rbp
        .cfi_def_cfa %rsp, 8
        jmp     *%r11
        .cfi_endproc
        .size   pf_entry_ask, .-pf_entry_ask
#endif

        .section .note.GNU-stack,"",@progbits
