// SPDX-License-Identifier: Apache-2.0
// The columns of each table: which fit, what stands in them, how they sort.
#pragma once
#include "top-rows.h"

typedef enum {
    PF_TOP_STYLE_PLAIN,
    PF_TOP_STYLE_BOLD,
    PF_TOP_STYLE_DIM,
    PF_TOP_STYLE_TITLE,
    PF_TOP_STYLE_GOOD,
    PF_TOP_STYLE_WARN,
    PF_TOP_STYLE_BAD,
    PF_TOP_STYLE_BAR,
    PF_TOP_STYLE_SELECTED,
    PF_TOP_STYLE_COUNT
} pf_top_style;

typedef struct pf_top_column pf_top_column;

#define PF_TOP_MOST_COLUMNS 14

// The columns that fit in a width; the one that rows are sorted by always does.
typedef struct {
    guint count;
    const pf_top_column *column[PF_TOP_MOST_COLUMNS];
    guint width[PF_TOP_MOST_COLUMNS]; // with the space before it
} pf_top_layout;

pf_top_layout pf_top_layout_for(pf_top_tab tab, guint width, gboolean with_changes,
                                const pf_top_column *sort);

const gchar *pf_top_column_title(const pf_top_column *self);
gboolean pf_top_column_is_right(const pf_top_column *self);
gchar *pf_top_column_text(const pf_top_column *self, const pf_top_row *row, guint width);
pf_top_style pf_top_column_style(const pf_top_column *self, const pf_top_row *row);

// Sorting: by a column of the table, whether it fits or not.
const pf_top_column *pf_top_column_default(pf_top_tab tab);
const pf_top_column *pf_top_column_next(pf_top_tab tab, const pf_top_column *from, gint step);
void pf_top_rows_sort(GPtrArray *rows, const pf_top_column *by, gboolean ascending);
// A column's own direction: names from A, figures from the greatest.
gboolean pf_top_column_ascends(const pf_top_column *self);
