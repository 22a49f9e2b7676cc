// SPDX-License-Identifier: Apache-2.0
// What a printf-like call is about to write, from its format and a copy of its arguments.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>
#pragma GCC visibility push(hidden)

struct pf_format {
    unsigned fields; // conversions that format a value: not %%, not %n
    bool emoji;      // in the literal text, or in a string or character argument
    bool complete;   // false: stopped taking arguments (unknown conversions, gaps in numbered ones)
};

// Reads the same arguments that the real call will read, and of a string no more than it: up to
// its terminator or its precision.  Writes nothing (%n is passed over).  Async-signal-safe.
void pf_format_walk(const char *format, va_list args, struct pf_format *ret_format);
void pf_format_walk_wide(const wchar_t *format, va_list args, struct pf_format *ret_format);

// What a walk of a plain format comes to, so that a constant format is parsed only once: which
// arguments are passed over on the way to each string.
#define PF_FORMAT_OPS 17
struct pf_format_program {
    uint32_t generation; // the caller's
    uint8_t fields;
    uint8_t emoji; // in the literal text
    uint8_t count;
    uint8_t op[PF_FORMAT_OPS];
};

// False: this format needs the walk (numbered arguments, stars, wide strings, long doubles, or more
// arguments before its last string than fit).
bool pf_format_compile(const char *format, struct pf_format_program *ret_program);

// As pf_format_walk with the format that the program was compiled from.
void pf_format_run(const struct pf_format_program *program, va_list args,
                   struct pf_format *ret_format);
#pragma GCC visibility pop
