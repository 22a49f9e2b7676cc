// SPDX-License-Identifier: Apache-2.0
// Takes over what an observer has written into the segment's control block.
//
// Only the owner of a slot changes its counters, so a reset is carried out by each thread itself; the
// numbers of a thread that makes no further call are told apart by the slot's old reset count.
#include "pf-control.h"
#include "pf-clock.h"
#include "pf-probe.h"
#include "pf-skip.h"

#define LIMIT_CHAIN 64u

static double valid_rate(double rate, double otherwise) {
    return rate >= 0 && rate <= 1 ? rate : otherwise; // NaN too
}

static double rate_of(uint64_t key) {
    const struct pf_control *control = &pf_process.segment->control;
    double rate = valid_rate(control->rate, pf_process.segment->rate);
    uint32_t count = __atomic_load_n(&control->override_count, __ATOMIC_RELAXED);
    uint64_t site = key & PF_KEY_SITE_MASK;
    unsigned call = pf_key_call(key);
    // What waits for a disk is rare and long: a clock costs it nothing, and a sample would say nothing of it.
    rate = rate > 0 && pf_is_sync(call) ? 1 : rate;
    // The last one that fits wins.
    for (uint32_t i = 0; i < count && i < PF_OVERRIDES; i++) {
        const struct pf_override *override = &control->override[i];
        if ((override->site == 0 || override->site == site) &&
            (override->call >= PF_CALL_COUNT || override->call == call) &&
            (override->stream == PF_STREAM_UNKNOWN ||
             override->stream == key >> PF_KEY_STREAM_SHIFT)) {
            rate = valid_rate(override->rate, rate);
        }
    }
    return rate;
}

void pf_control_set_rate(struct pf_detail *detail, uint64_t key) {
    double rate = rate_of(key);
    double period = rate > 0 ? 1 / rate : 0;
    double was = detail->period;
    detail->skip_factor = pf_skip_factor(rate);
    detail->period = period;
    // At rate 1 the plain sums serve as weighted ones too, so that a call then costs no more.
    if (was == 1 && period != 1) {
        detail->weight += (double)detail->timed.count;
        detail->weighted_ns += (double)detail->timed.sum_ns;
    } else if (was != 1 && period == 1) {
        detail->weight -= (double)detail->timed.count;
        detail->weighted_ns -= (double)detail->timed.sum_ns;
    }
}

static void clear(void *memory, size_t size) {
    for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
        __atomic_store_n((uint64_t *)memory + i, 0, __ATOMIC_RELAXED);
    }
}

static void forget_detail(struct pf_detail *detail, unsigned call) {
    clear(detail, offsetof(struct pf_detail, skip_factor));
    clear(detail->why, offsetof(struct pf_detail, format) - offsetof(struct pf_detail, why));
    detail->spread = 0;
    detail->spread_ns = 0;
    if (pf_is_scope(call)) {
        struct pf_scope_sums *sums = pf_at(pf_process.segment, detail->scope);
        if (sums != NULL) {
            clear(sums, sizeof *sums);
        }
    }
    detail->template_seen = 0;
    detail->stacks_taken = 0;
    detail->level_text = 0;
    for (unsigned i = 0; i < 4; i++) {
        detail->template_count[i] = 0;
    }
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        detail->level[i] = 0;
    }
    for (unsigned i = 0; i < sizeof detail->sizes / sizeof *detail->sizes; i++) {
        detail->sizes[i] = 0;
    }
    for (unsigned i = 0; i < PF_HIST_OCTAVES; i++) {
        if (detail->octave[i] != 0) {
            clear(pf_at(pf_process.segment, detail->octave[i]), PF_HIST_SUB * sizeof(uint32_t));
        }
    }
}

static void renew(struct pf_slot *slot, struct pf_entry *entry, bool forget) {
    if (entry->key == 0) {
        return;
    }
    struct pf_detail *detail = pf_at(pf_process.segment, entry->detail);
    if (forget) {
        entry->calls = 0;
        entry->bytes = 0;
        entry->skip = 0; // the first call is timed with certainty
    }
    if (detail == NULL) {
        return;
    }
    if (forget) {
        forget_detail(detail, pf_key_call(entry->key));
    }
    pf_control_set_rate(detail, entry->key);
    if (!forget) {
        // A geometric wait has no memory: drawing it anew leaves every call's chance as it should be.
        entry->skip = pf_skip_draw(detail->skip_factor, &slot->random);
    }
}

static void forget_slot(struct pf_slot *slot) {
    for (unsigned i = 0; i < PF_SLOT_ERRORS; i++) {
        slot->errors[i].count = 0;
    }
    struct pf_more_errors *more = pf_at(pf_process.segment, slot->more_errors);
    for (unsigned chain = 0; more != NULL && chain < LIMIT_CHAIN; chain++) {
        for (unsigned i = 0; i < sizeof more->error / sizeof *more->error; i++) {
            more->error[i].count = 0;
        }
        more = pf_at(pf_process.segment, more->next);
    }
    struct pf_shorts *shorts = pf_at(pf_process.segment, slot->shorts);
    for (unsigned chain = 0; shorts != NULL && chain < LIMIT_CHAIN; chain++) {
        clear(shorts->row, sizeof shorts->row);
        shorts = pf_at(pf_process.segment, shorts->next);
    }
    __atomic_and_fetch(&slot->control, ~PF_CTL_REST, __ATOMIC_RELAXED);
    clear(slot->slowest, sizeof slot->slowest);
    slot->slow_floor_ns = 0;
    if (slot->ring != 0 && slot->ring != UINT64_MAX) {
        struct pf_ring *ring = pf_at(pf_process.segment, slot->ring);
        ring->head = 0;
        clear(ring->event, ring->size * sizeof *ring->event);
    }
    slot->threads = 1;
    slot->attached_ns = 0;
    slot->attach_ns = pf_now();
}

void pf_control_take(struct pf_slot *slot) {
    const struct pf_control *control = &pf_process.segment->control;
    __atomic_and_fetch(&slot->control, ~PF_CTL_CHANGED, __ATOMIC_ACQ_REL);
    slot->generation = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
    uint32_t reset = __atomic_load_n(&control->reset, __ATOMIC_RELAXED);
    bool forget = slot->reset != reset;
    if (forget) {
        forget_slot(slot);
        slot->reset = reset;
    }
    for (unsigned i = 0; i < PF_CACHE_ENTRIES; i++) {
        renew(slot, &slot->cache[i], forget);
    }
    struct pf_more *more = pf_at(pf_process.segment, slot->more);
    for (; more != NULL; more = pf_at(pf_process.segment, more->next)) {
        for (uint64_t i = 0; i < more->entries; i++) {
            renew(slot, &more->entry[i], forget);
        }
    }
    if (control->flags & PF_CTL_OFF) {
        __atomic_or_fetch(&slot->control, PF_CTL_OFF, __ATOMIC_RELAXED);
    } else {
        __atomic_and_fetch(&slot->control, ~PF_CTL_OFF, __ATOMIC_RELAXED);
    }
}

void pf_control_begin(struct pf_slot *slot) {
    const struct pf_control *control = &pf_process.segment->control;
    slot->generation = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
    slot->reset = control->reset;
    uint32_t word = control->flags & PF_CTL_OFF;
    word |= pf_process.config.setting[PF_VAR_ENABLE_FAST_PATH].number ? 0 : PF_CTL_SLOW;
    __atomic_store_n(&slot->control, word, __ATOMIC_RELEASE);
}
