// SPDX-License-Identifier: Apache-2.0
// The difference of two models, and the union of many.
#include "pf-model.h"
#include "pf-rows-private.h"

// --- common

// Streams that lead to the same place are one; what has no name of its own stays apart by process.
static uint32_t add_stream(pf_model *self, pf_pair_map *map, const pf_model_stream *from) {
    gboolean is_named = *from->name != 0;
    g_autofree gchar *text =
        g_strdup_printf("%u %d %s", (guint)from->kind, from->is_overflow, from->name);
    // The text's address in the chunk stands for the text.
    const gchar *key = g_string_chunk_insert_const(self->strings, text);
    uint32_t *index = pf_pair_map_at(map, (uintptr_t)key, 0);
    if (*index == PF_PAIR_NEW) {
        pf_model_stream stream = *from;
        stream.name = g_string_chunk_insert_const(self->strings, from->name);
        *index = self->streams->len;
        g_array_append_val(self->streams, stream);
    } else if (is_named) {
        g_array_index(self->streams, pf_model_stream, *index).opens += from->opens;
    }
    return *index;
}

// A number for an image: equal for equal build-ids, or paths where there is none.
static uint64_t identity_of(pf_model *self, const PfModule *module) {
    const gchar *text = pf_module_identity(module);
    return (uintptr_t)g_string_chunk_insert_const(self->strings, text);
}

static uint32_t add_site(pf_model *self, pf_pair_map *map, const pf_model *from, uint32_t index,
                         uint32_t first_process, uint32_t first_module) {
    pf_site site = *pf_model_site_at(from, index);
    const PfModule *module = NULL;
    if (site.module != PF_NO_INDEX) {
        module = g_ptr_array_index(from->modules, site.module);
    } else if (site.address != 0) {
        module = pf_model_find_module(from, pf_model_process_at(from, site.process), site.address);
    }
    gboolean known = module != NULL && (*module->build_id != 0 || *module->path != 0);
    site.process += first_process;
    site.module += site.module != PF_NO_INDEX ? first_module : 0;
    uint64_t call = (uint64_t)site.call << 56;
    uint64_t high = known ? identity_of(self, module) : site.address != 0 ? site.process : 0;
    uint64_t low = known ? site.address - module->bias : site.address;
    uint32_t *place = pf_pair_map_at(map, high | call, low);
    if (*place == PF_PAIR_NEW) {
        *place = self->sites->len;
        g_array_append_val(self->sites, site);
    }
    return *place;
}

static void copy_errors(pf_model *self, const pf_model *from, const pf_model *less) {
    GHashTableIter iter;
    gpointer code;
    gpointer count;
    g_hash_table_iter_init(&iter, from->errors);
    while (g_hash_table_iter_next(&iter, &code, &count)) {
        uint64_t before = less != NULL ? pf_model_get_error(less, GPOINTER_TO_UINT(code)) : 0;
        uint64_t rest = pf_less(*(guint64 *)count, before);
        if (rest != 0) {
            pf_model_add_error(self, GPOINTER_TO_UINT(code), rest);
        }
    }
}

static const gchar *keep(pf_model *self, const gchar *text) {
    return text != NULL ? g_string_chunk_insert_const(self->strings, text) : NULL;
}

// Appends all of `from`; counts as they are.
static void append(pf_model *self, const pf_model *from, pf_pair_map *sites, pf_pair_map *streams) {
    uint32_t first_process = self->processes->len;
    uint32_t first_module = self->modules->len;
    uint32_t first_thread = self->threads->len;
    g_autofree uint32_t *site_of = g_new(uint32_t, from->sites->len + 1);
    g_autofree uint32_t *stream_of = g_new(uint32_t, from->streams->len + 1);
    for (uint32_t i = 0; i < from->modules->len; i++) {
        g_ptr_array_add(self->modules, pf_module_ref(g_ptr_array_index(from->modules, i)));
    }
    for (uint32_t i = 0; i < from->streams->len; i++) {
        stream_of[i] = add_stream(self, streams, &g_array_index(from->streams, pf_model_stream, i));
    }
    for (uint32_t i = 0; i < from->processes->len; i++) {
        const pf_model_process *old = pf_model_process_at(from, i);
        pf_model_process *process =
            pf_model_add_process(self, old->reader, pf_process_ref(old->facts));
        pf_reader *reader = process->reader;
        *process = *old;
        process->reader = reader;
        process->first_module += first_module;
        for (guint s = 0; s < G_N_ELEMENTS(process->stream_of); s++) {
            uint32_t *stream = &process->stream_of[s];
            *stream = *stream != PF_NO_INDEX ? stream_of[*stream] : PF_NO_INDEX;
        }
    }
    for (uint32_t i = 0; i < from->sites->len; i++) {
        site_of[i] = add_site(self, sites, from, i, first_process, first_module);
    }
    for (uint32_t i = 0; i < from->threads->len; i++) {
        pf_model_thread thread = *pf_model_thread_at(from, i);
        thread.process += first_process;
        thread.name = g_string_chunk_insert_const(self->strings, thread.name);
        thread.user_id = keep(self, thread.user_id);
        thread.request_id = keep(self, thread.request_id);
        thread.operation = keep(self, thread.operation);
        g_array_append_val(self->threads, thread);
    }
    for (uint32_t i = 0; i < from->cells->len; i++) {
        pf_cell cell = g_array_index(from->cells, pf_cell, i);
        cell.site = site_of[cell.site];
        cell.stream = stream_of[cell.stream];
        cell.thread += first_thread;
        g_array_append_val(self->cells, cell);
    }
    for (uint32_t i = 0; i < from->slowest->len; i++) {
        pf_model_event event = g_array_index(from->slowest, pf_model_event, i);
        event.user_id = keep(self, event.user_id);
        event.request_id = keep(self, event.request_id);
        event.thread += first_thread;
        event.stream = event.stream < from->streams->len ? stream_of[event.stream] : PF_NO_INDEX;
        g_array_append_val(self->slowest, event);
    }
    for (guint i = 0; i < from->readers_before->len; i++) {
        g_ptr_array_add(self->readers_before,
                        pf_reader_ref(g_ptr_array_index(from->readers_before, i)));
    }
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        self->lost[i] += from->lost[i];
    }
    self->is_delta |= from->is_delta;
    self->uptime_ns = MAX(self->uptime_ns, from->uptime_ns);
}

pf_model *pf_model_unite(pf_model *const *models, gsize count) {
    pf_model *self = pf_model_new();
    pf_pair_map sites;
    pf_pair_map streams;
    pf_pair_map_init(&sites, 1024);
    pf_pair_map_init(&streams, 64);
    for (gsize i = 0; i < count; i++) {
        append(self, models[i], &sites, &streams);
        copy_errors(self, models[i], NULL);
    }
    pf_pair_map_clear(&sites);
    pf_pair_map_clear(&streams);
    pf_model_trim_slowest(self);
    return self;
}

// --- the difference

// Pairs of processes, by pid and start; PF_NO_INDEX where there is none, or it was reset in between.
static uint32_t *match_processes(const pf_model *later, const pf_model *earlier) {
    uint32_t *match = g_new(uint32_t, later->processes->len + 1);
    pf_pair_map map;
    pf_pair_map_init(&map, earlier->processes->len);
    for (uint32_t i = 0; i < earlier->processes->len; i++) {
        const PfProcess *facts = pf_model_process_at(earlier, i)->facts;
        *pf_pair_map_at(&map, facts->pid, (uint64_t)facts->start_unix_ns) = i;
    }
    for (uint32_t i = 0; i < later->processes->len; i++) {
        const pf_model_process *process = pf_model_process_at(later, i);
        uint32_t found =
            pf_pair_map_get(&map, process->facts->pid, (uint64_t)process->facts->start_unix_ns);
        gboolean same =
            found != PF_PAIR_NEW && pf_model_process_at(earlier, found)->reset == process->reset;
        match[i] = same ? found : PF_NO_INDEX;
    }
    pf_pair_map_clear(&map);
    return match;
}

// Which thread of which process: one number, since links have 44 bits at most.
static uint64_t place_of(const pf_model *model, uint32_t process, uint32_t thread) {
    return (uint64_t)process << 44 | (pf_model_thread_at(model, thread)->slot & 0xfffffffffffull);
}

static pf_short_writes less_short(const pf_short_writes *a, const pf_short_writes *b) {
    return (pf_short_writes){pf_less(a->count, b->count), pf_less(a->continued, b->continued),
                             pf_less(a->left, b->left), pf_less(a->left_bytes, b->left_bytes)};
}

static void subtract_cells(pf_model *self, const pf_model *earlier, const uint32_t *match) {
    pf_pair_map map;
    pf_pair_map_init(&map, earlier->cells->len);
    for (uint32_t i = 0; i < earlier->cells->len; i++) {
        const pf_cell *cell = &g_array_index(earlier->cells, pf_cell, i);
        uint32_t process = pf_model_thread_at(earlier, cell->thread)->process;
        *pf_pair_map_at(&map, cell->key, place_of(earlier, process, cell->thread)) = i;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->cells->len; i++) {
        pf_cell cell = g_array_index(self->cells, pf_cell, i);
        uint32_t process = match[pf_model_thread_at(self, cell.thread)->process];
        uint32_t found =
            process == PF_NO_INDEX
                ? PF_PAIR_NEW
                : pf_pair_map_get(&map, cell.key, place_of(self, process, cell.thread));
        if (found != PF_PAIR_NEW) {
            const pf_cell *before = &g_array_index(earlier->cells, pf_cell, found);
            cell.calls = pf_less(cell.calls, before->calls);
            cell.bytes = pf_less(cell.bytes, before->bytes);
            cell.short_writes = less_short(&cell.short_writes, &before->short_writes);
            cell.before = cell.detail != NULL ? before->detail : NULL;
            cell.reader_before = before->reader;
        }
        // One without new calls may still have timed some: those that were in flight.
        if (cell.calls != 0 || (cell.detail != NULL && cell.before == NULL) ||
            (cell.before != NULL && cell.detail->timed.count != cell.before->timed.count)) {
            g_array_index(self->cells, pf_cell, kept++) = cell;
        }
    }
    g_array_set_size(self->cells, kept);
    pf_pair_map_clear(&map);
}

static void subtract_threads(pf_model *self, const pf_model *earlier, const uint32_t *match) {
    pf_pair_map map;
    pf_pair_map_init(&map, earlier->threads->len);
    for (uint32_t i = 0; i < earlier->threads->len; i++) {
        uint32_t process = pf_model_thread_at(earlier, i)->process;
        *pf_pair_map_at(&map, 0, place_of(earlier, process, i)) = i;
    }
    for (uint32_t i = 0; i < self->threads->len; i++) {
        pf_model_thread *thread = pf_model_thread_at(self, i);
        uint32_t process = match[thread->process];
        uint32_t found = process == PF_NO_INDEX
                             ? PF_PAIR_NEW
                             : pf_pair_map_get(&map, 0, place_of(self, process, i));
        if (found != PF_PAIR_NEW) {
            const pf_model_thread *before = pf_model_thread_at(earlier, found);
            thread->wall_ns = pf_less(thread->wall_ns, before->wall_ns);
        }
        if (thread->stall_unix_ns < pf_model_process_at(self, thread->process)->from_unix_ns) {
            thread->stall_ns = 0;
            thread->stall_unix_ns = 0;
            thread->stall_key = 0;
        }
    }
    pf_pair_map_clear(&map);
}

static void subtract_events(pf_model *self) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->slowest->len; i++) {
        pf_model_event event = g_array_index(self->slowest, pf_model_event, i);
        uint32_t process = pf_model_thread_at(self, event.thread)->process;
        if (event.unix_ns >= pf_model_process_at(self, process)->from_unix_ns) {
            g_array_index(self->slowest, pf_model_event, kept++) = event;
        }
    }
    g_array_set_size(self->slowest, kept);
}

static void subtract_processes(pf_model *self, const pf_model *earlier, const uint32_t *match) {
    self->uptime_ns = 0;
    for (uint32_t i = 0; i < self->processes->len; i++) {
        pf_model_process *process = pf_model_process_at(self, i);
        double uptime = (double)process->facts->uptime_ns;
        if (match[i] != PF_NO_INDEX) {
            const pf_model_process *before = pf_model_process_at(earlier, match[i]);
            int64_t from = before->taken_monotonic_ns;
            uptime = (double)MAX(process->taken_monotonic_ns - from, 0);
            process->from_unix_ns = pf_model_unix_ns(process, (uint64_t)from);
            process->kernel_bytes = pf_less(process->kernel_bytes, before->kernel_bytes);
            process->kernel_bytes_known &= before->kernel_bytes_known;
            process->overhead_ns =
                before->overhead_ns != 0 ? pf_less(process->overhead_ns, before->overhead_ns) : 0;
        }
        self->uptime_ns = MAX(self->uptime_ns, uptime);
    }
}

pf_model *pf_model_subtract(const pf_model *later, const pf_model *earlier, GError **error) {
    if (later->is_delta || earlier->is_delta) {
        g_set_error_literal(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED,
                            "a difference of two snapshots cannot be part of another one");
        return NULL;
    }
    pf_model *self = pf_model_new();
    pf_pair_map sites;
    pf_pair_map streams;
    pf_pair_map_init(&sites, later->sites->len);
    pf_pair_map_init(&streams, 64);
    append(self, later, &sites, &streams);
    pf_pair_map_clear(&sites);
    pf_pair_map_clear(&streams);
    g_autofree uint32_t *match = match_processes(later, earlier);
    copy_errors(self, later, earlier);
    subtract_processes(self, earlier, match);
    subtract_cells(self, earlier, match);
    subtract_threads(self, earlier, match);
    subtract_events(self);
    for (uint32_t i = 0; i < earlier->processes->len; i++) {
        g_ptr_array_add(self->readers_before,
                        pf_reader_ref(pf_model_process_at(earlier, i)->reader));
    }
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        self->lost[i] = pf_less(later->lost[i], earlier->lost[i]);
    }
    self->is_delta = TRUE;
    return self;
}
