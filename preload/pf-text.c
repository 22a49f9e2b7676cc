// SPDX-License-Identifier: Apache-2.0
// The summary as a person reads it: 80 columns, what matters most first.
#include "pf-text.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-summary.h"
#include <string.h>

#define MOST_FUNCTIONS 12u
#define MOST_ERRORS 6u

bool pf_peak_memory(uint64_t *ret_bytes) {
    char text[2048];
    if (pf_process.shut || pf_sys_slurp("/proc/self/status", text, sizeof text) <= 0) {
        return false;
    }
    const char *at = strstr(text, "VmHWM:");
    if (at == NULL) {
        return false;
    }
    uint64_t kilobytes = 0;
    for (at += 6; *at == ' ' || *at == '\t'; at++) {
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        kilobytes = kilobytes * 10 + (uint64_t)(*at - '0');
    }
    *ret_bytes = kilobytes << 10;
    return true;
}

static void put_header(struct pf_out *out, const struct pf_summary *summary) {
    const char *command = summary->segment != NULL ? summary->segment->command : "";
    pf_out(out, "\npfprof " PF_VERSION "   ");
    pf_text_plain(out, command, 64);
    pf_out(out, "\n  pid ");
    pf_out_uint(out, pf_process.pid);
    pf_out(out, "   ");
    pf_out(out, summary->how);
    if (summary->status >= 0) {
        pf_out(out, " ");
        pf_out_uint(out, (uint64_t)summary->status);
    }
    pf_out(out, "   wall ");
    pf_out_duration(out, summary->uptime_ns);
    pf_out(out, "   threads ");
    pf_out_uint(out, summary->all_threads);
    pf_out(out, "   sample rate ");
    double rate = pf_process.config.setting[PF_VAR_SAMPLE_RATE].real;
    pf_out_fixed(out, rate, rate >= 0.01 || rate == 0 ? 2 : 6);
    uint64_t peak;
    if (pf_process.config.setting[PF_VAR_TRACK_MEMORY].number && pf_peak_memory(&peak)) {
        pf_out(out, "\n  peak resident ");
        pf_out_size(out, (double)peak);
        pf_out(out, "   segment ");
        pf_out_size(out, summary->segment != NULL ? (double)summary->segment->used : 0);
    }
    pf_out(out, "\n\n");
}

static void put_estimate(struct pf_out *out, const struct pf_estimate *estimate) {
    pf_out_duration(out, estimate->total_ns);
    if (estimate->kind == PF_ESTIMATE_EXACT) {
        pf_out(out, ", every call timed");
        return;
    }
    pf_out(out, " (95 %: ");
    pf_out_duration(out, estimate->low_ns);
    pf_out(out, " to ");
    pf_out_duration(out, estimate->high_ns);
    pf_out(out, ")");
}

static void label(struct pf_out *out, const char *name, unsigned width) {
    LEFT(out, width, pf_out(out, name));
}

static void put_flush_count(struct pf_out *out, uint64_t count) {
    pf_out_grouped(out, count);
    pf_out(out, count == 1 ? " flush" : " flushes");
}

// What of the total is not the messages': a line of its own where it is seen, or not known.
static void put_parts(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_stats *messages = &summary->messages;
    const struct pf_stats *flushes = &summary->flushes;
    if (!pf_estimate_has_total(&flushes->estimate)) {
        pf_out(out, "    without ");
        put_flush_count(out, flushes->calls);
        pf_out(out, ", of which ");
        pf_out_grouped(out, flushes->timed);
        pf_out(out, flushes->timed == 1 ? " was timed\n" : " were timed\n");
    } else if (messages->calls != 0 &&
               flushes->estimate.total_ns >= 0.01 * messages->estimate.total_ns) {
        if (pf_estimate_has_total(&messages->estimate)) {
            pf_out(out, "    ");
            pf_out_duration(out, messages->estimate.total_ns);
            pf_out(out, " in messages, ");
        } else {
            pf_out(out, "    but ");
        }
        pf_out_duration(out, flushes->estimate.total_ns);
        pf_out(out, " in ");
        put_flush_count(out, flushes->calls);
        pf_out(out, "\n");
    }
}

static void put_total(struct pf_out *out, const struct pf_summary *summary) {
    bool whole = pf_estimate_has_total(&summary->output);
    const struct pf_estimate *estimate = whole ? &summary->output : &summary->messages.estimate;
    double wall = summary->uptime_ns;
    pf_out(out, whole ? "\n\n  all calls together: " : "\n\n  all messages together: ");
    if (!pf_estimate_has_total(estimate)) {
        pf_out(out, pf_estimate_refusal(summary->messages.timed));
    } else {
        put_estimate(out, estimate);
        if (wall > 0 && summary->all_threads == 1) {
            // An estimate may be longer than the thread has lived; the truth may not.
            double percent = 100 * estimate->total_ns / wall;
            pf_out(out, ", ");
            pf_out_fixed(out, percent < 100 ? percent : 100, 1);
            pf_out(out, " % of wall");
        }
    }
    pf_out(out, "\n");
    if (summary->flushes.calls != 0) {
        put_parts(out, summary);
    }
}

static void put_metrics(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_stats *stats = &summary->messages;
    double seconds = summary->uptime_ns / 1e9;
    pf_out(out, "  ProfileMetrics\n    ");
    label(out, "message_count", 20);
    RIGHT(out, 15, pf_out_grouped(out, stats->calls));
    pf_out(out, "   ");
    label(out, "messages_per_second", 22);
    RIGHT(out, 14, pf_out_per_second(out, pf_ratio((double)stats->calls, seconds)));
    pf_out(out, "\n    ");
    label(out, "sampled_count", 20);
    RIGHT(out, 15, pf_out_grouped(out, stats->timed));
    pf_out(out, "   ");
    label(out, "dropped_count", 22);
    RIGHT(out, 14, pf_out_grouped(out, stats->calls - stats->timed));
    pf_out(out, "\n    ");
    label(out, "total_duration_ns", 20);
    RIGHT(out, 15, pf_out_grouped(out, stats->timed_ns));
    pf_out(out, "   ");
    label(out, "avg_latency_ms", 22);
    RIGHT(out, 14,
          pf_out_fixed(out, pf_ratio((double)stats->timed_ns, (double)stats->timed) / 1e6, 6));
    pf_out(out, "\n    ");
    label(out, "emoji_message_count", 20);
    RIGHT(out, 15, pf_out_grouped(out, stats->emoji));
    pf_out(out, "   ");
    label(out, "emoji_overhead_percent", 22);
    RIGHT(out, 14,
          pf_out_fixed(out, pf_ratio(100.0 * (double)stats->emoji, (double)stats->timed), 2));
    pf_out(out, "\n    ");
    label(out, "bytes", 20);
    RIGHT(out, 15, pf_out_grouped(out, stats->bytes));
    pf_out(out, "   ");
    label(out, "avg_fields_per_message", 22);
    RIGHT(out, 14, pf_out_fixed(out, pf_ratio((double)stats->fields, (double)stats->timed), 2));
    pf_out(out, "\n    ");
    label(out, "start_time", 14);
    RIGHT(out, 21, pf_out_utc(out, pf_process.start_unix_ns / 1000000000u));
    pf_out(out, "   ");
    label(out, "uptime_seconds", 22);
    RIGHT(out, 14, pf_out_fixed(out, seconds, 3));
    put_total(out, summary);
    pf_text_why(out, stats);
    pf_text_levels(out, stats);
}

static void put_quantile(struct pf_out *out, double ns) {
    if (ns < 0) {
        pf_out(out, "–");
    } else {
        pf_out_duration(out, ns);
    }
}

static void put_shape(struct pf_out *out, const struct pf_stats *stats) {
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double most = 0;
    for (unsigned i = 0; i < PF_SHAPE_COLUMNS; i++) {
        most = stats->shape[i] > most ? stats->shape[i] : most;
    }
    for (unsigned i = 0; i < PF_SHAPE_COLUMNS; i++) {
        // A step is a factor of four, so that the rare slow call is seen beside the many fast ones.
        unsigned height = 8;
        double level = most;
        while (height > 0 && stats->shape[i] < level) {
            level /= 4;
            height--;
        }
        pf_out(out, stats->shape[i] <= 0 ? "·" : blocks[height > 0 ? height - 1 : 0]);
    }
}

static void put_functions(struct pf_out *out, const struct pf_summary *summary) {
    pf_out(out, "\n  function           calls   total     p50     p99     max    bytes "
                "16ns    67ms\n");
    size_t messages = summary->message_function_count;
    for (size_t i = 0; i < summary->function_count; i++) {
        const struct pf_group *function = &summary->functions[i];
        size_t place = i < messages ? i : i - messages;
        size_t of = i < messages ? messages : summary->function_count - messages;
        if (place >= MOST_FUNCTIONS) {
            if (place == MOST_FUNCTIONS) {
                pf_out(out, "  and ");
                pf_out_uint(out, of - place);
                pf_out(out, " more\n");
            }
            continue;
        }
        pf_out(out, "  ");
        LEFT(out, 15, pf_text_cut(out, pf_calls[function->first->call].name, 15));
        RIGHT(out, 8, pf_out_count(out, (double)function->stats.calls));
        RIGHT(out, 8, pf_text_total(out, &function->stats));
        RIGHT(out, 8, put_quantile(out, function->stats.quantile_ns[0]));
        RIGHT(out, 8, put_quantile(out, function->stats.quantile_ns[2]));
        RIGHT(out, 9,
              put_quantile(out, function->stats.timed ? (double)function->stats.max_ns : -1));
        RIGHT(out, 9, i < messages ? pf_text_bytes(out, &function->stats) : pf_out(out, "flush"));
        pf_out(out, " ");
        if (function->stats.timed) {
            put_shape(out, &function->stats);
        }
        pf_out(out, "\n");
    }
}

static void put_errors(struct pf_out *out, const struct pf_summary *summary) {
    struct pf_segment *segment = summary->segment;
    bool begun = false;
    struct pf_error_walk walk = {0};
    const struct pf_error *error;
    unsigned shown = 0;
    while ((error = pf_next_error(segment, &walk)) != NULL) {
        char name[24];
        if (++shown > MOST_ERRORS) {
            continue;
        }
        pf_errno_name(error->number, name);
        pf_out(out, !begun ? "\n  errors     " : shown % 3 == 1 ? ",\n             " : ", ");
        pf_out(out, pf_calls[error->call % PF_CALL_COUNT].name);
        pf_out(out, " ");
        pf_out(out, name);
        pf_out(out, " ");
        pf_out_count(out, (double)error->count);
        begun = true;
    }
    if (shown > MOST_ERRORS) {
        pf_out(out, " and ");
        pf_out_uint(out, shown - MOST_ERRORS);
        pf_out(out, " more");
    }
    pf_out(out, begun ? "\n" : "");
}

void pf_summary_coverage_note(struct pf_out *out, const struct pf_coverage *coverage) {
    if (!coverage->known) {
        pf_out(out, "the kernel does not tell what this process wrote (/proc/self/io)");
        return;
    }
    uint64_t gone = coverage->seen_bytes > coverage->pending_bytes
                        ? coverage->seen_bytes - coverage->pending_bytes
                        : 0;
    if (gone < coverage->kernel_bytes) {
        pf_out_grouped(out, coverage->kernel_bytes - gone);
        pf_out(out, " bytes not seen: ");
        if (coverage->unknown_calls) {
            pf_out_grouped(out, coverage->unknown_calls);
            pf_out(out, " calls of unknown length, ");
        }
        pf_out(out, coverage->with_children ? "finished child processes, " : "");
        pf_out(out, "putc_unlocked compiled in, or raw system calls");
    } else if (gone > coverage->kernel_bytes) {
        pf_out_grouped(out, gone - coverage->kernel_bytes);
        pf_out(out, " bytes seen have not reached the kernel");
    }
}

static void put_coverage(struct pf_out *out, const struct pf_summary *summary) {
    const struct pf_coverage *coverage = &summary->coverage;
    char text[300];
    struct pf_out note = {.text = text, .size = sizeof text - 1};
    pf_summary_coverage_note(&note, coverage);
    text[note.used] = 0;
    pf_out(out, "\n  coverage   ");
    if (coverage->known) {
        pf_out_fixed(out, coverage->percent, 2);
        pf_out(out, " % of the bytes that this process wrote were seen");
    }
    if (note.used) {
        pf_out(out, coverage->known ? "\n             " : "");
        // Two lines at most, broken at a space.
        size_t cut = note.used;
        if (cut > 66) {
            for (cut = 66; cut > 0 && text[cut] != ' '; cut--) {
            }
        }
        pf_out_bytes(out, text, cut);
        if (cut < note.used) {
            pf_out(out, "\n            ");
            pf_out_bytes(out, text + cut, note.used - cut);
        }
    }
    pf_out(out, "\n  overhead   ");
    pf_out_duration(out, (double)summary->overhead_ns);
    pf_out(out, " of ours, ");
    pf_out_fixed(out, pf_ratio(100.0 * (double)summary->overhead_ns, summary->uptime_ns), 3);
    pf_out(out, " % of wall\n");
}

static void put_lost(struct pf_out *out, const struct pf_summary *summary) {
    static const char *const reasons[PF_LOST_COUNT] = {
        "calls without a site of their own: MAX_MEMORY_MB is used up",
        "calls without a site of their own: made while we were setting up",
        "calls not counted: a vfork child's, in its parent's memory",
        "calls not counted: made before the loader had relocated us",
    };
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        if (summary->lost[i]) {
            pf_out(out, "  ! ");
            pf_out_grouped(out, summary->lost[i]);
            pf_out(out, " ");
            pf_out(out, reasons[i]);
            pf_out(out, "\n");
        }
    }
}

void pf_summary_text(struct pf_out *out, const struct pf_summary *summary) {
    put_header(out, summary);
    put_metrics(out, summary);
    put_functions(out, summary);
    pf_text_sites(out, summary);
    pf_text_streams(out, summary);
    pf_text_threads(out, summary);
    pf_text_scopes(out, summary);
    pf_text_slowest(out, summary);
    put_errors(out, summary);
    put_coverage(out, summary);
    put_lost(out, summary);
    pf_out(out, "\n");
}
