// SPDX-License-Identifier: Apache-2.0
// Takes call stacks and keeps each once: chains by hash, linked by compare-and-swap, never unlinked.
#include "pf-stack.h"
#include "pf-module-table.h"
#include "pf-probe.h"

#define MOST_STACKS 16384u
#define MOST_CHAIN 64u

static struct pf_stacks *table(void) {
    struct pf_segment *segment = pf_process.segment;
    uint64_t at = __atomic_load_n(&segment->stacks, __ATOMIC_ACQUIRE);
    if (at == 0) {
        struct pf_stacks *made = pf_segment_take(sizeof *made, PF_UNIT);
        if (made == NULL) {
            return NULL;
        }
        if (__atomic_compare_exchange_n(&segment->stacks, &at, pf_units(segment, made), false,
                                        __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
            return made;
        }
    }
    return pf_at(segment, at);
}

static uint64_t hash_of(const uintptr_t *frames, unsigned depth, uint64_t key) {
    uint64_t hash = key * PF_KEY_MULTIPLIER;
    for (unsigned i = 0; i < depth; i++) {
        hash = (hash ^ frames[i]) * PF_KEY_MULTIPLIER;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool same(const struct pf_stack *stack, uint64_t hash, uint64_t key, const uintptr_t *frames,
                 unsigned depth) {
    if (stack->hash != hash || stack->depth != depth || stack->key != key) {
        return false;
    }
    for (unsigned i = 0; i < depth; i++) {
        if (stack->frame[i] != frames[i]) {
            return false;
        }
    }
    return true;
}

static struct pf_stack *make(struct pf_slot *slot, uint64_t hash, uint64_t key,
                             const uintptr_t *frames, unsigned depth) {
    struct pf_stack *stack = pf_slot_take(slot, sizeof *stack + depth * sizeof(uint64_t));
    if (stack == NULL) {
        return NULL;
    }
    stack->hash = hash;
    stack->key = key;
    stack->depth = depth;
    for (unsigned i = 0; i < depth; i++) {
        stack->frame[i] = frames[i];
        pf_module_note(frames[i]);
    }
    return stack;
}

// The stack's node, found or made.
static struct pf_stack *node(struct pf_slot *slot, uint64_t key, const uintptr_t *frames,
                             unsigned depth) {
    struct pf_segment *segment = pf_process.segment;
    struct pf_stacks *stacks = table();
    if (stacks == NULL) {
        return NULL;
    }
    uint64_t hash = hash_of(frames, depth, key);
    uint32_t *head = &stacks->chain[hash % PF_STACK_CHAINS];
    uint32_t first = __atomic_load_n(head, __ATOMIC_ACQUIRE);
    struct pf_stack *made = NULL;
    for (;;) {
        unsigned length = 0;
        for (uint32_t at = first; at != 0 && length < MOST_CHAIN; length++) {
            struct pf_stack *stack = pf_at(segment, at);
            if (same(stack, hash, key, frames, depth)) {
                return stack;
            }
            at = stack->next;
        }
        if (made == NULL && length < MOST_CHAIN &&
            __atomic_load_n(&stacks->count, __ATOMIC_RELAXED) < MOST_STACKS) {
            made = make(slot, hash, key, frames, depth);
        }
        if (made == NULL) {
            pf_add_shared(&stacks->refused, 1);
            return NULL;
        }
        made->next = first;
        if (__atomic_compare_exchange_n(head, &first, (uint32_t)pf_units(segment, made), false,
                                        __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
            __atomic_fetch_add(&stacks->count, 1, __ATOMIC_RELAXED);
            return made;
        }
    }
}

PF_COLD uint32_t pf_stack_take(struct pf_slot *slot, struct pf_detail *detail, uint64_t key,
                               uint64_t latency) {
    uintptr_t frames[PF_STACK_MOST];
    pf_add32(&detail->stacks_taken, 1);
    unsigned depth = pf_unwind(&pf_thread.unwind, (uintptr_t)(key & PF_KEY_SITE_MASK), frames,
                               pf_process.stack_depth);
    if (depth == 0) {
        return 0;
    }
    struct pf_stack *stack = node(slot, key, frames, depth);
    if (stack == NULL) {
        return 0;
    }
    // How many calls this one stands for: of its period, and of the timed calls that gave no stack.
    double period = detail->period > 1 ? detail->period : 1;
    double weight = detail->stacks_taken <= PF_STACK_FIRST ? 1 : pf_process.stack_every;
    pf_add_shared(&stack->taken, 1);
    pf_add_shared(&stack->taken_ns, latency);
    pf_add_shared(&stack->weight, (uint64_t)(16 * period * weight));
    return (uint32_t)pf_units(pf_process.segment, stack);
}
