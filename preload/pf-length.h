// SPDX-License-Identifier: Apache-2.0
// Short strings without a call: the usual log line is over before strlen would have begun.
#pragma once
#include "pf-arch.h"
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__) && !defined(PF_MEMORY_IS_WATCHED)
#include <emmintrin.h>

// Blocks looked at; a longer string is strlen's.
#define PF_LENGTH_BLOCKS 4u

// False: longer than that.  `ascii`: all of it.  Aligned blocks never reach into a page that the string
// does not: what lies around it there is read, but decides nothing (valgrind's memcheck knows that).
PF_INLINE bool pf_short_text(const char *text, size_t *ret_length, bool *ret_ascii) {
    const __m128i *block = (const __m128i *)((uintptr_t)text & ~(uintptr_t)15);
    const __m128i zero = _mm_setzero_si128();
    const unsigned before = (uintptr_t)text & 15;
    __m128i bytes = _mm_load_si128(block);
    unsigned ends = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, zero)) >> before;
    unsigned high = (unsigned)_mm_movemask_epi8(bytes) >> before;
    if (ends != 0) {
        const unsigned last = (unsigned)__builtin_ctz(ends);
        *ret_length = last;
        // `ends ^ (ends - 1)` is the same, but memcheck takes it for made of what lies behind the end.
        *ret_ascii = (high & ((2u << last) - 1)) == 0;
        return true;
    }
#pragma GCC unroll 4
    for (unsigned i = 1; i < PF_LENGTH_BLOCKS; i++) {
        bytes = _mm_load_si128(block + i);
        ends = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, zero));
        unsigned here = (unsigned)_mm_movemask_epi8(bytes);
        if (ends != 0) {
            const unsigned last = (unsigned)__builtin_ctz(ends);
            *ret_length = 16 * i - before + last;
            *ret_ascii = (high | (here & ((2u << last) - 1))) == 0;
            return true;
        }
        high |= here;
    }
    return false;
}
#else
PF_INLINE bool pf_short_text(const char *text, size_t *ret_length, bool *ret_ascii) {
    (void)text;
    (void)ret_length;
    (void)ret_ascii;
    return false;
}
#endif

PF_INLINE bool pf_short_length(const char *text, size_t *ret_length) {
    bool ascii;
    return pf_short_text(text, ret_length, &ascii);
}
