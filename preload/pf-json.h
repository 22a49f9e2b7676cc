// SPDX-License-Identifier: Apache-2.0
// What the parts of the JSON summary share.
#pragma once
#include "pf-summary.h"

#pragma GCC visibility push(hidden)

// A member's name; the comma before it when it is not the first.
static inline void pf_json_name(struct pf_out *out, const char *text) {
    char last = out->used ? out->text[out->used - 1] : 0;
    if (last != '{' && last != '[') {
        pf_out(out, ",");
    }
    pf_out(out, "\"");
    pf_out(out, text);
    pf_out(out, "\":");
}

static inline void pf_json_element(struct pf_out *out) {
    pf_out(out, out->text[out->used - 1] == '[' ? "{" : ",{");
}

static inline void pf_json_uint(struct pf_out *out, const char *text, uint64_t value) {
    pf_json_name(out, text);
    pf_out_uint(out, value);
}

static inline void pf_json_fixed(struct pf_out *out, const char *text, double value,
                                 unsigned decimals) {
    pf_json_name(out, text);
    pf_out_fixed(out, value, decimals);
}

static inline void pf_json_text(struct pf_out *out, const char *text, const char *value) {
    pf_json_name(out, text);
    pf_out_json(out, value, pf_length(value));
}

// The fields that every object of the summary has under the same names.
void pf_json_stats(struct pf_out *out, const struct pf_stats *stats);

void pf_json_sites(struct pf_out *out, const struct pf_summary *summary);
void pf_json_streams(struct pf_out *out, const struct pf_summary *summary);
void pf_json_threads(struct pf_out *out, const struct pf_summary *summary);
void pf_json_scopes(struct pf_out *out, const struct pf_summary *summary);
void pf_json_estimate(struct pf_out *out, const struct pf_estimate *estimate);
void pf_json_quantiles(struct pf_out *out, const struct pf_stats *stats);
void pf_json_place(struct pf_out *out, uint64_t address);
void pf_json_slowest(struct pf_out *out, const struct pf_summary *summary);

#pragma GCC visibility pop
