// SPDX-License-Identifier: Apache-2.0
// Finds the callers behind a wrapper.
#include "pf-callers.h"
#include "pf-module-table.h"
#include "pf-process.h"
#include <string.h>

#define DEEPEST 6u

static bool in_logger(uint64_t address) {
    static const char *const names[] = {
        "/libc.so.",     "/libc-2",       "/libstdc++.so", "/libglib-2.0.so", "/libgobject-2.0.so",
        "/libspdlog.so", "/liblog4c",     "/liblog4cplus", "/libglog.so",     "/libsystemd.so",
        "/libzlog.so",   "/libboost_log", "/libfmt.so",
    };
    const struct pf_module *module = pf_module_noted(address);
    if (module == NULL) {
        return false;
    }
    char name[256];
    size_t size = module->name_size < sizeof name ? module->name_size : sizeof name - 1;
    for (size_t i = 0; i < size; i++) {
        name[i] = module->name[i];
    }
    name[size] = 0;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(name, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

// The frame `level` calls above the innermost that is nobody's logger; 0: the stack is not that deep.
static uint64_t frame_of(const struct pf_stack *stack, unsigned level) {
    unsigned at = 0;
    while (at < stack->depth && in_logger(stack->frame[at])) {
        at++;
    }
    at += level;
    return at < stack->depth && !in_logger(stack->frame[at]) ? stack->frame[at] : 0;
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

static void at_level(struct pf_segment *segment, const struct pf_stacks *stacks, uint64_t site,
                     unsigned call, unsigned level, struct pf_callers *ret) {
    *ret = (struct pf_callers){.count = 0};
    for (unsigned i = 0; i < PF_STACK_CHAINS; i++) {
        uint32_t at = __atomic_load_n(&stacks->chain[i], __ATOMIC_ACQUIRE);
        while (at != 0) {
            const struct pf_stack *stack = pf_at(segment, at);
            uint64_t frame = 0;
            if ((stack->key & PF_KEY_SITE_MASK) == site && pf_key_call(stack->key) == call) {
                frame = frame_of(stack, level);
            }
            if (frame != 0) {
                add(ret, frame, stack->weight);
            }
            at = stack->next;
        }
    }
}

void pf_callers_find(struct pf_segment *segment, uint64_t site, unsigned call,
                     struct pf_callers *ret_callers) {
    *ret_callers = (struct pf_callers){.count = 0};
    const struct pf_stacks *stacks = pf_at(segment, segment->stacks);
    if (stacks == NULL) {
        return;
    }
    // The first level, from the site up, at which the paths part.  The main loop of a program that
    // everything comes from is not one: then the site itself is the place.
    struct pf_callers found;
    for (unsigned level = 0; level <= DEEPEST; level++) {
        at_level(segment, stacks, site, call, level, &found);
        if (found.count == 0) {
            break;
        }
        if (level == 0 || found.count > 1) {
            *ret_callers = found;
        }
        if (found.count > 1) {
            return;
        }
    }
}
