// SPDX-License-Identifier: Apache-2.0
// Walks a format and its arguments: one body (pf-format-body.h) for narrow and for wide formats.
#include "pf-format.h"
#include "pf-emoji.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum length { LENGTH_NONE, LENGTH_LONG, LENGTH_LONG_LONG, LENGTH_LONG_DOUBLE };

// A va_list is an array on some machines: in a struct it can be handed around by address everywhere.
struct arguments {
    va_list list;
};

static bool narrow_argument_has_emoji(const char *text, int precision) {
    size_t length = 0;
    while (text != NULL && (precision < 0 || length < (size_t)precision) && text[length]) {
        length++;
    }
    return text != NULL && pf_has_emoji(text, length);
}

static bool wide_argument_has_emoji(const wchar_t *text, int precision) {
    size_t length = 0;
    // A wide string's precision counts bytes, at least one for each character.
    while (text != NULL && (precision < 0 || length < (size_t)precision) && text[length]) {
        length++;
    }
    return text != NULL && pf_has_emoji_wide(text, length);
}

// Takes the argument of one conversion; false when the letter is not one of ISO C's or glibc's.
static bool take(struct arguments *args, unsigned letter, enum length length, int precision,
                 struct pf_format *format) {
    format->fields++;
    switch (letter) {
    case 'd':
    case 'i':
    case 'o':
    case 'u':
    case 'x':
    case 'X':
    case 'b':
    case 'B':
        if (length == LENGTH_NONE) {
            (void)va_arg(args->list, int);
        } else if (length == LENGTH_LONG) {
            (void)va_arg(args->list, long);
        } else {
            (void)va_arg(args->list, long long);
        }
        return true;
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        if (length >= LENGTH_LONG_LONG) {
            (void)va_arg(args->list, long double);
        } else {
            (void)va_arg(args->list, double);
        }
        return true;
    case 'C':
    case 'c':
        if (letter == 'C' || length == LENGTH_LONG) {
            wchar_t c = (wchar_t)va_arg(args->list, wint_t);
            format->emoji |= pf_has_emoji_wide(&c, 1);
        } else {
            (void)va_arg(args->list, int);
        }
        return true;
    case 'S':
    case 's':
        if (letter == 'S' || length == LENGTH_LONG) {
            format->emoji |= wide_argument_has_emoji(va_arg(args->list, wchar_t *), precision);
        } else {
            format->emoji |= narrow_argument_has_emoji(va_arg(args->list, char *), precision);
        }
        return true;
    case 'p': (void)va_arg(args->list, void *); return true;
    case 'm': return true;
    case 'n':
        format->fields--;
        (void)va_arg(args->list, void *);
        return true;
    default: format->fields--; return false;
    }
}

// The length of what follows in `modifier`: size_t, intmax_t and ptrdiff_t are as long as long where
// long has 64 bits, and z and t are no longer than long elsewhere.
static enum length length_of(unsigned modifier, enum length before) {
    switch (modifier) {
    case 'h': return LENGTH_NONE;
    case 'l': return before == LENGTH_LONG ? LENGTH_LONG_LONG : LENGTH_LONG;
    case 'q': return LENGTH_LONG_LONG;
    case 'L': return LENGTH_LONG_DOUBLE;
    case 'j': return sizeof(intmax_t) > sizeof(long) ? LENGTH_LONG_LONG : LENGTH_LONG;
    default: return sizeof(size_t) < sizeof(long) ? LENGTH_NONE : LENGTH_LONG;
    }
}

#define CHARACTER char
#define WALK walk_narrow
#define HAS_EMOJI pf_has_emoji
#include "pf-format-body.h"

#define CHARACTER wchar_t
#define WALK walk_wide
#define HAS_EMOJI pf_has_emoji_wide
#include "pf-format-body.h"

void pf_format_walk(const char *format, va_list args, struct pf_format *ret_format) {
    struct arguments copy;
    va_copy(copy.list, args);
    walk_narrow(format, &copy, ret_format);
    va_end(copy.list);
}

void pf_format_walk_wide(const wchar_t *format, va_list args, struct pf_format *ret_format) {
    struct arguments copy;
    va_copy(copy.list, args);
    walk_wide(format, &copy, ret_format);
    va_end(copy.list);
}
