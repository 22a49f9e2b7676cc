// SPDX-License-Identifier: Apache-2.0
// The summary's rows, one for each entry of each thread, and the orders that they are sorted in.
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-summary-parts.h"

// A stream of stdio without a descriptor is one in memory.
static enum pf_kind kind_of(const struct pf_row *row) {
    if (row->stream != PF_STREAM_NONE) {
        return pf_stream_kind(row->stream);
    }
    return pf_is_buffered(row->call) ? PF_KIND_MEMORY : PF_KIND_UNKNOWN;
}

static void add_row(struct pf_summary *summary, size_t room, const struct pf_slot *slot,
                    const struct pf_entry *entry) {
    if (entry->key == 0) {
        return;
    }
    if (summary->row_count == room) {
        unsigned call = pf_key_call(entry->key);
        if (call < PF_CALL_COUNT) {
            summary->crowded[call].calls += __atomic_load_n(&entry->calls, __ATOMIC_RELAXED);
            summary->crowded[call].bytes += __atomic_load_n(&entry->bytes, __ATOMIC_RELAXED);
            summary->segment->partial = 1;
        }
        return;
    }
    struct pf_row *row = &summary->rows[summary->row_count];
    uint32_t at = __atomic_load_n(&entry->detail, __ATOMIC_ACQUIRE);
    const struct pf_detail *detail = pf_at(summary->segment, at);
    *row = (struct pf_row){
        .slot = slot,
        .detail = detail,
        .site = entry->key & 0xffffffffffffull,
        .call = (uint8_t)pf_key_call(entry->key),
        .stream = (uint8_t)(entry->key >> PF_KEY_STREAM_SHIFT),
    };
    if (detail != NULL) {
        row->timed.sampled = detail->timed.count;
        row->timed.sum_ns = detail->timed.sum_ns;
        row->timed.sumsq_ns2 =
            (double)detail->timed.sumsq_ns2[0] + (double)detail->timed.sumsq_ns2[1] * 0x1p64;
        row->timed.certain = detail->certain;
        row->timed.certain_ns = detail->certain_ns;
        row->timed.max_ns = detail->max_ns;
        row->timed.emoji = detail->emoji;
        row->timed.fields = detail->fields;
        row->timed.errors = detail->errors;
        bool all = detail->period == 1;
        row->timed.weight = detail->weight + (all ? (double)detail->timed.count : 0);
        row->timed.weighted_ns = detail->weighted_ns + (all ? (double)detail->timed.sum_ns : 0);
        row->timed.spread = detail->spread;
        row->timed.spread_ns = detail->spread_ns;
        row->timed.spread_ns2 = detail->variance_ns2;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    row->bytes = __atomic_load_n(&entry->bytes, __ATOMIC_RELAXED);
    row->calls = __atomic_load_n(&entry->calls, __ATOMIC_RELAXED);
    row->kind = (uint8_t)kind_of(row);
    if (row->call == PF_CALL_pf_profile_begin) { // one row with its ends
        row->call = PF_CALL_pf_profile_end;
        row->begun = row->calls;
        row->calls = 0;
        row->detail = NULL;
        row->timed = (__typeof__(row->timed)){0};
    }
    summary->row_count += row->calls + row->begun != 0;
}

void pf_rows_add_slots(struct pf_summary *summary, size_t room) {
    struct pf_segment *segment = summary->segment;
    uint64_t at = __atomic_load_n(&segment->first_slot, __ATOMIC_ACQUIRE);
    for (; at != 0; at = ((struct pf_slot *)pf_at(segment, at))->next) {
        const struct pf_slot *slot = pf_at(segment, at);
        if (slot->reset != segment->control.reset) {
            continue; // nothing since the reset
        }
        for (unsigned i = 0; i < PF_CACHE_ENTRIES; i++) {
            add_row(summary, room, slot, &slot->cache[i]);
        }
        const struct pf_more *more = pf_at(segment, slot->more);
        for (; more != NULL; more = pf_at(segment, more->next)) {
            for (uint64_t i = 0; i < more->entries; i++) {
                add_row(summary, room, slot, &more->entry[i]);
            }
        }
        summary->all_threads += slot->threads;
    }
}

void pf_rows_add_spill(struct pf_summary *summary, const struct pf_spill *spill) {
    for (unsigned call = 0; call < PF_CALL_COUNT; call++) {
        if (spill[call].calls != 0 || spill[call].bytes != 0) {
            summary->rows[summary->row_count++] = (struct pf_row){
                .calls = spill[call].calls,
                .bytes = spill[call].bytes,
                .call = (uint8_t)call,
                .stream = PF_STREAM_MANY, // some descriptor, and its bytes did go to the kernel
            };
        }
    }
}

// --- sorting: in place, no allocation (libc's qsort may allocate), never worse than n log n

uint64_t pf_row_class(const struct pf_row *row) {
    return pf_is_message(row->call) ? 0 : pf_is_scope(row->call) ? 2 : 1;
}

uint64_t pf_row_key(const struct pf_row *row, enum pf_order order) {
    switch (order) {
    case PF_BY_CALL: return pf_row_class(row) << 8 | row->call;
    case PF_BY_SITE: return pf_row_class(row) << 60 | (uint64_t)row->call << 48 | row->site;
    case PF_BY_STREAM: return pf_row_class(row) << 16 | (uint64_t)row->stream << 8 | row->kind;
    default: return pf_row_class(row) << 60 | (uint64_t)(uintptr_t)row->slot;
    }
}

static void sift(struct pf_row *rows, size_t root, size_t count, enum pf_order order) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count &&
            pf_row_key(&rows[child], order) < pf_row_key(&rows[child + 1], order)) {
            child++;
        }
        if (pf_row_key(&rows[root], order) >= pf_row_key(&rows[child], order)) {
            return;
        }
        struct pf_row row = rows[root];
        rows[root] = rows[child];
        rows[child] = row;
        root = child;
    }
}

void pf_rows_sort(struct pf_row *rows, size_t count, enum pf_order order) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(rows, i, count, order);
    }
    for (size_t end = count; end > 1; end--) {
        struct pf_row row = rows[0];
        rows[0] = rows[end - 1];
        rows[end - 1] = row;
        sift(rows, 0, end - 1, order);
    }
}
