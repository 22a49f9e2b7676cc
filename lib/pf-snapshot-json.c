// SPDX-License-Identifier: Apache-2.0
// A snapshot as one JSON object, under the names of the exit summary of a preloaded program.
#include "pf-findings.h"
#include "pf-json-writer.h"
#include "pf-snapshot-private.h"

#define SCHEMA_VERSION 1
#define MOST_TEMPLATES 100u

static gdouble ratio(gdouble a, gdouble b) { return b > 0 ? a / b : 0; }

static gdouble seconds(gint64 unix_ns) { return (gdouble)unix_ns / 1e9; }

// --- statistics

static void put_estimate(pf_json *json, const PfStats *stats) {
    if (!pf_stats_has_estimate(stats)) {
        pf_json_null(json, "estimated_total_duration_ns");
        pf_json_null(json, "estimated_total_interval_ns");
        return;
    }
    pf_json_fixed(json, "estimated_total_duration_ns", stats->estimate.total_ns, 0);
    pf_json_begin(json, "estimated_total_interval_ns", '[');
    pf_json_number(json, stats->estimate.low_ns, 0);
    pf_json_element(json, 0);
    pf_json_number(json, stats->estimate.high_ns, 0);
    pf_json_end(json, ']');
}

static void put_quantiles(pf_json *json, const PfStats *stats) {
    static const struct {
        const gchar *name;
        gdouble share;
    } quantiles[] = {{"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}, {"p99_9_ns", 0.999}};
    for (guint i = 0; i < G_N_ELEMENTS(quantiles); i++) {
        gdouble ns;
        if (pf_stats_get_quantile_ns(stats, quantiles[i].share, &ns)) {
            pf_json_fixed(json, quantiles[i].name, ns, 0);
        } else {
            pf_json_null(json, quantiles[i].name);
        }
    }
}

static void put_reasons(pf_json *json, const PfStats *stats) {
    pf_json_begin(json, "why", '{');
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        const PfReasonShare *share = &stats->reasons[i];
        pf_json_begin(json, pf_reason_to_string((PfReason)i), '{');
        pf_json_uint(json, "count", share->count);
        pf_json_uint(json, "total_duration_ns", share->total_ns);
        if (share->share < 0) {
            pf_json_null(json, "share");
        } else {
            pf_json_fixed(json, "share", share->share, 6);
        }
        if (share->low < 0) {
            pf_json_null(json, "share_interval");
        } else {
            pf_json_begin(json, "share_interval", '[');
            pf_json_number(json, share->low, 6);
            pf_json_element(json, 0);
            pf_json_number(json, share->high, 6);
            pf_json_end(json, ']');
        }
        pf_json_end(json, '}');
    }
    pf_json_end(json, '}');
}

// The fields that every object has under the same names.
static void put_stats(pf_json *json, const PfStats *stats) {
    pf_json_uint(json, "message_count", stats->message_count);
    pf_json_uint(json, "sampled_count", stats->sampled_count);
    pf_json_uint(json, "dropped_count", stats->dropped_count);
    pf_json_uint(json, "total_duration_ns", stats->total_duration_ns);
    put_estimate(json, stats);
    pf_json_uint(json, "bytes", stats->bytes);
    pf_json_uint(json, "bytes_unknown_count", stats->bytes_unknown_count);
    pf_json_uint(json, "error_count", stats->error_count);
    pf_json_uint(json, "emoji_message_count", stats->emoji_message_count);
    pf_json_fixed(json, "avg_latency_ms", pf_stats_get_avg_latency_ms(stats), 9);
    put_quantiles(json, stats);
    pf_json_uint(json, "max_ns", stats->max_ns);
    put_reasons(json, stats);
    pf_json_fixed(json, "charged_flush_ns", MAX(stats->charged_flush_ns, 0), 0);
    if (stats->first_unix_ns != 0) {
        pf_json_fixed(json, "first_time", seconds(stats->first_unix_ns), 6);
        pf_json_fixed(json, "last_time", seconds(stats->last_unix_ns), 6);
    }
}

static void put_histogram(pf_json *json, PfHistogram *histogram) {
    guint64 low;
    guint64 end;
    guint64 count;
    gdouble weight;
    pf_json_begin(json, "histogram", '[');
    for (guint i = 0; pf_histogram_get_bucket(histogram, i, &low, &end, &count, &weight); i++) {
        if (count != 0) {
            pf_json_element(json, '{');
            pf_json_uint(json, "low_ns", low);
            pf_json_uint(json, "end_ns", end);
            pf_json_uint(json, "sampled_count", count);
            pf_json_fixed(json, "message_count", weight, 1);
            pf_json_end(json, '}');
        }
    }
    pf_json_end(json, ']');
}

// --- places

static void put_symbol(pf_json *json, const PfPlace *place) {
    pf_json_string(json, "module", place->module);
    pf_json_uint(json, "offset", place->offset);
    pf_json_string(json, "symbol", place->symbol);
    if (place->symbol != NULL) {
        pf_json_uint(json, "symbol_offset", place->symbol_offset);
    }
    pf_json_string(json, "source_function", place->function);
    pf_json_string(json, "file", place->file);
    if (place->file != NULL) {
        pf_json_uint(json, "line", place->line);
    }
    if (place->module_changed) {
        pf_json_bool(json, "module_changed", TRUE);
    }
}

static void put_place(pf_json *json, PfSymbolizer *symbolizer, PfModule *module, guint64 address) {
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(symbolizer, module, address);
    g_autofree gchar *text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", address);
    pf_json_string(json, "address", text);
    put_symbol(json, place);
    if (module != NULL && *module->build_id != 0) {
        pf_json_string(json, "build_id", module->build_id);
    }
}

// --- parts

static void put_process(pf_json *json, const PfProcess *process) {
    pf_json_uint(json, "pid", process->pid);
    pf_json_uint(json, "parent_pid", process->parent_pid);
    pf_json_string(json, "program", process->program);
    pf_json_string(json, "command", process->command);
    pf_json_string(json, "state", pf_process_state_to_string(process->state));
    pf_json_string(json, "end", process->how);
    if (process->exit_status >= 0) {
        pf_json_uint(json, "status", (guint64)process->exit_status);
    } else {
        pf_json_null(json, "status");
    }
    pf_json_fixed(json, "start_time", seconds(process->start_unix_ns), 6);
    pf_json_fixed(json, "uptime_seconds", (gdouble)process->uptime_ns / 1e9, 9);
    pf_json_fixed(json, "sample_rate", process->sample_rate, 9);
    pf_json_uint(json, "clock_cost_ns", process->clock_cost_ns);
    pf_json_uint(json, "segment_bytes", process->segment_bytes);
    pf_json_bool(json, "partial", process->is_partial);
    if (process->reset_unix_ns != 0) {
        pf_json_fixed(json, "reset_time", seconds(process->reset_unix_ns), 6);
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
    put_stats(json, stats);
    gdouble timed = (gdouble)stats->sampled_count;
    pf_json_fixed(json, "emoji_overhead_percent",
                  ratio(100.0 * (gdouble)stats->emoji_message_count, timed), 4);
    pf_json_fixed(json, "avg_fields_per_message", ratio((gdouble)stats->field_count, timed), 4);
    pf_json_fixed(json, "start_time", process != NULL ? seconds(process->start_unix_ns) : 0, 6);
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
        put_stats(json, &function->stats);
        pf_json_begin(json, "errors", '{');
        for (guint e = 0; e < function->errors->len; e++) {
            const PfErrorCount *error = g_ptr_array_index(function->errors, e);
            pf_json_uint(json, error->name, error->count);
        }
        pf_json_end(json, '}');
        put_histogram(json, function->stats.histogram);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_templates(pf_json *json, const GPtrArray *templates) {
    pf_json_begin(json, "templates", '[');
    for (guint i = 0; i < templates->len && i < MOST_TEMPLATES; i++) {
        const PfTemplateCount *template = g_ptr_array_index(templates, i);
        g_autofree gchar *hash = g_strdup_printf("%016" G_GINT64_MODIFIER "x", template->hash);
        pf_json_element(json, '{');
        pf_json_string(json, "text", *template->text != 0 ? template->text : NULL);
        pf_json_string(json, "hash", hash);
        pf_json_string(json, "kind", template->is_format ? "format" : "masked");
        pf_json_uint(json, "sampled_count", template->sampled_count);
        pf_json_fixed(json, "message_count", template->message_count, 1);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_sites(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer, const gchar *title,
                      gboolean messages) {
    pf_json_begin(json, title, '[');
    for (guint i = 0; i < pf_snapshot_tables(self)->call_sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(pf_snapshot_tables(self)->call_sites, i);
        if (site->is_message != messages) {
            continue;
        }
        pf_json_element(json, '{');
        pf_json_string(json, "function", site->function);
        put_place(json, symbolizer, site->module, site->address);
        pf_json_uint(json, "thread_count", site->thread_count);
        pf_json_begin(json, "streams", '[');
        for (guint s = 0; s < site->streams->len; s++) {
            pf_json_element(json, 0);
            pf_json_number(json, g_array_index(site->streams, guint, s), 0);
        }
        pf_json_end(json, ']');
        put_stats(json, &site->stats);
        put_templates(json, site->templates);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_real_sites(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
    g_autoptr(GPtrArray) sites = pf_snapshot_get_real_sites(self, symbolizer);
    pf_json_begin(json, "real_sites", '[');
    for (guint i = 0; i < sites->len; i++) {
        const PfRealSite *site = g_ptr_array_index(sites, i);
        pf_json_element(json, '{');
        pf_json_string(json, "function", site->function);
        put_symbol(json, site->place);
        if (site->wrapper != NULL) {
            pf_json_begin(json, "wrapper", '{');
            put_symbol(json, site->wrapper);
            pf_json_end(json, '}');
        } else {
            pf_json_null(json, "wrapper");
        }
        pf_json_bool(json, "is_estimate", site->is_estimate);
        pf_json_uint(json, "stack_count", site->stack_count);
        pf_json_fixed(json, "message_count", site->message_count, site->is_estimate ? 1 : 0);
        pf_json_fixed(json, "bytes", site->bytes, site->is_estimate ? 1 : 0);
        if (site->total_ns >= 0) {
            pf_json_fixed(json, "estimated_total_duration_ns", site->total_ns, 0);
        } else {
            pf_json_null(json, "estimated_total_duration_ns");
        }
        pf_json_fixed(json, "charged_flush_ns", MAX(site->charged_flush_ns, 0), 0);
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
        if (stream->fd >= 0) {
            pf_json_uint(json, "fd", (guint64)stream->fd);
        } else {
            pf_json_null(json, "fd");
        }
        pf_json_string(json, "path", *stream->name != 0 ? stream->name : NULL);
        pf_json_uint(json, "opens", stream->opens);
        pf_json_string(json, "kind", pf_stream_kind_to_string(stream->kind));
        pf_json_bool(json, "many", stream->is_overflow);
        put_stats(json, &stream->stats);
        pf_json_fixed(json, "tiny_write_count", stream->tiny_write_count, 0);
        pf_json_begin(json, "flushes", '{');
        put_stats(json, &stream->flushes);
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
        if (thread->output_percent >= 0) {
            pf_json_fixed(json, "output_share_percent", thread->output_percent, 4);
        } else {
            pf_json_null(json, "output_share_percent");
        }
        pf_json_bool(json, "output_share_is_limit", thread->output_is_limit);
        pf_json_uint(json, "longest_stall_ns", thread->longest_stall_ns);
        if (thread->longest_stall_ns != 0) {
            pf_json_fixed(json, "longest_stall_time", seconds(thread->longest_stall_unix_ns), 6);
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
        put_stats(json, &thread->stats);
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

static void put_event(pf_json *json, PfSymbolizer *symbolizer, const PfEvent *event) {
    pf_json_element(json, '{');
    pf_json_string(json, "function", event->function);
    pf_json_uint(json, "duration_ns", event->duration_ns);
    pf_json_fixed(json, "time", seconds(event->unix_ns), 6);
    pf_json_uint(json, "bytes", event->bytes);
    pf_json_uint(json, "pid", event->pid);
    pf_json_uint(json, "tid", event->tid);
    pf_json_string(json, "thread", event->thread_name);
    pf_json_string(json, "path", *event->stream_name != 0 ? event->stream_name : NULL);
    if (event->user_id != NULL || event->request_id != NULL) {
        pf_json_string(json, "user_id", event->user_id);
        pf_json_string(json, "request_id", event->request_id);
    }
    pf_json_string(json, "why", pf_reason_to_string(event->reason));
    pf_json_uint(json, "lock_ns", event->lock_ns);
    if (event->level < PF_LEVEL_NONE) {
        pf_json_uint(json, "level", event->level);
    }
    if (event->error_number != 0) {
        pf_json_uint(json, "errno", (guint64)event->error_number);
    }
    if (event->stack >= 0) {
        pf_json_uint(json, "stack", (guint64)event->stack);
    }
    put_place(json, symbolizer, event->module, event->address);
    pf_json_end(json, '}');
}

static void put_events(pf_json *json, PfSymbolizer *symbolizer, const gchar *title,
                       const GPtrArray *events) {
    pf_json_begin(json, title, '[');
    for (guint i = 0; i < events->len; i++) {
        put_event(json, symbolizer, g_ptr_array_index(events, i));
    }
    pf_json_end(json, ']');
}

static void put_stacks(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
    GPtrArray *stacks = pf_snapshot_get_stacks(self);
    pf_json_begin(json, "stacks", '[');
    for (guint i = 0; i < stacks->len; i++) {
        const PfStack *stack = g_ptr_array_index(stacks, i);
        pf_json_element(json, '{');
        pf_json_string(json, "function", stack->function);
        pf_json_uint(json, "sampled_count", stack->taken);
        pf_json_uint(json, "total_duration_ns", stack->total_duration_ns);
        pf_json_fixed(json, "message_count", stack->weight, 1);
        pf_json_begin(json, "frames", '[');
        for (guint f = 0; f < stack->depth; f++) {
            pf_json_element(json, '{');
            put_place(json, symbolizer, stack->frames[f].module, stack->frames[f].address);
            pf_json_end(json, '}');
        }
        pf_json_end(json, ']');
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_scopes(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
    pf_json_begin(json, "scopes", '[');
    for (guint i = 0; i < pf_snapshot_tables(self)->scopes->len; i++) {
        const PfScope *scope = g_ptr_array_index(pf_snapshot_tables(self)->scopes, i);
        pf_json_element(json, '{');
        g_autofree gchar *name = pf_scope_title(scope, symbolizer);
        pf_json_string(json, "name", name);
        pf_json_string(json, "kind", scope->kind);
        pf_json_string(json, "file", scope->file);
        pf_json_uint(json, "line", scope->line);
        pf_json_uint(json, "call_count", scope->stats.message_count);
        pf_json_uint(json, "sampled_count", scope->stats.sampled_count);
        pf_json_uint(json, "total_duration_ns", scope->stats.total_duration_ns);
        put_estimate(json, &scope->stats);
        put_quantiles(json, &scope->stats);
        pf_json_uint(json, "max_ns", scope->stats.max_ns);
        pf_json_uint(json, "open_count", scope->open_count);
        pf_json_uint(json, "output_sampled_count", scope->output_count);
        pf_json_fixed(json, "estimated_output_ns", scope->output_ns, 0);
        if (scope->output_share < 0) {
            pf_json_null(json, "output_share");
        } else {
            pf_json_fixed(json, "output_share", scope->output_share, 6);
            pf_json_fixed(json, "output_share_half_interval", scope->output_half, 6);
        }
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
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

static void put_known(pf_json *json, const gchar *name, gdouble value, guint decimals) {
    if (value >= 0) {
        pf_json_fixed(json, name, value, decimals);
    } else {
        pf_json_null(json, name);
    }
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
        put_known(json, "saved_ns", finding->saved_ns, 0);
        put_known(json, "saved_low_ns", finding->low_ns, 0);
        put_known(json, "saved_high_ns", finding->high_ns, 0);
        put_known(json, "saved_calls", finding->saved_calls, 0);
        put_known(json, "wall_percent", finding->wall_percent, 2);
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
    put_functions(&json, self, "functions", TRUE);
    put_functions(&json, self, "flushes", FALSE);
    put_sites(&json, self, used, "call_sites", TRUE);
    put_sites(&json, self, used, "flush_sites", FALSE);
    put_real_sites(&json, self, used);
    put_streams(&json, self);
    put_threads(&json, self);
    put_levels(&json, self);
    put_templates(&json, pf_snapshot_tables(self)->templates);
    put_events(&json, used, "slowest", pf_snapshot_get_slowest(self));
    if (self->flags & PF_SNAPSHOT_RECENT) {
        put_events(&json, used, "recent", pf_snapshot_get_recent(self));
    }
    put_stacks(&json, self, used);
    put_scopes(&json, self, used);
    put_coverage(&json, &pf_snapshot_tables(self)->coverage);
    put_findings(&json, self, used);
    g_string_append(json.text, "}\n");
    return g_string_free(json.text, FALSE);
}
