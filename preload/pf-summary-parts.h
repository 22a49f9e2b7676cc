// SPDX-License-Identifier: Apache-2.0
// What the files that make the summary share.
#pragma once
#include "pf-summary.h"
#pragma GCC visibility push(hidden)

enum pf_order { PF_BY_CALL, PF_BY_SITE, PF_BY_STREAM, PF_BY_THREAD };

// 0 messages, 1 flushes, 2 scopes: they come in this order in every order.
uint64_t pf_row_class(const struct pf_row *row);
// Rows with the same key belong together.
uint64_t pf_row_key(const struct pf_row *row, enum pf_order order);
void pf_rows_sort(struct pf_row *rows, size_t count, enum pf_order order);

// Adds a row for each entry of each slot; what finds no room is added up by function.
void pf_rows_add_slots(struct pf_summary *summary, size_t room);
// Adds a row for each function whose calls have no entry.
void pf_rows_add_spill(struct pf_summary *summary, const struct pf_spill *spill);

void pf_stats_add_up(struct pf_stats *stats, const struct pf_row *rows, size_t count, double rate);
#pragma GCC visibility pop
