// SPDX-License-Identifier: Apache-2.0
// The summary as one JSON object on one line.
#include "pf-json.h"
#include "pf-clock.h"
#include "pf-process.h"

void pf_json_estimate(struct pf_out *out, const struct pf_estimate *estimate) {
    pf_json_name(out, "estimated_total_duration_ns");
    if (!pf_estimate_has_total(estimate)) {
        pf_out(out, "null");
    } else {
        pf_out_fixed(out, estimate->total_ns, 0);
    }
    pf_json_name(out, "estimated_total_interval_ns");
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

// Messages and flushes together.
static void put_output(struct pf_out *out, const struct pf_summary *summary) {
    pf_json_name(out, "output");
    pf_out(out, "{");
    pf_json_uint(out, "call_count", summary->messages.calls + summary->flushes.calls);
    pf_json_uint(out, "flush_count", summary->flushes.calls);
    pf_json_estimate(out, &summary->output);
    pf_out(out, "}");
}

// Shares of the time with 95 % intervals; null: too few timed calls to say.
static void put_why(struct pf_out *out, const struct pf_why_sums *why) {
    pf_json_name(out, "why");
    pf_out(out, "{");
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        double share;
        double half;
        pf_json_name(out, pf_why_names[i]);
        pf_out(out, "{");
        pf_json_uint(out, "count", why->count[i]);
        pf_json_name(out, "share");
        if (!pf_why_share(why, i, &share, &half)) {
            pf_out(out, "null}");
            continue;
        }
        pf_out_fixed(out, share, 6);
        pf_json_name(out, "share_interval");
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
    pf_json_name(out, "levels");
    pf_out(out, "{");
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        if (stats->level[i] > 0) {
            pf_json_fixed(out, pf_level_names[i], stats->level[i], 0);
        }
    }
    pf_out(out, "}");
}

void pf_json_quantiles(struct pf_out *out, const struct pf_stats *stats) {
    static const char *const quantiles[4] = {"p50_ns", "p90_ns", "p99_ns", "p99_9_ns"};
    for (unsigned q = 0; q < 4; q++) {
        pf_json_name(out, quantiles[q]);
        if (stats->quantile_ns[q] < 0) {
            pf_out(out, "null");
        } else {
            pf_out_fixed(out, stats->quantile_ns[q], 0);
        }
    }
}

void pf_json_stats(struct pf_out *out, const struct pf_stats *stats) {
    pf_json_uint(out, "message_count", stats->calls);
    pf_json_uint(out, "sampled_count", stats->timed);
    pf_json_uint(out, "dropped_count", stats->calls - stats->timed);
    pf_json_uint(out, "total_duration_ns", stats->timed_ns);
    pf_json_estimate(out, &stats->estimate);
    pf_json_uint(out, "bytes", stats->bytes);
    pf_json_uint(out, "bytes_unknown_count", stats->bytes_unknown);
    pf_json_uint(out, "error_count", stats->errors);
    pf_json_uint(out, "emoji_message_count", stats->emoji);
    pf_json_fixed(out, "avg_latency_ms",
                  pf_ratio((double)stats->timed_ns, (double)stats->timed) / 1e6, 9);
    pf_json_quantiles(out, stats);
    pf_json_uint(out, "max_ns", stats->max_ns);
    put_why(out, &stats->why);
    put_levels(out, stats);
    pf_json_fixed(out, "tiny_write_count", stats->tiny, 0);
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
    pf_json_name(out, "errors");
    pf_out(out, "{");
    for (unsigned number = 0; number <= PF_ERRNO_LIMIT; number++) {
        if (counts[number] != 0) {
            char text[24];
            pf_errno_name(number, text);
            pf_json_uint(out, text, counts[number]);
        }
    }
    pf_out(out, "}");
}

static void put_metrics(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_stats *stats = &summary->messages;
    double seconds = summary->uptime_ns / 1e9;
    pf_json_name(out, "metrics");
    pf_out(out, "{");
    pf_json_stats(out, stats);
    pf_json_fixed(out, "emoji_overhead_percent",
                  pf_ratio(100.0 * (double)stats->emoji, (double)stats->timed), 4);
    pf_json_fixed(out, "avg_fields_per_message",
                  pf_ratio((double)stats->fields, (double)stats->timed), 4);
    pf_json_fixed(out, "start_time", (double)pf_process.start_unix_ns / 1e9, 6);
    pf_json_fixed(out, "uptime_seconds", seconds, 9);
    pf_json_fixed(out, "messages_per_second", pf_ratio((double)stats->calls, seconds), 3);
    pf_json_name(out, "lost_count");
    pf_out(out, "{");
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        pf_json_uint(out, pf_lost_names[i], summary->lost[i]);
    }
    pf_out(out, "}");
    pf_json_uint(out, "overhead_ns", summary->overhead_ns);
    pf_out(out, "}");
}

static void put_functions(struct pf_out *out, const struct pf_summary *summary, const char *title,
                          size_t from, size_t to) {
    pf_json_name(out, title);
    pf_out(out, "[");
    for (size_t i = from; i < to; i++) {
        unsigned call = summary->functions[i].first->call;
        pf_json_element(out);
        pf_json_text(out, "name", pf_calls[call].name);
        pf_json_text(out, "family", pf_family_names[pf_calls[call].family]);
        pf_json_stats(out, &summary->functions[i].stats);
        put_errors(out, summary, call);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_coverage(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_coverage *coverage = &summary->coverage;
    pf_json_name(out, "coverage");
    pf_out(out, "{");
    pf_json_uint(out, "seen_bytes", coverage->seen_bytes);
    if (coverage->known) {
        pf_json_uint(out, "kernel_bytes", coverage->kernel_bytes);
        pf_json_uint(out, "pending_bytes", coverage->pending_bytes);
        pf_json_fixed(out, "percent", coverage->percent, 4);
    }
    pf_json_uint(out, "unknown_length_calls", coverage->unknown_calls);
    pf_json_name(out, "note");
    char text[400];
    struct pf_out note = {.text = text, .size = sizeof text};
    pf_summary_coverage_note(&note, coverage);
    pf_out_json(out, text, note.used);
    pf_out(out, "}");
}

void pf_summary_json(struct pf_out *out, const struct pf_summary *summary) {
    struct pf_segment *segment = summary->segment;
    pf_out(out, "{\"schema_version\":1");
    pf_json_text(out, "pfprof", PF_VERSION);
    pf_json_name(out, "process");
    pf_out(out, "{");
    pf_json_uint(out, "pid", pf_process.pid);
    pf_json_text(out, "program", segment != NULL ? segment->program : "");
    pf_json_text(out, "command", segment != NULL ? segment->command : "");
    pf_json_text(out, "end", summary->how);
    pf_json_name(out, "status");
    pf_out(out, summary->status < 0 ? "null" : "");
    if (summary->status >= 0) {
        pf_out_uint(out, (uint64_t)summary->status);
    }
    pf_json_fixed(out, "sample_rate", pf_process.config.setting[PF_VAR_SAMPLE_RATE].real, 9);
    pf_json_uint(out, "clock_cost_ns", pf_clock_cost_ns);
    pf_json_uint(out, "segment_bytes", segment != NULL ? segment->used : 0);
    pf_json_uint(out, "call_site_count", summary->all_sites);
    pf_json_uint(out, "thread_count", summary->all_threads);
    pf_json_name(out, "partial");
    pf_out(out, segment == NULL || segment->partial ? "true" : "false");
    uint64_t peak;
    if (pf_process.config.setting[PF_VAR_TRACK_MEMORY].number && pf_peak_memory(&peak)) {
        pf_json_uint(out, "peak_resident_bytes", peak);
    }
    pf_out(out, "}");
    put_metrics(out, summary);
    put_output(out, summary);
    put_functions(out, summary, "functions", 0, summary->message_function_count);
    put_functions(out, summary, "flushes", summary->message_function_count,
                  summary->function_count);
    pf_json_sites(out, summary);
    pf_json_streams(out, summary);
    pf_json_threads(out, summary);
    pf_json_slowest(out, summary);
    pf_json_scopes(out, summary);
    put_coverage(out, summary);
    pf_out(out, "}\n");
}
