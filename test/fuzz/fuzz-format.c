// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any format, with arguments of exactly the kinds that glibc says it takes.  What is no string
// there is a wild pointer, and so is everything past the last: reading one of them is a crash.
// with: preload/pf-format.c preload/pf-emoji.c
#include "pf-format.h"
#include <printf.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__x86_64__)
#error "makes a va_list by hand"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 64 };

// System V ABI, figure 3.34: everything comes from memory.
struct list {
    unsigned gp_offset, fp_offset;
    void *overflow, *saved;
};

static void fill(uint64_t *values, const int *types, size_t count) {
    // Good as either: glibc's parser calls "%zs" narrow, its printf takes it for wide.
    static const wchar_t text[] = L"w\x1f600";
    for (size_t i = 0; i < MOST * 2; i++) {
        values[i] = 0xdead000000000001; // not an address
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        int type = types[i] & ~PA_FLAG_MASK;
        bool long_double = type == PA_DOUBLE && (types[i] & PA_FLAG_LONG_DOUBLE);
        if (type == PA_STRING || type == PA_WSTRING || type == PA_POINTER ||
            (types[i] & PA_FLAG_PTR)) {
            values[at] = (uintptr_t)text;
        } else if (type == PA_INT || type == PA_CHAR) {
            values[at] = 0xdead000000000003; // as a width or precision: 3
        }
        // Aligned to 16, the start of `values` is.
        at += long_double ? 2 + (at & 1) : 1;
    }
}

// Numbered and other arguments in one format: printf takes them in an order that its own parser does
// not tell, so there is no judge.
static bool is_mixed(const char *format) {
    bool numbered = strchr(format, '$') != NULL;
    for (const char *at = format; numbered && (at = strchr(at, '%')) != NULL; at++) {
        size_t digits = strspn(at + 1, "0123456789");
        if (digits == 0 || at[1 + digits] != '$' || strchr(at, '*') != NULL) {
            return true;
        }
    }
    return false;
}

static struct pf_format walk(const char *format, uint64_t *values,
                             void (*how)(const char *, va_list, struct pf_format *)) {
    struct pf_format result;
    va_list list;
    struct list made = {48, 176, values, NULL};
    memcpy(&list, &made, sizeof made);
    how(format, list, &result);
    return result;
}

static struct pf_format_program program;

static void run(const char *format, va_list args, struct pf_format *ret) {
    (void)format;
    pf_format_run(&program, args, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static _Alignas(16) uint64_t values[MOST * 2];
    int types[MOST];
    if (size > 100) {
        return 0;
    }
    char *format = malloc(size + 1);
    memcpy(format, data, size);
    format[size] = 0;
    size_t count = parse_printf_format(format, MOST, types);
    // Numbered arguments may be anything up to INT_MAX, and then glibc's own list is not ours to make.
    if (count <= MOST && !is_mixed(format)) {
        fill(values, types, count);
        struct pf_format walked = walk(format, values, pf_format_walk);
        if (walked.fields > size) {
            abort();
        }
        if (pf_format_compile(format, &program)) {
            struct pf_format again = walk(format, values, run);
            if (!walked.complete || again.fields != walked.fields || again.emoji != walked.emoji) {
                abort();
            }
        }
    }
    free(format);
    return 0;
}
