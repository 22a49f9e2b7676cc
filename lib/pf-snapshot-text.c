// SPDX-License-Identifier: Apache-2.0
// A snapshot as a person reads it: what matters most first, with file and line.
#include "pf-snapshot-text.h"
#include "pf-findings.h"
#include "pf-rows-private.h"
#include <string.h>

#define MOST_FUNCTIONS 12u
#define MOST_STREAMS 6u
#define WORTH_A_LINE_NS 1000000
#define MOST_THREADS 6u
#define MOST_ERRORS 6u
#define BAR_FROM_NS 16u
#define BAR_TO_NS (16u << 24) // 12 columns, a factor of 4 each
#define BAR_COLUMNS 12u

static gdouble ratio(gdouble a, gdouble b) { return b > 0 ? a / b : 0; }

gdouble pf_snapshot_text_total(const PfStats *stats) {
    return pf_stats_has_estimate(stats) ? stats->estimate.total_ns : -1;
}

static void put_header(pf_text *text, PfSnapshot *self) {
    const PfProcess *process = pf_snapshot_get_process(self);
    guint count = pf_snapshot_get_processes(self)->len;
    if (process == NULL) {
        pf_text_add(text, "\npfprof " PF_VERSION "   no processes\n");
        return;
    }
    pf_text_add(text, "\n");
    pf_text_ink(text, PF_INK_BOLD, "pfprof " PF_VERSION);
    pf_text_add(text, "   ");
    pf_text_left(text, text->width - 20, process->command);
    g_string_truncate(text->text, strlen(g_strchomp(text->text->str)));
    pf_text_add(text, "\n  ");
    if (count > 1) {
        pf_text_format(text, "%u processes", count);
    } else {
        pf_text_format(text, "pid %u   ", process->pid);
        gboolean ended = process->state == PF_PROCESS_STATE_ENDED;
        const gchar *how =
            ended && *process->how != 0 ? process->how : pf_process_state_to_string(process->state);
        pf_text_ink(text, process->state == PF_PROCESS_STATE_KILLED ? PF_INK_BAD : PF_INK_PLAIN,
                    how);
        if (process->exit_status >= 0) {
            pf_text_format(text, " %d", process->exit_status);
        }
    }
    g_autofree gchar *wall = pf_duration_text(self->model->uptime_ns);
    pf_text_format(text, "   %s %s   threads %u   sample rate %.*f\n",
                   self->model->is_delta ? "in" : "wall", wall, self->thread_count,
                   process->sample_rate >= 0.01 || process->sample_rate == 0 ? 2 : 6,
                   process->sample_rate);
}

static void metric(pf_text *text, const gchar *name, guint columns, gchar *value) {
    pf_text_add(text, name);
    pf_text_right(text, columns - (guint)strlen(name), value);
    g_free(value);
}

static gchar *utc(gint64 unix_ns) {
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(unix_ns / 1000000000);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("–");
}

static gchar *count_text(gdouble count) {
    gchar digits[32];
    struct pf_out out = {.text = digits, .size = sizeof digits};
    pf_out_count(&out, count);
    return g_strndup(digits, out.used);
}

static void put_metrics(pf_text *text, PfSnapshot *self) {
    const PfStats *stats = &pf_snapshot_tables(self)->messages;
    const PfProcess *process = pf_snapshot_get_process(self);
    gdouble timed = (gdouble)stats->sampled_count;
    struct {
        const gchar *left;
        gchar *left_value;
        const gchar *right;
        gchar *right_value;
    } rows[] = {
        {"message_count", pf_grouped_text(stats->message_count), "messages_per_second",
         pf_per_second_text(pf_snapshot_get_messages_per_second(self))},
        {"sampled_count", pf_grouped_text(stats->sampled_count), "dropped_count",
         pf_grouped_text(stats->dropped_count)},
        {"total_duration_ns", pf_grouped_text(stats->total_duration_ns), "avg_latency_ms",
         g_strdup_printf("%.6f", pf_stats_get_avg_latency_ms(stats))},
        {"emoji_message_count", pf_grouped_text(stats->emoji_message_count),
         "emoji_overhead_percent",
         g_strdup_printf("%.2f", ratio(100 * (gdouble)stats->emoji_message_count, timed))},
        {"bytes", pf_grouped_text(stats->bytes), "avg_fields_per_message",
         g_strdup_printf("%.2f", ratio((gdouble)stats->field_count, timed))},
        {"start_time", utc(process != NULL ? process->start_unix_ns : 0), "uptime_seconds",
         g_strdup_printf("%.3f", pf_snapshot_get_uptime_seconds(self))},
    };
    pf_text_heading(text, "  ProfileMetrics");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        pf_text_add(text, "    ");
        metric(text, rows[i].left, 35, rows[i].left_value);
        pf_text_add(text, "   ");
        metric(text, rows[i].right, 36, rows[i].right_value);
        pf_text_add(text, "\n");
    }
}

static void put_estimate(pf_text *text, const PfEstimate *estimate) {
    g_autofree gchar *total = pf_duration_text(estimate->total_ns);
    g_autofree gchar *low = pf_duration_text(estimate->low_ns);
    g_autofree gchar *high = pf_duration_text(estimate->high_ns);
    if (estimate->certainty == PF_CERTAINTY_EXACT) {
        pf_text_format(text, "%s, every call timed", total);
    } else {
        pf_text_format(text, "%s (95 %%: %s to %s)", total, low, high);
    }
}

// What of the total is not the messages': a line of its own where it is seen, or not known.
static void put_parts(pf_text *text, const PfStats *messages, const PfStats *flushes) {
    g_autofree gchar *count = pf_grouped_text(flushes->message_count);
    const gchar *title = flushes->message_count == 1 ? "flush" : "flushes";
    g_autofree gchar *timed = pf_grouped_text(flushes->sampled_count);
    g_autofree gchar *message_time = pf_duration_text(messages->estimate.total_ns);
    g_autofree gchar *flush_time = pf_duration_text(flushes->estimate.total_ns);
    if (!pf_stats_has_estimate(flushes)) {
        pf_text_format(text, "    without %s %s, of which %s %s timed\n", count, title, timed,
                       flushes->sampled_count == 1 ? "was" : "were");
    } else if (messages->message_count != 0 &&
               flushes->estimate.total_ns >= 0.01 * messages->estimate.total_ns) {
        if (pf_stats_has_estimate(messages)) {
            pf_text_format(text, "    %s in messages, ", message_time);
        } else {
            pf_text_add(text, "    but ");
        }
        pf_text_format(text, "%s in %s %s\n", flush_time, count, title);
    }
}

static void put_total(pf_text *text, PfSnapshot *self) {
    const pf_tables *tables = pf_snapshot_tables(self);
    gboolean is_whole = pf_estimate_has_limits(&tables->output);
    const PfEstimate *estimate = is_whole ? &tables->output : &tables->messages.estimate;
    pf_text_add(text, is_whole ? "\n  all calls together: " : "\n  all messages together: ");
    if (!pf_estimate_has_limits(estimate)) {
        pf_text_add(text, pf_estimate_refusal(tables->messages.sampled_count));
    } else {
        put_estimate(text, estimate);
        if (self->thread_count == 1 && self->model->uptime_ns > 0) {
            // An estimate may be longer than the thread has lived; the truth may not.
            pf_text_format(text, ", %.1f %% of wall",
                           MIN(100 * estimate->total_ns / self->model->uptime_ns, 100));
        }
    }
    pf_text_add(text, "\n");
    if (tables->flushes.message_count != 0) {
        put_parts(text, &tables->messages, &tables->flushes);
    }
}

static void put_functions(pf_text *text, PfSnapshot *self) {
    const GPtrArray *functions = pf_snapshot_tables(self)->functions;
    if (functions->len == 0) {
        return;
    }
    pf_text_heading(
        text, "  function          calls   total     p50     p99      max    bytes 16ns    67ms");
    for (guint i = 0; i < functions->len && i < MOST_FUNCTIONS; i++) {
        const PfFunction *function = g_ptr_array_index(functions, i);
        const PfStats *stats = &function->stats;
        gdouble p50 = -1;
        gdouble p99 = -1;
        pf_stats_get_quantile_ns(stats, 0.5, &p50);
        pf_stats_get_quantile_ns(stats, 0.99, &p99);
        pf_text_add(text, "  ");
        pf_text_left(text, 15, function->name);
        pf_text_count(text, 8, (gdouble)stats->message_count);
        pf_text_duration(text, 8, pf_snapshot_text_total(stats));
        pf_text_duration(text, 8, p50);
        pf_text_duration(text, 8, p99);
        pf_text_duration(text, 9, stats->sampled_count != 0 ? (gdouble)stats->max_ns : -1);
        if (function->is_message) {
            gboolean unknown = stats->bytes_unknown_count == stats->message_count;
            pf_text_size(text, 9, unknown ? -1 : (gdouble)stats->bytes);
        } else {
            pf_text_right(text, 9, "flush");
        }
        if (stats->sampled_count != 0) {
            g_autofree gchar *bar =
                pf_histogram_to_bar(stats->histogram, BAR_FROM_NS, BAR_TO_NS, BAR_COLUMNS);
            pf_text_add(text, " ");
            pf_text_ink(text, PF_INK_DIM, bar);
        }
        pf_text_add(text, "\n");
    }
    pf_text_more(text, functions->len, MOST_FUNCTIONS, "functions");
}

// Nothing was written to it, and closing it took no time: most are files that were read.
static gboolean is_idle(const PfStream *stream) {
    return stream->stats.message_count == 0 && stream->flushes.total_duration_ns < WORTH_A_LINE_NS;
}

gchar *pf_stream_title(const PfStream *stream) {
    const gchar *kind = pf_stream_kind_to_string(stream->kind);
    if (stream->is_overflow && stream->kind == PF_STREAM_KIND_UNKNOWN) {
        return g_strdup("(descriptors that are not open)");
    }
    if (stream->is_overflow) {
        return g_strdup_printf("(further streams: %s)", kind);
    }
    if (stream->kind == PF_STREAM_KIND_NONE) {
        return g_strdup(stream->stats.message_count > 0 ? "syslog, loggers" : "(all streams)");
    }
    return g_strdup(*stream->name != 0 ? stream->name : kind);
}

static void put_streams(pf_text *text, PfSnapshot *self) {
    const GPtrArray *streams = pf_snapshot_tables(self)->streams;
    g_autofree gchar *title = g_strdup_printf("  streams%*s calls    bytes   total flushes    tiny",
                                              (int)(28 + pf_text_spare(text)), "");
    pf_text_heading(text, title);
    guint used = 0;
    for (guint i = 0; i < streams->len; i++) {
        const PfStream *stream = g_ptr_array_index(streams, i);
        if (is_idle(stream) || used++ >= MOST_STREAMS) {
            continue;
        }
        g_autofree gchar *name = pf_stream_title(stream);
        pf_text_add(text, "  ");
        pf_text_left_tail(text, 34 + pf_text_spare(text), name);
        pf_text_count(text, 8, (gdouble)stream->stats.message_count);
        pf_text_size(text, 9, (gdouble)stream->stats.bytes);
        pf_text_duration(text, 8, pf_snapshot_text_total(&stream->stats));
        pf_text_count(text, 8, (gdouble)stream->flushes.message_count);
        pf_text_count(text, 8, stream->tiny_write_count);
        pf_text_add(text, "\n");
    }
    pf_text_more(text, used, MOST_STREAMS, "streams");
    pf_text_more(text, streams->len, used, "idle streams");
}

static void put_threads(pf_text *text, PfSnapshot *self) {
    const GPtrArray *threads = pf_snapshot_tables(self)->threads;
    if (threads->len < 2) {
        return;
    }
    pf_text_heading(text,
                    "  threads              tid   calls    bytes   total  of wall  longest call");
    for (guint i = 0; i < threads->len && i < MOST_THREADS; i++) {
        const PfThread *thread = g_ptr_array_index(threads, i);
        g_autofree gchar *name = thread->thread_count > 1
                                     ? g_strdup_printf("%s ×%u", thread->name, thread->thread_count)
                                     : g_strdup(thread->name);
        pf_text_add(text, "  ");
        pf_text_left(text, 16, name);
        pf_text_format(text, " %8u", thread->tid);
        pf_text_count(text, 8, (gdouble)thread->stats.message_count);
        pf_text_size(text, 9, (gdouble)thread->stats.bytes);
        pf_text_duration(text, 8, pf_snapshot_text_total(&thread->stats));
        if (thread->output_is_limit) {
            pf_text_add(text, "   ≤100 %");
        } else {
            pf_text_percent(text, 9, thread->output_percent);
        }
        pf_text_duration(text, 10,
                         thread->longest_stall_ns != 0 ? (gdouble)thread->longest_stall_ns : -1);
        if (thread->in_call_ns > 1000000000) {
            g_autofree gchar *since = pf_duration_text((gdouble)thread->in_call_ns);
            g_autofree gchar *line =
                g_strdup_printf("\n      in %s since %s", thread->in_call_function, since);
            pf_text_ink(text, PF_INK_WARN, line);
        }
        pf_text_add(text, "\n");
    }
    pf_text_more(text, threads->len, MOST_THREADS, "threads");
}

static void put_levels(pf_text *text, PfSnapshot *self) {
    const GPtrArray *levels = pf_snapshot_tables(self)->levels;
    if (levels->len < 2) {
        return;
    }
    pf_text_add(text, "\n  levels     ");
    for (guint i = 0; i < levels->len; i++) {
        const PfLevelCount *level = g_ptr_array_index(levels, i);
        g_autofree gchar *count = count_text(level->message_count);
        pf_text_format(text, "%s%s %s", i > 0 ? "  " : "", level->name, count);
    }
    pf_text_add(text, "\n");
}

static void put_errors(pf_text *text, PfSnapshot *self) {
    const GPtrArray *errors = pf_snapshot_tables(self)->errors;
    for (guint i = 0; i < errors->len && i < MOST_ERRORS; i++) {
        const PfErrorCount *error = g_ptr_array_index(errors, i);
        g_autofree gchar *count = count_text((gdouble)error->count);
        pf_text_format(text, "%s%s %s %s",
                       i == 0       ? "\n  errors     "
                       : i % 3 == 0 ? ",\n             "
                                    : ", ",
                       error->function, error->name, count);
    }
    if (errors->len > MOST_ERRORS) {
        pf_text_format(text, " and %u more", errors->len - MOST_ERRORS);
    }
    pf_text_add(text, errors->len > 0 ? "\n" : "");
}

static void put_coverage(pf_text *text, PfSnapshot *self) {
    const PfCoverage *coverage = &pf_snapshot_tables(self)->coverage;
    pf_text_add(text, "\n  coverage   ");
    if (!coverage->is_known) {
        pf_text_add(text, "not known: the kernel does not tell what was written\n");
    } else {
        pf_text_format(text, "%.2f %% of the bytes that were written were seen\n",
                       coverage->percent);
    }
    pf_text_add(text, "  overhead   ");
    if (self->overhead_ns == 0) {
        pf_text_add(text, "not known before the end\n");
        return;
    }
    g_autofree gchar *overhead = pf_duration_text((gdouble)self->overhead_ns);
    pf_text_format(text, "%s of ours, %.3f %% of wall\n", overhead,
                   ratio(100 * (gdouble)self->overhead_ns, self->model->uptime_ns));
}

static void put_lost(pf_text *text, PfSnapshot *self) {
    static const gchar *const meanings[PF_LOST_COUNT] = {
        [PF_LOST_MEMORY] = "calls without a site of their own: MAX_MEMORY_MB is used up",
        [PF_LOST_REENTRY] = "calls without a site of their own: made while we were setting up",
        [PF_LOST_CHILD] = "calls not counted: a vfork child's, in its parent's memory",
        [PF_LOST_EARLY] = "calls not counted: before the loader had relocated us",
    };
    for (guint i = 0; i < PF_LOST_COUNT; i++) {
        if (self->model->lost[i] != 0) {
            g_autofree gchar *count = pf_grouped_text(self->model->lost[i]);
            g_autofree gchar *line = g_strdup_printf("  ! %s %s\n", count, meanings[i]);
            pf_text_ink(text, PF_INK_WARN, line);
        }
    }
    for (guint i = 0; i < self->processes->len; i++) {
        const PfProcess *process = g_ptr_array_index(self->processes, i);
        if (process->is_partial) {
            pf_text_ink(text, PF_INK_WARN,
                        "  ! memory ran out: sites or latencies are missing (MAX_MEMORY_MB)\n");
            return;
        }
    }
}

static void put_findings(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer) {
    g_autoptr(GPtrArray) findings = pf_snapshot_find(self, symbolizer);
    g_autofree gchar *lines = pf_findings_to_text(findings, text->width, text->colour);
    pf_text_add(text, lines);
}

/**
 * pf_snapshot_to_text:
 * @self: a snapshot
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 * @width: columns, from 80 to 160; anything else is taken for the nearest of those
 * @colour: whether to use ANSI escapes
 *
 * Writes the summary as a person reads it.  Text of the profiled program is shown without what a
 * terminal could take for an order.
 *
 * Returns: (transfer full): UTF-8 that ends with a line break
 */
gchar *pf_snapshot_to_text(PfSnapshot *self, PfSymbolizer *symbolizer, guint width,
                           gboolean colour) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(self), NULL);
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    pf_text text = {.text = g_string_new(NULL),
                    .width = CLAMP(width, PF_TEXT_LEAST_WIDTH, PF_TEXT_MOST_WIDTH),
                    .colour = colour};
    put_header(&text, self);
    put_metrics(&text, self);
    put_total(&text, self);
    put_functions(&text, self);
    pf_snapshot_text_sites(&text, self, used);
    put_streams(&text, self);
    put_threads(&text, self);
    pf_snapshot_text_scopes(&text, self, used);
    pf_snapshot_text_slowest(&text, self, used);
    put_levels(&text, self);
    put_errors(&text, self);
    put_coverage(&text, self);
    put_lost(&text, self);
    put_findings(&text, self, used);
    pf_text_add(&text, "\n");
    return g_string_free(text.text, FALSE);
}
