// SPDX-License-Identifier: Apache-2.0
// Finds the callers behind a wrapper.
#include "pf-callers.h"
#include "pf-module-table.h"
#include "pf-process.h"

#define DEEPEST 6u

// A walk over the stacks of one site.  Most frames lie in the module that was looked at last.
struct walk {
    struct pf_segment *segment;
    const struct pf_stacks *stacks;
    uint64_t site;
    unsigned call;
    const struct pf_module *module;
    bool is_logger;
};

static bool begins_with(const char *text, size_t size, const char *start) {
    size_t i = 0;
    while (start[i] != 0 && i < size && text[i] == start[i]) {
        i++;
    }
    return start[i] == 0;
}

static bool is_logger(const struct pf_module *module) {
    static const char *const names[] = {
#define PF_LOGGER(name) name,
#include "pf-loggers.def"
#undef PF_LOGGER
    };
    size_t base = module->name_size;
    while (base > 0 && module->name[base - 1] != '/') {
        base--;
    }
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (begins_with(module->name + base, module->name_size - base, names[i])) {
            return true;
        }
    }
    return false;
}

static bool in_logger(struct walk *walk, uint64_t address) {
    const struct pf_module *module = walk->module;
    if (module == NULL || address < module->start || address >= module->end) {
        module = pf_module_noted(address);
        if (module == NULL) {
            return false;
        }
        walk->module = module;
        walk->is_logger = is_logger(module);
    }
    return walk->is_logger;
}

// The stack after `stack`, or the first one for NULL.
static const struct pf_stack *next_stack(const struct walk *walk, unsigned *chain,
                                         const struct pf_stack *stack) {
    uint32_t at = stack != NULL ? stack->next : 0;
    *chain = stack != NULL ? *chain : 0;
    for (;;) {
        while (at == 0) {
            if (*chain == PF_STACK_CHAINS) {
                return NULL;
            }
            at = __atomic_load_n(&walk->stacks->chain[(*chain)++], __ATOMIC_ACQUIRE);
        }
        stack = pf_at(walk->segment, at);
        if ((stack->key & PF_KEY_SITE_MASK) == walk->site &&
            pf_key_call(stack->key) == walk->call) {
            return stack;
        }
        at = stack->next;
    }
}

// The innermost frame that is nobody's logger.
static unsigned first_frame(struct walk *walk, const struct pf_stack *stack) {
    unsigned at = 0;
    while (at < stack->depth && in_logger(walk, stack->frame[at])) {
        at++;
    }
    return at;
}

// 0: the stack is not that deep, or it is a logger's.
static uint64_t frame_at(struct walk *walk, const struct pf_stack *stack, unsigned at) {
    return at < stack->depth && !in_logger(walk, stack->frame[at]) ? stack->frame[at] : 0;
}

// The first level, from the site up, at which the paths part.  The main loop of a program that
// everything comes from is not one: then the site itself is the place, level 0.
static unsigned find_level(struct walk *walk) {
    uint64_t frame[DEEPEST + 1] = {0};
    bool parts[DEEPEST + 1] = {false};
    unsigned chain = 0;
    for (const struct pf_stack *stack = next_stack(walk, &chain, NULL); stack != NULL;
         stack = next_stack(walk, &chain, stack)) {
        unsigned first = first_frame(walk, stack);
        for (unsigned level = 0; level <= DEEPEST && !(level > 0 && parts[level - 1]); level++) {
            uint64_t found = frame_at(walk, stack, first + level);
            parts[level] |= found != 0 && frame[level] != 0 && found != frame[level];
            frame[level] = frame[level] != 0 ? frame[level] : found;
        }
    }
    for (unsigned level = 0; level <= DEEPEST && frame[level] != 0; level++) {
        if (parts[level]) {
            return level;
        }
    }
    return 0;
}

static void add(struct pf_callers *callers, uint64_t address, uint64_t weight) {
    callers->weight += weight;
    size_t i = 0;
    while (i < callers->count && callers->caller[i].address != address) {
        i++;
    }
    if (i == callers->count) {
        if (i == PF_MOST_CALLERS) {
            callers->others += weight;
            return;
        }
        callers->caller[callers->count++] = (struct pf_caller){.address = address};
    }
    callers->caller[i].weight += weight;
    callers->caller[i].stacks++;
    for (; i > 0 && callers->caller[i - 1].weight < callers->caller[i].weight; i--) {
        struct pf_caller caller = callers->caller[i];
        callers->caller[i] = callers->caller[i - 1];
        callers->caller[i - 1] = caller;
    }
}

void pf_callers_find(struct pf_segment *segment, uint64_t site, unsigned call,
                     struct pf_callers *ret_callers) {
    struct walk walk = {.segment = segment, .site = site, .call = call};
    *ret_callers = (struct pf_callers){.count = 0};
    walk.stacks = pf_at(segment, segment->stacks);
    if (walk.stacks == NULL) {
        return;
    }
    unsigned level = find_level(&walk);
    unsigned chain = 0;
    for (const struct pf_stack *stack = next_stack(&walk, &chain, NULL); stack != NULL;
         stack = next_stack(&walk, &chain, stack)) {
        uint64_t frame = frame_at(&walk, stack, first_frame(&walk, stack) + level);
        if (frame != 0) {
            add(ret_callers, frame, stack->weight);
        }
    }
}
