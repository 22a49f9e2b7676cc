// SPDX-License-Identifier: Apache-2.0
// Finds or makes a site's entry in its thread's slot.
//
// An entry never moves and is never evicted.  The cache has one place that the fast path looks at and
// three more that only this file looks at; past those come tables of doubling size.
#include "pf-control.h"
#include "pf-module-table.h"
#include "pf-probe.h"
#include "pf-process.h"

#define CACHE_PROBES 4
#define FIRST_TABLE 512u

// Claims a free place by compare-and-swap, because a signal handler may be after the same one.
static bool claim(struct pf_entry *entry, uint64_t key) {
    uint64_t free = 0;
    uint64_t seen = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);
    return seen == key ||
           (seen == 0 && (__atomic_compare_exchange_n(&entry->key, &free, key, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
                          free == key));
}

static struct pf_entry *find_in(struct pf_entry *entries, uint64_t count, uint64_t key,
                                unsigned probes) {
    uint64_t at = (key * PF_KEY_MULTIPLIER) >> 32 & (count - 1);
    for (unsigned i = 0; i < probes; i++) {
        struct pf_entry *entry = &entries[(at + i) & (count - 1)];
        if (claim(entry, key)) {
            return entry;
        }
    }
    return NULL;
}

static struct pf_entry *find_in_more(struct pf_slot *slot, uint64_t key) {
    struct pf_segment *segment = pf_process.segment;
    // Newest first; the site may live in any of them, so look without claiming before claiming.
    struct pf_more *newest = pf_at(segment, __atomic_load_n(&slot->more, __ATOMIC_ACQUIRE));
    for (struct pf_more *more = newest; more != NULL; more = pf_at(segment, more->next)) {
        uint64_t at = (key * PF_KEY_MULTIPLIER) >> 32 & (more->entries - 1);
        for (unsigned i = 0; i < 8; i++) {
            struct pf_entry *entry = &more->entry[(at + i) & (more->entries - 1)];
            if (__atomic_load_n(&entry->key, __ATOMIC_RELAXED) == key) {
                return entry;
            }
        }
    }
    if (newest != NULL) {
        struct pf_entry *entry = find_in(newest->entry, newest->entries, key, 8);
        if (entry != NULL) {
            return entry;
        }
    }
    uint64_t entries = newest != NULL ? newest->entries * 2 : FIRST_TABLE;
    struct pf_more *more = pf_segment_take(sizeof *more + entries * sizeof(struct pf_entry), 128);
    if (more == NULL) {
        return NULL;
    }
    more->next = newest != NULL ? pf_units(segment, newest) : 0;
    more->entries = entries;
    // A handler that linked a table in the meantime keeps its own: ours is then linked before it.
    uint64_t old = more->next;
    while (!__atomic_compare_exchange_n(&slot->more, &old, pf_units(segment, more), false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        more->next = old;
    }
    return find_in(more->entry, more->entries, key, 8);
}

struct pf_entry *pf_site_find(struct pf_slot *slot, uint64_t key) {
    unsigned home = pf_home(key & PF_KEY_SITE_MASK, (unsigned)(key >> PF_KEY_STREAM_SHIFT));
    struct pf_entry *entry = NULL;
    for (unsigned i = 0; i < CACHE_PROBES && entry == NULL; i++) {
        struct pf_entry *candidate = &slot->cache[(home + i) % PF_CACHE_ENTRIES];
        entry = claim(candidate, key) ? candidate : NULL;
    }
    if (entry == NULL) {
        entry = find_in_more(slot, key);
    }
    if (entry != NULL && entry->detail == 0) {
        struct pf_detail *detail = pf_slot_take(slot, sizeof *detail);
        if (detail != NULL) {
            detail->module = pf_module_note((uintptr_t)(key & PF_KEY_SITE_MASK));
            pf_control_set_rate(detail, key);
            uint32_t none = 0;
            __atomic_compare_exchange_n(&entry->detail, &none,
                                        (uint32_t)pf_units(pf_process.segment, detail), false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED);
        }
    }
    return entry;
}
