// SPDX-License-Identifier: Apache-2.0
// What a printf-like call is about to write, from its format and a copy of its arguments.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <wchar.h>

struct pf_format {
    unsigned fields; // conversions that format a value: not %%, not %n
    bool emoji;      // in the literal text, or in a string or character argument
    bool complete;   // false: stopped taking arguments (unknown conversions, gaps in numbered ones)
};

// Reads the same arguments that the real call will read, and of a string no more than it: up to
// its terminator or its precision.  Writes nothing (%n is passed over).  Async-signal-safe.
void pf_format_walk(const char *format, va_list args, struct pf_format *ret_format);
void pf_format_walk_wide(const wchar_t *format, va_list args, struct pf_format *ret_format);
