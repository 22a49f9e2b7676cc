// SPDX-License-Identifier: Apache-2.0
// A snapshot as one JSON object, under the names of the exit summary of a preloaded program.
#include "pf-snapshot-json.h"
#include "pf-findings.h"

#define SCHEMA_VERSION 1

static gdouble ratio(gdouble a, gdouble b) { return b > 0 ? a / b : 0; }

static void put_process(pf_json *json, const PfProcess *process) {
    pf_json_uint(json, "pid", process->pid);
    pf_json_uint(json, "parent_pid", process->parent_pid);
    pf_json_string(json, "program", process->program);
    pf_json_string(json, "command", process->command);
    pf_json_string(json, "state", pf_process_state_to_string(process->state));
    pf_json_string(json, "end", process->how);
    pf_json_known(json, "status", process->exit_status, 0);
    pf_json_fixed(json, "start_time", pf_snapshot_json_seconds(process->start_unix_ns), 6);
    pf_json_fixed(json, "uptime_seconds", (gdouble)process->uptime_ns / 1e9, 9);
    pf_json_fixed(json, "sample_rate", process->sample_rate, 9);
    pf_json_uint(json, "clock_cost_ns", process->clock_cost_ns);
    pf_json_uint(json, "segment_bytes", process->segment_bytes);
    pf_json_bool(json, "partial", process->is_partial);
    if (process->reset_unix_ns != 0) {
        pf_json_fixed(json, "reset_time", pf_snapshot_json_seconds(process->reset_unix_ns), 6);
    }
}

static void put_processes(pf_json *json, PfSnapshot *self) {
    GPtrArray *processes = pf_snapshot_get_processes(self);
    guint sites = 0;
    for (guint i = 0; i < pf_snapshot_tables(self)->call_sites->len; i++) {
        sites +=
            ((PfCallSite *)g_ptr_array_index(pf_snapshot_tables(self)->call_sites, i))->is_message;
    }
    if (processes->len > 0) {
        pf_json_begin(json, "process", '{');
        put_process(json, g_ptr_array_index(processes, 0));
        pf_json_uint(json, "call_site_count", sites);
        pf_json_uint(json, "thread_count", self->thread_count);
        pf_json_end(json, '}');
    }
    pf_json_begin(json, "processes", '[');
    for (guint i = 0; i < processes->len; i++) {
        pf_json_element(json, '{');
        put_process(json, g_ptr_array_index(processes, i));
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_metrics(pf_json *json, PfSnapshot *self) {
    const PfStats *stats = &pf_snapshot_tables(self)->messages;
    const PfProcess *process = pf_snapshot_get_process(self);
    pf_json_begin(json, "metrics", '{');
    pf_snapshot_json_stats(json, stats);
    gdouble timed = (gdouble)stats->sampled_count;
    pf_json_fixed(json, "emoji_overhead_percent",
                  ratio(100.0 * (gdouble)stats->emoji_message_count, timed), 4);
    pf_json_fixed(json, "avg_fields_per_message", ratio((gdouble)stats->field_count, timed), 4);
    pf_json_fixed(json, "start_time",
                  process != NULL ? pf_snapshot_json_seconds(process->start_unix_ns) : 0, 6);
    pf_json_fixed(json, "uptime_seconds", pf_snapshot_get_uptime_seconds(self), 9);
    pf_json_fixed(json, "messages_per_second", pf_snapshot_get_messages_per_second(self), 3);
    pf_json_begin(json, "lost_count", '{');
    const gchar *const *reasons = pf_snapshot_get_lost_reasons();
    for (guint i = 0; reasons[i] != NULL; i++) {
        pf_json_uint(json, reasons[i], pf_snapshot_get_lost(self, reasons[i]));
    }
    pf_json_end(json, '}');
    if (self->overhead_ns != 0) {
        pf_json_uint(json, "overhead_ns", self->overhead_ns);
    } else {
        pf_json_null(json, "overhead_ns");
    }
    pf_json_end(json, '}');
}

// Messages and flushes together.
static void put_output(pf_json *json, PfSnapshot *self) {
    const pf_tables *tables = pf_snapshot_tables(self);
    pf_json_begin(json, "output", '{');
    pf_json_uint(json, "call_count",
                 tables->messages.message_count + tables->flushes.message_count);
    pf_json_uint(json, "flush_count", tables->flushes.message_count);
    pf_snapshot_json_estimate(json, &tables->output);
    pf_json_end(json, '}');
}

static void put_functions(pf_json *json, PfSnapshot *self, const gchar *title, gboolean messages) {
    pf_json_begin(json, title, '[');
    for (guint i = 0; i < pf_snapshot_tables(self)->functions->len; i++) {
        const PfFunction *function = g_ptr_array_index(pf_snapshot_tables(self)->functions, i);
        if (function->is_message != messages) {
            continue;
        }
        pf_json_element(json, '{');
        pf_json_string(json, "name", function->name);
        pf_json_string(json, "family", function->family);
        pf_snapshot_json_stats(json, &function->stats);
        pf_json_begin(json, "errors", '{');
        for (guint e = 0; e < function->errors->len; e++) {
            const PfErrorCount *error = g_ptr_array_index(function->errors, e);
            pf_json_uint(json, error->name, error->count);
        }
        pf_json_end(json, '}');
        pf_snapshot_json_histogram(json, function->stats.histogram);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_streams(pf_json *json, PfSnapshot *self) {
    pf_json_begin(json, "streams", '[');
    for (guint i = 0; i < pf_snapshot_tables(self)->streams->len; i++) {
        const PfStream *stream = g_ptr_array_index(pf_snapshot_tables(self)->streams, i);
        pf_json_element(json, '{');
        pf_json_uint(json, "id", stream->id);
        pf_json_known(json, "fd", stream->fd, 0);
        pf_json_string(json, "path", *stream->name != 0 ? stream->name : NULL);
        pf_json_uint(json, "opens", stream->opens);
        pf_json_string(json, "kind", pf_stream_kind_to_string(stream->kind));
        pf_json_bool(json, "many", stream->is_overflow);
        pf_snapshot_json_stats(json, &stream->stats);
        pf_json_fixed(json, "tiny_write_count", stream->tiny_write_count, 0);
        pf_json_begin(json, "flushes", '{');
        pf_snapshot_json_stats(json, &stream->flushes);
        pf_json_end(json, '}');
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_threads(pf_json *json, PfSnapshot *self) {
    pf_json_begin(json, "threads", '[');
    for (guint i = 0; i < pf_snapshot_tables(self)->threads->len; i++) {
        const PfThread *thread = g_ptr_array_index(pf_snapshot_tables(self)->threads, i);
        pf_json_element(json, '{');
        pf_json_uint(json, "pid", thread->pid);
        pf_json_uint(json, "tid", thread->tid);
        pf_json_string(json, "name", thread->name);
        pf_json_uint(json, "thread_count", thread->thread_count);
        pf_json_fixed(json, "wall_seconds", (gdouble)thread->wall_ns / 1e9, 9);
        pf_json_known(json, "output_share_percent", thread->output_percent, 4);
        pf_json_bool(json, "output_share_is_limit", thread->output_is_limit);
        pf_json_uint(json, "longest_stall_ns", thread->longest_stall_ns);
        if (thread->longest_stall_ns != 0) {
            pf_json_fixed(json, "longest_stall_time",
                          pf_snapshot_json_seconds(thread->longest_stall_unix_ns), 6);
            pf_json_string(json, "longest_stall_function", thread->longest_stall_function);
        }
        pf_json_uint(json, "in_call_ns", thread->in_call_ns);
        if (thread->in_call_ns != 0) {
            pf_json_string(json, "in_call_function", thread->in_call_function);
        }
        if (thread->user_id != NULL || thread->request_id != NULL || thread->operation != NULL) {
            pf_json_string(json, "user_id", thread->user_id);
            pf_json_string(json, "request_id", thread->request_id);
            pf_json_string(json, "operation", thread->operation);
        }
        pf_snapshot_json_stats(json, &thread->stats);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_levels(pf_json *json, PfSnapshot *self) {
    pf_json_begin(json, "levels", '{');
    for (guint i = 0; i < pf_snapshot_tables(self)->levels->len; i++) {
        const PfLevelCount *level = g_ptr_array_index(pf_snapshot_tables(self)->levels, i);
        pf_json_fixed(json, level->name, level->message_count, 0);
    }
    pf_json_end(json, '}');
}

static void put_coverage(pf_json *json, const PfCoverage *coverage) {
    pf_json_begin(json, "coverage", '{');
    pf_json_uint(json, "seen_bytes", coverage->seen_bytes);
    if (coverage->is_known) {
        pf_json_uint(json, "kernel_bytes", coverage->kernel_bytes);
        pf_json_fixed(json, "percent", coverage->percent, 4);
    }
    pf_json_uint(json, "unknown_length_calls", coverage->unknown_count);
    pf_json_end(json, '}');
}

static void put_findings(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
    g_autoptr(GPtrArray) findings = pf_snapshot_find(self, symbolizer);
    pf_json_begin(json, "findings", '[');
    for (guint i = 0; i < findings->len; i++) {
        const PfFinding *finding = g_ptr_array_index(findings, i);
        pf_json_element(json, '{');
        pf_json_string(json, "kind", finding->kind);
        pf_json_string(json, "title", finding->title);
        pf_json_string(json, "evidence", finding->evidence);
        pf_json_string(json, "next_step", finding->next_step);
        pf_json_string(json, "place", finding->place);
        pf_json_known(json, "saved_ns", finding->saved_ns, 0);
        pf_json_known(json, "saved_low_ns", finding->low_ns, 0);
        pf_json_known(json, "saved_high_ns", finding->high_ns, 0);
        pf_json_known(json, "saved_calls", finding->saved_calls, 0);
        pf_json_known(json, "wall_percent", finding->wall_percent, 2);
        pf_json_uint(json, "thread_count", finding->thread_count);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

/**
 * pf_snapshot_to_json:
 * @self: a snapshot
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 *
 * Writes everything as one JSON object on one line, with `schema_version`, under the same names as the
 * exit summary of a preloaded program.  What is not known is null.
 *
 * Returns: (transfer full): UTF-8 that ends with a line break
 */
gchar *pf_snapshot_to_json(PfSnapshot *self, PfSymbolizer *symbolizer) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(self), NULL);
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    pf_json json = {.text = g_string_new("{")};
    pf_json_uint(&json, "schema_version", SCHEMA_VERSION);
    pf_json_string(&json, "pfprof", PF_VERSION);
    put_processes(&json, self);
    put_metrics(&json, self);
    put_output(&json, self);
    put_functions(&json, self, "functions", TRUE);
    put_functions(&json, self, "flushes", FALSE);
    pf_snapshot_json_sites(&json, self, used, "call_sites", TRUE);
    pf_snapshot_json_sites(&json, self, used, "flush_sites", FALSE);
    pf_snapshot_json_real_sites(&json, self, used);
    put_streams(&json, self);
    put_threads(&json, self);
    put_levels(&json, self);
    pf_snapshot_json_templates(&json, pf_snapshot_tables(self)->templates);
    pf_snapshot_json_events(&json, used, "slowest", pf_snapshot_get_slowest(self));
    if (self->flags & PF_SNAPSHOT_RECENT) {
        pf_snapshot_json_events(&json, used, "recent", pf_snapshot_get_recent(self));
    }
    pf_snapshot_json_stacks(&json, self, used);
    pf_snapshot_json_scopes(&json, self, used);
    put_coverage(&json, &pf_snapshot_tables(self)->coverage);
    put_findings(&json, self, used);
    g_string_append(json.text, "}\n");
    return g_string_free(json.text, FALSE);
}
