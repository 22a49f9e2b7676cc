// SPDX-License-Identifier: Apache-2.0
// The out-of-line half of the probe: first calls of a site, calls that only count, failed calls.
#include "pf-probe.h"
#include "pf-control.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-rest.h"
#include "pf-skip.h"

__thread struct pf_thread pf_thread;
int pf_mode;
struct pf_process pf_process;

// Stand-ins for the entries of calls that are only counted per function; key 0 tells them apart.
static struct pf_entry stand_ins[256];

// Counts go to the segment, or, while it is being made, to the process's own memory.  Whoever adds
// there looks again afterwards, and so does the thread that publishes the segment: one of the two
// brings the count over, so that nothing is missing when the process is killed.
static void add_early(uint64_t *early, uint64_t *home, uint64_t value) {
    pf_add_shared(early, value);
    if (home != NULL) {
        uint64_t all = __atomic_exchange_n(early, 0, __ATOMIC_SEQ_CST);
        pf_add_shared(home, all);
    }
}

static struct pf_segment *segment_now(void) {
    return __atomic_load_n(&pf_process.segment, __ATOMIC_SEQ_CST);
}

void pf_bring_home(void) {
    struct pf_segment *segment = segment_now();
    for (unsigned i = 0; i < PF_CALL_COUNT; i++) {
        if (pf_process.early[i].calls != 0 || pf_process.early[i].bytes != 0) {
            add_early(&pf_process.early[i].calls, &segment->spill[i].calls, 0);
            add_early(&pf_process.early[i].bytes, &segment->spill[i].bytes, 0);
        }
    }
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        if (pf_process.early_lost[i] != 0) {
            add_early(&pf_process.early_lost[i], &segment->lost[i], 0);
        }
    }
}

// Adds to `early` while there is no segment, to the counter at offset `home` of the segment after.
static void count(uint64_t *early, size_t home, uint64_t value) {
    struct pf_segment *segment = segment_now();
    if (segment != NULL) {
        pf_add_shared((uint64_t *)((char *)segment + home), value);
        return;
    }
    add_early(early, NULL, value);
    segment = segment_now();
    if (segment != NULL) {
        add_early(early, (uint64_t *)((char *)segment + home), 0);
    }
}

void pf_lose(enum pf_lost reason) {
    size_t home = offsetof(struct pf_segment, lost) + reason * sizeof(uint64_t);
    count(&pf_process.early_lost[reason], home, 1);
}

PF_COLD bool pf_is_early(void) {
    if (pf_relocated()) {
        return false;
    }
    pf_lose(PF_LOST_EARLY);
    return true;
}

static struct pf_entry *spill(enum pf_call call, enum pf_lost reason) {
    size_t home = offsetof(struct pf_segment, spill) + call * sizeof(struct pf_spill);
    count(&pf_process.early[call].calls, home + offsetof(struct pf_spill, calls), 1);
    pf_lose(reason);
    stand_ins[call].skip = PF_SKIP_NEVER;
    return &stand_ins[call];
}

PF_COLD void pf_spill_bytes(const struct pf_entry *entry, uint64_t bytes) {
    size_t call = (size_t)(entry - stand_ins);
    size_t home = offsetof(struct pf_segment, spill) + call * sizeof(struct pf_spill);
    count(&pf_process.early[call].bytes, home + offsetof(struct pf_spill, bytes), bytes);
}

// Who are we, after a clone that our wrappers could only guess at?
static bool is_foreign_child(void) {
    pf_thread.check_pid = false;
    if (pf_process.shut || (uint32_t)pf_sys_getpid() == pf_process.pid) {
        return false;
    }
    if (pf_process.vm_children) {
        pf_thread.check_pid = true; // the parent shares this flag and still has to look
        return true;
    }
    pf_become_child();
    return false;
}

// Attaching is not re-entrant: a handler's call in the middle of it is only counted.
static struct pf_slot *attach(void) {
    struct pf_thread *thread = &pf_thread;
    int saved = errno; // libc's getauxval sets it
    thread->busy = true;
    if (__atomic_load_n(&pf_process.segment, __ATOMIC_ACQUIRE) == NULL) {
        pf_segment_make();
    }
    struct pf_slot *slot = NULL;
    if (__atomic_load_n(&pf_process.segment, __ATOMIC_ACQUIRE) != NULL) {
        slot = pf_slot_attach();
    }
    thread->busy = false;
    errno = saved;
    return slot;
}

struct pf_entry *pf_enter_slow(enum pf_call call, int fd, void *site, void *frame) {
    struct pf_thread *thread = &pf_thread;
    if (pf_mode != PF_MODE_ON) {
        if (pf_mode == PF_MODE_NEW) {
            pf_init();
        }
        if (pf_mode != PF_MODE_ON) {
            return NULL;
        }
    }
    if (thread->vfork_depth != 0) {
        pf_lose(PF_LOST_CHILD);
        return NULL;
    }
    if (thread->inside != 0) {
        if ((uintptr_t)frame < thread->inside) {
            return NULL; // part of the message that is already counted
        }
        pf_inside_end((void *)thread->inside); // longjmp left that call
    }
    if (thread->busy) {
        return spill(call, PF_LOST_REENTRY);
    }
    if (thread->slot == NULL || thread->check_pid) {
        if (is_foreign_child()) {
            pf_lose(PF_LOST_CHILD);
            return NULL;
        }
        if (thread->slot == NULL) {
            thread->slot = thread->parked; // a clone parked it
            thread->parked = NULL;
        }
        if (thread->slot == NULL) {
            thread->slot = attach();
        }
        if (thread->slot == NULL) {
            return spill(call, pf_process.segment ? PF_LOST_MEMORY : PF_LOST_REENTRY);
        }
    }
    struct pf_slot *slot = thread->slot;
    if (PF_UNLIKELY(thread->held != NULL) && (uintptr_t)frame >= thread->held_from) {
        pf_let_go(); // no frame of that call is left
    }
    if (__atomic_load_n(&slot->control, __ATOMIC_RELAXED) & PF_CTL_CHANGED) {
        pf_control_take(slot);
    }
    if (__atomic_load_n(&slot->control, __ATOMIC_RELAXED) & PF_CTL_OFF) {
        return NULL;
    }
    unsigned stream = pf_stream_at(fd);
    if (stream == PF_STREAM_UNKNOWN) {
        stream = pf_stream_find(fd);
    }
    if (__atomic_load_n(&slot->control, __ATOMIC_RELAXED) & PF_CTL_REST) {
        pf_rest_pass(slot, call, stream);
    }
    struct pf_entry *entry = pf_site_find(slot, pf_key(call, stream, site));
    if (entry == NULL) {
        return spill(call, PF_LOST_MEMORY);
    }
    pf_add(&entry->calls, 1);
    return entry;
}

static struct pf_error *find_error(struct pf_error *errors, unsigned count, unsigned call,
                                   unsigned number) {
    for (unsigned i = 0; i < count; i++) {
        struct pf_error *error = &errors[i];
        if (error->count == 0) {
            error->call = (uint16_t)call;
            error->number = (uint16_t)number;
        }
        if (error->call == call && error->number == number) {
            return error;
        }
    }
    return NULL;
}

PF_COLD void pf_failed(struct pf_entry *entry) {
    unsigned number = (unsigned)errno & 0xffff;
    struct pf_slot *slot = pf_thread.slot;
    if (slot == NULL || entry->key == 0) {
        return;
    }
    if (entry->detail != 0) {
        struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
        pf_add(&detail->errors, 1);
    }
    unsigned call = pf_key_call(entry->key);
    struct pf_error *error = find_error(slot->errors, PF_SLOT_ERRORS, call, number);
    uint64_t *link = &slot->more_errors;
    while (error == NULL) {
        struct pf_more_errors *more = pf_at(pf_process.segment, *link);
        if (more == NULL) {
            more = pf_slot_take(slot, sizeof *more);
            if (more == NULL) {
                return; // the site's own count has it
            }
            *link = pf_units(pf_process.segment, more);
        }
        error = find_error(more->error, sizeof more->error / sizeof *more->error, call, number);
        link = &more->next;
    }
    pf_add(&error->count, 1);
}
