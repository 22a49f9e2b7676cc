// SPDX-License-Identifier: Apache-2.0
// The rows of each of `pfprof top`'s tables, of one window.
#pragma once
#include <pf-profiling.h>

typedef enum {
    PF_TOP_TAB_FUNCTIONS,
    PF_TOP_TAB_SITES,
    PF_TOP_TAB_THREADS,
    PF_TOP_TAB_STREAMS,
    PF_TOP_TAB_LEVELS,
    PF_TOP_TAB_COUNT
} pf_top_tab;

// Figures below 0 are not known.
typedef struct {
    gchar *key; // the same in every window
    gchar *name;
    gboolean is_path;      // of the name, the end is what matters
    const gchar *function; // output function, or NULL
    gdouble calls;
    gdouble calls_s;
    gdouble bytes_s;
    gdouble cost_percent;  // of the wall time
    gdouble error_percent; // half the interval, of the cost
    gboolean is_refused;   // the cost is an estimate that nobody should rely on
    gdouble p50_ns;
    gdouble p99_ns;
    gdouble max_ns;
    gint why; // PfReason, or -1
    gdouble why_percent;
    gdouble output_percent;   // threads: of their own wall time
    gboolean output_is_limit; // its estimate is more than that
    gdouble in_call_ns;       // threads
    gdouble share_percent;    // levels: of all messages
    // Against a marked window; infinite when the row is new.
    gboolean has_change;
    gdouble calls_change_percent;
    gdouble cost_change; // in points of cost_percent
    // What it is made of; NULL for levels.
    const PfStats *stats;
    const PfCallSite *call_site; // sites
    gint level;                  // levels, or -1
    gpointer source;             // the row of the snapshot, held by a reference
    GDestroyNotify release;
} pf_top_row;

GPtrArray *pf_top_rows_new(PfSnapshot *window, pf_top_tab tab, PfSymbolizer *symbolizer);
void pf_top_rows_compare(GPtrArray *rows, GPtrArray *before);
// Keeps the rows with `text` in their name or function, whatever its case.
void pf_top_rows_filter(GPtrArray *rows, const gchar *text);

const gchar *pf_top_tab_name(pf_top_tab tab);
gboolean pf_top_tab_find(const gchar *name, pf_top_tab *ret_tab);
