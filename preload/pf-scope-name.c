// SPDX-License-Identifier: Apache-2.0
// Names of scopes, each stored once in the segment; and whom a thread works for.
#define PF_PROFILE_LIBRARY
#include "pf-clock.h"
#include "pf-print.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-profile.h"
#include "pf-scope.h"
#include "pf-wrap.h"

#define MOST_TEXT 512u

static struct pf_scopes *scopes(void) {
    struct pf_segment *segment = pf_process.segment;
    uint64_t at = __atomic_load_n(&segment->scopes, __ATOMIC_ACQUIRE);
    if (at == 0) {
        struct pf_scopes *made = pf_segment_take(sizeof *made, PF_UNIT);
        if (made == NULL) {
            return NULL;
        }
        if (__atomic_compare_exchange_n(&segment->scopes, &at, pf_units(segment, made), false,
                                        __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
            return made;
        }
    }
    return pf_at(segment, at);
}

static bool is_known(uint32_t link, uint64_t site) {
    while (link != 0) {
        const struct pf_scope *scope = pf_at(pf_process.segment, link);
        if (scope->site == site) {
            return true;
        }
        link = scope->next;
    }
    return false;
}

void pf_scope_name(uint64_t site, const struct pf_profile_place *place, const void *group,
                   pf_profile_name_of *name_of) {
    struct pf_scopes *all = scopes();
    if (all == NULL) {
        return;
    }
    uint32_t *chain = &all->chain[(site * PF_KEY_MULTIPLIER) >> 56 & (PF_SCOPE_CHAINS - 1)];
    uint32_t first = __atomic_load_n(chain, __ATOMIC_ACQUIRE);
    if (is_known(first, site)) {
        return;
    }
    // The program's own function may be left by an exception: before anything is half done.
    const char *group_name = name_of != NULL ? name_of(group) : NULL;
    const char *klass = *place->klass;
    const char *const texts[PF_SCOPE_TEXTS] = {place->function, place->name, place->file, klass,
                                               group_name};
    size_t sizes[PF_SCOPE_TEXTS];
    size_t size = sizeof(struct pf_scope);
    for (unsigned i = 0; i < PF_SCOPE_TEXTS; i++) {
        sizes[i] = texts[i] != NULL ? pf_length_most(texts[i], MOST_TEXT) : 0;
        size += sizes[i];
    }
    struct pf_scope *scope = pf_segment_take(size, PF_UNIT);
    if (scope == NULL) {
        return;
    }
    scope->site = site;
    scope->group = (uintptr_t)group;
    scope->kind = place->kind;
    scope->line = place->line;
    char *to = scope->text;
    for (unsigned i = 0; i < PF_SCOPE_TEXTS; i++) {
        scope->size[i] = (uint16_t)sizes[i];
        for (size_t j = 0; j < sizes[i]; j++) {
            *to++ = texts[i][j];
        }
    }
    do {
        if (is_known(first, site)) {
            return; // another thread was quicker
        }
        scope->next = first;
    } while (!__atomic_compare_exchange_n(chain, &first,
                                          (uint32_t)pf_units(pf_process.segment, scope), false,
                                          __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
    pf_add_shared(&all->count, 1);
}

// --- context

static struct pf_context *context_of(struct pf_slot *slot) {
    if (slot->context == 0) {
        struct pf_context *context = pf_slot_take(slot, sizeof *context);
        struct pf_slow_context *slow = pf_slot_take(slot, PF_SLOT_SLOWEST * sizeof *slow);
        uint64_t none = 0;
        if (slow != NULL) {
            __atomic_compare_exchange_n(&slot->slow_contexts, &none,
                                        pf_units(pf_process.segment, slow), false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED);
        }
        none = 0;
        if (context != NULL) {
            __atomic_compare_exchange_n(&slot->context, &none,
                                        pf_units(pf_process.segment, context), false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED);
        }
    }
    return pf_at(pf_process.segment, slot->context);
}

// Cut at a character's end; the rest is zeroes.
static void copy(char *to, const char *from) {
    size_t size = pf_length_most(from, PF_CONTEXT_SIZE);
    if (size == PF_CONTEXT_SIZE) {
        size--;
        while (size > 0 && ((unsigned char)from[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    for (size_t i = 0; i < PF_CONTEXT_SIZE; i++) {
        to[i] = i < size ? from[i] : 0;
    }
}

static void change(struct pf_context *context, const char *user_id, const char *request_id,
                   const char *operation) {
    pf_add32(&context->sequence, 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    if (user_id != NULL) {
        copy(context->user_id, user_id);
    }
    if (request_id != NULL) {
        copy(context->request_id, request_id);
    }
    if (operation != NULL) {
        copy(context->operation, operation);
    }
    context->since_ns = pf_now();
    __atomic_thread_fence(__ATOMIC_RELEASE);
    pf_add32(&context->sequence, 1);
}

__attribute__((visibility("default"))) void pf_profile_set_context(struct pf_profile_context *saved,
                                                                   const char *user_id,
                                                                   const char *request_id,
                                                                   const char *operation) {
    if (PF_IS_OFF() || PF_IS_EARLY()) {
        return;
    }
    struct pf_entry *entry = pf_enter(PF_CALL_pf_profile_set_context, -1, PF_SITE, PF_FRAME);
    struct pf_slot *slot = pf_thread.slot;
    struct pf_context *context = entry != NULL && slot != NULL ? context_of(slot) : NULL;
    if (context == NULL) {
        return;
    }
    saved->used = pf_process.pid;
    copy(saved->user_id, context->user_id);
    copy(saved->request_id, context->request_id);
    copy(saved->operation, context->operation);
    change(context, user_id, request_id, operation);
}

__attribute__((visibility("default"))) void
pf_profile_restore_context(struct pf_profile_context *saved) {
    struct pf_slot *slot = pf_thread.slot;
    if (PF_IS_OFF() || slot == NULL || slot->context == 0 || saved->used != pf_process.pid) {
        return;
    }
    change(context_of(slot), saved->user_id, saved->request_id, saved->operation);
}
