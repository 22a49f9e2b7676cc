// SPDX-License-Identifier: Apache-2.0
// Call frame information (DWARF, .eh_frame): how a caller's registers are found from those of the
// function that it called.
//
// The bytes are hostile: nothing outside the given span is read, whatever they say.
#pragma once
#include "pf-module.h"
#include <stdbool.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

// The registers that are followed, by their DWARF numbers, and which of them are special.
#if defined(__x86_64__)
enum { PF_REGISTERS = 17, PF_REGISTER_FP = 6, PF_REGISTER_SP = 7, PF_REGISTER_RETURN = 16 };
#elif defined(__aarch64__)
enum { PF_REGISTERS = 32, PF_REGISTER_FP = 29, PF_REGISTER_SP = 31, PF_REGISTER_RETURN = 30 };
#else
enum { PF_REGISTERS = 9, PF_REGISTER_FP = 5, PF_REGISTER_SP = 4, PF_REGISTER_RETURN = 8 };
#endif

enum pf_how {
    PF_HOW_SAME, // also where nothing is said
    PF_HOW_UNDEFINED,
    PF_HOW_AT,   // stored at CFA + value
    PF_HOW_IS,   // is CFA + value
    PF_HOW_COPY, // is in the register `value`
    PF_HOW_AT_EXPRESSION,
    PF_HOW_IS_EXPRESSION,
};

// What holds at one instruction.  An expression is given as where its length stands in the span.
struct pf_row {
    int32_t value[PF_REGISTERS];
    int32_t cfa; // offset from the register, or the expression
    uint8_t how[PF_REGISTERS];
    uint8_t cfa_register;
    bool cfa_expression;
    bool signal; // the frame that a signal interrupted comes next
};

// The row of the instruction at `pc`, from an .eh_frame_hdr with a search table and the .eh_frame
// behind it, both within `span`.  False: there is none, or it cannot be made sense of.
bool pf_cfi_find(struct pf_span span, const void *frame_header, uintptr_t pc,
                 struct pf_row *ret_row);
#pragma GCC visibility pop
