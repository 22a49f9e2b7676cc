// SPDX-License-Identifier: Apache-2.0
// Rules: how to get one frame up, as far as nearly all frames need it, and a cache of them.
//
// A rule and the address that it is of are one word, so that it can be neither torn nor taken for
// another's: the place in the cache is the address's low bits, mixed with the high ones, which are
// stored.
//
//      bits 0..1       kind
//      bits 0..19      the CFA is this far from its register (a multiple of the word)
//      bits 20..28     the caller's frame pointer is this many words below the CFA; 0: was kept
//      bits 29..63     address >> PF_RULE_PLACE_BITS
#pragma once
#include "pf-arch.h"
#include "pf-cfi.h"

enum pf_rule_kind {
    PF_RULE_FROM_SP,
    PF_RULE_FROM_FP,
    PF_RULE_THROUGH_FP, // a realigned stack: the CFA is stored that far below the frame pointer
    PF_RULE_OUTERMOST,
};
#define PF_RULE_KIND 3u
#define PF_RULE_OFFSET 0xffffcu
#define PF_RULE_SLOT_SHIFT 20
#define PF_RULE_SLOT_MOST 0x1ffu
#define PF_RULE_TAG_SHIFT 29
#define PF_RULE_PLACE_BITS 12
#ifdef __aarch64__
#define PF_RULE_PC_SHIFT 2 // instructions have 4 bytes, and addresses one bit more
#else
#define PF_RULE_PC_SHIFT 0
#endif

extern uint64_t pf_rules[1u << PF_RULE_PLACE_BITS] __attribute__((visibility("hidden")));

PF_INLINE uint64_t *pf_rule_place(uintptr_t pc) {
    uintptr_t key = pc >> PF_RULE_PC_SHIFT;
    return &pf_rules[(key ^ key >> PF_RULE_PLACE_BITS) & ((1u << PF_RULE_PLACE_BITS) - 1)];
}

PF_INLINE bool pf_rule_is_of(uint64_t rule, uintptr_t pc) {
    return rule >> PF_RULE_TAG_SHIFT == pc >> PF_RULE_PC_SHIFT >> PF_RULE_PLACE_BITS;
}

// How many bytes below the CFA the caller's frame pointer is, 0 if it was kept.
PF_INLINE uintptr_t pf_rule_slot(uint64_t rule) {
    return (uintptr_t)(rule >> PF_RULE_SLOT_SHIFT & PF_RULE_SLOT_MOST) * sizeof(uintptr_t);
}

// How many bytes below the CFA the return address is.
PF_INLINE uintptr_t pf_rule_return_slot(uint64_t rule) {
#ifdef __aarch64__
    return pf_rule_slot(rule) - sizeof(uintptr_t); // a frame record: x29, x30
#else
    return sizeof(uintptr_t);
#endif
}

// A row as a rule; false when it does not fit into one.
bool pf_rule_make(struct pf_span span, const struct pf_row *row, uint64_t *ret_rule);

void pf_rule_keep(uintptr_t pc, uint64_t rule);
