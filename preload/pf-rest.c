// SPDX-License-Identifier: Apache-2.0
// Short writes: what was left, and what the thread writes next.
//
// A handler's call may come between any two instructions: `busy` sends it past, so that nobody compares
// with half of one rest and half of another.  One that jumps away meanwhile leaves that thread's short
// writes counted and no longer judged.
#include "pf-headers.h" // before all else

#include "pf-process.h"
#include "pf-rest.h"
#include <string.h>

#define PATIENCE 200 // calls that go the slow way before a rest is given up
#define SMALLEST_PAGE 4096u
#define SLOTS_MOST 64u // threads whose calls are looked through

// The row of a site; NULL: no room for one.
static struct pf_short *row_of(struct pf_slot *slot, uint64_t key) {
    uint64_t *link = &slot->shorts;
    for (unsigned chain = 0; chain < PF_SHORT_CHAIN; chain++) {
        struct pf_shorts *node = pf_at(pf_process.segment, *link);
        if (node == NULL) {
            node = pf_slot_take(slot, sizeof *node);
            if (node == NULL) {
                return NULL;
            }
            uint64_t none = 0;
            if (!__atomic_compare_exchange_n(link, &none, pf_units(pf_process.segment, node), false,
                                             __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
                node = pf_at(pf_process.segment, none); // a handler's
            }
        }
        for (unsigned i = 0; i < PF_SHORT_ROWS; i++) {
            uint64_t none = 0;
            if (node->row[i].key == key ||
                __atomic_compare_exchange_n(&node->row[i].key, &none, key, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED)) {
                return &node->row[i];
            }
            if (none == key) {
                return &node->row[i];
            }
        }
        link = &node->next;
    }
    return NULL;
}

static void forget(struct pf_slot *slot) {
    __atomic_and_fetch(&slot->control, ~PF_CTL_REST, __ATOMIC_RELAXED);
}

PF_COLD void pf_rest_pass(struct pf_slot *slot, enum pf_call call, unsigned stream) {
    struct pf_rest *rest = &pf_thread.rest;
    bool other_way = stream == rest->key >> PF_KEY_STREAM_SHIFT && !pf_calls[call].may_be_short;
    if (!rest->busy && (other_way || --rest->patience == 0)) {
        forget(slot);
    }
}

// Calls that other threads have made to a stream: one of them may write what this one has left.  Counts
// only grow, so that two equal sums mean that there was none in between.
static uint64_t calls_of_others(const struct pf_slot *self, uint64_t stream) {
    struct pf_segment *segment = pf_process.segment;
    uint64_t sum = 0;
    uint64_t at = __atomic_load_n(&segment->first_slot, __ATOMIC_ACQUIRE);
    for (const struct pf_slot *slot; at != 0; at = slot->next) {
        slot = pf_at(segment, at);
        for (unsigned i = 0; slot != self && i < PF_CACHE_ENTRIES; i++) {
            const struct pf_entry *entry = &slot->cache[i];
            uint64_t key = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);
            sum += key >> PF_KEY_STREAM_SHIFT == stream
                       ? __atomic_load_n(&entry->calls, __ATOMIC_RELAXED)
                       : 0;
        }
    }
    return sum;
}

// The program's next bytes on the stream: are they those that were left?
static void judge(struct pf_slot *slot, const void *buffer, size_t written) {
    const struct pf_rest *rest = &pf_thread.rest;
    size_t size = written < rest->size ? written : rest->size;
    bool same = memcmp(buffer, rest->text, size) == 0;
    uint64_t left = rest->left;
    struct pf_short *row = row_of(slot, rest->key);
    forget(slot);
    if (row != NULL && same) {
        pf_add(&row->continued, 1);
    } else if (row != NULL &&
               calls_of_others(slot, rest->key >> PF_KEY_STREAM_SHIFT) == rest->others) {
        pf_add(&row->left, 1);
        pf_add(&row->left_bytes, left);
    }
}

// Only a stream of its own can be told from others, and the page of the last byte that the kernel has
// read can be read by us too.
static void keep(struct pf_slot *slot, uint64_t key, const char *from, uint64_t left, bool known) {
    struct pf_rest *rest = &pf_thread.rest;
    unsigned stream = (unsigned)(key >> PF_KEY_STREAM_SHIFT);
    size_t page = SMALLEST_PAGE - (uintptr_t)from % SMALLEST_PAGE;
    forget(slot);
    if (!known || page == SMALLEST_PAGE || stream < PF_STREAM_FIRST || stream >= PF_STREAM_MANY ||
        pf_process.segment->slot_count > SLOTS_MOST) {
        return;
    }
    size_t size = left < sizeof rest->text ? (size_t)left : sizeof rest->text;
    size = size < page ? size : page;
    memcpy(rest->text, from, size);
    rest->size = (uint8_t)size;
    rest->key = key;
    rest->left = left;
    rest->others = calls_of_others(slot, stream);
    rest->patience = PATIENCE;
    __atomic_or_fetch(&slot->control, PF_CTL_REST, __ATOMIC_RELAXED);
}

PF_COLD void pf_rest_forget(void) {
    if (pf_thread.slot != NULL) {
        forget(pf_thread.slot);
    }
}

PF_COLD void pf_rest_look(const struct pf_entry *entry, const void *buffer, size_t asked,
                          ssize_t result) {
    struct pf_slot *slot = pf_thread.slot;
    struct pf_rest *rest = &pf_thread.rest;
    if (slot == NULL || entry->key == 0 || result < 0) {
        return;
    }
    bool is_short = (size_t)result < asked;
    struct pf_short *row = is_short ? row_of(slot, entry->key) : NULL;
    if (row != NULL) {
        pf_add(&row->count, 1);
    }
    if (rest->busy) {
        return;
    }
    rest->busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    enum pf_kind kind = pf_stream_kind((unsigned)(entry->key >> PF_KEY_STREAM_SHIFT));
    bool known = result > 0 && pf_kind_reads(kind);
    bool awaited = (__atomic_load_n(&slot->control, __ATOMIC_RELAXED) & PF_CTL_REST) != 0 &&
                   rest->key >> PF_KEY_STREAM_SHIFT == entry->key >> PF_KEY_STREAM_SHIFT;
    if (awaited && known) {
        judge(slot, buffer, (size_t)result);
    }
    if (is_short) {
        keep(slot, entry->key, (const char *)buffer + result, asked - (size_t)result, known);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    rest->busy = false;
}

PF_COLD uint64_t pf_account_short(struct pf_entry *entry, const void *buffer, size_t asked,
                                  uint64_t result) {
    pf_add(&entry->bytes, result);
    pf_rest_look(entry, buffer, asked, (ssize_t)result);
    return result;
}
