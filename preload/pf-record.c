// SPDX-License-Identifier: Apache-2.0
// Timed calls: what is read before and after one, and what is made of it.
//
// A signal handler's own timed call may come between any two instructions here.  So each sum grows by
// single instructions, each maximum by compare-and-swap, and each event is filled in a place of its
// own; nothing is guarded, and a handler that jumps away leaves nothing locked.
#include "pf-record.h"
#include "pf-libc.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-scope.h"
#include "pf-scripted.h"
#include "pf-skip.h"
#include "pf-stack.h"
#include "pf-switch.h"
#include <stdio_ext.h>
#include <string.h>

#define BEING_WRITTEN UINT64_MAX

enum { ASK_FLUSH = 1, ASK_LOCK = 2, ASK_BLOCKED = 4 }; // as in pf-env.def

// --- before

#ifdef __GLIBC__
#define USER_LOCK 0x8000 // __fsetlocking: the caller locks
#endif

// Bytes in the stream's buffer.
PF_INLINE size_t pending(FILE *stream) {
#ifdef __GLIBC__
    if (PF_LIKELY(stream->_mode <= 0)) {
        return (size_t)(stream->_IO_write_ptr - stream->_IO_write_base);
    }
#endif
    return __fpending(stream);
}

PF_INLINE bool may_be_locked(const FILE *stream) {
#ifdef __GLIBC__
    return !pf_libc_is_single_threaded() && (stream->_flags & USER_LOCK) == 0;
#else
    (void)stream;
    return true;
#endif
}

// Waits for the stream's lock as the real call would, only that we look at the clock.  The lock is held
// over the real call, which takes it once more: let go of in between, it would be another thread's
// again.  A call that is left otherwise (cancellation, an exception out of a cookie's writer, longjmp)
// is noticed at the thread's next call, which the control word sends the slow way, or at its end.  A
// handler of ours for that would need libgcc's personality, and libgcc_s with it.
static PF_COLD void wait_for_lock(struct pf_probe *probe) {
    struct pf_thread *thread = &pf_thread;
    if (thread->held != NULL) {
        return; // a writer that prints, inside such a call
    }
    uint64_t start = pf_now();
    flockfile(probe->stream);
    if (PF_IS_SCRIPTED) {
        pf_scripted_wait(probe);
    }
    thread->held = probe->stream;
    thread->held_from = probe->frame;
    probe->locked = true;
    __atomic_or_fetch(&probe->slot->control, PF_CTL_HELD, __ATOMIC_RELAXED);
    uint64_t waited = pf_since(start, pf_now());
    probe->lock_ns = waited > pf_clock_cost_ns ? waited - pf_clock_cost_ns : 0;
}

PF_COLD void pf_let_go(void) {
    struct pf_thread *thread = &pf_thread;
    FILE *held = thread->held;
    thread->held = NULL;
    if (thread->slot != NULL) {
        __atomic_and_fetch(&thread->slot->control, ~PF_CTL_HELD, __ATOMIC_RELAXED);
    }
    if (held != NULL) {
        funlockfile(held);
    }
}

// The first calls of a site are timed with certainty, without a draw.
static PF_COLD void is_early(struct pf_probe *probe, struct pf_entry *entry) {
    uint64_t certain = pf_process.segment->control.certain;
    certain = certain == 0 ? 1 : certain < PF_MOST_CERTAIN ? certain : PF_MOST_CERTAIN;
    probe->certain = entry->calls <= certain;
    entry->skip = entry->calls < certain ? 0 : entry->skip;
}

void pf_begin(struct pf_probe *probe, struct pf_entry *entry, FILE *stream, bool locks) {
    struct pf_slot *slot = pf_thread.slot;
    probe->detail = NULL;
    probe->locked = false;
    if (PF_UNLIKELY(slot == NULL || entry->detail == 0)) {
        entry->skip = PF_SKIP_NEVER;
        return;
    }
    struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
    double factor = detail->skip_factor;
    if (PF_LIKELY(factor < 0)) {
        // Taken before it is used: a handler that comes in between draws its own.
        double log_uniform = slot->log_uniform;
        slot->log_uniform = 0;
        entry->skip = pf_skip_of(
            factor, PF_LIKELY(log_uniform < 0) ? log_uniform : pf_log_uniform(&slot->random));
    } else {
        entry->skip = factor == 0 ? 0 : PF_SKIP_NEVER;
    }
    if (factor > 0) {
        return; // rate 0: count only
    }
    const uint32_t why = pf_process.why;
    if (PF_UNLIKELY(!(why & ASK_FLUSH)) && !(locks && (why & ASK_LOCK))) {
        stream = NULL;
    }
    probe->slot = slot;
    probe->entry = entry;
    probe->period = detail->period;
    probe->certain = false;
    if (factor < 0 && PF_UNLIKELY(entry->calls <= PF_MOST_CERTAIN)) {
        is_early(probe, entry);
    }
    probe->stream = stream;
    probe->lock_ns = 0;
    probe->level = PF_LEVEL_NONE;
    if (stream != NULL) {
        probe->pending = pending(stream);
    }
    probe->detail = detail;
    if (PF_IS_SCRIPTED) {
        pf_scripted_begin(probe);
    }
    if (PF_LIKELY(why & ASK_BLOCKED)) {
        pf_switches_begin(probe);
    } else {
        probe->switches_by = PF_SWITCHES_NOT_ASKED;
    }
    probe->start_ns = pf_now();
    slot->in_call_key = entry->key;
    slot->in_call_ns = probe->start_ns;
    const bool made_to_wait = PF_IS_SCRIPTED && pf_scripted_is_locked(probe);
    if (locks && PF_LIKELY(why & ASK_LOCK) && (made_to_wait || may_be_locked(stream))) {
        if (!made_to_wait && PF_LIKELY(ftrylockfile(stream) == 0)) {
            funlockfile(stream);
        } else {
            wait_for_lock(probe);
            if (why & ASK_BLOCKED) {
                pf_switches_begin(probe); // that wait is told apart
            }
        }
    }
}

// --- after

PF_INLINE void add_sums(struct pf_sums *sums, uint64_t ns) {
    uint64_t square[2];
    pf_square(ns, square);
    pf_add(&sums->count, 1);
    pf_add(&sums->sum_ns, ns);
    pf_add128(sums->sumsq_ns2, square[0], square[1]);
}

static PF_COLD void raise_to(uint64_t *maximum, uint64_t value) {
    uint64_t old = __atomic_load_n(maximum, __ATOMIC_RELAXED);
    while (old < value && !__atomic_compare_exchange_n(maximum, &old, value, false,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

#ifndef PF_ARCH_HAS_EXCHANGE
static bool pf_exchange(uint64_t *at, uint64_t *expected, uint64_t value) {
    return __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}
#endif

void pf_add_double(double *sum, double value) {
    uint64_t *bits = (uint64_t *)sum;
    uint64_t old = __atomic_load_n(bits, __ATOMIC_RELAXED);
    union {
        uint64_t bits;
        double value;
    } new;
    do {
        new.bits = old;
        new.value += value;
    } while (!pf_exchange(bits, &old, new.bits));
}

// `period` is what it was when the call began: a handler's call may have taken another over meanwhile.
static PF_COLD void add_weighted(struct pf_detail *detail, double period, uint64_t latency) {
    double ns = (double)latency;
    double own = detail->period == 1 ? 1 : 0; // is added when that rate ends
    double spread = period * (period - 1);
    pf_add_double(&detail->weight, period - own);
    pf_add_double(&detail->weighted_ns, (period - own) * ns);
    pf_add_double(&detail->variance_ns2, spread * ns * ns);
    pf_add_double(&detail->spread, spread);
    pf_add_double(&detail->spread_ns, spread * ns);
}

// The latency's bucket, from the slot's arena the first time its octave is hit.
PF_INLINE void add_bucket(struct pf_slot *slot, struct pf_detail *detail, uint64_t latency) {
    unsigned bucket = pf_hist_bucket(latency);
    uint32_t *octave = &detail->octave[bucket / PF_HIST_SUB];
    if (PF_UNLIKELY(*octave == 0)) {
        void *line = pf_slot_take(slot, PF_HIST_SUB * sizeof(uint32_t));
        if (line == NULL) {
            return;
        }
        uint32_t none = 0;
        __atomic_compare_exchange_n(octave, &none, (uint32_t)pf_units(pf_process.segment, line),
                                    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
    uint32_t *counts = pf_at(pf_process.segment, *octave);
    pf_add32(&counts[bucket % PF_HIST_SUB], 1);
}

PF_INLINE void add_latency(struct pf_slot *slot, struct pf_detail *detail, bool certain,
                           double period, uint64_t latency) {
    if (PF_UNLIKELY(certain)) {
        pf_add(&detail->certain, 1);
        pf_add(&detail->certain_ns, latency);
    } else {
        add_sums(&detail->timed, latency);
        add_bucket(slot, detail, latency);
        if (period > 1 || PF_UNLIKELY(detail->period != 1)) {
            add_weighted(detail, period, latency);
        }
    }
    if (PF_UNLIKELY(latency > detail->max_ns)) {
        raise_to(&detail->max_ns, latency);
    }
}

PF_INLINE void note_moment(struct pf_detail *detail, uint64_t start, uint64_t now) {
    if (PF_UNLIKELY(detail->first_ns == 0)) {
        detail->first_ns = start;
    }
    detail->last_ns = now;
}

void pf_record_latency(struct pf_slot *slot, struct pf_detail *detail, bool certain, double period,
                       uint64_t latency) {
    add_latency(slot, detail, certain, period, latency);
}

void pf_record_moment(struct pf_detail *detail, uint64_t start, uint64_t now) {
    note_moment(detail, start, now);
}

#define FIRST_RING 64u

// A small ring to begin with, because most threads of most programs never fill one; the whole one when
// that is full.  Many threads share the room that one would have.
static PF_COLD struct pf_ring *make_ring(struct pf_slot *slot, struct pf_ring *old) {
    struct pf_segment *segment = pf_process.segment;
    uint64_t size = pf_process.config.setting[PF_VAR_BUFFER_SIZE].number;
    while ((size & (size - 1)) != 0) {
        size += size & -size; // a power of two
    }
    uint32_t slots = __atomic_load_n(&segment->slot_count, __ATOMIC_RELAXED);
    for (; slots > 4 && size > FIRST_RING; slots /= 2) {
        size /= 2;
    }
    if (old != NULL && size <= old->size) {
        return old;
    }
    size = old == NULL && size > FIRST_RING ? FIRST_RING : size;
    uint64_t link = slot->ring;
    struct pf_ring *ring =
        pf_segment_take(sizeof *ring + size * sizeof(struct pf_event), PF_UNIT * 2);
    if (ring == NULL) {
        if (old == NULL) {
            slot->ring = UINT64_MAX; // not asked for again
        }
        return old;
    }
    ring->size = size;
    for (uint64_t i = 0; old != NULL && i < old->size; i++) {
        ring->event[i] = old->event[i];
    }
    ring->head = old != NULL ? old->size : 0;
    __atomic_compare_exchange_n(&slot->ring, &link, pf_units(segment, ring), false,
                                __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    // A handler in between may have made one, or found no room for one.
    return slot->ring == UINT64_MAX ? old : pf_at(segment, slot->ring);
}

// The next place in the slot's ring, marked, so that neither a reader takes it for an event nor a
// handler in between takes it for its own.
PF_INLINE struct pf_event *begin_event(struct pf_slot *slot, struct pf_event *otherwise) {
    struct pf_ring *ring;
    if (PF_UNLIKELY(slot->ring == 0)) {
        ring = make_ring(slot, NULL);
    } else {
        ring = slot->ring == UINT64_MAX ? NULL : pf_at(pf_process.segment, slot->ring);
    }
    if (PF_UNLIKELY(ring == NULL)) {
        return otherwise;
    }
    if (PF_UNLIKELY(ring->head == FIRST_RING)) {
        ring = make_ring(slot, ring);
    }
    struct pf_event *place = &ring->event[pf_next_of(&ring->head) & (ring->size - 1)];
    __atomic_store_n(&place->duration_ns, BEING_WRITTEN, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return place;
}

// Notes for whom the slowest call at `index` was made, while the program has not said something else.
static void note_context(struct pf_slot *slot, unsigned index, uint64_t start_ns) {
    const struct pf_context *context = pf_at(pf_process.segment, slot->context);
    struct pf_slow_context *slow = pf_at(pf_process.segment, slot->slow_contexts);
    if (context == NULL || slow == NULL || context->sequence % 2 != 0) {
        return; // a handler's call while it is being changed
    }
    slow += index;
    slow->start_ns = 0;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(slow->user_id, context->user_id, sizeof slow->user_id);
    memcpy(slow->request_id, context->request_id, sizeof slow->request_id);
    __atomic_store_n(&slow->start_ns, start_ns, __ATOMIC_RELEASE);
}

static PF_COLD void record_slowest(struct pf_slot *slot, const struct pf_event *event) {
    struct pf_event *list = slot->slowest;
    for (unsigned turn = 0; turn < 2; turn++) {
        unsigned shortest = 0;
        unsigned second = 0;
        for (unsigned i = 1; i < PF_SLOT_SLOWEST; i++) {
            if (list[i].duration_ns < list[shortest].duration_ns) {
                second = shortest;
                shortest = i;
            } else if (second == shortest || list[i].duration_ns < list[second].duration_ns) {
                second = i;
            }
        }
        uint64_t old = list[shortest].duration_ns;
        if (old >= event->duration_ns) {
            return;
        }
        if (__atomic_compare_exchange_n(&list[shortest].duration_ns, &old, BEING_WRITTEN, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            struct pf_event *place = &list[shortest];
            uint64_t duration = event->duration_ns;
            *place = (struct pf_event){.key = event->key,
                                       .duration_ns = BEING_WRITTEN,
                                       .start_ns = event->start_ns,
                                       .bytes = event->bytes,
                                       .error = event->error,
                                       .why = event->why,
                                       .level = event->level,
                                       .stack = event->stack,
                                       .lock_ns = event->lock_ns};
            if (PF_UNLIKELY(slot->context != 0)) {
                note_context(slot, shortest, event->start_ns);
            }
            __atomic_store_n(&place->duration_ns, duration, __ATOMIC_RELEASE);
            uint64_t floor = list[second].duration_ns;
            slot->slow_floor_ns = floor < event->duration_ns ? floor : event->duration_ns;
            return;
        }
    }
}

// Did this call hand bytes to the kernel?  A stream's buffer that holds less than it had and got has
// been emptied meanwhile; all other families go there every time.
PF_INLINE bool flushed(const struct pf_probe *probe, unsigned call, uint64_t bytes) {
    if (probe->stream != NULL) {
        size_t now = pending(probe->stream);
        return pf_calls[call].family == PF_FAMILY_WIDE || bytes == 0
                   ? now < probe->pending
                   : now != probe->pending + bytes;
    }
    return !pf_is_buffered(call);
}

PF_INLINE unsigned size_class(uint64_t bytes) {
    unsigned bits = bytes == 0 ? 0 : 64u - (unsigned)__builtin_clzll(bytes);
    return bits < 16 ? bits : 16;
}

void pf_end(struct pf_probe *probe, uint64_t bytes, bool failed) {
    struct pf_detail *detail = probe->detail;
    if (PF_UNLIKELY(detail == NULL)) {
        return;
    }
    if (PF_IS_SCRIPTED) {
        pf_scripted_end(probe);
    }
    uint64_t now = pf_now();
    bool switched = pf_switches_changed(probe);
    if (PF_UNLIKELY(probe->locked)) {
        pf_let_go();
    }
    struct pf_slot *slot = probe->slot;
    slot->in_call_ns = 0;
    uint64_t key = probe->entry->key;
    uint64_t latency = pf_since(probe->start_ns + pf_clock_cost_ns, now);
    if (PF_UNLIKELY(probe->lock_ns != 0)) { // three clock reads lie in between then
        probe->lock_ns = probe->lock_ns < latency ? probe->lock_ns : latency;
    }
    enum pf_why why = switched                                  ? PF_WHY_BLOCKED
                      : flushed(probe, pf_key_call(key), bytes) ? PF_WHY_FLUSH
                                                                : PF_WHY_FORMAT;
    add_latency(slot, detail, probe->certain, probe->period, latency);
    if (PF_LIKELY(probe->switches_by != PF_SWITCHES_UNKNOWN)) {
        add_sums(&detail->why[why], latency - probe->lock_ns);
        if (PF_UNLIKELY(probe->lock_ns != 0)) {
            add_sums(&detail->why[PF_WHY_LOCK], probe->lock_ns);
        }
    } else {
        pf_add(&detail->why_skipped, 1);
    }
    pf_add32(&detail->sizes[size_class(bytes)], 1);
    if (PF_UNLIKELY(probe->level != PF_LEVEL_NONE)) {
        pf_add32(&detail->level[probe->level], 1);
    }
    note_moment(detail, probe->start_ns, now);
    if (PF_UNLIKELY(slot->scopes != 0)) {
        pf_scope_charge(slot, probe->frame, probe->certain ? 1 : probe->period, latency);
    }
    struct pf_event spare;
    struct pf_event *event = begin_event(slot, &spare);
    event->key = key;
    event->start_ns = probe->start_ns;
    event->bytes = bytes;
    event->error = failed ? (uint16_t)errno : 0;
    event->why = probe->lock_ns * 2 > latency ? PF_WHY_LOCK : (uint8_t)why;
    event->level = probe->level;
    event->lock_ns = probe->lock_ns;
    event->stack =
        PF_UNLIKELY(pf_stack_wanted(slot, detail)) ? pf_stack_take(slot, detail, key, latency) : 0;
    __atomic_store_n(&event->duration_ns, latency, __ATOMIC_RELEASE);
    if (PF_UNLIKELY(latency > slot->slow_floor_ns)) {
        record_slowest(slot, event);
    }
    // The next draw, here where nothing waits for it: before the first clock read, which waits for all
    // that came before it, it would cost its whole latency.
    if (detail->skip_factor < 0) {
        slot->log_uniform = pf_log_uniform(&slot->random);
    }
}
