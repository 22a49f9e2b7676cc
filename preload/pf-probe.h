// SPDX-License-Identifier: Apache-2.0
// Enter and leave: what happens around every call, the hot path on one page.
//
// enter (inline, every call)   find this thread's slot and this site's entry, count
//   take one from the entry's skip: not due?  real call, add the bytes, done
//   begin (out of line, due calls)   decide what this timing counts as, draw the next skip, clock
//   real call
//   end                               clock, record (pf-record.c)
// Nothing here takes a lock (but a FILE's own, before the call that takes it anyway: pf-record.c),
// allocates, sleeps, or changes errno.
#pragma once
#include "pf-arch.h"
#include "pf-clock.h"
#include "pf-segment.h"
#include "pf-stream.h"
#include "pf-unwind.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#pragma GCC visibility push(hidden)

enum pf_mode {
    PF_MODE_NEW, // our constructor has not run
    PF_MODE_OFF, // not enabled, or AT_SECURE: jump through
    PF_MODE_ON
};

// The beginning of what a short write left, in the thread's own memory.
struct pf_rest {
    uint64_t key;    // of the entry whose call was short
    uint64_t left;   // bytes
    uint64_t others; // calls that other threads had made to the stream
    uint8_t text[16];
    uint8_t size; // of text
    uint8_t patience;
    bool busy;
};

// Per thread.  initial-exec: one load relative to the thread pointer, never a call into the loader,
// which could allocate or take a lock inside a signal handler.
struct pf_thread {
    struct pf_slot *slot;   // NULL: not attached, parked, or nothing to do
    uintptr_t inside;       // frame of the layered logger call that we are inside of; 0: none
    struct pf_slot *parked; // the slot while `inside` or in a vfork child
    uint32_t vfork_depth;   // in how many vfork children we are
    bool busy;              // attaching: a signal handler's call only counts
    bool check_pid;         // a clone happened: see who we are at the next call
    bool switches_tried;    // `switches` was asked for, and this is what came of it
    const volatile uint32_t *switches; // changes whenever this thread is switched in (pf-switch.c)
    uint32_t timed;                    // calls timed since this thread attached
    FILE *held;          // whose lock we hold over a timed call that had to wait for it
    uintptr_t held_from; // frame of that call
    struct pf_scope_stack
        *scopes; // of `slot`, the scopes that this thread is in; NULL: never in any
    struct pf_unwind_state unwind;
    struct pf_rest rest; // with PF_CTL_REST: what a short write left (pf-rest.c)
};
extern __thread struct pf_thread pf_thread __attribute__((tls_model("initial-exec")));
extern int pf_mode;

// A timed call between begin and end.
struct pf_probe {
    struct pf_slot *slot;
    struct pf_entry *entry;
    struct pf_detail *detail; // NULL: due, but not timed after all
    FILE *stream;             // NULL: not one, or not to be looked at
    uint64_t start_ns;
    uint64_t lock_ns;  // of what follows, waiting for the stream's lock
    uint64_t switches; // before the call, by `switches_by`
    uintptr_t frame;   // where the caller's ends
    size_t pending;    // bytes in the stream's buffer before the call
    double period;     // calls that this one stands for
    uint8_t switches_by;
    uint8_t level; // that the call itself names
    bool certain;
    bool locked; // pf_thread.held is ours
#ifdef PF_SCRIPTED
    const struct step
        *step; // what a test's script says of this call; NULL: nothing (pf-scripted.h)
#endif
};

// The entry of a site not found at once: attaches the thread, makes the segment, finds the stream,
// inserts the site.  NULL: the call runs unmeasured.  Has counted the call when it returns an entry.
struct pf_entry *pf_enter_slow(enum pf_call call, int fd, void *site, void *frame);

// Lets go of a lock that was held over a call which cancellation, an exception or longjmp left.
void pf_let_go(void);

// `stream`: the FILE that the call puts its bytes into, or NULL; `locks`: it takes its lock.
void pf_begin(struct pf_probe *probe, struct pf_entry *entry, FILE *stream, bool locks);
void pf_end(struct pf_probe *probe, uint64_t bytes, bool failed);

// The bytes of a call that was only counted per function.
void pf_spill_bytes(const struct pf_entry *entry, uint64_t bytes);

// Counts a failed call under errno, which it leaves alone.
void pf_failed(struct pf_entry *entry);

// Before anything is saved: not enabled, jump through, so that a wrapper costs a load and a jump.
// (pf_mode, unlike pf_thread, can be read before the loader has relocated us.)
#define PF_IS_OFF() PF_LIKELY(pf_mode == PF_MODE_OFF)
#define PF_IS_EARLY() (PF_UNLIKELY(pf_mode == PF_MODE_NEW) && pf_is_early())

// True when we are not relocated yet, and then counts the call that passes.
bool pf_is_early(void);

PF_INLINE uint64_t pf_key(enum pf_call call, unsigned stream, void *site) {
    return PF_SITE_BITS(site) | (uint64_t)call << PF_KEY_CALL_SHIFT |
           (uint64_t)stream << PF_KEY_STREAM_SHIFT;
}

// Where a site is looked for first.  Call instructions lie close together, so their low bits differ; the
// stream comes in last, because it is known last.
PF_INLINE unsigned pf_home(uint64_t site, unsigned stream) {
    return ((unsigned)site + (unsigned)(site >> PF_CACHE_BITS) + stream) % PF_CACHE_ENTRIES;
}

// The entry of a call that most calls are: this thread has been here before.  NULL otherwise.
PF_INLINE struct pf_entry *pf_enter_quick(enum pf_call call, int fd, void *site) {
    struct pf_slot *slot = pf_thread.slot;
    if (PF_UNLIKELY(slot == NULL)) {
        return NULL;
    }
    unsigned stream = pf_stream_at(fd);
    uint64_t key = pf_key(call, stream, site);
    struct pf_entry *entry = &slot->cache[pf_home(PF_SITE_BITS(site), stream)];
    // One register to keep over the real call, not the parts that it was made of.
    __asm__("" : "+r"(entry));
    if (PF_UNLIKELY(entry->key != key) ||
        PF_UNLIKELY(__atomic_load_n(&slot->control, __ATOMIC_RELAXED) != 0)) {
        return NULL;
    }
    pf_add(&entry->calls, 1);
    return entry;
}

PF_INLINE struct pf_entry *pf_enter(enum pf_call call, int fd, void *site, void *frame) {
    struct pf_entry *entry = pf_enter_quick(call, fd, site);
    if (PF_UNLIKELY(entry == NULL) && pf_mode != PF_MODE_OFF) {
        return pf_enter_slow(call, fd, site, frame);
    }
    return entry;
}

// True when this call is to be timed.
PF_INLINE bool pf_due(struct pf_entry *entry) { return PF_UNLIKELY(pf_take_one(&entry->skip)); }

// A layered logger (g_log, sd_journal_print) calls other rows in turn: between these two, this
// thread's calls run unmeasured.  The frame address tells a guard that longjmp has jumped over.
PF_INLINE void pf_inside_begin(void *frame) {
    if (pf_thread.slot != NULL) {
        pf_thread.inside = (uintptr_t)frame;
        pf_thread.parked = pf_thread.slot;
        pf_thread.slot = NULL;
    }
}

PF_INLINE void pf_inside_end(void *frame) {
    if (pf_thread.inside == (uintptr_t)frame) {
        pf_thread.slot = pf_thread.parked;
        pf_thread.parked = NULL;
        pf_thread.inside = 0;
    }
}
#pragma GCC visibility pop
