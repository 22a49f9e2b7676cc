// SPDX-License-Identifier: Apache-2.0
// What has a place in the program's code, as JSON: call sites, events, stacks, scopes.
#include "pf-snapshot-json.h"

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

void pf_snapshot_json_sites(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer,
                            const gchar *title, gboolean messages) {
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
        pf_snapshot_json_stats(json, &site->stats);
        pf_snapshot_json_templates(json, site->templates);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

void pf_snapshot_json_real_sites(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
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
        pf_json_known(json, "estimated_total_duration_ns", site->total_ns, 0);
        pf_json_fixed(json, "charged_flush_ns", MAX(site->charged_flush_ns, 0), 0);
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}

static void put_event(pf_json *json, PfSymbolizer *symbolizer, const PfEvent *event) {
    pf_json_element(json, '{');
    pf_json_string(json, "function", event->function);
    pf_json_uint(json, "duration_ns", event->duration_ns);
    pf_json_fixed(json, "time", pf_snapshot_json_seconds(event->unix_ns), 6);
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

void pf_snapshot_json_events(pf_json *json, PfSymbolizer *symbolizer, const gchar *title,
                             const GPtrArray *events) {
    pf_json_begin(json, title, '[');
    for (guint i = 0; i < events->len; i++) {
        put_event(json, symbolizer, g_ptr_array_index(events, i));
    }
    pf_json_end(json, ']');
}

void pf_snapshot_json_stacks(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
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

void pf_snapshot_json_scopes(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer) {
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
        pf_snapshot_json_estimate(json, &scope->stats.estimate);
        pf_snapshot_json_quantiles(json, &scope->stats);
        pf_json_uint(json, "max_ns", scope->stats.max_ns);
        pf_json_uint(json, "open_count", scope->open_count);
        pf_json_uint(json, "output_sampled_count", scope->output_count);
        pf_json_fixed(json, "estimated_output_ns", scope->output_ns, 0);
        pf_json_known(json, "output_share", scope->output_share, 6);
        if (scope->output_share >= 0) {
            pf_json_fixed(json, "output_share_half_interval", scope->output_half, 6);
        }
        pf_json_end(json, '}');
    }
    pf_json_end(json, ']');
}
