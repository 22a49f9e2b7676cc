// SPDX-License-Identifier: Apache-2.0
// Climbs from the running function to its callers.
//
// Most frames need one load from a cache of rules and one or two from the stack.  The rule of a
// return address that is met for the first time comes from the module's call frame information
// (pf-cfi); so does every step that does not fit into a rule: signal frames, odd registers.
//
// The cache is never told that a module went away.  A rule of what was there before finds wrong words
// on the stack, no more: each read is checked (pf-readable).  A walk that ends anywhere but at a proper
// end is done again without the cache, which corrects it.
#include "pf-unwind.h"
#include "pf-capture.h"
#include "pf-cursor.h"
#include "pf-module.h"
#include "pf-readable.h"

#ifdef PF_HAVE_CAPTURE
#define WORD sizeof(uintptr_t)
#define OWN_MOST 8     // frames of ours below the site
#define SIGNALS_MOST 8 // handlers on top of each other
#define PATIENCE 64

// A rule and the address that it is of, in one word, so that it can be neither torn nor taken for
// another's: the place in the cache is the address's low bits, mixed with the high ones, which are
// stored.
//
//      bits 0..1       kind
//      bits 0..19      the CFA is this far from its register (a multiple of the word)
//      bits 20..28     the caller's frame pointer is stored this many words below the CFA; 0: is kept
//      bits 29..63     address >> PLACE_BITS
enum kind {
    FROM_SP,
    FROM_FP,
    THROUGH_FP, // a realigned stack: the CFA itself is stored that far below the frame pointer
    OUTERMOST,
};
#define KIND 3u
#define OFFSET 0xffffcu
#define SLOT_SHIFT 20
#define SLOT_MOST 0x1ffu
#define TAG_SHIFT 29
#define PLACE_BITS 12
#ifdef __aarch64__
#define PC_SHIFT 2 // instructions have 4 bytes, and addresses one bit more
#define PC_KNOWN 0 // is no register
#else
#define PC_SHIFT 0
#define PC_KNOWN (1ull << PF_REGISTER_RETURN)
#endif
static uint64_t cache[1u << PLACE_BITS];

// What rules keep track of; a stack pointer that moved tells that one was followed.
#define FOLLOWED (1ull << PF_REGISTER_SP | 1ull << PF_REGISTER_FP | PC_KNOWN)

enum step { UP, END, LOST };

struct walk {
    struct pf_memory memory;
    struct pf_registers registers;
    uintptr_t pc;
    bool exact; // pc is the next instruction, not where a call returns to
    unsigned signals;
};

PF_INLINE void begin(struct walk *walk, struct pf_unwind_state *state) {
    walk->pc = pf_capture(&walk->registers);
    walk->exact = false;
    walk->signals = 0;
    walk->memory = pf_readable_stack(state, walk->registers.value[PF_REGISTER_SP]);
}

PF_INLINE uint64_t *place_of(uintptr_t key) {
    return &cache[(key ^ key >> PLACE_BITS) & ((1u << PLACE_BITS) - 1)];
}

// How far below the CFA the return address is.
PF_INLINE uintptr_t return_slot(uint64_t rule) {
#ifdef __aarch64__
    return (uintptr_t)((rule >> SLOT_SHIFT & SLOT_MOST) - 1) * WORD; // a frame record: x29, x30
#else
    return WORD;
#endif
}

static bool has_stored_return(const struct pf_row *row) {
    if (row->rule[PF_REGISTER_RETURN] != PF_RULE_AT) {
        return false;
    }
#ifdef __aarch64__
    return row->rule[PF_REGISTER_FP] == PF_RULE_AT &&
           row->value[PF_REGISTER_RETURN] == row->value[PF_REGISTER_FP] + (int32_t)WORD;
#else
    return row->value[PF_REGISTER_RETURN] == -(int32_t)WORD;
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

// A row as a rule; false when it does not fit into one.
static bool pack(struct pf_span span, const struct pf_row *row, uint64_t *ret_rule) {
    if (row->rule[PF_REGISTER_RETURN] == PF_RULE_UNDEFINED) {
        *ret_rule = OUTERMOST;
        return true;
    }
    int64_t offset = row->cfa;
    uint64_t slot = 0;
    enum kind kind;
    if (row->signal || row->rule[PF_REGISTER_SP] != PF_RULE_SAME || !has_stored_return(row)) {
        return false;
    }
    if (row->cfa_expression) {
        int64_t saved;
        kind = THROUGH_FP;
        if (row->rule[PF_REGISTER_FP] != PF_RULE_AT_EXPRESSION ||
            !is_from_fp(span, row->value[PF_REGISTER_FP], false, &saved) || saved != 0 ||
            !is_from_fp(span, row->cfa, true, &offset)) {
            return false;
        }
        offset = -offset;
    } else {
        kind = row->cfa_register == PF_REGISTER_FP ? FROM_FP : FROM_SP;
        if (row->cfa_register != PF_REGISTER_FP && row->cfa_register != PF_REGISTER_SP) {
            return false;
        }
        if (row->rule[PF_REGISTER_FP] == PF_RULE_AT) {
            slot = (uint64_t) - (int64_t)row->value[PF_REGISTER_FP] / WORD;
            if (row->value[PF_REGISTER_FP] >= 0 || slot > SLOT_MOST ||
                row->value[PF_REGISTER_FP] % (int32_t)WORD != 0) {
                return false;
            }
        } else if (row->rule[PF_REGISTER_FP] != PF_RULE_SAME) {
            return false;
        }
    }
    if (offset < 0 || offset > OFFSET || offset % (int64_t)WORD != 0) {
        return false;
    }
    *ret_rule = kind | (uint64_t)offset | slot << SLOT_SHIFT;
    return true;
}

static void keep(uintptr_t pc, uint64_t rule) {
    uintptr_t key = pc >> PC_SHIFT;
    uint64_t tag = key >> PLACE_BITS;
    if (tag >> (64 - TAG_SHIFT) == 0) {
        __atomic_store_n(place_of(key), rule | tag << TAG_SHIFT, __ATOMIC_RELAXED);
    }
}

// The caller's value of one register.
static bool caller_value(struct walk *walk, struct pf_span span, const struct pf_row *row,
                         unsigned reg, uintptr_t cfa, uintptr_t *ret_value) {
    int32_t value = row->value[reg];
    uintptr_t at = cfa + (uintptr_t)(intptr_t)value;
    uintptr_t expression = span.start + (uintptr_t)value;
    switch (row->rule[reg]) {
    case PF_RULE_SAME: return pf_register_get(&walk->registers, reg, ret_value);
    case PF_RULE_COPY: return pf_register_get(&walk->registers, (uint64_t)value, ret_value);
    case PF_RULE_IS: *ret_value = at; return true;
    case PF_RULE_AT: return pf_readable_word(&walk->memory, at, ret_value);
    case PF_RULE_IS_EXPRESSION:
        return pf_expression(span, expression, &walk->registers, &cfa, pf_readable_word,
                             &walk->memory, ret_value);
    case PF_RULE_AT_EXPRESSION:
        return pf_expression(span, expression, &walk->registers, &cfa, pf_readable_word,
                             &walk->memory, &at) &&
               pf_readable_word(&walk->memory, at, ret_value);
    default: return false;
    }
}

static bool find_row(uintptr_t pc, struct pf_span *ret_span, struct pf_row *ret_row) {
    struct pf_module_facts module = pf_module_find(pc);
    if (module.frame_header == NULL) {
        return false;
    }
    // The header and what it leads to are in one read-only segment; there may be holes between those.
    *ret_span = pf_module_segment(&module, (uintptr_t)module.frame_header, PF_R, 0);
    return ret_span->end != 0 && pf_cfi_find(*ret_span, module.frame_header, pc, ret_row);
}

static bool find_cfa(struct walk *walk, struct pf_span span, const struct pf_row *row,
                     uintptr_t *ret_cfa) {
    if (row->cfa_expression) {
        return pf_expression(span, span.start + (uintptr_t)row->cfa, &walk->registers, NULL,
                             pf_readable_word, &walk->memory, ret_cfa);
    }
    bool known = pf_register_get(&walk->registers, row->cfa_register, ret_cfa);
    *ret_cfa += (uintptr_t)(intptr_t)row->cfa;
    return known;
}

// One frame up by the module's own account of it.  Without one the stack ends here: a guess by frame
// pointer would now and then lead into what old calls left on the stack, and a short stack is better
// than a wrong one.
static __attribute__((noinline)) enum step climb(struct walk *walk) {
    struct pf_registers *now = &walk->registers;
    struct pf_registers caller = {.known = 0};
    struct pf_span span;
    struct pf_row row;
    uintptr_t cfa;
    uint64_t rule;
    if (!find_row(walk->pc - (walk->exact ? 0 : 1), &span, &row)) {
        return LOST;
    }
    if (!walk->exact && pack(span, &row, &rule)) {
        keep(walk->pc, rule);
    }
    if (row.rule[PF_REGISTER_RETURN] == PF_RULE_UNDEFINED) {
        return END;
    }
    if (!find_cfa(walk, span, &row, &cfa)) {
        return LOST;
    }
    for (unsigned i = 0; i < PF_REGISTERS; i++) {
        bool found = caller_value(walk, span, &row, i, cfa, &caller.value[i]);
        caller.known |= (uint64_t)found << i;
    }
    if (row.rule[PF_REGISTER_SP] == PF_RULE_SAME) {
        caller.value[PF_REGISTER_SP] = cfa;
    }
    const uint64_t needed = 1ull << PF_REGISTER_SP | 1ull << PF_REGISTER_RETURN;
    uintptr_t pc = pf_plain_address(caller.value[PF_REGISTER_RETURN]);
    uintptr_t sp = now->value[PF_REGISTER_SP];
    uintptr_t up = caller.value[PF_REGISTER_SP];
    if ((caller.known & needed) != needed) {
        return LOST;
    }
    // Each frame is above the one before, but a handler may run on a stack of its own; and a leaf that
    // was interrupted may have none.
    if (row.signal ? walk->signals++ == SIGNALS_MOST : up < sp || (up == sp && !walk->exact)) {
        return LOST;
    }
    *now = caller;
    walk->pc = pc;
    walk->exact = row.signal;
    return pc == 0 ? END : UP;
}

// One frame up by a rule.
PF_INLINE enum step follow_rule(struct pf_memory *memory, uint64_t rule, uintptr_t *sp,
                                uintptr_t *fp, uintptr_t *pc) {
    uintptr_t offset = rule & OFFSET;
    uintptr_t slot = (rule >> SLOT_SHIFT & SLOT_MOST) * WORD;
    uintptr_t cfa;
    uintptr_t caller_fp = *fp;
    if (PF_LIKELY((rule & KIND) == FROM_SP)) {
        cfa = *sp + offset;
    } else if (PF_LIKELY((rule & KIND) == FROM_FP)) {
        cfa = *fp + offset;
    } else if ((rule & KIND) == OUTERMOST) {
        return END;
    } else if (!pf_readable_word(memory, *fp - offset, &cfa) ||
               !pf_readable_word(memory, *fp, &caller_fp)) {
        return LOST;
    }
    uintptr_t at = cfa - return_slot(rule);
    if (PF_UNLIKELY(cfa <= *sp) ||
        PF_UNLIKELY(!pf_is_readable(memory, at) && !pf_readable_extend(memory, at))) {
        return LOST;
    }
    *pc = pf_plain_address(pf_load(at));
    if (slot != 0) {
        at = cfa - slot;
        if (PF_UNLIKELY(!pf_is_readable(memory, at) && !pf_readable_extend(memory, at))) {
            return LOST;
        }
        caller_fp = pf_load(at);
    }
    *fp = caller_fp;
    *sp = cfa;
    return *pc == 0 ? END : UP;
}

// The whole stack.  Where the cache is not trusted, every register is followed, not the two alone
// that nearly all frames are found by.
PF_INLINE unsigned follow(struct walk *walk, uintptr_t site, uintptr_t *ret_frames, unsigned depth,
                          bool trusted, enum step *ret_how) {
    struct pf_registers *registers = &walk->registers;
    uintptr_t sp = registers->value[PF_REGISTER_SP];
    uintptr_t fp = registers->value[PF_REGISTER_FP];
    uintptr_t pc = walk->pc;
    unsigned count = 0;
    unsigned own = 0;
    bool fast = trusted;
    for (;;) {
        uintptr_t key = pc >> PC_SHIFT;
        uint64_t rule = __atomic_load_n(place_of(key), __ATOMIC_RELAXED);
        if (PF_LIKELY(fast) && PF_LIKELY(rule >> TAG_SHIFT == key >> PLACE_BITS)) {
            *ret_how = follow_rule(&walk->memory, rule, &sp, &fp, &pc);
        } else {
            if (registers->value[PF_REGISTER_SP] != sp) {
                registers->value[PF_REGISTER_SP] = sp;
                registers->value[PF_REGISTER_FP] = fp;
                registers->value[PF_REGISTER_RETURN] = pc;
                registers->known = FOLLOWED;
                walk->pc = pc;
            }
            *ret_how = climb(walk);
            sp = registers->value[PF_REGISTER_SP];
            fp = registers->value[PF_REGISTER_FP];
            pc = walk->pc;
            fast = trusted && !walk->exact;
        }
        if (PF_UNLIKELY(*ret_how != UP)) {
            return count;
        }
        if (PF_LIKELY(count != 0) || pc == site) {
            ret_frames[count++] = pc;
            if (count == depth) {
                *ret_how = END;
                return count;
            }
        } else if (own++ == OWN_MOST) {
            return 0;
        }
    }
}

static PF_COLD unsigned doubt(struct walk *walk, uintptr_t site, uintptr_t *ret_frames,
                              unsigned depth, unsigned count) {
    struct pf_unwind_state *state = walk->memory.state;
    if (state->patience != 0) {
        state->patience--;
        return count;
    }
    enum step how;
    begin(walk, state);
    unsigned found = follow(walk, site, ret_frames, depth, false, &how);
    if (found <= count) {
        state->patience = PATIENCE; // not the cache: code that says nothing about itself
    }
    return found;
}

unsigned pf_unwind(struct pf_unwind_state *state, uintptr_t site, uintptr_t *ret_frames,
                   unsigned depth) {
    if (depth == 0) {
        return 0;
    }
    struct walk walk;
    enum step how;
    begin(&walk, state);
    site = pf_plain_address(site);
    unsigned count = follow(&walk, site, ret_frames, depth, true, &how);
    return PF_LIKELY(how != LOST) ? count : doubt(&walk, site, ret_frames, depth, count);
}

void pf_unwind_init(void) {
    pf_module_init();
    pf_readable_init();
}
#else
void pf_unwind_init(void) { pf_module_init(); }

unsigned pf_unwind(struct pf_unwind_state *state, uintptr_t site, uintptr_t *ret_frames,
                   unsigned depth) {
    (void)state, (void)site, (void)ret_frames, (void)depth;
    return 0;
}
#endif
