// SPDX-License-Identifier: Apache-2.0
// The tables of a snapshot, derived from a model in one pass over its cells.  Internal.
#pragma once
#include "pf-group.h"

typedef struct {
    PfStats messages;
    PfStats flushes;
    PfEstimate output; // of both
    PfCoverage coverage;
    GPtrArray *functions;
    GPtrArray *call_sites;
    GPtrArray *row_of_site; // of a site of the model, its row in call_sites; NULL: it has none
    GPtrArray *streams;
    GPtrArray *threads;
    GPtrArray *levels;
    GPtrArray *templates;
    GPtrArray *errors;
    GPtrArray *scopes;
} pf_tables;

void pf_tables_make(pf_tables *ret_tables, const pf_model *model);
void pf_tables_clear(pf_tables *self);

// --- between pf-tables.c (the pass), pf-tables-cells.c (its steps) and pf-tables-rows.c (the rows)

// Timed calls, and the calls that they stand for.
typedef struct {
    uint64_t sampled;
    double calls;
} pf_tally;

typedef struct {
    uint32_t template;
    pf_tally tally;
} pf_site_template;

// Timed calls, their estimated time and the variance of that.
typedef struct {
    uint64_t count;
    double ns;
    double variance;
} pf_inclusive_sums;

typedef struct {
    pf_group group;
    GArray *streams;                // guint; NULL: none
    GArray *templates;              // pf_site_template; NULL: none
    const struct pf_all_sums *part; // whose templates those are
    uint32_t thread_count;
    uint32_t last_thread;     // + 1
    pf_inclusive_sums whole;  // of a profiled scope
    pf_inclusive_sums output; // likewise, of the output in it
} pf_site_sums;

typedef struct {
    pf_group messages;
    pf_group flushes;
    double flush_ns;       // time of flushes, with those in the middle of a message
    double buffered_bytes; // that went into stdio's buffer
    double tiny_writes;
} pf_stream_sums;

typedef struct {
    pf_group messages;
    pf_group flushes;
} pf_thread_sums;

typedef struct {
    const gchar *text; // in the sums' strings
    uint64_t hash;
    gboolean is_format;
    pf_tally tally;
} pf_template_sums;

typedef struct pf_all_sums {
    const pf_model *model;
    double rate;
    pf_octave_pool pool;
    pf_site_sums *sites;
    pf_stream_sums *streams;
    pf_thread_sums *threads;
    pf_group *functions; // by call
    pf_group messages;
    pf_group flushes;
    GArray *templates; // pf_template_sums
    GStringChunk *strings;
    pf_pair_map template_of;
    pf_tally levels[PF_LEVEL_COUNT];
    PfCoverage coverage;
} pf_sums;

// pf-tables-cells.c
// Cells are taken by site and stream, so that what is added up most often is in the nearest cache and
// goes to the site and to the stream once for all its threads.
typedef struct {
    pf_group group;
    uint32_t site;
    uint32_t stream;
} pf_run;

void pf_run_add(pf_sums *sums, pf_run *run, const pf_cell *cell);
void pf_run_end(pf_sums *sums, pf_run *run); // what was added goes to its site and stream
void pf_cells_look_again(pf_sums *sums);     // what can be told of a cell when all are added up
// The index in `templates` of one with that text; PF_PAIR_NEW: it has none yet.
uint32_t *pf_same_template(pf_sums *sums, const pf_template_sums *template);

// pf-tables-join.c: adds up what a part was told of other sites' cells; `part` must live on.
void pf_sums_join(pf_sums *sums, const pf_sums *part);

// pf-scopes.c
void pf_scopes_add(pf_site_sums *site, const pf_cell *cell);
GPtrArray *pf_scopes_rows(pf_sums *sums);

void pf_tables_rows(pf_tables *tables, pf_sums *sums);
