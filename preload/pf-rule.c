// SPDX-License-Identifier: Apache-2.0
// Makes rules of what call frame information says.
#include "pf-rule.h"
#include "pf-cursor.h"

#define WORD ((int32_t)sizeof(uintptr_t))

uint64_t pf_rules[1u << PF_RULE_PLACE_BITS];

static bool has_stored_return(const struct pf_row *row) {
    if (row->how[PF_REGISTER_RETURN] != PF_HOW_AT) {
        return false;
    }
#ifdef __aarch64__
    return row->how[PF_REGISTER_FP] == PF_HOW_AT &&
           row->value[PF_REGISTER_RETURN] == row->value[PF_REGISTER_FP] + WORD;
#else
    return row->value[PF_REGISTER_RETURN] == -WORD;
#endif
}

// The expression `FP + offset`, and `deref` behind it.
static bool is_from_fp(struct pf_span span, int32_t at, bool deref, int64_t *ret_offset) {
    struct pf_cursor cursor = pf_cursor_at(span, span.start + (uintptr_t)at);
    uint64_t length = pf_take_uleb(&cursor);
    if (cursor.bad || length > (uint64_t)(cursor.end - cursor.at)) {
        return false;
    }
    cursor.end = cursor.at + length;
    bool same = pf_take(&cursor, 1) == 0x70 + PF_REGISTER_FP;
    *ret_offset = pf_take_sleb(&cursor);
    return same && (!deref || pf_take(&cursor, 1) == 0x06) && !cursor.bad &&
           cursor.at == cursor.end;
}

// The distance of a register that is stored below the CFA, in words; 0: it is not where a rule can
// say.
static uint64_t slot_below(int32_t value) {
    return value < 0 && value % WORD == 0 && value >= -(int32_t)PF_RULE_SLOT_MOST * WORD
               ? (uint64_t)(-value / WORD)
               : 0;
}

bool pf_rule_make(struct pf_span span, const struct pf_row *row, uint64_t *ret_rule) {
    const uint8_t *how = row->how;
    if (how[PF_REGISTER_RETURN] == PF_HOW_UNDEFINED) {
        *ret_rule = PF_RULE_OUTERMOST;
        return true;
    }
    if (row->signal || how[PF_REGISTER_SP] != PF_HOW_SAME || !has_stored_return(row)) {
        return false;
    }
    int64_t offset = row->cfa;
    uint64_t slot = 0;
    enum pf_rule_kind kind = PF_RULE_FROM_SP;
    if (row->cfa_expression) {
        int64_t saved;
        if (how[PF_REGISTER_FP] != PF_HOW_AT_EXPRESSION ||
            !is_from_fp(span, row->value[PF_REGISTER_FP], false, &saved) || saved != 0 ||
            !is_from_fp(span, row->cfa, true, &offset)) {
            return false;
        }
        kind = PF_RULE_THROUGH_FP;
        offset = -offset;
    } else if (row->cfa_register == PF_REGISTER_FP) {
        kind = PF_RULE_FROM_FP;
    } else if (row->cfa_register != PF_REGISTER_SP) {
        return false;
    }
    if (!row->cfa_expression && how[PF_REGISTER_FP] != PF_HOW_SAME) {
        slot = slot_below(row->value[PF_REGISTER_FP]);
        if (how[PF_REGISTER_FP] != PF_HOW_AT || slot == 0) {
            return false;
        }
    }
    if (offset < 0 || offset > PF_RULE_OFFSET || offset % WORD != 0) {
        return false;
    }
    *ret_rule = kind | (uint64_t)offset | slot << PF_RULE_SLOT_SHIFT;
    return true;
}

void pf_rule_keep(uintptr_t pc, uint64_t rule) {
    uint64_t tag = pc >> PF_RULE_PC_SHIFT >> PF_RULE_PLACE_BITS;
    if (tag >> (64 - PF_RULE_TAG_SHIFT) == 0) {
        __atomic_store_n(pf_rule_place(pc), rule | tag << PF_RULE_TAG_SHIFT, __ATOMIC_RELAXED);
    }
}
