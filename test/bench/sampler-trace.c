// SPDX-License-Identifier: Apache-2.0
// Reads the rings of recent events of segments that were kept, as one trace.
#include "sampler-trace.h"
#include "pf-model.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    GArray *events;
    GHashTable *sites; // text -> number + 1
    guint32 process;
} extraction;

// The same in every process of the program: function, image, place in it, and kind of the stream.
static guint32 site_of(extraction *self, const pf_model *model, const pf_cell *cell) {
    const pf_site *site = pf_model_site_at(model, cell->site);
    const pf_model_stream *stream = &g_array_index(model->streams, pf_model_stream, cell->stream);
    const PfModule *module =
        site->module != PF_NO_INDEX ? g_ptr_array_index(model->modules, site->module) : NULL;
    gchar *text = g_strdup_printf(
        "%u %s %" G_GINT64_MODIFIER "x %d", cell->call, module != NULL ? module->path : "",
        module != NULL ? site->address - module->bias : site->address, (int)stream->kind);
    gpointer known = g_hash_table_lookup(self->sites, text);
    if (known == NULL) {
        known = GUINT_TO_POINTER(g_hash_table_size(self->sites) + 1);
        g_hash_table_insert(self->sites, text, known);
    } else {
        g_free(text);
    }
    return GPOINTER_TO_UINT(known) - 1;
}

static void add_ring(extraction *self, pf_reader *reader, const struct pf_slot *slot,
                     GHashTable *numbers) {
    uint64_t size;
    const struct pf_ring *ring = pf_reader_ring(reader, slot->ring, &size);
    for (uint64_t i = 0; ring != NULL && i < size; i++) {
        const struct pf_event *from = &ring->event[i];
        gpointer number = g_hash_table_lookup(numbers, &from->key);
        if (number == NULL || from->duration_ns == UINT64_MAX) {
            continue;
        }
        trace_event event = {.start_ns = from->start_ns,
                             .duration_ns = from->duration_ns,
                             .site = GPOINTER_TO_UINT(number) - 1,
                             .process = self->process};
        g_array_append_val(self->events, event);
    }
}

static void add_segment(extraction *self, const char *path) {
    g_autoptr(GError) error = NULL;
    pf_reader *reader = pf_reader_new_from_file(path, &error);
    pf_model *model = reader != NULL ? pf_model_load(reader, &error) : NULL;
    if (model == NULL) {
        fprintf(stderr, "%s: %s\n", path, error != NULL ? error->message : "?");
        g_clear_pointer(&reader, pf_reader_unref);
        return;
    }
    g_autoptr(GHashTable) numbers =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        if (!pf_calls[cell->call].never_timed) {
            g_hash_table_insert(numbers, g_memdup2(&cell->key, sizeof cell->key),
                                GUINT_TO_POINTER(site_of(self, model, cell) + 1));
        }
    }
    pf_reader view = pf_reader_view(reader);
    uint64_t link = pf_reader_header(reader)->first_slot;
    while (link != 0) {
        const struct pf_slot *slot = pf_reader_take(&view, link, sizeof *slot);
        if (slot == NULL) {
            break;
        }
        if (slot->ring != 0 && slot->ring != UINT64_MAX) {
            add_ring(self, &view, slot, numbers);
        }
        link = slot->next;
    }
    pf_model_unref(model);
    pf_reader_unref(reader);
}

static gint by_start(gconstpointer a, gconstpointer b) {
    guint64 one = ((const trace_event *)a)->start_ns;
    guint64 other = ((const trace_event *)b)->start_ns;
    return one < other ? -1 : one > other ? 1 : 0;
}

int trace_extract(const char *to, char **segments, int count) {
    extraction self = {g_array_new(FALSE, FALSE, sizeof(trace_event)),
                       g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL), 0};
    for (int i = 0; i < count; i++) {
        add_segment(&self, segments[i]);
        self.process++;
    }
    g_array_sort(self.events, by_start);
    g_autoptr(GError) error = NULL;
    gsize size = self.events->len * sizeof(trace_event);
    gboolean good = g_file_set_contents(to, self.events->data, (gssize)size, &error);
    if (!good) {
        fprintf(stderr, "%s\n", error->message);
    }
    printf("{\"events\": %u, \"sites\": %u}\n", self.events->len, g_hash_table_size(self.sites));
    g_array_unref(self.events);
    g_hash_table_unref(self.sites);
    return good ? 0 : 1;
}

static void note_processes(trace *self) {
    self->process = g_new0(struct trace_process, self->processes);
    for (gsize i = 0; i < self->count; i++) {
        struct trace_process *one = &self->process[self->event[i].process];
        one->first_ns = one->calls++ == 0 ? self->event[i].start_ns : one->first_ns;
        one->last_ns = self->event[i].start_ns;
    }
}

gboolean trace_load(trace *ret_trace, const char *path) {
    gchar *data;
    gsize size;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &data, &size, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return FALSE;
    }
    *ret_trace = (trace){.event = (trace_event *)(void *)data, .count = size / sizeof(trace_event)};
    for (gsize i = 0; i < ret_trace->count; i++) {
        ret_trace->sites = MAX(ret_trace->sites, ret_trace->event[i].site + 1);
        ret_trace->processes = MAX(ret_trace->processes, ret_trace->event[i].process + 1);
    }
    if (ret_trace->count > 1) {
        ret_trace->seconds = (gdouble)(ret_trace->event[ret_trace->count - 1].start_ns -
                                       ret_trace->event[0].start_ns) /
                             1e9;
    }
    ret_trace->mean_ns = g_new0(gdouble, ret_trace->sites);
    ret_trace->calls = g_new0(guint64, ret_trace->sites);
    for (gsize i = 0; i < ret_trace->count; i++) {
        const trace_event *event = &ret_trace->event[i];
        ret_trace->mean_ns[event->site] += (gdouble)event->duration_ns;
        ret_trace->calls[event->site]++;
    }
    for (guint i = 0; i < ret_trace->sites; i++) {
        ret_trace->mean_ns[i] /= (gdouble)MAX(ret_trace->calls[i], 1);
    }
    note_processes(ret_trace);
    return ret_trace->count > 1;
}

void trace_clear(trace *self) {
    g_free(self->event);
    g_free(self->mean_ns);
    g_free(self->calls);
    g_free(self->process);
}
