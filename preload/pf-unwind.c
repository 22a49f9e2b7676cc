// SPDX-License-Identifier: Apache-2.0
// Climbs from the running function to its callers.
//
// Most frames need one load from the cache of rules (pf-rule) and one or two from the stack.  The
// rule of a return address that is met for the first time comes from the module's call frame
// information (pf-cfi); so does every step that does not fit into a rule: signal frames, odd
// registers.
//
// The cache is never told that a module went away.  A rule of what was there before finds wrong
// words on the stack, no more: each read is checked (pf-readable).  A walk that ends anywhere but
// at a proper end is done again without the cache, which corrects it.
#include "pf-unwind.h"
#include "pf-capture.h"
#include "pf-readable.h"
#include "pf-rule.h"

#ifdef PF_HAVE_CAPTURE
#define WORD sizeof(uintptr_t)
#ifdef __aarch64__
#define PC_KNOWN 0 // is no register
#else
#define PC_KNOWN (1ull << PF_REGISTER_RETURN)
#endif
#define OWN_MOST 8     // frames of ours below the site
#define SIGNALS_MOST 8 // handlers on top of each other
#define PATIENCE 64

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

// Not as a literal, which would clear what is captured next.
PF_INLINE void begin(struct walk *walk, const struct pf_memory *memory) {
    walk->memory = *memory;
    walk->exact = false;
    walk->signals = 0;
    walk->pc = pf_capture(&walk->registers);
    walk->memory.low = walk->registers.value[PF_REGISTER_SP]; // lower than where room was asked for
}

// The caller's value of one register.
static bool caller_value(struct walk *walk, struct pf_span span, const struct pf_row *row,
                         unsigned reg, uintptr_t cfa, uintptr_t *ret_value) {
    int32_t value = row->value[reg];
    uintptr_t at = cfa + (uintptr_t)(intptr_t)value;
    uintptr_t expression = span.start + (uintptr_t)value;
    switch (row->how[reg]) {
    case PF_HOW_SAME: return pf_register_get(&walk->registers, reg, ret_value);
    case PF_HOW_COPY: return pf_register_get(&walk->registers, (uint64_t)value, ret_value);
    case PF_HOW_IS: *ret_value = at; return true;
    case PF_HOW_AT: return pf_readable_word(&walk->memory, at, ret_value);
    case PF_HOW_IS_EXPRESSION:
        return pf_expression(span, expression, &walk->registers, &cfa, pf_readable_word,
                             &walk->memory, ret_value);
    case PF_HOW_AT_EXPRESSION:
        return pf_expression(span, expression, &walk->registers, &cfa, pf_readable_word,
                             &walk->memory, &at) &&
               pf_readable_word(&walk->memory, at, ret_value);
    default: return false;
    }
}

// A step is made in pieces that are not inlined, so that none stands on the stack while another
// runs.
#define APART __attribute__((noinline))

static APART const void *find_frames(uintptr_t pc, struct pf_span *ret_span) {
    struct pf_module_facts module = pf_module_find(pc);
    if (module.frame_header != NULL) {
        // The header and what it leads to are in one read-only segment; between those may be holes.
        *ret_span = pf_module_segment(&module, (uintptr_t)module.frame_header, PF_R, 0);
    }
    return module.frame_header;
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

// The caller's registers in place of the callee's.
static APART enum step put_caller(struct walk *walk, struct pf_span span,
                                  const struct pf_row *row) {
    struct pf_registers *now = &walk->registers;
    struct pf_registers caller = {.known = 0};
    uintptr_t cfa;
    if (row->how[PF_REGISTER_RETURN] == PF_HOW_UNDEFINED) {
        return END;
    }
    if (!find_cfa(walk, span, row, &cfa)) {
        return LOST;
    }
    for (unsigned i = 0; i < PF_REGISTERS; i++) {
        bool found = caller_value(walk, span, row, i, cfa, &caller.value[i]);
        caller.known |= (uint64_t)found << i;
    }
    if (row->how[PF_REGISTER_SP] == PF_HOW_SAME) {
        caller.value[PF_REGISTER_SP] = cfa;
    }
    const uint64_t needed = 1ull << PF_REGISTER_SP | 1ull << PF_REGISTER_RETURN;
    uintptr_t pc = pf_plain_address(caller.value[PF_REGISTER_RETURN]);
    uintptr_t sp = now->value[PF_REGISTER_SP];
    uintptr_t up = caller.value[PF_REGISTER_SP];
    if ((caller.known & needed) != needed) {
        return LOST;
    }
    // Each frame is above the one before, but a handler may run on a stack of its own; and a leaf
    // that was interrupted may have none.
    if (row->signal ? walk->signals++ == SIGNALS_MOST : up < sp || (up == sp && !walk->exact)) {
        return LOST;
    }
    *now = caller;
    walk->pc = pc;
    walk->exact = row->signal;
    return pc == 0 ? LOST : UP; // some code ends its stacks like that, but so does a wrong rule
}

// One frame up by the module's own account of it.  Without one the stack ends here: a guess by
// frame pointer would now and then lead into what old calls left on the stack, and a short stack is
// better than a wrong one.
static APART enum step climb(struct walk *walk) {
    struct pf_span span = {0, 0};
    struct pf_row row;
    uint64_t rule;
    uintptr_t pc = walk->pc - (walk->exact ? 0 : 1);
    const void *header = find_frames(pc, &span);
    if (span.end == 0 || !pf_cfi_find(span, header, pc, &row)) {
        return LOST;
    }
    if (!walk->exact && pf_rule_make(span, &row, &rule)) {
        pf_rule_keep(walk->pc, rule);
    }
    return put_caller(walk, span, &row);
}

// One frame up by a rule, of whatever kind, and from wherever the stack continues.
static APART enum step obey(struct walk *walk, uint64_t rule) {
    struct pf_registers *now = &walk->registers;
    uintptr_t sp = now->value[PF_REGISTER_SP];
    uintptr_t fp = now->value[PF_REGISTER_FP];
    uintptr_t slot = pf_rule_slot(rule);
    uintptr_t cfa = (rule & PF_RULE_KIND) == PF_RULE_FROM_SP ? sp : fp;
    uintptr_t pc;
    if ((rule & PF_RULE_KIND) == PF_RULE_OUTERMOST) {
        return END;
    }
    if ((rule & PF_RULE_KIND) == PF_RULE_THROUGH_FP) {
        if (!pf_readable_word(&walk->memory, fp - (rule & PF_RULE_OFFSET), &cfa) ||
            !pf_readable_word(&walk->memory, fp, &fp)) {
            return LOST;
        }
    } else {
        cfa += rule & PF_RULE_OFFSET;
    }
    if (cfa <= sp || !pf_readable_word(&walk->memory, cfa - pf_rule_return_slot(rule), &pc) ||
        (slot != 0 && !pf_readable_word(&walk->memory, cfa - slot, &fp))) {
        return LOST;
    }
    now->value[PF_REGISTER_SP] = cfa;
    now->value[PF_REGISTER_FP] = fp;
    now->value[PF_REGISTER_RETURN] = pc;
    walk->pc = pf_plain_address(pc);
    return walk->pc == 0 ? LOST : UP;
}

// What the loop over the frames keeps in registers.
struct place {
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t pc;
};

// The same as obey for nearly all frames, without leaving the loop's registers; false: ask obey.
PF_INLINE bool obey_quickly(uint64_t rule, uintptr_t low, uintptr_t size, struct place *place) {
    uintptr_t slot = pf_rule_slot(rule);
    uintptr_t cfa = rule & PF_RULE_OFFSET;
    if (PF_LIKELY((rule & PF_RULE_KIND) == PF_RULE_FROM_SP)) {
        cfa += place->sp;
    } else if (PF_LIKELY((rule & PF_RULE_KIND) == PF_RULE_FROM_FP)) {
        cfa += place->fp;
    } else {
        return false;
    }
    if (PF_UNLIKELY(cfa <= place->sp) ||
        PF_UNLIKELY(cfa - pf_rule_return_slot(rule) - low > size) ||
        PF_UNLIKELY(cfa - slot - low > size + WORD)) {
        return false;
    }
    uintptr_t pc = pf_plain_address(pf_load(cfa - pf_rule_return_slot(rule)));
    if (PF_UNLIKELY(pc == 0)) {
        return false;
    }
    if (slot != 0) {
        place->fp = pf_load(cfa - slot);
    }
    place->sp = cfa;
    place->pc = pc;
    return true;
}

static void store(struct walk *walk, const struct place *place) {
    struct pf_registers *registers = &walk->registers;
    if (registers->value[PF_REGISTER_SP] != place->sp) {
        registers->value[PF_REGISTER_SP] = place->sp;
        registers->value[PF_REGISTER_FP] = place->fp;
        registers->value[PF_REGISTER_RETURN] = place->pc;
        registers->known = FOLLOWED;
        walk->pc = place->pc;
    }
}

// The whole stack.  Where the cache is not trusted, every register is followed, not the two alone
// that nearly all frames are found by.
PF_INLINE unsigned follow(struct walk *walk, uintptr_t site, uintptr_t *ret_frames, unsigned depth,
                          bool trusted, enum step *ret_how) {
    const uintptr_t *value = walk->registers.value;
    struct place place = {value[PF_REGISTER_SP], value[PF_REGISTER_FP], walk->pc};
    uintptr_t low = walk->memory.low;
    uintptr_t size = walk->memory.high - low - WORD;
    unsigned count = 0;
    unsigned own = 0;
    bool fast = trusted;
    for (;;) {
        uint64_t rule = __atomic_load_n(pf_rule_place(place.pc), __ATOMIC_RELAXED);
        bool found = PF_LIKELY(fast) && PF_LIKELY(pf_rule_is_of(rule, place.pc));
        if (PF_UNLIKELY(!found) || PF_UNLIKELY(!obey_quickly(rule, low, size, &place))) {
            store(walk, &place);
            *ret_how = found ? obey(walk, rule) : climb(walk);
            if (*ret_how != UP) {
                return count;
            }
            place = (struct place){value[PF_REGISTER_SP], value[PF_REGISTER_FP], walk->pc};
            low = walk->memory.low;
            size = walk->memory.high - low - WORD;
            fast = trusted && !walk->exact;
        }
        if (PF_LIKELY(count != 0) || place.pc == site) {
            ret_frames[count++] = place.pc;
            if (count == depth) {
                *ret_how = END;
                return count;
            }
        } else if (own++ == OWN_MOST) {
            *ret_how = END;
            return 0;
        }
    }
}

static APART unsigned take_stack(const struct pf_memory *memory, uintptr_t site,
                                 uintptr_t *ret_frames, unsigned depth) {
    struct pf_unwind_state *state = memory->state;
    struct walk walk;
    enum step how;
    begin(&walk, memory);
    unsigned count = follow(&walk, site, ret_frames, depth, true, &how);
    if (PF_LIKELY(how != LOST)) {
        return count;
    }
    if (state->patience != 0) {
        state->patience--;
        return count;
    }
    begin(&walk, memory);
    unsigned found = follow(&walk, site, ret_frames, depth, false, &how);
    if (found <= count) {
        state->patience = PATIENCE; // not the cache: code that says nothing about itself
    }
    return found;
}

// Small itself: whether there is room for more is found out here.
unsigned pf_unwind(struct pf_unwind_state *state, uintptr_t site, uintptr_t *ret_frames,
                   unsigned depth) {
    struct pf_memory memory;
    if (depth == 0 || !pf_readable_stack(&memory, state, (uintptr_t)__builtin_frame_address(0))) {
        return 0;
    }
    return take_stack(&memory, pf_plain_address(site), ret_frames, depth);
}

void pf_unwind_note_main(void) { pf_readable_note_main(); }

void pf_unwind_init(void) {
    pf_module_init();
    pf_readable_init();
}
#else
void pf_unwind_note_main(void) {}
void pf_unwind_init(void) { pf_module_init(); }

unsigned pf_unwind(struct pf_unwind_state *state, uintptr_t site, uintptr_t *ret_frames,
                   unsigned depth) {
    (void)state, (void)site, (void)ret_frames, (void)depth;
    return 0;
}
#endif
