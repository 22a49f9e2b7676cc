// SPDX-License-Identifier: Apache-2.0
// Looks for emoji: ASCII is skipped 16 bytes at a time, the rest decoded and looked up.
#include "pf-emoji.h"
#include "pf-emoji-table.h"
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define VARIATION_16 0xfe0fu

static bool in_table(const struct pf_emoji_range *table, size_t count, uint32_t point) {
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (point > table[middle].last) {
            low = middle + 1;
        } else {
            count = middle;
            if (point >= table[middle].first) {
                return true;
            }
        }
    }
    return false;
}

// Is `point` an emoji, or does it make one of `before`?
static bool is_emoji(uint32_t point, uint32_t before) {
    if (point == VARIATION_16) {
        return in_table(pf_emoji_any, COUNT(pf_emoji_any), before);
    }
    // Nothing below U+231A is an emoji by itself.
    return point >= 0x231a && in_table(pf_emoji_presentation, COUNT(pf_emoji_presentation), point);
}

// The next byte that is not ASCII text: a lead byte, or a NUL, which no text holds.
static size_t skip_ascii(const unsigned char *text, size_t at, size_t length) {
#ifdef __SSE2__
    for (; at + 16 <= length; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(text + at));
        __m128i zero = _mm_cmpeq_epi8(block, _mm_setzero_si128());
        int found = _mm_movemask_epi8(_mm_or_si128(block, zero));
        if (found != 0) {
            return at + (unsigned)__builtin_ctz((unsigned)found);
        }
    }
#else
    for (; at + 8 <= length; at += 8) {
        uint64_t word;
        __builtin_memcpy(&word, text + at, sizeof word);
        uint64_t zero = (word - 0x0101010101010101u) & ~word;
        if ((word | zero) & 0x8080808080808080u) {
            break;
        }
    }
#endif
    while (at < length && text[at] != 0 && text[at] < 0x80) {
        at++;
    }
    return at;
}

// Decodes the sequence at `text`; its length, 0 when it is not UTF-8 or is cut off.
static size_t decode(const unsigned char *text, size_t left, uint32_t *ret_point) {
    unsigned char lead = text[0];
    size_t need = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (need == 0 || need > left) {
        return 0;
    }
    uint32_t point = lead & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3f);
    }
    bool overlong = (need == 3 && point < 0x800) || (need == 4 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return 0;
    }
    *ret_point = point;
    return need;
}

// Has one of the bytes its high bit set?  Two loads that overlap do for any length of n to 2n.
static bool any_high(const unsigned char *text, size_t length) {
    uint64_t a = 0;
    uint64_t b = 0;
    if (length >= 8) {
        __builtin_memcpy(&a, text, 8);
        __builtin_memcpy(&b, text + length - 8, 8);
    } else if (length >= 4) {
        __builtin_memcpy(&a, text, 4);
        __builtin_memcpy(&b, text + length - 4, 4);
    } else {
        for (size_t i = 0; i < length; i++) {
            a |= text[i];
        }
    }
    return ((a | b) & 0x8080808080808080u) != 0;
}

bool pf_has_emoji(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (length <= 16 && !any_high(bytes, length)) {
        return false; // most messages: ASCII and short
    }
    size_t at = 0;
    uint32_t before = 0;
    while (at < length) {
        size_t next = skip_ascii(bytes, at, length);
        if (next > at) {
            before = bytes[next - 1];
        }
        if (next == length) {
            return false;
        }
        uint32_t point;
        size_t step = decode(bytes + next, length - next, &point);
        if (step == 0) {
            return false;
        }
        if (is_emoji(point, before)) {
            return true;
        }
        before = point;
        at = next + step;
    }
    return false;
}

bool pf_has_emoji_wide(const wchar_t *text, size_t length) {
    uint32_t before = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t point = (uint32_t)text[i];
        if (is_emoji(point, before)) {
            return true;
        }
        before = point;
    }
    return false;
}
