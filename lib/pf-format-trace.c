// SPDX-License-Identifier: Apache-2.0
// Chrome's trace event format: the slowest and the recent timed calls on the time line of each thread.
#include "pf-format-private.h"
#include "pf-json-writer.h"

static gdouble microseconds(gdouble ns) { return ns / 1e3; }

static void put_thread(pf_json *json, const gchar *kind, guint pid, guint tid, const gchar *name) {
    pf_json_element(json, '{');
    pf_json_string(json, "ph", "M");
    pf_json_string(json, "name", kind);
    pf_json_uint(json, "pid", pid);
    pf_json_uint(json, "tid", tid);
    pf_json_begin(json, "args", '{');
    pf_json_string(json, "name", name);
    pf_json_end(json, '}');
    pf_json_end(json, '}');
}

static void put_names(pf_json *json, PfSnapshot *snapshot) {
    GPtrArray *processes = pf_snapshot_get_processes(snapshot);
    GPtrArray *threads = pf_snapshot_get_threads(snapshot);
    for (guint i = 0; i < processes->len; i++) {
        const PfProcess *process = g_ptr_array_index(processes, i);
        put_thread(json, "process_name", process->pid, process->pid, process->program);
    }
    for (guint i = 0; i < threads->len; i++) {
        const PfThread *thread = g_ptr_array_index(threads, i);
        if (thread->tid != 0) {
            put_thread(json, "thread_name", thread->pid, thread->tid, thread->name);
        }
    }
}

static void put_event(pf_json *json, PfSymbolizer *symbolizer, const PfEvent *event, gint64 start) {
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(symbolizer, event->module, event->address);
    g_autofree gchar *where = pf_place_to_string(place);
    pf_json_element(json, '{');
    pf_json_string(json, "ph", "X");
    pf_json_string(json, "name", event->function);
    pf_json_string(json, "cat", pf_reason_to_string(event->reason));
    pf_json_fixed(json, "ts", microseconds((gdouble)(event->unix_ns - start)), 3);
    pf_json_fixed(json, "dur", microseconds((gdouble)event->duration_ns), 3);
    pf_json_uint(json, "pid", event->pid);
    pf_json_uint(json, "tid", event->tid);
    pf_json_begin(json, "args", '{');
    pf_json_string(json, "site", where);
    pf_json_string(json, "stream", event->stream_name);
    pf_json_uint(json, "bytes", event->bytes);
    pf_json_uint(json, "lock_ns", event->lock_ns);
    if (event->error_number != 0) {
        pf_json_uint(json, "errno", (guint64)event->error_number);
    }
    pf_json_end(json, '}');
    pf_json_end(json, '}');
}

// The slowest calls are often recent ones too.
static gboolean is_slow(GPtrArray *slowest, const PfEvent *event) {
    for (guint i = 0; i < slowest->len; i++) {
        const PfEvent *slow = g_ptr_array_index(slowest, i);
        if (slow->unix_ns == event->unix_ns && slow->tid == event->tid &&
            slow->duration_ns == event->duration_ns) {
            return TRUE;
        }
    }
    return FALSE;
}

void pf_format_write_trace(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer) {
    GPtrArray *slowest = pf_snapshot_get_slowest(snapshot);
    GPtrArray *recent = pf_snapshot_get_recent(snapshot);
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    gint64 start = process != NULL ? process->start_unix_ns : 0;
    pf_json json = {.text = text};
    g_string_append_c(text, '{');
    pf_json_string(&json, "displayTimeUnit", "ns");
    pf_json_begin(&json, "otherData", '{');
    pf_json_string(&json, "pfprof", PF_VERSION);
    pf_json_string(&json, "command", process != NULL ? process->command : "");
    pf_json_fixed(&json, "start_time", (gdouble)start / 1e9, 6);
    pf_json_end(&json, '}');
    pf_json_begin(&json, "traceEvents", '[');
    put_names(&json, snapshot);
    for (guint i = 0; i < slowest->len; i++) {
        put_event(&json, symbolizer, g_ptr_array_index(slowest, i), start);
    }
    for (guint i = 0; i < recent->len; i++) {
        const PfEvent *event = g_ptr_array_index(recent, i);
        if (!is_slow(slowest, event)) {
            put_event(&json, symbolizer, event, start);
        }
    }
    pf_json_end(&json, ']');
    g_string_append(text, "}\n");
}
