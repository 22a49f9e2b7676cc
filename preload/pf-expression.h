// SPDX-License-Identifier: Apache-2.0
// DWARF expressions, as call frame information uses them: signal frames, PLT entries, realigned
// stacks.
#pragma once
#include "pf-cfi.h"
#pragma GCC visibility push(hidden)

// The registers of one frame.  A bit is set in `known` where the value is what the function had.
struct pf_registers {
    uintptr_t value[PF_REGISTERS];
    uint64_t known;
};

// Reads one word of the target's memory; false where that is not certain to be readable.
typedef bool pf_read_word(void *memory, uintptr_t address, uintptr_t *ret_word);

bool pf_register_get(const struct pf_registers *registers, uint64_t reg, uintptr_t *ret_value);

// Evaluates the expression whose length stands at `at`, `initial` (may be NULL) on the stack first.
bool pf_expression(struct pf_span span, uintptr_t at, const struct pf_registers *registers,
                   const uintptr_t *initial, pf_read_word *read, void *memory,
                   uintptr_t *ret_value);
#pragma GCC visibility pop
