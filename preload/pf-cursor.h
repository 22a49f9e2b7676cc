// SPDX-License-Identifier: Apache-2.0
// Takes numbers off bytes that nobody vouches for: beyond the end everything is 0 and the cursor
// bad.
#pragma once
#include "pf-module.h"

struct pf_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad; // stays
};

static inline struct pf_cursor pf_cursor_at(struct pf_span span, uintptr_t at) {
    if (at < span.start || at >= span.end) {
        return (struct pf_cursor){NULL, NULL, true};
    }
    return (struct pf_cursor){(const uint8_t *)at, (const uint8_t *)span.end, false};
}

static inline void pf_skip(struct pf_cursor *cursor, uint64_t size) {
    if (size > (uint64_t)(cursor->end - cursor->at)) {
        cursor->bad = true;
        cursor->at = cursor->end;
    } else {
        cursor->at += size;
    }
}

// `size` bytes, 1 to 8, in the machine's order (little-endian, as all that we unwind on).
static inline uint64_t pf_take(struct pf_cursor *cursor, unsigned size) {
    const uint8_t *at = cursor->at;
    pf_skip(cursor, size);
    if (cursor->bad) {
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

// A ULEB128; bits from 64 up are lost, and padding beyond what any writer makes is bad.
static inline uint64_t pf_take_uleb(struct pf_cursor *cursor) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 140; shift += 7) {
        uint64_t byte = pf_take(cursor, 1);
        if (shift < 64) {
            value |= (byte & 0x7f) << shift;
        }
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    cursor->bad = true;
    return 0;
}

static inline int64_t pf_take_sleb(struct pf_cursor *cursor) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 140; shift += 7) {
        uint64_t byte = pf_take(cursor, 1);
        if (shift < 64) {
            value |= (byte & 0x7f) << shift;
        }
        if ((byte & 0x80) == 0) {
            if ((byte & 0x40) != 0 && shift + 7 < 64) {
                value |= UINT64_MAX << (shift + 7);
            }
            return (int64_t)value;
        }
    }
    cursor->bad = true;
    return 0;
}
