// SPDX-License-Identifier: Apache-2.0
// A small stack machine; anything that call frame information does not need makes it give up.
#include "pf-expression.h"
#include "pf-cursor.h"

#define DEPTH_MOST 8
// Branches can go backwards, so the length of the text bounds nothing.
#define STEPS_MOST 128

struct machine {
    uintptr_t stack[DEPTH_MOST];
    unsigned depth;
    bool bad;
};

static void push(struct machine *machine, uintptr_t value) {
    if (machine->depth == DEPTH_MOST) {
        machine->bad = true;
    } else {
        machine->stack[machine->depth++] = value;
    }
}

static uintptr_t pop(struct machine *machine) {
    if (machine->depth == 0) {
        machine->bad = true;
        return 0;
    }
    return machine->stack[--machine->depth];
}

// A copy of the element `below` the top.
static void pick(struct machine *machine, uint64_t below) {
    if (below >= machine->depth) {
        machine->bad = true;
    } else {
        push(machine, machine->stack[machine->depth - 1 - below]);
    }
}

bool pf_register_get(const struct pf_registers *registers, uint64_t reg, uintptr_t *ret_value) {
    if (reg >= PF_REGISTERS || (registers->known >> reg & 1) == 0) {
        return false;
    }
    *ret_value = registers->value[reg];
    return true;
}

static void push_register(struct machine *machine, const struct pf_registers *registers,
                          uint64_t reg, int64_t offset) {
    uintptr_t value = 0;
    machine->bad |= !pf_register_get(registers, reg, &value);
    push(machine, value + (uintptr_t)offset);
}

static void swap(struct machine *machine) {
    uintptr_t first = pop(machine);
    uintptr_t second = pop(machine);
    push(machine, first);
    push(machine, second);
}

static bool compute(struct machine *machine, unsigned opcode) {
    const unsigned bits = 8 * sizeof(uintptr_t);
    uintptr_t b = pop(machine);
    uintptr_t a = pop(machine);
    intptr_t x = (intptr_t)a;
    intptr_t y = (intptr_t)b;
    uintptr_t result;
    switch (opcode) {
    case 0x1a: result = a & b; break;
    case 0x1c: result = a - b; break;
    case 0x1e: result = a * b; break;
    case 0x21: result = a | b; break;
    case 0x22: result = a + b; break;
    case 0x24: result = b < bits ? a << b : 0; break;
    case 0x25: result = b < bits ? a >> b : 0; break;
    case 0x26: result = (uintptr_t)(x >> (b < bits ? b : bits - 1)); break;
    case 0x27: result = a ^ b; break;
    case 0x29: result = x == y; break;
    case 0x2a: result = x >= y; break;
    case 0x2b: result = x > y; break;
    case 0x2c: result = x <= y; break;
    case 0x2d: result = x < y; break;
    case 0x2e: result = x != y; break;
    default: return false;
    }
    push(machine, result);
    return !machine->bad;
}

// Pushes what the instruction itself holds; false when it is not of that kind.
static bool constant(struct machine *machine, struct pf_cursor *cursor, unsigned opcode) {
    switch (opcode) {
    case 0x03: push(machine, (uintptr_t)pf_take(cursor, sizeof(uintptr_t))); return true;
    case 0x08: push(machine, (uintptr_t)pf_take(cursor, 1)); return true;
    case 0x09: push(machine, (uintptr_t)(int8_t)pf_take(cursor, 1)); return true;
    case 0x0a: push(machine, (uintptr_t)pf_take(cursor, 2)); return true;
    case 0x0b: push(machine, (uintptr_t)(int16_t)pf_take(cursor, 2)); return true;
    case 0x0c: push(machine, (uintptr_t)pf_take(cursor, 4)); return true;
    case 0x0d: push(machine, (uintptr_t)(int32_t)pf_take(cursor, 4)); return true;
    case 0x0e:
    case 0x0f: push(machine, (uintptr_t)pf_take(cursor, 8)); return true;
    case 0x10: push(machine, (uintptr_t)pf_take_uleb(cursor)); return true;
    case 0x11: push(machine, (uintptr_t)pf_take_sleb(cursor)); return true;
    default: break;
    }
    if (opcode < 0x30 || opcode > 0x4f) {
        return false;
    }
    push(machine, opcode - 0x30); // lit0 to lit31
    return true;
}

static void jump(struct machine *machine, struct pf_cursor *cursor, const uint8_t *start,
                 bool taken) {
    int64_t by = (int16_t)pf_take(cursor, 2);
    if (taken && (by < start - cursor->at || by > cursor->end - cursor->at)) {
        machine->bad = true;
    } else if (taken) {
        cursor->at += by;
    }
}

bool pf_expression(struct pf_span span, uintptr_t at, const struct pf_registers *registers,
                   const uintptr_t *initial, pf_read_word *read, void *memory,
                   uintptr_t *ret_value) {
    struct pf_cursor cursor = pf_cursor_at(span, at);
    uint64_t length = pf_take_uleb(&cursor);
    if (cursor.bad || length > (uint64_t)(cursor.end - cursor.at)) {
        return false;
    }
    const uint8_t *start = cursor.at;
    cursor.end = cursor.at + length;
    struct machine machine = {.depth = 0};
    if (initial != NULL) {
        push(&machine, *initial);
    }
    for (unsigned steps = 0; cursor.at < cursor.end; steps++) {
        unsigned opcode = (unsigned)pf_take(&cursor, 1);
        uintptr_t word = 0;
        uint64_t reg;
        if (opcode >= 0x70 && opcode <= 0x8f) { // breg0 to breg31
            push_register(&machine, registers, opcode - 0x70, pf_take_sleb(&cursor));
        } else if (!constant(&machine, &cursor, opcode)) {
            switch (opcode) {
            case 0x06: // deref
                machine.bad |= !read(memory, pop(&machine), &word);
                push(&machine, word);
                break;
            case 0x12: pick(&machine, 0); break;
            case 0x13: pop(&machine); break;
            case 0x14: pick(&machine, 1); break;
            case 0x15: pick(&machine, pf_take(&cursor, 1)); break;
            case 0x16: swap(&machine); break;
            case 0x1f: push(&machine, -pop(&machine)); break;
            case 0x20: push(&machine, ~pop(&machine)); break;
            case 0x23: push(&machine, pop(&machine) + (uintptr_t)pf_take_uleb(&cursor)); break;
            case 0x28: jump(&machine, &cursor, start, pop(&machine) != 0); break;
            case 0x2f: jump(&machine, &cursor, start, true); break;
            case 0x92: // bregx
                reg = pf_take_uleb(&cursor);
                push_register(&machine, registers, reg, pf_take_sleb(&cursor));
                break;
            case 0x96: break; // nop
            default: machine.bad |= !compute(&machine, opcode);
            }
        }
        if (machine.bad || cursor.bad || steps == STEPS_MOST) {
            return false;
        }
    }
    *ret_value = pop(&machine);
    return !machine.bad;
}
