// SPDX-License-Identifier: Apache-2.0
// What is behind a row: its figures, histogram, where its time went, call stacks.
#pragma once
#include "top-columns.h"

typedef struct {
    pf_top_style style;
    gchar *text;
} pf_top_line;

// Lines to be scrolled through.
GPtrArray *pf_top_details_new(PfSnapshot *window, PfSymbolizer *symbolizer, const pf_top_row *row,
                              guint width);

// top-places.c: call sites and call stacks that belong to a row.
void pf_top_details_add_places(GPtrArray *lines, PfSnapshot *window, PfSymbolizer *symbolizer,
                               const pf_top_row *row);

void pf_top_lines_add(GPtrArray *lines, pf_top_style style, const gchar *format, ...)
    G_GNUC_PRINTF(3, 4);
