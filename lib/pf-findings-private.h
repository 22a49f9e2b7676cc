// SPDX-License-Identifier: Apache-2.0
// What the rules share: the snapshot, what is worth saying, and how a finding is made.  Internal.
#pragma once
#include "pf-findings.h"
#include "pf-snapshot-private.h"
#include "pf-table.h"

// Said is only what costs at least a fiftieth of the wall time, and no less than 10 ms.
#define PF_WORTH_SHARE 0.02
#define PF_WORTH_NS 10e6
#define PF_BUFFER 8192.0
#define PF_LEAST_CALLS 500.0

typedef struct {
    PfSnapshot *snapshot;
    PfSymbolizer *symbolizer;
    GPtrArray *real_sites; // dearest first
    gdouble wall_ns;
    GPtrArray *found;
} pf_search;

// Three numbers that belong together: a time and its limits.
typedef struct {
    gdouble ns;
    gdouble low;
    gdouble high;
} pf_saving;

// `factor` of the estimated time, or of one part of it with that part's own uncertainty.
pf_saving pf_saving_of(const PfStats *stats, gdouble factor);
pf_saving pf_saving_of_reason(const PfStats *stats, PfReason reason, gdouble factor);
pf_saving pf_saving_add(pf_saving a, pf_saving b);
gboolean pf_saving_is_worth(const pf_search *self, pf_saving saving);

// Takes title, evidence and next step.
PfFinding *pf_search_add(pf_search *self, const gchar *kind, gchar *title, gchar *evidence,
                         gchar *next_step, pf_saving saving);
// The row of the table with that name; PF_CALL_COUNT: none.
unsigned pf_call_named(const gchar *function);
// The row of a site of the model; NULL: none.
const PfCallSite *pf_search_site(const pf_search *self, guint32 index);
// `src/log.c:88 in log_line`
gchar *pf_search_place(const pf_search *self, const PfCallSite *site);
// The line to blame for most of the calls to a stream; NULL: none.  Flushes: of those.
gchar *pf_search_place_of_stream(const pf_search *self, const PfStream *stream, gboolean messages,
                                 const PfCallSite **ret_site);
// Switched out for so short that nobody was waited for: the write woke its reader, which then ran first.
gboolean pf_search_makes_way(const PfStats *stats);
// Logging, rather than what the program is there to write.
gboolean pf_search_is_log(const pf_search *self, const PfCallSite *site);
// A call out of the C++ library.
gboolean pf_site_is_iostream(const PfCallSite *site);
gchar *pf_stream_title(const PfStream *stream);

// The rules.
void pf_find_tiny_writes(pf_search *self);
void pf_find_flushes(pf_search *self);
void pf_find_waits(pf_search *self);
void pf_find_not_worth(pf_search *self);
void pf_find_storm(pf_search *self);
void pf_find_errors(pf_search *self);
void pf_find_short_writes(pf_search *self);
void pf_find_handlers(pf_search *self);
void pf_find_forks(pf_search *self);
void pf_find_cost(pf_search *self);
