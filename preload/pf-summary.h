// SPDX-License-Identifier: Apache-2.0
// The exit summary: what the segment says, added up, as text or JSON.
#pragma once
#include "pf-estimate.h"
#include "pf-print.h"
#include "pf-segment.h"
#include "pf-why.h"
#include <stdbool.h>
#include <stddef.h>
#pragma GCC visibility push(hidden)

// Memory for the rest, and to make a summary with less than every site on its own.
#define PF_SUMMARY_LEAST (1536u << 10)

#define PF_SHAPE_COLUMNS 12 // of the little histogram, a factor of 4 each, from 16 ns on

// Any set of sites added up.  Latencies are in ns; quantiles weigh each site's timed calls by how
// many calls they stand for.
struct pf_stats {
    uint64_t calls;
    uint64_t timed;
    uint64_t timed_ns;
    uint64_t bytes;
    uint64_t bytes_unknown; // calls whose bytes libc does not tell
    uint64_t errors;
    uint64_t emoji;
    uint64_t fields;
    uint64_t max_ns;
    double quantile_ns[4]; // p50, p90, p99, p99.9; -1 when nothing was timed
    double shape[PF_SHAPE_COLUMNS];
    struct pf_estimate estimate;
    struct pf_why_sums why;
    double level[PF_LEVEL_COUNT]; // calls by level, estimated
    double tiny;                  // calls that wrote 1 to 127 bytes, estimated
    // Of profiled scopes.
    uint64_t begun;       // of spans
    uint64_t whole_count; // outermost ones timed, what they took, estimated, and its variance
    double whole_ns;
    double whole_variance;
    uint64_t output_count; // output calls timed in them, likewise
    double output_ns;
    double output_variance;
};

// One entry of one thread.
struct pf_row {
    const struct pf_slot *slot;
    const struct pf_detail *detail; // NULL: none; for the histogram, the rest is in `timed`
    struct {
        uint64_t sampled, sum_ns, certain, certain_ns, max_ns, emoji, fields, errors;
        double sumsq_ns2;
        double weight, weighted_ns, spread, spread_ns, spread_ns2; // as in struct pf_stratum
    } timed;       // read before `calls`, so that it never holds more of them
    uint64_t site; // return address; 0: per function only
    uint64_t calls;
    uint64_t begun; // of a span: how often it has begun here
    uint64_t bytes;
    uint8_t call;
    uint8_t stream;
    uint8_t kind;
};

// A group of rows with the same call, site, stream or thread.
struct pf_group {
    const struct pf_row *first;
    size_t count;
    struct pf_stats stats;
};

struct pf_slowest {
    struct pf_event event;
    const struct pf_slot *slot;
};

struct pf_coverage {
    bool known;
    bool with_children;     // kernel_bytes may hold what finished child processes wrote
    uint64_t kernel_bytes;  // wchar of /proc/self/io since start
    uint64_t seen_bytes;    // of the calls that wchar counts
    uint64_t pending_bytes; // of those, still in stdio buffers
    uint64_t unknown_calls; // of those, calls whose length libc does not tell
    double percent;
};

#define PF_MOST_GROUPS 256
#define PF_MOST_HOTTEST 8
#define PF_MOST_SLOWEST 16

struct pf_summary {
    struct pf_segment *segment; // NULL: none could be made
    const char *how;            // exit, _exit, exec ...
    int status;                 // -1: not known
    double uptime_ns;
    struct pf_row *rows;
    size_t row_count;
    struct pf_spill crowded[PF_CALL_COUNT]; // of entries that found no row
    struct pf_stats messages;
    struct pf_stats flushes;
    struct pf_estimate output; // of both
    struct pf_group functions[PF_CALL_COUNT];
    size_t function_count; // messages first, then the flush family
    size_t message_function_count;
    struct pf_group sites[PF_MOST_GROUPS]; // the dearest
    size_t site_count;
    size_t all_sites;
    struct pf_group hottest[PF_MOST_HOTTEST]; // sites, with those that flush
    size_t hottest_count;
    size_t all_hottest;
    struct pf_group streams[PF_MOST_GROUPS];
    size_t stream_count;
    struct pf_group threads[PF_MOST_GROUPS];
    size_t thread_count;
    double thread_output_ns[PF_MOST_GROUPS]; // with its flushes; -1: not known
    size_t all_threads;
    struct pf_group scopes[PF_MOST_GROUPS]; // profiled functions, the dearest
    size_t scope_count;
    size_t all_scopes;
    struct pf_stats scope_calls;
    struct pf_slowest slowest[PF_MOST_SLOWEST];
    size_t slowest_count;
    uint64_t lost[PF_LOST_COUNT];
    struct pf_coverage coverage;
    uint64_t overhead_ns;
};

extern const char *const pf_lost_names[PF_LOST_COUNT];
extern const char *const pf_kind_names[PF_KIND_COUNT];
extern const char *const pf_level_names[PF_LEVEL_COUNT];

// How much address space a summary takes at most; only what is used of it has memory.
size_t pf_summary_need(void);

// Adds everything up into memory at `scratch`; NULL when it does not fit.  Reads the segment while
// other threads may go on writing: every row is a snapshot of its own.  Where there is less memory
// than pf_summary_need(), sites that find no room are added to their function, and the summary is
// partial.
struct pf_summary *pf_summary_make(void *scratch, size_t size, const char *how, int status);

void pf_summary_text(struct pf_out *out, const struct pf_summary *summary);
void pf_summary_json(struct pf_out *out, const struct pf_summary *summary);

// What a scope's site stands for; NULL: the address of a function.
const struct pf_scope *pf_summary_scope(const struct pf_summary *summary, uint64_t site);

// Writes "Shop::pay", "checkout", "checkout: parse" or a symbol.
void pf_summary_scope_name(struct pf_out *out, const struct pf_summary *summary,
                           const struct pf_row *row);

// The share of a scope's time that output took in it, and half of its 95 % interval; false: too few
// timed calls to say.
bool pf_summary_output_share(const struct pf_stats *stats, double *ret_share, double *ret_half);
void pf_text_scopes(struct pf_out *out, const struct pf_summary *summary);

// A sentence on what the coverage does not cover, or nothing.
void pf_summary_coverage_note(struct pf_out *out, const struct pf_coverage *coverage);

// The record of a stream; NULL for those that have none of their own.
const struct pf_stream *pf_summary_stream(const struct pf_summary *summary, unsigned stream);

// The longest timed call of a slot; NULL: none.
const struct pf_event *pf_summary_longest(const struct pf_slot *slot);

// CLOCK_REALTIME of a moment on CLOCK_MONOTONIC, in ns.
uint64_t pf_summary_unix_ns(uint64_t monotonic_ns);

// Goes through the errors of all slots: begin with {0}; NULL at the end.
struct pf_error_walk {
    const struct pf_slot *slot;
    const struct pf_more_errors *more;
    unsigned next;
};
const struct pf_error *pf_next_error(struct pf_segment *segment, struct pf_error_walk *walk);

// EPIPE for 32, into at least 24 bytes.
#define PF_ERRNO_LIMIT 134u
void pf_errno_name(unsigned number, char *ret_name);

// VmHWM of /proc/self/status, in bytes.
bool pf_peak_memory(uint64_t *ret_bytes);

static inline bool pf_estimate_has_interval(const struct pf_estimate *estimate) {
    return estimate->kind == PF_ESTIMATE_EXACT || estimate->kind == PF_ESTIMATE_INTERVAL;
}

// A total without an honest interval is not printed as an estimate.
static inline bool pf_estimate_has_total(const struct pf_estimate *estimate) {
    return pf_estimate_has_interval(estimate);
}

// Divided by nothing, nothing.
static inline double pf_ratio(double a, double b) { return b > 0 ? a / b : 0; }

// The wall time of a thread's slot so far.
double pf_thread_wall_ns(const struct pf_slot *slot);
#pragma GCC visibility pop
