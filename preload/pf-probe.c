// SPDX-License-Identifier: Apache-2.0
// The out-of-line half of the probe: first calls of a site, and timed calls.
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-skip.h"

__thread struct pf_thread pf_thread;
int pf_mode;
struct pf_process pf_process;

void pf_lose(enum pf_lost reason) {
    struct pf_segment *segment = __atomic_load_n(&pf_process.segment, __ATOMIC_ACQUIRE);
    uint64_t *count = segment ? &segment->lost[reason] : &pf_process.early_lost[reason];
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

static struct pf_spill *spill_table(void) {
    struct pf_segment *segment = __atomic_load_n(&pf_process.segment, __ATOMIC_ACQUIRE);
    return segment ? segment->spill : pf_process.early;
}

// Counts a call per function only.  The thread's stand-in entry tells pf_account so by its key of 0.
static struct pf_entry *spill(uint64_t key, enum pf_lost reason) {
    struct pf_thread *thread = &pf_thread;
    thread->spill_call = (uint8_t)(key >> PF_KEY_CALL_SHIFT);
    thread->spill.skip = PF_SKIP_NEVER;
    __atomic_fetch_add(&spill_table()[thread->spill_call].calls, 1, __ATOMIC_RELAXED);
    pf_lose(reason);
    return &thread->spill;
}

PF_COLD void pf_spill_bytes(uint64_t bytes) {
    __atomic_fetch_add(&spill_table()[pf_thread.spill_call].bytes, bytes, __ATOMIC_RELAXED);
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
    thread->busy = true;
    if (__atomic_load_n(&pf_process.segment, __ATOMIC_ACQUIRE) == NULL) {
        pf_segment_make();
    }
    struct pf_slot *slot = NULL;
    if (__atomic_load_n(&pf_process.segment, __ATOMIC_ACQUIRE) != NULL) {
        slot = pf_slot_attach();
    }
    thread->busy = false;
    return slot;
}

struct pf_entry *pf_enter_slow(uint64_t key, int fd) {
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
        if ((uintptr_t)__builtin_frame_address(0) < thread->inside) {
            return NULL; // part of the message that is already counted
        }
        pf_inside_end((void *)thread->inside); // longjmp left that call
    }
    if (thread->busy) {
        return spill(key, PF_LOST_REENTRY);
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
            return spill(key, pf_process.segment ? PF_LOST_MEMORY : PF_LOST_REENTRY);
        }
    }
    uint32_t control = __atomic_load_n(&thread->slot->control, __ATOMIC_RELAXED);
    if (control & PF_CTL_OFF) {
        return NULL;
    }
    struct pf_entry *entry = pf_site_find(thread->slot, key, fd);
    if (entry == NULL) {
        return spill(key, PF_LOST_MEMORY);
    }
    pf_add(&entry->calls, 1);
    return entry;
}

void pf_begin(struct pf_probe *probe, struct pf_entry *entry) {
    struct pf_slot *slot = pf_thread.slot;
    probe->entry = entry;
    probe->detail = NULL;
    if (PF_UNLIKELY(slot == NULL || entry->detail == 0)) {
        entry->skip = PF_SKIP_NEVER;
        return;
    }
    double factor = pf_process.skip_factor;
    entry->skip = factor == 0 ? 0 : pf_skip_draw(factor, &slot->random);
    if (factor > 0) {
        return; // rate 0: count only
    }
    // A handler that came in the middle of our own recording must not record on top of it.  A frame
    // address below ours (or none) means that the recording was left by longjmp.
    uintptr_t recording = slot->recording;
    if (PF_UNLIKELY(recording > (uintptr_t)__builtin_frame_address(0))) {
        pf_lose(PF_LOST_CLOCK);
        return;
    }
    probe->slot = slot;
    probe->detail = pf_at(pf_process.segment, entry->detail);
    probe->certain = factor < 0 && probe->detail->certain == 0;
    probe->start_ns = pf_now();
}

// The latency's bucket, from the slot's arena the first time its octave is hit.
static void record_bucket(struct pf_slot *slot, struct pf_detail *detail, uint64_t latency) {
    unsigned bucket = pf_hist_bucket(latency);
    uint32_t *octave = &detail->octave[bucket / PF_HIST_SUB];
    if (PF_UNLIKELY(*octave == 0)) {
        void *line = pf_slot_take(slot, PF_HIST_SUB * sizeof(uint32_t));
        if (line == NULL) {
            return;
        }
        *octave = (uint32_t)pf_units(pf_process.segment, line);
    }
    uint32_t *counts = pf_at(pf_process.segment, *octave);
    counts[bucket % PF_HIST_SUB]++;
}

static PF_COLD void record_slowest(struct pf_probe *probe, uint64_t latency, uint64_t bytes) {
    struct pf_slow *list = probe->slot->slowest;
    unsigned smallest = 0;
    for (unsigned i = 1; i < PF_SLOT_SLOWEST; i++) {
        smallest = list[i].duration_ns < list[smallest].duration_ns ? i : smallest;
    }
    list[smallest] = (struct pf_slow){probe->entry->key, latency, probe->start_ns, bytes};
    smallest = 0;
    for (unsigned i = 1; i < PF_SLOT_SLOWEST; i++) {
        smallest = list[i].duration_ns < list[smallest].duration_ns ? i : smallest;
    }
    probe->slot->slow_floor_ns = list[smallest].duration_ns;
}

void pf_end(struct pf_probe *probe, uint64_t bytes) {
    struct pf_detail *detail = probe->detail;
    if (PF_UNLIKELY(detail == NULL)) {
        return;
    }
    uint64_t now = pf_now();
    uint64_t latency = now - probe->start_ns;
    latency = latency > pf_clock_cost_ns ? latency - pf_clock_cost_ns : 0;
    struct pf_slot *slot = probe->slot;
    // The fences keep the guard around the stores in program order, which is all that a handler of
    // this thread needs.
    uintptr_t outer = slot->recording;
    slot->recording = (uintptr_t)__builtin_frame_address(0);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (probe->certain) {
        detail->certain++;
        detail->certain_ns += latency;
    } else {
        detail->sampled++;
        detail->sum_ns += latency;
        detail->sumsq_ns2 += (double)(int64_t)latency * (double)(int64_t)latency;
        record_bucket(slot, detail, latency);
    }
    if (latency > detail->max_ns) {
        detail->max_ns = latency;
    }
    if (detail->first_ns == 0) {
        detail->first_ns = probe->start_ns;
    }
    detail->last_ns = now;
    if (PF_UNLIKELY(latency > slot->slow_floor_ns)) {
        record_slowest(probe, latency, bytes);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->recording = outer;
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
    if (slot == NULL || entry == &pf_thread.spill) {
        return;
    }
    if (entry->detail != 0) {
        struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
        pf_add(&detail->errors, 1);
    }
    unsigned call = (unsigned)(entry->key >> PF_KEY_CALL_SHIFT) & 0xff;
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
