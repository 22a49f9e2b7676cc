// SPDX-License-Identifier: Apache-2.0
// A thread's slot: taken at its first output call, handed on when it ends.
#include "pf-clock.h"
#include "pf-control.h"
#include "pf-libc.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-scope.h"
#include "pf-scripted.h"
#include "pf-switch.h"
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ARENA_PIECE 4096u

// Tells of a thread's end.
static unsigned end_key;
enum { NO_KEY, MAKING_KEY, HAVE_KEY };
static int key_state;

// Again at each thread's first call: before glibc 2.34 there is none until libpthread is loaded.
bool pf_slot_make_key(void) {
    int state = NO_KEY;
    if (PF_LIKELY(__atomic_load_n(&key_state, __ATOMIC_ACQUIRE) == HAVE_KEY)) {
        return true;
    }
    if (!__atomic_compare_exchange_n(&key_state, &state, MAKING_KEY, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        return false; // another thread is at it
    }
    bool made = pf_libc_make_key(&end_key, pf_slot_detach);
    __atomic_store_n(&key_state, made ? HAVE_KEY : NO_KEY, __ATOMIC_RELEASE);
    return made;
}

static void name_thread(struct pf_slot *slot) {
    if (!pf_process.shut) {
        char name[16] = {0};
        pf_sys(SYS_prctl, PR_GET_NAME, (long)name, 0, 0, 0, 0);
        for (unsigned i = 0; i < sizeof name; i++) {
            slot->name[i] = name[i];
        }
    }
}

// A slot whose thread has ended goes on with the next one: its entries keep counting, so that ten
// thousand short threads need as many slots as ever ran at once.
static struct pf_slot *reuse(struct pf_segment *segment) {
    uint64_t at = __atomic_load_n(&segment->first_slot, __ATOMIC_ACQUIRE);
    while (at != 0) {
        struct pf_slot *slot = pf_at(segment, at);
        uint32_t state = PF_SLOT_FREE;
        if (__atomic_load_n(&slot->state, __ATOMIC_RELAXED) == PF_SLOT_FREE &&
            __atomic_compare_exchange_n(&slot->state, &state, PF_SLOT_USED, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return slot;
        }
        at = slot->next;
    }
    return NULL;
}

static struct pf_slot *make(struct pf_segment *segment) {
    struct pf_slot *slot = pf_segment_take(sizeof *slot, 128);
    if (slot == NULL) {
        return NULL;
    }
    slot->state = PF_SLOT_USED;
    pf_control_begin(slot);
    uint64_t self = pf_units(segment, slot);
    uint64_t first = __atomic_load_n(&segment->first_slot, __ATOMIC_RELAXED);
    do {
        slot->next = first;
    } while (!__atomic_compare_exchange_n(&segment->first_slot, &first, self, false,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    __atomic_fetch_add(&segment->slot_count, 1, __ATOMIC_RELAXED);
    return slot;
}

struct pf_slot *pf_slot_attach(void) {
    struct pf_segment *segment = pf_process.segment;
    struct pf_slot *slot = reuse(segment);
    if (slot == NULL) {
        slot = make(segment);
    }
    if (slot == NULL) {
        return NULL;
    }
    uint64_t now = pf_now();
    slot->tid = pf_process.shut ? 0 : (uint32_t)pf_sys_gettid();
    slot->attach_ns = now;
    slot->threads++;
    slot->in_call_ns = 0;
    // The seed differs between threads and runs; it is never 0.
    slot->random = (now ^ (uint64_t)(uintptr_t)slot << 20 ^ slot->random) * PF_KEY_MULTIPLIER | 1;
    if (PF_IS_SCRIPTED) {
        slot->random = pf_scripted_seed(slot->random);
    }
    name_thread(slot);
    pf_scope_attach(slot);
    if (pf_slot_make_key()) {
        pf_libc_set_key(end_key, slot);
    }
    return slot;
}

// The thread's last act.  A later TLS destructor that prints attaches once more.
void pf_slot_detach(void *argument) {
    struct pf_slot *slot = argument;
    struct pf_segment *segment = pf_process.segment;
    if (segment == NULL || pf_thread.slot != slot) {
        return; // from before a fork
    }
    name_thread(slot);
    slot->attached_ns += pf_since(slot->attach_ns, pf_now());
    slot->attach_ns = 0;
    pf_switches_end();
    pf_let_go();
    __atomic_and_fetch(&slot->control, ~PF_CTL_REST, __ATOMIC_RELAXED);
    pf_thread.slot = NULL;
    pf_thread.scopes = NULL;
    __atomic_store_n(&slot->state, PF_SLOT_FREE, __ATOMIC_RELEASE);
}

// Only the owner takes from its arena, but a signal handler may come in between: the position moves
// by compare-and-swap.
void *pf_slot_take(struct pf_slot *slot, uint64_t size) {
    size = (size + PF_UNIT - 1) & ~(uint64_t)(PF_UNIT - 1);
    if (size > ARENA_PIECE / 4) {
        return pf_segment_take(size, 128);
    }
    struct pf_segment *segment = pf_process.segment;
    for (;;) {
        uint64_t at = __atomic_load_n(&slot->arena, __ATOMIC_RELAXED);
        if (at != 0 && at * PF_UNIT % ARENA_PIECE + size <= ARENA_PIECE &&
            at * PF_UNIT % ARENA_PIECE != 0) {
            if (__atomic_compare_exchange_n(&slot->arena, &at, at + size / PF_UNIT, false,
                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
                return pf_at(segment, at);
            }
            continue;
        }
        // A piece is aligned to its size, so that the position alone tells where it ends.
        char *piece = pf_segment_take(ARENA_PIECE, ARENA_PIECE);
        if (piece == NULL) {
            return NULL;
        }
        if (__atomic_compare_exchange_n(&slot->arena, &at,
                                        pf_units(segment, piece) + size / PF_UNIT, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            return piece;
        }
    }
}
