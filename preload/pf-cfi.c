// SPDX-License-Identifier: Apache-2.0
// Finds the entry of a function in .eh_frame and runs its instructions up to one address.
#include "pf-cfi.h"
#include "pf-cursor.h"

// How pointers are encoded (DW_EH_PE_*): a format and what it is relative to.
#define FORMAT 0x0f
#define BASE 0x70
#define ABSOLUTE 0x00
#define FROM_HERE 0x10
#define FROM_HEADER 0x30
#define INDIRECT 0x80
#define OMITTED 0xff
#define SIGNED_4 0x0b

// Of 157,000 functions in Debian's programs and libraries none nests remember_state, and each row
// is stack of the target.
#define REMEMBERED_MOST 1

// An entry has some tens of bytes.  The limit bounds the time that hostile ones can take.
#define ENTRY_MOST (1u << 20)

struct entry {
    uint64_t code_factor;
    int64_t data_factor;
    uintptr_t start; // of the function
    uint8_t pointers;
    bool augmented;
    bool signal;
    struct pf_cursor common; // instructions of the CIE
    struct pf_cursor own;    // and of the FDE
};

struct machine {
    const struct entry *entry;
    struct pf_row *row;
    uintptr_t header;
    uintptr_t start; // of the span
    uintptr_t location;
    uintptr_t pc;
    unsigned remembered;
    struct pf_row initial;
    struct pf_row saved[REMEMBERED_MOST];
};

static uintptr_t take_pointer(struct pf_cursor *cursor, uint8_t encoding, uintptr_t header) {
    uintptr_t here = (uintptr_t)cursor->at;
    uint64_t value;
    switch (encoding & FORMAT) {
    case 0x00: value = pf_take(cursor, sizeof(uintptr_t)); break;
    case 0x01: value = pf_take_uleb(cursor); break;
    case 0x02: value = pf_take(cursor, 2); break;
    case 0x03: value = pf_take(cursor, 4); break;
    case 0x04: value = pf_take(cursor, 8); break;
    case 0x09: value = (uint64_t)pf_take_sleb(cursor); break;
    case 0x0a: value = (uint64_t)(int16_t)pf_take(cursor, 2); break;
    case 0x0b: value = (uint64_t)(int32_t)pf_take(cursor, 4); break;
    case 0x0c: value = pf_take(cursor, 8); break;
    default: cursor->bad = true; return 0;
    }
    switch (encoding & BASE) {
    case ABSOLUTE: return (uintptr_t)value;
    case FROM_HERE: return (uintptr_t)value + here;
    case FROM_HEADER: return (uintptr_t)value + header;
    default: cursor->bad = true; return 0;
    }
}

// What a CIE or FDE holds behind its length; bad where it is not within the span.
static struct pf_cursor open_entry(struct pf_span span, uintptr_t at) {
    struct pf_cursor cursor = pf_cursor_at(span, at);
    uint64_t length = pf_take(&cursor, 4);
    // 0 ends the section; 0xffffffff begins a 64-bit length, for sections that no module has.
    if (length == 0 || length > ENTRY_MOST || length > (uint64_t)(cursor.end - cursor.at)) {
        cursor.bad = true;
    } else {
        cursor.end = cursor.at + length;
    }
    return cursor;
}

// The letters of the augmentation: z (sizes are given), R (encoding of pointers), L, P
// (personality) and S (signal frame).
static void read_augmentation(struct pf_cursor *cursor, const uint8_t *letters,
                              struct entry *entry) {
    if (*letters != 'z') {
        cursor->bad |= *letters != 0;
        return;
    }
    entry->augmented = true;
    uint64_t size = pf_take_uleb(cursor);
    if (cursor->bad || size > (uint64_t)(cursor->end - cursor->at)) {
        cursor->bad = true;
        return;
    }
    struct pf_cursor data = {cursor->at, cursor->at + size, false};
    cursor->at += size;
    for (letters++; *letters != 0 && !data.bad; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R': entry->pointers = (uint8_t)pf_take(&data, 1); break;
        case 'L': pf_take(&data, 1); break;
        case 'P':
            encoding = (uint8_t)pf_take(&data, 1);
            take_pointer(&data, encoding & FORMAT, 0);
            data.bad |= (encoding & BASE) > FROM_HEADER + 0x10; // aligned: nobody uses it
            break;
        case 'S': entry->signal = true; break;
        case 'B': break; // aarch64: return addresses are signed with the other key
        default: data.bad = true;
        }
    }
    cursor->bad |= data.bad;
}

static bool read_cie(struct pf_span span, uintptr_t at, struct entry *entry) {
    struct pf_cursor cursor = open_entry(span, at);
    uint64_t id = pf_take(&cursor, 4);
    uint64_t version = pf_take(&cursor, 1);
    const uint8_t *letters = cursor.at;
    while (pf_take(&cursor, 1) != 0) {
    }
    entry->code_factor = pf_take_uleb(&cursor);
    entry->data_factor = pf_take_sleb(&cursor);
    uint64_t column = version == 1 ? pf_take(&cursor, 1) : pf_take_uleb(&cursor);
    if (cursor.bad || id != 0 || (version != 1 && version != 3) || column != PF_REGISTER_RETURN) {
        return false;
    }
    read_augmentation(&cursor, letters, entry);
    entry->common = cursor;
    return !cursor.bad;
}

static __attribute__((noinline)) bool read_fde(struct pf_span span, uintptr_t header, uintptr_t at,
                                               uintptr_t pc, struct entry *entry) {
    struct pf_cursor cursor = open_entry(span, at);
    uintptr_t here = (uintptr_t)cursor.at;
    uint64_t back = pf_take(&cursor, 4); // the CIE is that far back
    if (cursor.bad || back == 0 || back > here - span.start ||
        !read_cie(span, here - back, entry)) {
        return false;
    }
    entry->start = take_pointer(&cursor, entry->pointers, header);
    uintptr_t size = take_pointer(&cursor, entry->pointers & FORMAT, 0);
    if ((entry->pointers & INDIRECT) != 0 || pc - entry->start >= size) {
        return false;
    }
    if (entry->augmented) {
        pf_skip(&cursor, pf_take_uleb(&cursor));
    }
    entry->own = cursor;
    return !cursor.bad;
}

static void set_rule(struct machine *machine, struct pf_cursor *cursor, uint64_t reg,
                     enum pf_how how, int64_t value) {
    if (value != (int32_t)value) {
        cursor->bad = true;
    } else if (reg < PF_REGISTERS) { // others (vectors) are not followed
        machine->row->how[reg] = (uint8_t)how;
        machine->row->value[reg] = (int32_t)value;
    }
}

static void set_cfa(struct machine *machine, struct pf_cursor *cursor, uint64_t reg,
                    int64_t offset) {
    if (reg >= PF_REGISTERS || offset != (int32_t)offset) {
        cursor->bad = true;
        return;
    }
    machine->row->cfa_expression = false;
    machine->row->cfa_register = (uint8_t)reg;
    machine->row->cfa = (int32_t)offset;
}

// Steps over an expression; where it is.
static int64_t take_expression(struct machine *machine, struct pf_cursor *cursor) {
    int64_t at = (int64_t)((uintptr_t)cursor->at - machine->start);
    pf_skip(cursor, pf_take_uleb(cursor));
    return at;
}

static int64_t scaled(const struct machine *machine, uint64_t value) {
    return (int64_t)(value * (uint64_t)machine->entry->data_factor);
}

// False when the code goes on beyond the instruction that is asked for.
static bool advance(struct machine *machine, uint64_t delta) {
    uintptr_t next = machine->location + (uintptr_t)(delta * machine->entry->code_factor);
    if (next > machine->pc) {
        return false;
    }
    machine->location = next;
    return true;
}

static void remember(struct machine *machine, struct pf_cursor *cursor) {
    if (machine->remembered == REMEMBERED_MOST) {
        cursor->bad = true;
    } else {
        machine->saved[machine->remembered++] = *machine->row;
    }
}

static void recall(struct machine *machine, struct pf_cursor *cursor) {
    if (machine->remembered == 0) {
        cursor->bad = true;
    } else {
        *machine->row = machine->saved[--machine->remembered];
    }
}

static void restore(struct machine *machine, uint64_t reg) {
    if (reg < PF_REGISTERS) {
        machine->row->how[reg] = machine->initial.how[reg];
        machine->row->value[reg] = machine->initial.value[reg];
    }
}

// Opcodes that have no operand in their first byte; false when pc is behind us.
static bool run_extended(struct machine *machine, struct pf_cursor *cursor, unsigned opcode) {
    struct pf_row *row = machine->row;
    uint64_t reg;
    switch (opcode) {
    case 0x00: break; // nop
    case 0x01:
        machine->location = take_pointer(cursor, machine->entry->pointers, machine->header);
        return machine->location <= machine->pc;
    case 0x02: return advance(machine, pf_take(cursor, 1));
    case 0x03: return advance(machine, pf_take(cursor, 2));
    case 0x04: return advance(machine, pf_take(cursor, 4));
    case 0x05: // offset_extended
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_AT, scaled(machine, pf_take_uleb(cursor)));
        break;
    case 0x06: restore(machine, pf_take_uleb(cursor)); break;
    case 0x07: set_rule(machine, cursor, pf_take_uleb(cursor), PF_HOW_UNDEFINED, 0); break;
    case 0x08: set_rule(machine, cursor, pf_take_uleb(cursor), PF_HOW_SAME, 0); break;
    case 0x09: // register
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_COPY, (int64_t)pf_take_uleb(cursor));
        break;
    case 0x0a: remember(machine, cursor); break;
    case 0x0b: recall(machine, cursor); break;
    case 0x0c: // def_cfa
        reg = pf_take_uleb(cursor);
        set_cfa(machine, cursor, reg, (int64_t)pf_take_uleb(cursor));
        break;
    case 0x0d: // def_cfa_register
        cursor->bad |= row->cfa_expression;
        set_cfa(machine, cursor, pf_take_uleb(cursor), row->cfa);
        break;
    case 0x0e: // def_cfa_offset
        cursor->bad |= row->cfa_expression;
        set_cfa(machine, cursor, row->cfa_register, (int64_t)pf_take_uleb(cursor));
        break;
    case 0x0f: // def_cfa_expression
        row->cfa = (int32_t)take_expression(machine, cursor);
        row->cfa_expression = true;
        break;
    case 0x10: // expression
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_AT_EXPRESSION, take_expression(machine, cursor));
        break;
    case 0x11: // offset_extended_sf
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_AT, scaled(machine, (uint64_t)pf_take_sleb(cursor)));
        break;
    case 0x12: // def_cfa_sf
        reg = pf_take_uleb(cursor);
        set_cfa(machine, cursor, reg, scaled(machine, (uint64_t)pf_take_sleb(cursor)));
        break;
    case 0x13: // def_cfa_offset_sf
        cursor->bad |= row->cfa_expression;
        set_cfa(machine, cursor, row->cfa_register,
                scaled(machine, (uint64_t)pf_take_sleb(cursor)));
        break;
    case 0x14: // val_offset
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_IS, scaled(machine, pf_take_uleb(cursor)));
        break;
    case 0x15: // val_offset_sf
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_IS, scaled(machine, (uint64_t)pf_take_sleb(cursor)));
        break;
    case 0x16: // val_expression
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_IS_EXPRESSION, take_expression(machine, cursor));
        break;
#ifdef __aarch64__
    case 0x2d: break; // the return address is signed, or no longer
#endif
    case 0x2e: pf_take_uleb(cursor); break; // GNU_args_size
    case 0x2f:                              // GNU_negative_offset_extended
        reg = pf_take_uleb(cursor);
        set_rule(machine, cursor, reg, PF_HOW_AT, scaled(machine, -pf_take_uleb(cursor)));
        break;
    default: cursor->bad = true;
    }
    return true;
}

static bool run(struct machine *machine, struct pf_cursor cursor) {
    while (cursor.at < cursor.end && !cursor.bad) {
        unsigned opcode = (unsigned)pf_take(&cursor, 1);
        unsigned operand = opcode & 0x3f;
        bool before = true;
        switch (opcode >> 6) {
        case 0: before = run_extended(machine, &cursor, operand); break;
        case 1: before = advance(machine, operand); break;
        case 2:
            set_rule(machine, &cursor, operand, PF_HOW_AT, scaled(machine, pf_take_uleb(&cursor)));
            break;
        default: restore(machine, operand);
        }
        if (!before) {
            break;
        }
    }
    return !cursor.bad;
}

// Where the entry of the last function that begins at or before pc is; 0: nowhere.
static uintptr_t search(struct pf_span span, uintptr_t header, uintptr_t pc) {
    struct pf_cursor cursor = pf_cursor_at(span, header);
    uint64_t version = pf_take(&cursor, 1);
    uint8_t frame_encoding = (uint8_t)pf_take(&cursor, 1);
    uint8_t count_encoding = (uint8_t)pf_take(&cursor, 1);
    uint64_t table_encoding = pf_take(&cursor, 1);
    take_pointer(&cursor, frame_encoding, header);
    uintptr_t count = take_pointer(&cursor, count_encoding, header);
    if (cursor.bad || version != 1 || count_encoding == OMITTED ||
        table_encoding != (FROM_HEADER | SIGNED_4) ||
        count > (uintptr_t)(cursor.end - cursor.at) / 8 || (uintptr_t)cursor.at % 4 != 0) {
        return 0;
    }
    const struct {
        int32_t function;
        int32_t entry;
    } *table = (const void *)cursor.at;
    intptr_t wanted = (intptr_t)(pc - header);
    uintptr_t low = 0;
    uintptr_t high = count;
    while (low < high) {
        uintptr_t middle = low + (high - low) / 2;
        if (table[middle].function <= wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : header + (uintptr_t)(intptr_t)table[low - 1].entry;
}

bool pf_cfi_find(struct pf_span span, const void *frame_header, uintptr_t pc,
                 struct pf_row *ret_row) {
    uintptr_t header = (uintptr_t)frame_header;
    if (span.end - span.start > INT32_MAX) {
        return false; // offsets would not fit
    }
    struct entry entry = {.pointers = ABSOLUTE};
    uintptr_t at = search(span, header, pc);
    if (at == 0 || !read_fde(span, header, at, pc, &entry)) {
        return false;
    }
    *ret_row = (struct pf_row){.signal = entry.signal};
    struct machine machine;
    machine.entry = &entry;
    machine.row = ret_row;
    machine.header = header;
    machine.start = span.start;
    machine.location = entry.start;
    machine.pc = pc;
    machine.remembered = 0;
    machine.initial = *ret_row;
    if (!run(&machine, entry.common)) {
        return false;
    }
    machine.initial = *ret_row;
    machine.location = entry.start;
    return run(&machine, entry.own);
}
