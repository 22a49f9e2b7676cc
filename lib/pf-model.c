// SPDX-License-Identifier: Apache-2.0
// A model's memory, and the small questions that all its users have.
#include "pf-model.h"

static void process_free(gpointer data) {
    pf_model_process *process = data;
    pf_process_unref(process->facts);
    pf_reader_unref(process->reader);
    g_free(process);
}

pf_model *pf_model_new(void) {
    pf_model *self = g_new0(pf_model, 1);
    g_atomic_ref_count_init(&self->references);
    self->strings = g_string_chunk_new(1024);
    self->processes = g_ptr_array_new_with_free_func(process_free);
    self->modules = g_ptr_array_new_with_free_func((GDestroyNotify)pf_module_unref);
    self->sites = g_array_new(FALSE, FALSE, sizeof(pf_site));
    self->threads = g_array_new(FALSE, FALSE, sizeof(pf_model_thread));
    self->streams = g_array_new(FALSE, FALSE, sizeof(pf_model_stream));
    self->cells = g_array_sized_new(FALSE, FALSE, sizeof(pf_cell), 1024);
    self->slowest = g_array_new(FALSE, FALSE, sizeof(pf_model_event));
    self->errors = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    self->readers_before = g_ptr_array_new_with_free_func((GDestroyNotify)pf_reader_unref);
    return self;
}

pf_model *pf_model_ref(pf_model *self) {
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void pf_model_unref(pf_model *self) {
    if (self == NULL || !g_atomic_ref_count_dec(&self->references)) {
        return;
    }
    g_ptr_array_unref(self->processes);
    g_ptr_array_unref(self->modules);
    g_array_unref(self->sites);
    g_array_unref(self->threads);
    g_array_unref(self->streams);
    g_array_unref(self->cells);
    g_array_unref(self->slowest);
    g_hash_table_unref(self->errors);
    g_ptr_array_unref(self->readers_before);
    g_string_chunk_free(self->strings);
    g_free(self);
}

pf_model_process *pf_model_add_process(pf_model *self, pf_reader *reader, PfProcess *facts) {
    pf_model_process *process = g_new0(pf_model_process, 1);
    process->reader = pf_reader_ref(reader);
    process->facts = facts;
    for (guint i = 0; i < G_N_ELEMENTS(process->stream_of); i++) {
        process->stream_of[i] = PF_NO_INDEX;
    }
    g_ptr_array_add(self->processes, process);
    return process;
}

void pf_model_add_error(pf_model *self, guint code, uint64_t count) {
    guint64 *sum = g_hash_table_lookup(self->errors, GUINT_TO_POINTER(code));
    if (sum == NULL) {
        sum = g_new0(guint64, 1);
        g_hash_table_insert(self->errors, GUINT_TO_POINTER(code), sum);
    }
    *sum += count;
}

uint64_t pf_model_get_error(const pf_model *self, guint code) {
    const guint64 *count = g_hash_table_lookup(self->errors, GUINT_TO_POINTER(code));
    return count != NULL ? *count : 0;
}

static gint slower_first(gconstpointer a, gconstpointer b) {
    const pf_model_event *one = a;
    const pf_model_event *other = b;
    return one->duration_ns < other->duration_ns   ? 1
           : one->duration_ns > other->duration_ns ? -1
                                                   : 0;
}

void pf_model_trim_slowest(pf_model *self) {
    g_array_sort(self->slowest, slower_first);
    if (self->slowest->len > PF_MOST_SLOWEST) {
        g_array_set_size(self->slowest, PF_MOST_SLOWEST);
    }
}

PfModule *pf_model_find_module(const pf_model *self, const pf_model_process *process,
                               uint64_t address) {
    for (uint32_t i = 0; i < process->module_count; i++) {
        PfModule *module = g_ptr_array_index(self->modules, process->first_module + i);
        if (address > module->start && address <= module->end) { // it is a return address
            return module;
        }
    }
    return NULL;
}

int64_t pf_model_unix_ns(const pf_model_process *process, uint64_t monotonic_ns) {
    if (monotonic_ns == 0) {
        return 0;
    }
    // Unsigned, because the numbers may be anything.
    return (int64_t)((uint64_t)process->facts->start_unix_ns + monotonic_ns -
                     (uint64_t)process->start_monotonic_ns);
}
