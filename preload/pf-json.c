// SPDX-License-Identifier: Apache-2.0
// The summary as one JSON object on one line.
#include "pf-callers.h"
#include "pf-clock.h"
#include "pf-process.h"
#include "pf-summary.h"
#include "pf-symbol.h"

// A member's name; the comma before it when it is not the first.
static void name(struct pf_out *out, const char *text) {
    char last = out->used ? out->text[out->used - 1] : 0;
    if (last != '{' && last != '[') {
        pf_out(out, ",");
    }
    pf_out(out, "\"");
    pf_out(out, text);
    pf_out(out, "\":");
}

static void element(struct pf_out *out) {
    pf_out(out, out->text[out->used - 1] == '[' ? "{" : ",{");
}

static void put_uint(struct pf_out *out, const char *text, uint64_t value) {
    name(out, text);
    pf_out_uint(out, value);
}

static void put_fixed(struct pf_out *out, const char *text, double value, unsigned decimals) {
    name(out, text);
    pf_out_fixed(out, value, decimals);
}

static void put_text(struct pf_out *out, const char *text, const char *value) {
    name(out, text);
    pf_out_json(out, value, pf_length(value));
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

static void put_estimate(struct pf_out *out, const struct pf_stats *stats) {
    const struct pf_estimate *estimate = &stats->estimate;
    name(out, "estimated_total_duration_ns");
    if (!pf_estimate_has_total(estimate)) {
        pf_out(out, "null");
    } else {
        pf_out_fixed(out, estimate->total_ns, 0);
    }
    name(out, "estimated_total_interval_ns");
    if (!pf_estimate_has_interval(estimate)) {
        pf_out(out, "null");
    } else {
        pf_out(out, "[");
        pf_out_fixed(out, estimate->low_ns, 0);
        pf_out(out, ",");
        pf_out_fixed(out, estimate->high_ns, 0);
        pf_out(out, "]");
    }
}

// Shares of the time with 95 % intervals; null: too few timed calls to say.
static void put_why(struct pf_out *out, const struct pf_why_sums *why) {
    name(out, "why");
    pf_out(out, "{");
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        double share;
        double half;
        name(out, pf_why_names[i]);
        pf_out(out, "{");
        put_uint(out, "count", why->count[i]);
        name(out, "share");
        if (!pf_why_share(why, i, &share, &half)) {
            pf_out(out, "null}");
            continue;
        }
        pf_out_fixed(out, share, 6);
        name(out, "share_interval");
        pf_out(out, "[");
        pf_out_fixed(out, share > half ? share - half : 0, 6);
        pf_out(out, ",");
        pf_out_fixed(out, share + half < 1 ? share + half : 1, 6);
        pf_out(out, "]}");
    }
    pf_out(out, "}");
}

// Estimated calls by level, as syslog numbers them.
static void put_levels(struct pf_out *out, const struct pf_stats *stats) {
    static const char *const names[PF_LEVEL_COUNT] = {
        "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug", "none"};
    name(out, "levels");
    pf_out(out, "{");
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        if (stats->level[i] > 0) {
            put_fixed(out, names[i], stats->level[i], 0);
        }
    }
    pf_out(out, "}");
}

// The fields that every object of the summary has under the same names.
static void put_stats(struct pf_out *out, const struct pf_stats *stats) {
    static const char *const quantiles[4] = {"p50_ns", "p90_ns", "p99_ns", "p99_9_ns"};
    put_uint(out, "message_count", stats->calls);
    put_uint(out, "sampled_count", stats->timed);
    put_uint(out, "dropped_count", stats->calls - stats->timed);
    put_uint(out, "total_duration_ns", stats->timed_ns);
    put_estimate(out, stats);
    put_uint(out, "bytes", stats->bytes);
    put_uint(out, "bytes_unknown_count", stats->bytes_unknown);
    put_uint(out, "error_count", stats->errors);
    put_uint(out, "emoji_message_count", stats->emoji);
    put_fixed(out, "avg_latency_ms", ratio((double)stats->timed_ns, (double)stats->timed) / 1e6, 9);
    for (unsigned q = 0; q < 4; q++) {
        name(out, quantiles[q]);
        if (stats->quantile_ns[q] < 0) {
            pf_out(out, "null");
        } else {
            pf_out_fixed(out, stats->quantile_ns[q], 0);
        }
    }
    put_uint(out, "max_ns", stats->max_ns);
    put_why(out, &stats->why);
    put_levels(out, stats);
    put_fixed(out, "tiny_write_count", stats->tiny, 0);
}

static void put_errors(struct pf_out *out, const struct pf_summary *summary, unsigned call) {
    struct pf_segment *segment = summary->segment;
    uint64_t counts[PF_ERRNO_LIMIT + 1] = {0}; // the last: anything else
    struct pf_error_walk walk = {0};
    const struct pf_error *error;
    while ((error = pf_next_error(segment, &walk)) != NULL) {
        if (error->call == call) {
            counts[error->number < PF_ERRNO_LIMIT ? error->number : PF_ERRNO_LIMIT] += error->count;
        }
    }
    name(out, "errors");
    pf_out(out, "{");
    for (unsigned number = 0; number <= PF_ERRNO_LIMIT; number++) {
        if (counts[number] != 0) {
            char text[24];
            pf_errno_name(number, text);
            put_uint(out, text, counts[number]);
        }
    }
    pf_out(out, "}");
}

static void put_metrics(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_stats *stats = &summary->messages;
    double seconds = summary->uptime_ns / 1e9;
    name(out, "metrics");
    pf_out(out, "{");
    put_stats(out, stats);
    put_fixed(out, "emoji_overhead_percent",
              ratio(100.0 * (double)stats->emoji, (double)stats->timed), 4);
    put_fixed(out, "avg_fields_per_message", ratio((double)stats->fields, (double)stats->timed), 4);
    put_fixed(out, "start_time", (double)pf_process.start_unix_ns / 1e9, 6);
    put_fixed(out, "uptime_seconds", seconds, 9);
    put_fixed(out, "messages_per_second", ratio((double)stats->calls, seconds), 3);
    name(out, "lost_count");
    pf_out(out, "{");
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        put_uint(out, pf_lost_names[i], summary->lost[i]);
    }
    pf_out(out, "}");
    put_uint(out, "overhead_ns", summary->overhead_ns);
    pf_out(out, "}");
}

static void put_functions(struct pf_out *out, const struct pf_summary *summary, const char *title,
                          size_t from, size_t to) {
    name(out, title);
    pf_out(out, "[");
    for (size_t i = from; i < to; i++) {
        unsigned call = summary->functions[i].first->call;
        element(out);
        put_text(out, "name", pf_calls[call].name);
        put_text(out, "family", pf_family_names[pf_calls[call].family]);
        put_stats(out, &summary->functions[i].stats);
        put_errors(out, summary, call);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_place(struct pf_out *out, uint64_t address) {
    struct pf_symbol symbol;
    name(out, "address");
    pf_out(out, "\"");
    pf_out_hex(out, address);
    pf_out(out, "\"");
    if (pf_symbol_find(address, &symbol)) {
        put_text(out, "module", symbol.module);
        put_uint(out, "offset", symbol.offset);
        name(out, "symbol");
        if (symbol.name[0]) {
            pf_out_json(out, symbol.name, pf_length(symbol.name));
            put_uint(out, "symbol_offset", symbol.name_offset);
        } else {
            pf_out(out, "null");
        }
    }
}

static void put_stream(struct pf_out *out, const struct pf_summary *summary, unsigned number) {
    const struct pf_stream *stream = pf_summary_stream(summary, number);
    name(out, "fd");
    if (stream == NULL) {
        pf_out(out, "null");
        name(out, "path");
        pf_out(out, "null");
        return;
    }
    pf_out_uint(out, (uint64_t)stream->fd);
    name(out, "path");
    pf_out_json(out, stream->name, stream->name_size);
    put_uint(out, "opens", stream->opens);
}

// The callers behind a wrapper; empty when the site is nobody's wrapper, or no stacks were taken.
static void put_callers(struct pf_out *out, const struct pf_summary *summary,
                        const struct pf_row *site) {
    struct pf_callers callers = {.count = 0};
    if (summary->segment != NULL && site->site != 0) {
        pf_callers_find(summary->segment, site->site, site->call, &callers);
    }
    bool own = callers.count == 1 && callers.caller[0].address == site->site;
    name(out, "callers");
    pf_out(out, "[");
    for (size_t i = 0; i < callers.count && !own; i++) {
        element(out);
        put_place(out, callers.caller[i].address);
        put_fixed(out, "share", ratio((double)callers.caller[i].weight, (double)callers.weight), 4);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_sites(struct pf_out *out, const struct pf_summary *summary) {
    name(out, "call_sites");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->site_count; i++) {
        const struct pf_row *row = summary->sites[i].first;
        element(out);
        put_text(out, "function", pf_calls[row->call].name);
        put_place(out, row->site);
        put_stats(out, &summary->sites[i].stats);
        put_callers(out, summary, row);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_streams(struct pf_out *out, const struct pf_summary *summary) {
    name(out, "streams");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->stream_count; i++) {
        const struct pf_row *row = summary->streams[i].first;
        element(out);
        put_stream(out, summary, row->stream);
        put_text(out, "kind", pf_kind_names[row->kind]);
        name(out, "many");
        pf_out(out, row->stream >= PF_STREAM_MANY ? "true" : "false");
        put_stats(out, &summary->streams[i].stats);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_threads(struct pf_out *out, const struct pf_summary *summary) {
    name(out, "threads");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->thread_count; i++) {
        const struct pf_group *thread = &summary->threads[i];
        const struct pf_slot *slot = thread->first->slot;
        if (slot == NULL) {
            continue;
        }
        double wall = pf_thread_wall_ns(slot);
        element(out);
        put_uint(out, "tid", slot->tid);
        name(out, "name");
        pf_out_json(out, slot->name, pf_length_most(slot->name, sizeof slot->name));
        put_uint(out, "thread_count", slot->threads);
        put_fixed(out, "wall_seconds", wall / 1e9, 9);
        name(out, "output_share_percent");
        if (summary->thread_output_ns[i] >= 0) {
            pf_out_fixed(out, ratio(100 * summary->thread_output_ns[i], wall), 4);
        } else {
            pf_out(out, "null");
        }
        put_stats(out, &thread->stats);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_slowest(struct pf_out *out, const struct pf_summary *summary) {
    name(out, "slowest");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->slowest_count; i++) {
        const struct pf_event *slow = &summary->slowest[i].event;
        element(out);
        put_text(out, "function",
                 pf_calls[(slow->key >> PF_KEY_CALL_SHIFT & 0xff) % PF_CALL_COUNT].name);
        put_uint(out, "duration_ns", slow->duration_ns);
        put_fixed(out, "time", (double)pf_summary_unix_ns(slow->start_ns) / 1e9, 6);
        put_uint(out, "bytes", slow->bytes);
        put_uint(out, "tid", summary->slowest[i].slot->tid);
        put_stream(out, summary, (unsigned)(slow->key >> PF_KEY_STREAM_SHIFT));
        put_text(out, "why", pf_why_names[slow->why % PF_WHY_COUNT]);
        put_uint(out, "lock_ns", slow->lock_ns);
        if (slow->level < PF_LEVEL_NONE) {
            put_uint(out, "level", slow->level);
        }
        if (slow->error != 0) {
            char text[24];
            pf_errno_name(slow->error, text);
            put_text(out, "error", text);
        }
        put_place(out, slow->key & PF_KEY_SITE_MASK);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_coverage(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_coverage *coverage = &summary->coverage;
    name(out, "coverage");
    pf_out(out, "{");
    put_uint(out, "seen_bytes", coverage->seen_bytes);
    if (coverage->known) {
        put_uint(out, "kernel_bytes", coverage->kernel_bytes);
        put_uint(out, "pending_bytes", coverage->pending_bytes);
        put_fixed(out, "percent", coverage->percent, 4);
    }
    put_uint(out, "unknown_length_calls", coverage->unknown_calls);
    name(out, "note");
    char text[400];
    struct pf_out note = {.text = text, .size = sizeof text};
    pf_summary_coverage_note(&note, coverage);
    pf_out_json(out, text, note.used);
    pf_out(out, "}");
}

void pf_summary_json(struct pf_out *out, const struct pf_summary *summary) {
    struct pf_segment *segment = summary->segment;
    pf_out(out, "{\"schema_version\":1");
    put_text(out, "pfprof", PF_VERSION);
    name(out, "process");
    pf_out(out, "{");
    put_uint(out, "pid", pf_process.pid);
    put_text(out, "program", segment != NULL ? segment->program : "");
    put_text(out, "command", segment != NULL ? segment->command : "");
    put_text(out, "end", summary->how);
    name(out, "status");
    pf_out(out, summary->status < 0 ? "null" : "");
    if (summary->status >= 0) {
        pf_out_uint(out, (uint64_t)summary->status);
    }
    put_fixed(out, "sample_rate", pf_process.config.setting[PF_VAR_SAMPLE_RATE].real, 9);
    put_uint(out, "clock_cost_ns", pf_clock_cost_ns);
    put_uint(out, "segment_bytes", segment != NULL ? segment->used : 0);
    put_uint(out, "call_site_count", summary->all_sites);
    put_uint(out, "thread_count", summary->all_threads);
    name(out, "partial");
    pf_out(out, segment == NULL || segment->partial ? "true" : "false");
    uint64_t peak;
    if (pf_process.config.setting[PF_VAR_TRACK_MEMORY].number && pf_peak_memory(&peak)) {
        put_uint(out, "peak_resident_bytes", peak);
    }
    pf_out(out, "}");
    put_metrics(out, summary);
    put_functions(out, summary, "functions", 0, summary->message_function_count);
    put_functions(out, summary, "flushes", summary->message_function_count,
                  summary->function_count);
    put_sites(out, summary);
    put_streams(out, summary);
    put_threads(out, summary);
    put_slowest(out, summary);
    put_coverage(out, summary);
    pf_out(out, "}\n");
}
