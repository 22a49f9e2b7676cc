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
// Whoever writes a thousand small files can't gather what belongs into different ones.
#define PF_LEAST_OF_ONE 10

typedef struct {
    PfSnapshot *snapshot;
    PfSymbolizer *symbolizer;
    GPtrArray *real_sites; // dearest first, with the lines that flush
    GPtrArray *written;    // pf_stream_group, by the line that writes most to each stream
    GPtrArray *flushed;    // likewise, that flushes it most
    gdouble wall_ns;
    GPtrArray *found;
} pf_search;

// --- savings (pf-findings-saving.c)

// Three numbers that belong together: a time and its limits.
typedef struct {
    gdouble ns;
    gdouble low;
    gdouble high;
} pf_saving;

// What a saving is multiplied by, where that is not well known.
typedef struct {
    gdouble middle;
    gdouble low;
    gdouble high;
} pf_factor;

// `factor` of the estimated time, or of one part of it with that part's own uncertainty.
pf_saving pf_saving_of(const PfStats *stats, gdouble factor);
pf_saving pf_saving_of_reason(const PfStats *stats, PfReason reason, gdouble factor);
pf_saving pf_saving_add(pf_saving a, pf_saving b);
// Of what is known independently.
pf_saving pf_saving_times(pf_saving saving, pf_factor factor);
// As another run would show it: no estimate is known better than one run repeats the next.
pf_saving pf_saving_of_rerun(pf_saving saving);
// All that a share of the calls takes, were they not made.
pf_saving pf_saving_of_calls(const PfStats *stats, gdouble share, PfStreamKind kind);
// What entering the kernel takes in a share of calls that hand over so many bytes each, were these handed over
// together with others.
pf_saving pf_saving_of_entries(const PfStats *stats, gdouble share, gdouble bytes,
                               PfStreamKind kind);
gboolean pf_saving_is_worth(const pf_search *self, pf_saving saving);
// Switched out for so short that nobody was waited for: the write woke its reader, which then ran first.
gboolean pf_makes_way(const PfStats *stats);

// --- what was found (pf-findings.c)

// Takes title, evidence and next step.
PfFinding *pf_search_add(pf_search *self, const gchar *kind, gchar *title, gchar *evidence,
                         gchar *next_step, pf_saving saving);

// --- where (pf-findings-places.c)

// The row of the table with that name; PF_CALL_COUNT: none.
unsigned pf_call_named(const gchar *function);
// The row of a site of the model; NULL: none.
const PfCallSite *pf_search_site(const pf_search *self, guint32 index);
// `src/log.c:88 in log_line`
gchar *pf_search_place(const pf_search *self, const PfCallSite *site);

// Streams of which one line makes most of the calls: a file for each day, say.
typedef struct {
    const PfCallSite *site;
    GPtrArray *streams; // PfStream, dearest first
} pf_stream_group;

// By the line that writes most to each, or flushes it most; streams to which no line does `least` times are left out.
GPtrArray *pf_search_group_streams(const pf_search *self, gboolean messages, guint64 least);
// Those that a rule is about; the names of the first and the number of others.
typedef gboolean pf_stream_test(const PfStream *stream);
pf_stream_group *pf_group_filter(const pf_stream_group *self, pf_stream_test *test);
gchar *pf_group_title(const pf_stream_group *self);
void pf_group_free(pf_stream_group *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pf_stream_group, pf_group_free)

// Whose calls these are: they have no more time to save than their threads have lived.  NULL: any site, any
// stream.
void pf_search_of_threads(pf_search *self, PfFinding *found, const PfCallSite *site,
                          const GPtrArray *streams);
// Logging, rather than what the program is there to write.
gboolean pf_search_is_log(const pf_search *self, const PfCallSite *site);
// A call out of the C++ library.
gboolean pf_site_is_iostream(const PfCallSite *site);

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
