// SPDX-License-Identifier: Apache-2.0
// What a reader of the segment wants to know of a process that is gone, without adding the segment up.
#include "pf-end.h"
#include "pf-clock.h"
#include "pf-control.h"
#include "pf-print.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include <sys/mman.h>

// --- bytes

bool pf_end_kernel_bytes(uint64_t *ret_bytes, bool *ret_with_children) {
    uint64_t whole = 0;
    uint64_t living;
    // A process inherits the count of each child that it waits for; its living threads do not.  But
    // they lack what ended threads wrote, so where there were any, the whole has to do.
    bool ended = false;
    struct pf_segment *segment = pf_process.segment;
    uint64_t at = segment != NULL ? segment->first_slot : 0;
    for (; at != 0; at = ((struct pf_slot *)pf_at(segment, at))->next) {
        const struct pf_slot *slot = pf_at(segment, at);
        ended |= slot->threads > 1 || slot->attach_ns == 0;
    }
    if (!pf_process.kernel_bytes_known || !pf_kernel_bytes(ended ? &whole : NULL, &living) ||
        living < pf_process.kernel_bytes_base) {
        return false;
    }
    *ret_with_children = ended && whole != living;
    *ret_bytes = (ended ? whole : living) - pf_process.kernel_bytes_base;
    return true;
}

// --- our own cost

// Measured in blocks, of which the median counts: on a busy machine a block now and then holds the
// time in which others ran.
#define BLOCKS 9
#define UNTIMED_ROUNDS 64u
#define TIMED_ROUNDS 32u
// Where less was timed than the measuring would take, a coarser look does.
#define FEW_TIMED 300.0
#define FEW_ROUNDS 4u

static double median(double *values) {
    for (unsigned i = 1; i < BLOCKS; i++) {
        for (unsigned j = i; j > 0 && values[j - 1] > values[j]; j--) {
            double larger = values[j];
            values[j] = values[j - 1];
            values[j - 1] = larger;
        }
    }
    return values[BLOCKS / 2];
}

static double since(uint64_t begun, unsigned rounds) {
    return (double)pf_since(begun + pf_clock_cost_ns, pf_now()) / rounds;
}

static double measure_untimed(struct pf_entry *entry, void *site, unsigned rounds) {
    double block[BLOCKS];
    for (unsigned b = 0; b < BLOCKS; b++) {
        uint64_t begun = pf_now();
        for (unsigned i = 0; i < rounds; i++) {
            entry->skip = (int32_t)rounds;
            struct pf_entry *found = pf_enter(PF_CALL_write, -1, site, NULL);
            pf_due(found);
            pf_add(&found->bytes, i);
        }
        block[b] = since(begun, rounds);
    }
    return median(block);
}

static double measure_timed(struct pf_entry *entry, unsigned rounds) {
    double block[BLOCKS];
    for (unsigned b = 0; b < BLOCKS; b++) {
        uint64_t begun = pf_now();
        for (unsigned i = 0; i < rounds; i++) {
            struct pf_probe probe;
            pf_begin(&probe, entry, NULL, false);
            pf_end(&probe, i, false);
        }
        block[b] = since(begun, rounds);
    }
    return median(block);
}

// Our own cost, measured now and here: the very probe, on a slot that nobody reads.
uint64_t pf_end_measure_overhead(struct pf_slot *practice, double calls, double timed) {
    struct pf_thread *thread = &pf_thread;
    struct pf_slot *slot = thread->slot;
    if (slot == NULL || pf_process.shut) {
        return 0;
    }
    struct pf_detail *detail = pf_slot_take(slot, sizeof *detail);
    if (detail == NULL) {
        return 0;
    }
    void *site = (void *)(uintptr_t)1;
    uint64_t key = pf_key(PF_CALL_write, PF_STREAM_NONE, site);
    struct pf_entry *entry = &practice->cache[pf_home((uintptr_t)site, PF_STREAM_NONE)];
    entry->key = key;
    entry->detail = (uint32_t)pf_units(pf_process.segment, detail);
    practice->arena = slot->arena;
    practice->ring = UINT64_MAX;
    pf_control_set_rate(detail, key);
    bool tried = thread->switches_tried;
    thread->switches_tried = true;
    thread->slot = practice;
    bool few = timed < FEW_TIMED;
    double untimed_ns = measure_untimed(entry, site, few ? FEW_ROUNDS : UNTIMED_ROUNDS);
    double timed_ns = measure_timed(entry, few ? FEW_ROUNDS : TIMED_ROUNDS);
    slot->arena = practice->arena;
    thread->slot = slot;
    thread->switches_tried = tried;
    return (uint64_t)(calls * untimed_ns + timed * timed_ns) + pf_process.segment->setup_ns;
}

struct counts {
    uint64_t calls;
    uint64_t timed;
};

static void count_entry(struct counts *counts, const struct pf_entry *entry) {
    if (entry->key == 0 || pf_key_call(entry->key) == PF_CALL_pf_profile_begin) {
        return; // a scope counts at its end
    }
    const struct pf_detail *detail =
        pf_at(pf_process.segment, __atomic_load_n(&entry->detail, __ATOMIC_ACQUIRE));
    counts->calls += __atomic_load_n(&entry->calls, __ATOMIC_RELAXED);
    counts->timed += detail != NULL ? detail->timed.count + detail->certain : 0;
}

static struct counts count_all(void) {
    struct pf_segment *segment = pf_process.segment;
    struct counts counts = {0};
    uint64_t at = __atomic_load_n(&segment->first_slot, __ATOMIC_ACQUIRE);
    for (; at != 0; at = ((struct pf_slot *)pf_at(segment, at))->next) {
        const struct pf_slot *slot = pf_at(segment, at);
        if (slot->reset != segment->control.reset) {
            continue; // nothing since the reset
        }
        for (unsigned i = 0; i < PF_CACHE_ENTRIES; i++) {
            count_entry(&counts, &slot->cache[i]);
        }
        const struct pf_more *more = pf_at(segment, slot->more);
        for (; more != NULL; more = pf_at(segment, more->next)) {
            for (uint64_t i = 0; i < more->entries; i++) {
                count_entry(&counts, &more->entry[i]);
            }
        }
    }
    for (unsigned call = 0; call < PF_CALL_COUNT; call++) {
        counts.calls += segment->spill[call].calls + pf_process.early[call].calls;
    }
    return counts;
}

// --- the end

void pf_end_store(const struct pf_end *end) {
    struct pf_segment *segment = pf_process.segment;
    struct pf_out how = {.text = segment->how, .size = sizeof segment->how - 1};
    pf_out(&how, end->how);
    segment->how[how.used] = 0;
    segment->exit_status = end->status;
    segment->overhead_ns = end->overhead_ns;
    segment->exit_wchar =
        end->kernel_known ? segment->kernel_bytes_base + end->kernel_bytes : UINT64_MAX;
}

void pf_end_forget(void) {
    struct pf_segment *segment = pf_process.segment;
    segment->how[0] = 0;
    segment->exit_status = -1;
    segment->overhead_ns = 0;
    segment->exit_wchar = 0;
}

void pf_end_note(const char *how, int status) {
    struct pf_end end = {.how = how, .status = status};
    bool with_children;
    end.kernel_known = pf_end_kernel_bytes(&end.kernel_bytes, &with_children);
    bool shut = pf_process.shut;
    size_t size = shut ? pf_process.scratch_size : sizeof(struct pf_slot);
    void *practice =
        shut ? pf_process.scratch
             : pf_sys_map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (practice != NULL && size >= sizeof(struct pf_slot)) {
        struct counts counts = count_all();
        end.overhead_ns =
            pf_end_measure_overhead(practice, (double)counts.calls, (double)counts.timed);
    }
    pf_end_store(&end);
    if (practice != NULL && !shut) {
        pf_sys_unmap(practice, size);
    }
}
