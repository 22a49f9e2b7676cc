// SPDX-License-Identifier: Apache-2.0
// What the parts of the text summary share: cells of a table, and the parts in files of their own.
#pragma once
#include "pf-summary.h"
#pragma GCC visibility push(hidden)

// A cell: what `put` wrote, aligned right (or left) in `width` columns, and a space before it.
#define RIGHT(out, width, put)                                                                     \
    do {                                                                                           \
        size_t from_ = (out)->used;                                                                \
        put;                                                                                       \
        pf_out_right(out, from_, width);                                                           \
    } while (0)
#define LEFT(out, width, put)                                                                      \
    do {                                                                                           \
        size_t from_ = (out)->used;                                                                \
        put;                                                                                       \
        pf_out_left(out, from_, width);                                                            \
    } while (0)

// At most so many bytes, with an ellipsis for the rest.
void pf_text_cut(struct pf_out *out, const char *text, size_t most);
// The same from its end.
void pf_text_cut_left(struct pf_out *out, const char *text, size_t length, size_t most);
// A command line may hold anything: what a terminal could take for an order is shown as a dot.
void pf_text_plain(struct pf_out *out, const char *text, size_t most);
void pf_text_total(struct pf_out *out, const struct pf_stats *stats);
void pf_text_bytes(struct pf_out *out, const struct pf_stats *stats);

void pf_text_why(struct pf_out *out, const struct pf_stats *stats);
void pf_text_levels(struct pf_out *out, const struct pf_stats *stats);
void pf_text_sites(struct pf_out *out, const struct pf_summary *summary);
void pf_text_streams(struct pf_out *out, const struct pf_summary *summary);
void pf_text_threads(struct pf_out *out, const struct pf_summary *summary);
void pf_text_slowest(struct pf_out *out, const struct pf_summary *summary);
#pragma GCC visibility pop
