// SPDX-License-Identifier: Apache-2.0
// Walks a format and its arguments as glibc's printf will: one walk for narrow and wide formats.
#include "pf-format.h"
#include "pf-arch.h"
#include "pf-emoji.h"
#include "pf-length.h"
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// With `wide` a constant at both places that walk, each gets a walk of its own.
#define TEMPLATE static inline __attribute__((always_inline))

enum { MAX_POSITION = 32 };

// How an argument is passed.
enum kind { UNKNOWN, NOTHING, INT, LONG, LONG_LONG, DOUBLE, LONG_DOUBLE, POINTER };

// Where a width, a precision or a value comes from: above these two, argument number N ("N$").
enum { FROM_FORMAT = 0, FROM_NEXT = -1 };

struct conversion {
    unsigned letter;
    enum kind kind;
    bool wide;      // of a string or character: of wchar_t
    bool in_order;  // takes the next argument, at least for one of the three
    bool by_number; // names an argument, at least for one of the three
    int width_from;
    int precision_from;
    int value_from;
    int precision; // negative: none
};

// A va_list is an array on some machines: in a struct it goes by address everywhere.
struct arguments {
    va_list list;
    bool in_order; // some were taken
    bool loaded;   // `values` has them all
    intptr_t values[MAX_POSITION];
};

TEMPLATE unsigned unit(const void *format, size_t at, bool wide) {
    return wide ? (unsigned)((const wchar_t *)format)[at] : ((const unsigned char *)format)[at];
}

TEMPLATE bool is_digit(unsigned c) { return c - '0' <= 9; }

// A number; 0 if none stands there, -1 if it is above INT_MAX, where printf fails.
TEMPLATE int parse_number(const void *format, size_t *at, bool wide) {
    int number = 0;
    for (; is_digit(unit(format, *at, wide)); ++*at) {
        int digit = (int)(unit(format, *at, wide) - '0');
        bool over = number < 0 || number > (INT_MAX - digit) / 10;
        number = over ? -1 : number * 10 + digit;
    }
    return number;
}

// A width or a precision.
TEMPLATE bool parse_amount(const void *format, size_t *at, bool wide, int *ret_from,
                           int *ret_amount) {
    if (unit(format, *at, wide) != '*') {
        *ret_amount = parse_number(format, at, wide);
        return *ret_amount >= 0;
    }
    ++*at;
    *ret_from = FROM_NEXT;
    if (is_digit(unit(format, *at, wide))) {
        *ret_from = parse_number(format, at, wide);
        if (*ret_from <= 0 || unit(format, *at, wide) != '$') {
            return false;
        }
        ++*at;
    }
    return true;
}

// As a kind of integer.  One modifier and no more: what glibc takes "%hld" for is not a number.
TEMPLATE enum kind parse_modifier(const void *format, size_t *at, bool wide) {
    unsigned modifier = unit(format, *at, wide);
    switch (modifier) {
    case 'h':
    case 'l':
        ++*at;
        if (unit(format, *at, wide) == modifier) {
            ++*at;
            return modifier == 'h' ? INT : LONG_LONG;
        }
        return modifier == 'h' ? INT : LONG;
    case 'L':
    case 'q': ++*at; return LONG_LONG;
    case 'j': ++*at; return sizeof(intmax_t) > sizeof(long) ? LONG_LONG : LONG;
    case 'z':
    case 'Z': ++*at; return sizeof(size_t) > sizeof(int) ? LONG : INT;
    case 't': ++*at; return sizeof(ptrdiff_t) > sizeof(int) ? LONG : INT;
    default: return INT;
    }
}

// What each letter takes; of integers and floating-point numbers, without a modifier.  A table, as
// a jump per letter is what a processor cannot foresee.
static const unsigned char kinds_of_letters[128] = {
    ['d'] = INT,     ['i'] = INT,     ['o'] = INT,     ['u'] = INT,     ['x'] = INT,
    ['X'] = INT,     ['b'] = INT,     ['B'] = INT,     ['a'] = DOUBLE,  ['A'] = DOUBLE,
    ['e'] = DOUBLE,  ['E'] = DOUBLE,  ['f'] = DOUBLE,  ['F'] = DOUBLE,  ['g'] = DOUBLE,
    ['G'] = DOUBLE,  ['c'] = INT,     ['C'] = INT,     ['s'] = POINTER, ['S'] = POINTER,
    ['p'] = POINTER, ['n'] = POINTER, ['m'] = NOTHING, ['%'] = NOTHING,
};

static inline enum kind kind_of(unsigned letter, enum kind integer) {
    enum kind kind = letter < 128 ? kinds_of_letters[letter] : UNKNOWN;
    if (integer == INT) {
        return kind;
    }
    if (kind == DOUBLE) {
        return integer == LONG_LONG ? LONG_DOUBLE : DOUBLE;
    }
    return kind == INT && letter != 'c' && letter != 'C' ? integer : kind;
}

TEMPLATE bool is_flag(unsigned c) {
    return c == '-' || c == '+' || c == ' ' || c == '#' || c == '0' || c == '\'' || c == 'I';
}

// Parses a conversion up to its modifier.
TEMPLATE bool parse_options(const void *format, size_t *at, bool wide, struct conversion *ret) {
    size_t start = *at;
    int number = parse_number(format, at, wide);
    if (number > 0 && unit(format, *at, wide) == '$') {
        ret->value_from = number;
        ++*at;
    } else {
        *at = start; // flags and a width
    }
    while (is_flag(unit(format, *at, wide))) {
        ++*at;
    }
    int width = 0;
    if (!parse_amount(format, at, wide, &ret->width_from, &width)) {
        return false;
    }
    if (unit(format, *at, wide) == '.') {
        ++*at;
        if (!parse_amount(format, at, wide, &ret->precision_from, &ret->precision)) {
            return false;
        }
    }
    return true;
}

// Parses what follows a '%'.  False: a letter of register_printf_function, or no conversion at all.
TEMPLATE bool parse(const void *format, size_t *at, bool wide, struct conversion *ret) {
    *ret = (struct conversion){.value_from = FROM_NEXT, .precision = -1};
    unsigned first = unit(format, *at, wide);
    // Most conversions are a letter alone, and all options but this flag come before the letters.
    if ((first < 'A' || first == 'I') && !parse_options(format, at, wide, ret)) {
        return false;
    }
    enum kind integer = parse_modifier(format, at, wide);
    ret->letter = unit(format, *at, wide);
    ret->kind = kind_of(ret->letter, integer);
    ret->wide = integer != INT || ret->letter == 'S' || ret->letter == 'C';
    if (ret->kind == NOTHING || ret->kind == UNKNOWN) {
        ret->value_from = FROM_FORMAT;
    }
    ret->in_order = ret->width_from == FROM_NEXT || ret->precision_from == FROM_NEXT ||
                    ret->value_from == FROM_NEXT;
    ret->by_number = ret->width_from > 0 || ret->precision_from > 0 || ret->value_from > 0;
    if (ret->kind == UNKNOWN || (ret->in_order && ret->by_number)) {
        return false;
    }
    ++*at;
    return true;
}

static inline intptr_t next(struct arguments *args, enum kind kind) {
    switch (kind) {
    case INT: return va_arg(args->list, int);
    case LONG: return va_arg(args->list, long);
    case LONG_LONG: return (intptr_t)va_arg(args->list, long long);
    case POINTER: return (intptr_t)va_arg(args->list, void *);
    case DOUBLE: (void)va_arg(args->list, double); return 0;
    case LONG_DOUBLE: (void)va_arg(args->list, long double); return 0;
    default: return 0;
    }
}

static bool note_kind(unsigned char *kinds, int from, enum kind kind) {
    if (from <= 0) {
        return true;
    }
    if (from > MAX_POSITION || (kinds[from - 1] != UNKNOWN && kinds[from - 1] != kind)) {
        return false;
    }
    kinds[from - 1] = (unsigned char)kind;
    return true;
}

// Takes the arguments of a format that numbers them.  All or none: where one of them is of no known
// kind, nobody can tell where the next one is.
static __attribute__((noinline, cold)) bool load(const void *format, bool wide,
                                                 struct arguments *args) {
    unsigned char kinds[MAX_POSITION] = {UNKNOWN};
    for (size_t at = 0; unit(format, at, wide) != 0;) {
        if (unit(format, at++, wide) != '%') {
            continue;
        }
        struct conversion it;
        if (!parse(format, &at, wide, &it) || it.in_order ||
            !note_kind(kinds, it.width_from, INT) || !note_kind(kinds, it.precision_from, INT) ||
            !note_kind(kinds, it.value_from, it.kind)) {
            return false;
        }
    }
    int count = 0;
    while (count < MAX_POSITION && kinds[count] != UNKNOWN) {
        count++;
    }
    for (int i = count; i < MAX_POSITION; i++) {
        if (kinds[i] != UNKNOWN) {
            return false; // there is a gap before it
        }
    }
    for (int i = 0; i < count; i++) {
        args->values[i] = next(args, kinds[i]);
    }
    args->loaded = true;
    return true;
}

// Printf's own measure: a string with a precision may have no terminator.
static bool narrow_has_emoji(const char *text, int precision) {
    if (text == NULL) {
        return false;
    }
    size_t length = 0;
    if (precision < 0) {
        bool ascii;
        if (PF_UNLIKELY(!pf_short_text(text, &length, &ascii))) {
            return pf_has_emoji(text, strlen(text));
        }
        return PF_UNLIKELY(!ascii) && pf_has_emoji(text, length);
    }
    unsigned seen = 0;
    for (; length < (size_t)precision && text[length]; length++) {
        seen |= (unsigned char)text[length];
    }
    return seen > 0x7f && pf_has_emoji(text, length);
}

// The precision of a wide string counts characters in a wide format, but bytes in a narrow one, and
// whole characters only: these are reckoned as UTF-8.
static bool wide_has_emoji(const wchar_t *text, int precision, bool in_wide) {
    if (text == NULL) {
        return false;
    }
    if (precision < 0) {
        return pf_has_emoji_wide(text, wcslen(text));
    }
    size_t length = 0;
    for (size_t left = (size_t)precision; left > 0 && text[length]; length++) {
        uint32_t c = (uint32_t)text[length];
        size_t cost = in_wide || c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (cost > left) {
            break;
        }
        left -= cost;
    }
    return pf_has_emoji_wide(text, length);
}

static inline bool value_has_emoji(const struct conversion *it, intptr_t value, bool in_wide) {
    switch (it->letter) {
    case 's':
    case 'S':
        return it->wide ? wide_has_emoji((const wchar_t *)value, it->precision, in_wide)
                        : narrow_has_emoji((const char *)value, it->precision);
    case 'c':
    case 'C': return it->wide && pf_has_emoji_wide(&(wchar_t){(wchar_t)value}, 1);
    default: return false;
    }
}

TEMPLATE intptr_t take(struct arguments *args, int from, enum kind kind) {
    return from == FROM_NEXT ? next(args, kind) : args->values[from - 1];
}

// Takes what one conversion takes; false when that cannot be known.
TEMPLATE bool convert(const void *format, bool wide, struct arguments *args, struct conversion *it,
                      struct pf_format *ret) {
    if (it->by_number && !args->loaded && (args->in_order || !load(format, wide, args))) {
        return false;
    }
    if (it->in_order && args->loaded) {
        return false;
    }
    args->in_order |= it->in_order;
    if (it->width_from != FROM_FORMAT) {
        (void)take(args, it->width_from, INT);
    }
    if (it->precision_from != FROM_FORMAT) {
        it->precision = (int)take(args, it->precision_from, INT);
    }
    if (it->value_from != FROM_FORMAT) {
        intptr_t value = take(args, it->value_from, it->kind);
        ret->emoji = ret->emoji || value_has_emoji(it, value, wide);
    }
    ret->fields += it->letter != '%' && it->letter != 'n';
    return true;
}

// The end of the literal text at `at`.
TEMPLATE size_t pass_literal(const void *format, size_t at, bool wide, struct pf_format *ret) {
    size_t start = at;
    unsigned seen = 0;
    for (unsigned c; (c = unit(format, at, wide)) != 0 && c != '%'; at++) {
        seen |= c;
    }
    // Nearly every literal is ASCII, and then there is nothing to decode.
    if (seen > 0x7f && !ret->emoji) {
        ret->emoji = wide ? pf_has_emoji_wide((const wchar_t *)format + start, at - start)
                          : pf_has_emoji((const char *)format + start, at - start);
    }
    return at;
}

TEMPLATE void walk(const void *format, bool wide, struct arguments *args, struct pf_format *ret) {
    *ret = (struct pf_format){.complete = true};
    if (format == NULL) {
        return;
    }
    args->in_order = false;
    args->loaded = false;
    for (size_t at = 0; at = pass_literal(format, at, wide, ret), unit(format, at, wide) != 0;) {
        size_t after = ++at;
        if (!ret->complete) {
            continue; // printf shows the conversion as it stands, or does what only it knows
        }
        struct conversion it;
        bool parsed = parse(format, &after, wide, &it);
        if (!parsed && unit(format, after, wide) == 0) {
            return; // a format that ends in the middle of a conversion
        }
        if (parsed && convert(format, wide, args, &it, ret)) {
            at = after;
        } else {
            ret->complete = false;
        }
    }
}

void pf_format_walk(const char *format, va_list args, struct pf_format *ret_format) {
    struct arguments copy;
    va_copy(copy.list, args);
    walk(format, false, &copy, ret_format);
    va_end(copy.list);
}

// Rare: not worth the room that a fast walk takes.
__attribute__((cold)) void pf_format_walk_wide(const wchar_t *format, va_list args,
                                               struct pf_format *ret_format) {
    struct arguments copy;
    va_copy(copy.list, args);
    walk(format, true, &copy, ret_format);
    va_end(copy.list);
}

// --- constant formats

// A string without a precision, or with one below 128: 0x80 | precision.
enum { OP_STRING = POINTER + 1, OP_PRECISION = 0x80 };

bool pf_format_compile(const char *format, struct pf_format_program *ret_program) {
    struct pf_format_program program = {0};
    struct pf_format literal = {0};
    unsigned fields = 0;
    unsigned count = 0; // up to the last string
    unsigned ops = 0;
    unsigned char op[PF_FORMAT_OPS];
    for (size_t at = 0; at = pass_literal(format, at, false, &literal), format[at] != 0;) {
        at++;
        struct conversion it;
        if (!parse(format, &at, false, &it) || it.by_number || it.width_from != FROM_FORMAT ||
            it.precision_from != FROM_FORMAT || it.kind == LONG_DOUBLE || it.precision >= 128) {
            return false;
        }
        bool text = it.letter == 's' || it.letter == 'c' || it.letter == 'S' || it.letter == 'C';
        if (text && it.wide) {
            return false;
        }
        fields += it.letter != '%' && it.letter != 'n';
        if (it.kind == NOTHING) {
            continue;
        }
        if (ops < PF_FORMAT_OPS) {
            bool string = it.letter == 's';
            op[ops++] = (unsigned char)(!string            ? (unsigned)it.kind
                                        : it.precision < 0 ? (unsigned)OP_STRING
                                                           : OP_PRECISION | (unsigned)it.precision);
            count = string ? ops : count;
        } else if (it.letter == 's') {
            return false;
        }
    }
    if (fields > 255) {
        return false;
    }
    program.fields = (uint8_t)fields;
    program.emoji = literal.emoji;
    program.count = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        program.op[i] = op[i];
    }
    *ret_program = program;
    return true;
}

#ifdef PF_ARCH_HAS_ARGUMENTS
static inline intptr_t take_next(struct pf_arguments *at, enum kind kind) {
    if (kind == DOUBLE) {
        pf_pass_double(at);
        return 0;
    }
    return (intptr_t)pf_next_integer(at);
}
#else
static inline intptr_t take_next(struct arguments *at, enum kind kind) { return next(at, kind); }
#endif

void pf_format_run(const struct pf_format_program *program, va_list args,
                   struct pf_format *ret_format) {
    *ret_format =
        (struct pf_format){.fields = program->fields, .emoji = program->emoji, .complete = true};
    const unsigned count = program->count;
    if (count == 0 || program->emoji) {
        return;
    }
#ifdef PF_ARCH_HAS_ARGUMENTS
    struct pf_arguments at = pf_arguments_of(args);
#else
    struct arguments at;
    va_copy(at.list, args);
#endif
    for (unsigned i = 0; i < count && !ret_format->emoji; i++) {
        const unsigned op = program->op[i];
        if (op == OP_STRING || op >= OP_PRECISION) {
            int precision = op == OP_STRING ? -1 : (int)(op & 0x7f);
            ret_format->emoji = narrow_has_emoji((const char *)take_next(&at, POINTER), precision);
        } else {
            (void)take_next(&at, (enum kind)op);
        }
    }
}
