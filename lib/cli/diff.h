// SPDX-License-Identifier: Apache-2.0
// The parts of `pfprof diff`.
#pragma once
#include "cli.h"

// A gate: `site.cost>+10%`.
typedef struct {
    gchar *text;
    gboolean is_total; // of all lines together
    gsize offset;      // of the PfChange in a PfDifference
    gboolean more;
    gdouble percent;
} diff_gate;

// A line that does not pass a gate.
typedef struct {
    const PfDifference *row;
    const diff_gate *gate;
} diff_failure;

typedef struct {
    const gchar *before; // names of the files
    const gchar *after;
    GPtrArray *rows;     // PfDifference
    PfDifference *total; // of them; NULL: there are none
    GArray *gates;       // diff_gate
    GArray *failures;    // diff_failure
    GPtrArray *unjudged; // gates (diff_gate) that no row tells enough for
    PfChange machine;    // of two runs alone, as pf_snapshots_compare_machine() has it
} diff_result;

static inline const PfChange *diff_change(const PfDifference *row, const diff_gate *gate) {
    return (const PfChange *)(const void *)((const gchar *)row + gate->offset);
}

// The rows that a gate looks at.
static inline guint diff_row_count(const diff_result *result, const diff_gate *gate) {
    return gate->is_total ? result->total != NULL : result->rows->len;
}
static inline const PfDifference *diff_row(const diff_result *result, const diff_gate *gate,
                                           guint index) {
    return gate->is_total ? result->total : g_ptr_array_index(result->rows, index);
}

gchar *diff_to_text(const diff_result *result);
gchar *diff_to_markdown(const diff_result *result);
gchar *diff_to_junit(const diff_result *result);
gint diff_print_json(const diff_result *result);
