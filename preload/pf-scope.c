// SPDX-License-Identifier: Apache-2.0
// Profiled scopes: the entry points that pf-profile.h and -finstrument-functions call.
//
// A scope is a site like any other, so that it has its slot's entry, skip, histogram and detail.  Which
// scopes a thread is in is kept in its slot, never in the program's stack: longjmp leaves scopes behind
// whose memory is long somebody else's.  They are known by their address: a scope below a newer frame is
// dead.  A handler between any two instructions finds each frame whole or not yet there.
#define PF_PROFILE_LIBRARY
#include "pf-scope.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-profile.h"
#include "pf-record.h"
#include "pf-skip.h"
#include "pf-wrap.h"

_Static_assert(PF_PROFILE_CONTEXT_SIZE == PF_CONTEXT_SIZE, "what is set is what is kept");

#define NO_FRAME UINT32_MAX
// A handler may run on another stack, whose addresses say nothing about ours; that lies farther off.
#define SAME_STACK ((uintptr_t)1 << 20)

static struct pf_scope_stack *stack_of(const struct pf_slot *slot) {
    return pf_at(pf_process.segment, slot->scopes);
}

// `newer`: the stack pointer of a function that runs now.
PF_INLINE bool is_dead(const struct pf_scope_frame *frame, uintptr_t newer) {
    return newer - frame->at - 1 < SAME_STACK;
}

static PF_COLD struct pf_scope_stack *make_stack(struct pf_slot *slot) {
    if (slot->scopes == 0) {
        struct pf_scope_stack *stack = pf_segment_take(sizeof *stack, 128);
        if (stack == NULL) {
            return NULL;
        }
        uint64_t none = 0;
        __atomic_compare_exchange_n(&slot->scopes, &none, pf_units(pf_process.segment, stack),
                                    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
    pf_thread.scopes = stack_of(slot);
    return pf_thread.scopes;
}

static struct pf_scope_sums *sums_of(const struct pf_detail *detail) {
    return pf_at(pf_process.segment, __atomic_load_n(&detail->scope, __ATOMIC_ACQUIRE));
}

// --- the frames

// Takes a place for a scope at `at`; NULL when there is none left.  Not even an inlined function is
// twice at the same place at once, so an equal frame is dead too.
static struct pf_scope_frame *push(struct pf_scope_stack *stack, uintptr_t newer, uintptr_t at,
                                   uintptr_t function) {
    uint32_t depth = stack->depth;
    while (depth > 0 && PF_UNLIKELY(is_dead(&stack->frame[depth - 1], newer) ||
                                    (stack->frame[depth - 1].at == at &&
                                     stack->frame[depth - 1].function == function))) {
        stack->frame[--depth].detail = 0;
        stack->depth = depth;
    }
    if (PF_UNLIKELY(depth >= PF_SCOPE_FRAMES)) {
        pf_add(&stack->deep, 1);
        return NULL;
    }
    struct pf_scope_frame *frame = &stack->frame[depth];
    pf_add32(&stack->depth, 1);
    frame->at = at;
    frame->function = function;
    return frame;
}

// Lets go of a frame and of those above it, which longjmp has left.
static PF_COLD void pop_many(struct pf_scope_stack *stack, uint32_t index) {
    for (uint32_t i = stack->depth; i-- > index;) {
        __atomic_store_n(&stack->frame[i].detail, 0, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&stack->depth, index, __ATOMIC_RELAXED);
}

PF_INLINE void pop(struct pf_scope_stack *stack, uint32_t index) {
    if (PF_UNLIKELY(stack->depth != index + 1)) {
        pop_many(stack, index);
        return;
    }
    __atomic_store_n(&stack->frame[index].detail, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&stack->depth, index, __ATOMIC_RELAXED);
}

void pf_scope_attach(struct pf_slot *slot) {
    pf_thread.scopes = stack_of(slot);
    if (pf_thread.scopes != NULL) {
        pop(pf_thread.scopes, 0);
        pf_thread.scopes->beyond = 0;
    }
}

static bool is_open(const struct pf_scope_stack *stack, uint32_t below, uint32_t detail) {
    for (uint32_t i = 0; i < below; i++) {
        if (stack->frame[i].detail == detail) {
            return true;
        }
    }
    return false;
}

// --- timed scopes

// Draws the next skip, and says whether this one is timed.
static bool is_timed(struct pf_entry *entry, struct pf_detail *detail, struct pf_slot *slot,
                     bool *ret_certain) {
    double factor = detail->skip_factor;
    entry->skip = factor == 0 ? 0 : pf_skip_draw(factor, &slot->random);
    *ret_certain = factor < 0 && entry->calls == 1;
    return factor <= 0;
}

// The sums of a scope, made with its name at its first timed call, which is its first of all.
static PF_COLD void make_sums(struct pf_slot *slot, struct pf_detail *detail, uint64_t site,
                              const struct pf_profile_place *place, const void *group,
                              pf_profile_name_of *name_of) {
    struct pf_scope_sums *sums = pf_slot_take(slot, sizeof *sums);
    uint64_t none = 0;
    if (sums != NULL) {
        __atomic_compare_exchange_n(&detail->scope, &none, pf_units(pf_process.segment, sums),
                                    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
    if (place != NULL) {
        pf_scope_name(site, place, group, name_of);
    }
}

static void add_inclusive(struct pf_inclusive *sums, double period, uint64_t latency) {
    pf_add(&sums->count, 1);
    if (period <= 1) {
        pf_add(&sums->exact_ns, latency);
        return;
    }
    double ns = (double)latency;
    pf_add_double(&sums->weighted_ns, period * ns);
    pf_add_double(&sums->variance_ns2, period * (period - 1) * ns * ns);
}

static void record(struct pf_slot *slot, uint32_t link, uint32_t flags, double period,
                   uint64_t start, uint64_t now) {
    struct pf_detail *detail = pf_at(pf_process.segment, link);
    bool certain = flags & PF_SCOPE_CERTAIN;
    uint64_t latency = pf_since(start + pf_clock_cost_ns, now);
    pf_record_latency(slot, detail, certain, period, latency);
    pf_record_moment(detail, start, now);
    struct pf_scope_sums *sums = sums_of(detail);
    if (sums != NULL && (flags & PF_SCOPE_INSIDE_ITSELF) == 0) {
        add_inclusive(&sums->whole, certain ? 1 : period, latency);
    }
}

// --- scopes of pf-profile.h

static PF_COLD void enter_due(struct pf_profile_scope *scope, struct pf_entry *entry, uint64_t site,
                              const struct pf_profile_place *place, const void *group,
                              pf_profile_name_of *name_of) {
    struct pf_slot *slot = pf_thread.slot;
    struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
    struct pf_scope_stack *stack = scope->stack;
    bool certain;
    if (slot == NULL || detail == NULL) {
        entry->skip = PF_SKIP_NEVER;
        return;
    }
    if (detail->scope == 0) {
        make_sums(slot, detail, site, place, group, name_of);
    }
    if (!is_timed(entry, detail, slot, &certain)) {
        return;
    }
    uint32_t below = scope->index != NO_FRAME ? scope->index : stack->depth;
    scope->detail = entry->detail;
    scope->flags = (certain ? PF_SCOPE_CERTAIN : 0) |
                   (is_open(stack, below, entry->detail) ? PF_SCOPE_INSIDE_ITSELF : 0);
    scope->period = detail->period;
    scope->start_ns = pf_now();
}

// An object or a type among others of the same place.
PF_INLINE uint64_t site_of(const struct pf_profile_place *place, const void *group) {
    uint64_t site = (uintptr_t)place;
    if (group != NULL) {
        site += ((uint64_t)(uintptr_t)group * PF_KEY_MULTIPLIER) >> 16;
    }
    return site & PF_KEY_SITE_MASK;
}

static void open_scope(struct pf_profile_scope *scope, struct pf_scope_stack *stack,
                       const struct pf_entry *entry, uintptr_t newer) {
    struct pf_scope_frame *frame = push(stack, newer, (uintptr_t)scope, 0);
    scope->stack = stack;
    scope->start_ns = 0;
    scope->index = NO_FRAME;
    if (PF_LIKELY(frame != NULL)) {
        scope->index = (uint32_t)(frame - stack->frame);
        __atomic_store_n(&frame->detail, entry->detail, __ATOMIC_RELEASE);
    }
}

static PF_COLD void enter_slow(struct pf_profile_scope *scope, const struct pf_profile_place *place,
                               const void *group, pf_profile_name_of *name_of, void *frame) {
    if (PF_IS_OFF() || PF_IS_EARLY()) {
        return;
    }
    uint64_t site = site_of(place, group);
    struct pf_entry *entry = pf_enter(PF_CALL_pf_profile_enter, -1, (void *)(uintptr_t)site, frame);
    if (entry == NULL || entry->key == 0 || pf_thread.slot == NULL) {
        return;
    }
    struct pf_scope_stack *stack = pf_thread.scopes;
    if (stack == NULL && (stack = make_stack(pf_thread.slot)) == NULL) {
        return;
    }
    open_scope(scope, stack, entry, (uintptr_t)frame);
    if (pf_due(entry)) {
        enter_due(scope, entry, site, place, group, name_of);
    }
}

// True when push() has nothing to do but take the place at `depth`.
PF_INLINE bool is_next(const struct pf_scope_stack *stack, uint32_t depth, uintptr_t newer,
                       uintptr_t at) {
    return PF_LIKELY(depth < PF_SCOPE_FRAMES) &&
           (depth == 0 || (PF_LIKELY(!is_dead(&stack->frame[depth - 1], newer)) &&
                           PF_LIKELY(stack->frame[depth - 1].at != at)));
}

// The quick way is that of pf_enter() and push(), and saves no register: all else is jumped to.
__attribute__((visibility("default"))) void pf_profile_enter(struct pf_profile_scope *scope,
                                                             const struct pf_profile_place *place,
                                                             const void *group,
                                                             pf_profile_name_of *name_of) {
    if (PF_UNLIKELY(pf_mode != PF_MODE_ON)) { // before pf_thread, which may not be there yet
        enter_slow(scope, place, group, name_of, PF_FRAME);
        return;
    }
    struct pf_slot *slot = pf_thread.slot;
    struct pf_scope_stack *stack = pf_thread.scopes;
    if (PF_UNLIKELY(slot == NULL) || PF_UNLIKELY(stack == NULL)) {
        enter_slow(scope, place, group, name_of, PF_FRAME);
        return;
    }
    uint64_t site = site_of(place, group);
    struct pf_entry *entry = &slot->cache[pf_home(site, PF_STREAM_NONE)];
    // One register, not the parts that it was made of.
    __asm__("" : "+r"(entry));
    uint32_t depth = stack->depth;
    if (PF_UNLIKELY(entry->key !=
                    pf_key(PF_CALL_pf_profile_enter, PF_STREAM_NONE, (void *)(uintptr_t)site)) ||
        PF_UNLIKELY(__atomic_load_n(&slot->control, __ATOMIC_RELAXED) != 0) ||
        PF_UNLIKELY(!is_next(stack, depth, (uintptr_t)PF_FRAME, (uintptr_t)scope))) {
        enter_slow(scope, place, group, name_of, PF_FRAME);
        return;
    }
    pf_add(&entry->calls, 1);
    struct pf_scope_frame *frame = &stack->frame[depth];
    __asm__("" : "+r"(frame));
    pf_add32(&stack->depth, 1);
    frame->at = (uintptr_t)scope;
    frame->function = 0;
    scope->stack = stack;
    scope->start_ns = 0;
    scope->index = depth;
    __atomic_store_n(&frame->detail, entry->detail, __ATOMIC_RELEASE);
    if (pf_due(entry)) {
        enter_due(scope, entry, site, place, group, name_of);
    }
}

PF_INLINE bool close_scope(struct pf_profile_scope *scope) {
    struct pf_scope_stack *stack = scope->stack;
    if (PF_UNLIKELY(stack != pf_thread.scopes)) {
        return false; // begun before a fork, or the thread has let go of its slot
    }
    uint32_t index = scope->index;
    if (PF_LIKELY(index < stack->depth) && PF_LIKELY(stack->frame[index].at == (uintptr_t)scope)) {
        pop(stack, index);
    }
    return true;
}

static PF_COLD void leave_timed(struct pf_profile_scope *scope) {
    uint64_t now = pf_now();
    struct pf_slot *slot = pf_thread.slot;
    if (close_scope(scope) && slot != NULL) {
        record(slot, scope->detail, scope->flags, scope->period, scope->start_ns, now);
    }
}

__attribute__((visibility("default"))) void pf_profile_leave(struct pf_profile_scope *scope) {
    if (PF_UNLIKELY(scope->start_ns != 0)) {
        leave_timed(scope);
        return;
    }
    close_scope(scope);
}

// --- spans: begun and ended on threads of their own, so counted where they end, and where they begin

__attribute__((visibility("default"))) void pf_profile_begin(struct pf_profile_span *span,
                                                             const struct pf_profile_place *place) {
    if (PF_UNLIKELY(pf_mode != PF_MODE_ON) && (PF_IS_OFF() || PF_IS_EARLY())) {
        return;
    }
    uint64_t site = site_of(place, NULL);
    struct pf_entry *entry =
        pf_enter(PF_CALL_pf_profile_begin, -1, (void *)(uintptr_t)site, PF_FRAME);
    if (entry == NULL || entry->key == 0) {
        return;
    }
    span->start_ns = 0;
    span->pid = pf_process.pid;
    span->place = place;
    struct pf_slot *slot = pf_thread.slot;
    struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
    if (!pf_due(entry) || slot == NULL || detail == NULL) {
        return;
    }
    bool certain;
    if (detail->scope == 0) {
        make_sums(slot, detail, site, place, NULL, NULL);
    }
    if (is_timed(entry, detail, slot, &certain)) {
        span->certain = certain;
        span->period = detail->period;
        span->start_ns = pf_now();
    }
}

__attribute__((visibility("default"))) void pf_profile_end(struct pf_profile_span *span) {
    uint64_t now = span->start_ns != 0 ? pf_now() : 0;
    const struct pf_profile_place *place =
        __atomic_exchange_n((const struct pf_profile_place **)&span->place, NULL, __ATOMIC_ACQ_REL);
    if (place == NULL || PF_IS_OFF() || span->pid != pf_process.pid) {
        return; // ended already, or begun by the parent before a fork
    }
    struct pf_entry *entry =
        pf_enter(PF_CALL_pf_profile_end, -1, (void *)(uintptr_t)site_of(place, NULL), PF_FRAME);
    struct pf_slot *slot = pf_thread.slot;
    if (entry == NULL || entry->key == 0 || entry->detail == 0 || slot == NULL || now == 0) {
        return;
    }
    struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
    uint64_t latency = pf_since(span->start_ns + pf_clock_cost_ns, now);
    pf_record_latency(slot, detail, span->certain, span->period, latency);
    pf_record_moment(detail, span->start_ns, now);
}

// --- -finstrument-functions: no memory of the caller's, so all of it is in the frame

PF_EXPORT void PF_WRAPPER(__cyg_profile_func_enter)(void *function, void *caller) {
    if (PF_UNLIKELY(pf_mode != PF_MODE_ON) && (PF_IS_OFF() || PF_IS_EARLY())) {
        return;
    }
    struct pf_entry *entry = pf_enter(PF_CALL___cyg_profile_func_enter, -1, function, PF_FRAME);
    if (PF_UNLIKELY(entry == NULL) || PF_UNLIKELY(entry->key == 0)) {
        return;
    }
    struct pf_slot *slot = pf_thread.slot;
    struct pf_scope_stack *stack = pf_thread.scopes;
    if (PF_UNLIKELY(stack == NULL) && (stack = make_stack(slot)) == NULL) {
        return;
    }
    struct pf_scope_frame *frame =
        push(stack, (uintptr_t)PF_FRAME, (uintptr_t)PF_FRAME, (uintptr_t)function);
    if (PF_UNLIKELY(frame == NULL)) {
        pf_add32(&stack->beyond, 1);
        return;
    }
    stack->beyond = 0; // those that were have been left by longjmp
    frame->start_ns = 0;
    uint32_t detail = entry->detail;
    __atomic_store_n(&frame->detail, detail, __ATOMIC_RELEASE);
    if (!pf_due(entry) || detail == 0) {
        return;
    }
    bool certain;
    struct pf_detail *at = pf_at(pf_process.segment, detail);
    if (at->scope == 0) {
        make_sums(slot, at, 0, NULL, NULL, NULL);
    }
    if (is_timed(entry, at, slot, &certain)) {
        uint32_t below = (uint32_t)(frame - stack->frame);
        frame->flags = (certain ? PF_SCOPE_CERTAIN : 0) |
                       (is_open(stack, below, detail) ? PF_SCOPE_INSIDE_ITSELF : 0);
        frame->period = at->period;
        frame->start_ns = pf_now();
    }
}

PF_EXPORT void PF_WRAPPER(__cyg_profile_func_exit)(void *function, void *caller) {
    struct pf_scope_stack *stack = pf_thread.scopes;
    if (PF_IS_OFF() || stack == NULL) {
        return;
    }
    uint64_t now = 0;
    if (stack->beyond != 0) {
        stack->beyond--;
        return;
    }
    for (uint32_t i = stack->depth; i-- > 0;) {
        struct pf_scope_frame *frame = &stack->frame[i];
        if (frame->function != (uintptr_t)function || frame->detail == 0) {
            continue;
        }
        uint64_t start = frame->start_ns;
        uint32_t detail = frame->detail;
        uint32_t flags = frame->flags;
        double period = frame->period;
        now = start != 0 ? pf_now() : 0;
        pop(stack, i);
        if (now != 0 && pf_thread.slot != NULL) {
            record(pf_thread.slot, detail, flags, period, start, now);
        }
        return;
    }
}

// --- what output calls leave with the scopes around them

PF_COLD void pf_scope_charge(struct pf_slot *slot, uintptr_t frame, double period,
                             uint64_t latency) {
    struct pf_scope_stack *stack = stack_of(slot);
    uint32_t depth = stack->depth;
    for (uint32_t i = 0; i < depth && i < PF_SCOPE_FRAMES; i++) {
        uint32_t link = __atomic_load_n(&stack->frame[i].detail, __ATOMIC_ACQUIRE);
        if (link == 0 || is_dead(&stack->frame[i], frame) || is_open(stack, i, link)) {
            continue;
        }
        struct pf_scope_sums *sums = sums_of(pf_at(pf_process.segment, link));
        if (sums != NULL) {
            add_inclusive(&sums->output, period, latency);
        }
    }
}
