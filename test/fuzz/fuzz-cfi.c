// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes as frame information, looked up at any address, and their expressions run.
// with: preload/pf-cfi.c preload/pf-expression.c
#include "pf-expression.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_word(void *memory, uintptr_t address, uintptr_t *ret_word) {
    (void)memory;
    *ret_word = address * 2654435761u;
    return address % 8 == 0;
}

// The first 8 bytes say where the header is and which address is wanted, both from the start.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t header;
    int32_t pc;
    if (size < 9) {
        return 0;
    }
    memcpy(&header, data, 4);
    memcpy(&pc, data + 4, 4);
    size -= 8;
    uint8_t *copy = malloc(size);
    memcpy(copy, data + 8, size);
    struct pf_span span = {(uintptr_t)copy, (uintptr_t)copy + size};
    struct pf_row row;
    if (pf_cfi_find(span, copy + header % size, span.start + (uintptr_t)(intptr_t)pc, &row)) {
        struct pf_registers registers = {.known = 0x1ffff};
        uintptr_t value = span.start;
        for (unsigned i = 0; i < PF_REGISTERS; i++) {
            registers.value[i] = span.start + i;
            if (row.how[i] == PF_HOW_AT_EXPRESSION || row.how[i] == PF_HOW_IS_EXPRESSION) {
                pf_expression(span, span.start + (uintptr_t)row.value[i], &registers, &value,
                              read_word, NULL, &value);
            }
        }
        if (row.cfa_expression) {
            pf_expression(span, span.start + (uintptr_t)row.cfa, &registers, NULL, read_word, NULL,
                          &value);
        }
    }
    free(copy);
    return 0;
}
