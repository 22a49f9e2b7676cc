// SPDX-License-Identifier: Apache-2.0
// A small formatter into one bounded buffer: no stdio, no allocation, no locale.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

struct pf_out {
    char *text;
    size_t size;
    size_t used;
    bool cut; // something did not fit
};

void pf_out_bytes(struct pf_out *out, const char *text, size_t length);
void pf_out(struct pf_out *out, const char *text);
void pf_out_uint(struct pf_out *out, uint64_t value);
void pf_out_grouped(struct pf_out *out, uint64_t value); // 1 284 310
void pf_out_hex(struct pf_out *out, uint64_t value);     // 0x1a2b
void pf_out_fixed(struct pf_out *out, double value, unsigned decimals);
void pf_out_duration(struct pf_out *out, double ns);     // 1.62 s, 402 ms, 9.1 µs, 47 ns
void pf_out_size(struct pf_out *out, double bytes);      // 88.1 MiB
void pf_out_count(struct pf_out *out, double count);     // 63.3k
void pf_out_per_second(struct pf_out *out, double rate); // 100 024.1
void pf_out_json(struct pf_out *out, const char *text, size_t length); // "quoted", valid UTF-8
void pf_out_utc(struct pf_out *out, uint64_t unix_seconds);            // 2026-11-23T20:31:07Z

// What was written since `from`, padded with spaces on the left (or right) to `width` columns.
void pf_out_right(struct pf_out *out, size_t from, unsigned width);
void pf_out_left(struct pf_out *out, size_t from, unsigned width);

size_t pf_length(const char *text);
size_t pf_length_most(const char *text, size_t most); // text may lack a terminator
bool pf_same(const char *a, const char *b);
// A plain decimal number such as 0.01, 1e-3 or 5; false for anything else or trailing text.
bool pf_parse_number(const char *text, double *ret_value);
bool pf_parse_uint(const char *text, uint64_t *ret_value);
#pragma GCC visibility pop
