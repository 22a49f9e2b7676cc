// SPDX-License-Identifier: Apache-2.0
// From the copy of a segment to a model: walks slots, entries, errors and events.
#include "pf-model.h"
#include <string.h>

// An entry's numbers never come near this; a hostile one must not make a sum wrap.
#define MOST (UINT64_MAX >> 8)

typedef struct {
    pf_model *model;
    pf_reader *reader;
    const struct pf_segment *header;
    pf_model_process *process;
    pf_pair_map sites;   // key without the stream -> index
    pf_pair_map modules; // link -> index
    uint64_t last_ns;    // the last thing that was recorded
} loader;

// --- facts

static int64_t clamp_time(uint64_t ns) { return ns > INT64_MAX ? 0 : (int64_t)ns; }

static PfProcess *read_facts(pf_reader *reader) {
    const struct pf_segment *header = pf_reader_header(reader);
    PfProcess *facts = pf_process_new();
    facts->pid = header->pid;
    facts->parent_pid = header->parent_pid;
    facts->uid = header->uid;
    facts->program = pf_reader_text(header->program, sizeof header->program);
    facts->command = g_strchomp(pf_reader_text(header->command, sizeof header->command));
    facts->state = header->state == PF_STATE_ENDED      ? PF_PROCESS_STATE_ENDED
                   : !reader->runs                      ? PF_PROCESS_STATE_KILLED
                   : header->control.flags & PF_CTL_OFF ? PF_PROCESS_STATE_DORMANT
                                                        : PF_PROCESS_STATE_ACTIVE;
    bool ended = facts->state == PF_PROCESS_STATE_ENDED;
    facts->how = ended ? pf_reader_text(header->how, sizeof header->how) : g_strdup("");
    facts->exit_status = ended ? header->exit_status : -1;
    facts->is_fork = header->forked == PF_FORKED || header->forked == PF_FORKED_FROM_THREADS;
    facts->is_fork_of_threads = header->forked == PF_FORKED_FROM_THREADS;
    facts->start_unix_ns = clamp_time(header->start_unix_ns);
    facts->reset_unix_ns = clamp_time(header->control.reset_unix_ns);
    facts->sample_rate = pf_sane_rate(header->control.rate, pf_sane_rate(header->rate, 0));
    facts->clock_cost_ns = header->clock_cost_ns;
    facts->setup_ns = header->setup_ns;
    facts->segment_bytes = header->used;
    facts->is_partial = header->partial != 0;
    facts->segment_path = g_strdup(reader->path);
    return facts;
}

// --- sites and modules

static gchar *hexadecimal(const uint8_t *bytes, uint32_t size) {
    GString *text = g_string_sized_new(2 * size);
    for (uint32_t i = 0; i < size; i++) {
        g_string_append_printf(text, "%02x", bytes[i]);
    }
    return g_string_free(text, FALSE);
}

// Newest first, so that the latest image at an address is found first.
static void load_modules(loader *self) {
    self->process->first_module = self->model->modules->len;
    uint64_t link = self->header->first_module;
    while (link != 0) {
        const struct pf_module *from = pf_reader_take(self->reader, link, sizeof *from);
        uint32_t *index = from == NULL ? NULL : pf_pair_map_at(&self->modules, 0, link);
        if (index == NULL || *index != PF_PAIR_NEW) {
            break; // out of the file, or in a circle
        }
        gchar *name = pf_reader_module_name(self->reader, link);
        gchar *id = hexadecimal(from->build_id, MIN(from->build_id_size, sizeof from->build_id));
        PfModule *module = pf_module_new(name, id, from->bias);
        module->start = from->start;
        module->end = from->end;
        g_free(name);
        g_free(id);
        *index = self->model->modules->len;
        g_ptr_array_add(self->model->modules, module);
        link = from->next;
    }
    self->process->module_count = self->model->modules->len - self->process->first_module;
}

static uint32_t find_site(loader *self, uint64_t key, const struct pf_detail *detail) {
    uint64_t without_stream = key & ((1ull << PF_KEY_STREAM_SHIFT) - 1);
    uint32_t *index = pf_pair_map_at(&self->sites, 0, without_stream);
    if (*index == PF_PAIR_NEW) {
        pf_site site = {.address = key & PF_KEY_SITE_MASK,
                        .module = PF_NO_INDEX,
                        .process = self->model->processes->len - 1,
                        .call = (uint8_t)pf_key_call(key)};
        *index = self->model->sites->len;
        g_array_append_val(self->model->sites, site);
    }
    pf_site *site = pf_model_site_at(self->model, *index);
    if (site->module == PF_NO_INDEX && detail != NULL && detail->module != 0) {
        uint32_t module = pf_pair_map_get(&self->modules, 0, detail->module);
        site->module = module == PF_PAIR_NEW ? PF_NO_INDEX : module;
    }
    return *index;
}

// --- streams

static PfStreamKind kind_of(uint32_t kind) {
    return kind < PF_KIND_COUNT ? (PfStreamKind)kind : PF_STREAM_KIND_UNKNOWN;
}

static pf_model_stream read_stream(loader *self, unsigned id) {
    pf_model_stream stream = {.fd = -1, .name = ""};
    if (id == PF_STREAM_IN_MEMORY) {
        stream.kind = PF_STREAM_KIND_MEMORY;
    } else if (id == PF_STREAM_NONE) {
        stream.kind = PF_STREAM_KIND_NONE;
    } else if (id >= PF_STREAM_MANY || id == PF_STREAM_UNKNOWN) {
        stream.kind =
            id == PF_STREAM_UNKNOWN ? PF_STREAM_KIND_UNKNOWN : kind_of(id - PF_STREAM_MANY);
        stream.is_overflow = TRUE;
    } else {
        uint64_t link = self->header->stream[id];
        const struct pf_stream *from = pf_reader_take(self->reader, link, sizeof *from);
        if (from != NULL) {
            stream.kind = kind_of(from->kind);
            stream.fd = from->fd;
            stream.opens = from->opens;
            stream.device = from->device;
            stream.inode = from->inode;
            gchar *name = pf_reader_stream_name(self->reader, link);
            stream.name = g_string_chunk_insert_const(self->model->strings, name);
            g_free(name);
        }
    }
    return stream;
}

static uint32_t find_stream(loader *self, uint64_t key) {
    unsigned id = (unsigned)(key >> PF_KEY_STREAM_SHIFT);
    if (id == PF_STREAM_NONE && pf_is_buffered(pf_key_call(key))) {
        id = PF_STREAM_IN_MEMORY;
    }
    uint32_t *index = &self->process->stream_of[id];
    if (*index == PF_NO_INDEX) {
        pf_model_stream stream = read_stream(self, id);
        *index = self->model->streams->len;
        g_array_append_val(self->model->streams, stream);
    }
    return *index;
}

// --- entries

static void load_entry(loader *self, const struct pf_entry *entry, uint32_t thread) {
    unsigned call = pf_key_call(entry->key);
    if (entry->key == 0 || call >= PF_CALL_COUNT) {
        return;
    }
    pf_cell cell = {
        .key = entry->key,
        .calls = MIN(entry->calls, MOST),
        .bytes = MIN(entry->bytes, MOST),
        .detail = pf_reader_take(self->reader, entry->detail, sizeof(struct pf_detail)),
        .reader = self->reader,
        .thread = thread,
        .call = (uint8_t)call,
    };
    if (cell.detail == NULL && cell.calls == 0) {
        return;
    }
    if (cell.detail != NULL && self->process->facts->state == PF_PROCESS_STATE_KILLED) {
        self->last_ns = MAX(self->last_ns, cell.detail->last_ns);
    }
    cell.site = find_site(self, entry->key, cell.detail);
    cell.stream = find_stream(self, entry->key);
    g_array_append_val(self->model->cells, cell);
}

static void load_entries(loader *self, const struct pf_slot *slot, uint32_t thread) {
    for (unsigned i = 0; i < PF_CACHE_ENTRIES; i++) {
        load_entry(self, &slot->cache[i], thread);
    }
    uint64_t link = slot->more;
    while (link != 0) {
        uint64_t count = 0;
        const struct pf_more *more = pf_reader_more(self->reader, link, &count);
        if (more == NULL) {
            return;
        }
        for (uint64_t i = 0; i < count; i++) {
            load_entry(self, &more->entry[i], thread);
        }
        link = more->next;
    }
}

static void load_spill(loader *self) {
    uint32_t thread = PF_NO_INDEX;
    for (unsigned call = 0; call < PF_CALL_COUNT; call++) {
        const struct pf_spill *spill = &self->header->spill[call];
        if (spill->calls == 0) {
            continue;
        }
        if (thread == PF_NO_INDEX) {
            pf_model_thread none = {.process = self->model->processes->len - 1, .name = ""};
            thread = self->model->threads->len;
            g_array_append_val(self->model->threads, none);
        }
        pf_cell cell = {.key = (uint64_t)call << PF_KEY_CALL_SHIFT,
                        .calls = MIN(spill->calls, MOST),
                        .bytes = MIN(spill->bytes, MOST),
                        .reader = self->reader,
                        .thread = thread,
                        .call = (uint8_t)call};
        cell.site = find_site(self, cell.key, NULL);
        cell.stream = find_stream(self, cell.key);
        g_array_append_val(self->model->cells, cell);
    }
}

// --- errors and events

static void load_error(loader *self, const struct pf_error *error) {
    if (error->count != 0 && error->call < PF_CALL_COUNT) {
        pf_model_add_error(self->model, (guint)error->call << 16 | error->number,
                           MIN(error->count, MOST));
    }
}

static void load_errors(loader *self, const struct pf_slot *slot) {
    for (unsigned i = 0; i < PF_SLOT_ERRORS; i++) {
        load_error(self, &slot->errors[i]);
    }
    uint64_t link = slot->more_errors;
    while (link != 0) {
        const struct pf_more_errors *more = pf_reader_take(self->reader, link, sizeof *more);
        if (more == NULL) {
            return;
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(more->error); i++) {
            load_error(self, &more->error[i]);
        }
        link = more->next;
    }
}

// To the cells of the thread, which begin at `first`.
static void load_short(loader *self, const struct pf_short *from, guint first) {
    for (guint i = first; from->key != 0 && i < self->model->cells->len; i++) {
        pf_cell *cell = &g_array_index(self->model->cells, pf_cell, i);
        if (cell->key == from->key) {
            cell->short_writes =
                (pf_short_writes){MIN(from->count, MOST), MIN(from->continued, MOST),
                                  MIN(from->left, MOST), MIN(from->left_bytes, MOST)};
            return;
        }
    }
}

static void load_shorts(loader *self, const struct pf_slot *slot, guint first) {
    uint64_t link = slot->shorts;
    for (unsigned chain = 0; link != 0 && chain < PF_SHORT_CHAIN; chain++) {
        const struct pf_shorts *shorts = pf_reader_take(self->reader, link, sizeof *shorts);
        if (shorts == NULL) {
            return;
        }
        for (unsigned i = 0; i < PF_SHORT_ROWS; i++) {
            load_short(self, &shorts->row[i], first);
        }
        link = shorts->next;
    }
}

static const gchar *context_text(loader *self, const char *from) {
    gchar *text = pf_reader_text(from, PF_CONTEXT_SIZE);
    const gchar *kept = *text != 0 ? g_string_chunk_insert_const(self->model->strings, text) : NULL;
    g_free(text);
    return kept;
}

static void load_slow_context(loader *self, const struct pf_slow_context *from, uint64_t start_ns,
                              pf_model_event *event) {
    if (from != NULL && from->start_ns == start_ns) {
        event->user_id = context_text(self, from->user_id);
        event->request_id = context_text(self, from->request_id);
    }
}

static void load_slowest(loader *self, const struct pf_slot *slot, uint32_t index) {
    pf_model_thread *thread = pf_model_thread_at(self->model, index);
    const struct pf_slow_context *contexts =
        pf_reader_take(self->reader, slot->slow_contexts, PF_SLOT_SLOWEST * sizeof *contexts);
    for (unsigned i = 0; i < PF_SLOT_SLOWEST; i++) {
        pf_model_event event;
        if (!pf_model_read_event(self->process, &slot->slowest[i], index, &event)) {
            continue;
        }
        event.stream = find_stream(self, event.key);
        load_slow_context(self, contexts != NULL ? &contexts[i] : NULL, slot->slowest[i].start_ns,
                          &event);
        g_array_append_val(self->model->slowest, event);
        if (event.duration_ns > thread->stall_ns) {
            thread->stall_ns = event.duration_ns;
            thread->stall_unix_ns = event.unix_ns;
            thread->stall_key = event.key;
        }
    }
}

bool pf_model_read_event(const pf_model_process *process, const struct pf_event *from,
                         uint32_t thread, pf_model_event *ret_event) {
    unsigned call = pf_key_call(from->key);
    if (from->key == 0 || call >= PF_CALL_COUNT || from->duration_ns > MOST) {
        return false; // none, or being written
    }
    *ret_event = (pf_model_event){
        .key = from->key,
        .duration_ns = from->duration_ns,
        .unix_ns = pf_model_unix_ns(process, from->start_ns),
        .lock_ns = MIN(from->lock_ns, from->duration_ns),
        .bytes = from->bytes,
        .thread = thread,
        .stream = process->stream_of[from->key >> PF_KEY_STREAM_SHIFT],
        .stack = from->stack,
        .error = from->error,
        .reason = from->why < PF_WHY_COUNT ? from->why : PF_WHY_FORMAT,
        .level = from->level < PF_LEVEL_COUNT ? from->level : PF_LEVEL_NONE,
    };
    return true;
}

// --- slots

// One that was being changed when it was copied is left out.
static void load_context(loader *self, const struct pf_slot *slot, pf_model_thread *thread) {
    const struct pf_context *context = pf_reader_take(self->reader, slot->context, sizeof *context);
    if (context != NULL && context->sequence % 2 == 0) {
        thread->user_id = context_text(self, context->user_id);
        thread->request_id = context_text(self, context->request_id);
        thread->operation = context_text(self, context->operation);
    }
}

static void load_slot(loader *self, const struct pf_slot *slot, uint64_t link) {
    gchar *name = pf_reader_text(slot->name, sizeof slot->name);
    pf_model_thread thread = {
        .process = self->model->processes->len - 1,
        .tid = slot->tid,
        .slot = link,
        .thread_count = slot->threads,
        .name = g_string_chunk_insert_const(self->model->strings, name),
        .wall_ns = MIN(slot->attached_ns, MOST),
    };
    g_free(name);
    load_context(self, slot, &thread);
    uint32_t index = self->model->threads->len;
    g_array_append_val(self->model->threads, thread);
    self->process->thread_count += MIN(slot->threads, 1u << 24);
    self->last_ns = MAX(self->last_ns, MAX(slot->attach_ns, slot->in_call_ns));
    guint first = self->model->cells->len;
    load_entries(self, slot, index);
    load_shorts(self, slot, first);
    load_errors(self, slot);
    load_slowest(self, slot, index);
}

// What needs the moment that the numbers are of, which a killed process does not tell by itself.
static void finish_thread(loader *self, pf_model_thread *thread) {
    const struct pf_slot *slot = pf_reader_at(self->reader, thread->slot, sizeof *slot);
    uint64_t taken = (uint64_t)self->process->taken_monotonic_ns;
    if (slot == NULL) {
        return;
    }
    if (slot->attach_ns != 0) {
        thread->wall_ns += pf_less(taken, slot->attach_ns);
    }
    if (slot->in_call_ns != 0 && self->process->facts->state != PF_PROCESS_STATE_ENDED) {
        thread->in_call_ns = pf_less(taken, slot->in_call_ns);
        thread->in_call_key = slot->in_call_key;
    }
}

static void load_slots(loader *self) {
    uint64_t link = self->header->first_slot;
    while (link != 0) {
        // A slot is aligned to two units; anything else is no slot.
        const struct pf_slot *slot =
            link % 2 == 0 ? pf_reader_take(self->reader, link, sizeof *slot) : NULL;
        if (slot == NULL) {
            return;
        }
        if (slot->reset == self->header->control.reset) {
            load_slot(self, slot, link);
        }
        link = slot->next;
    }
}

// --- the whole

static void settle_times(loader *self) {
    const struct pf_segment *header = self->header;
    PfProcess *facts = self->process->facts;
    uint64_t start = header->start_monotonic_ns;
    uint64_t taken = (uint64_t)self->reader->taken_monotonic_ns;
    if (facts->state == PF_PROCESS_STATE_ENDED) {
        taken = header->end_monotonic_ns;
    } else if (facts->state == PF_PROCESS_STATE_KILLED) {
        taken = MIN(MAX(self->last_ns, start), taken);
    }
    if (header->control.reset != 0) {
        start = MAX(start, header->control.reset_monotonic_ns);
    }
    taken = MIN(MAX(taken, start), INT64_MAX);
    self->process->taken_monotonic_ns = (int64_t)taken;
    facts->uptime_ns = pf_less(taken, start);
    self->model->uptime_ns = (double)facts->uptime_ns;
}

static void load_kernel_bytes(loader *self) {
    const struct pf_control *control = &self->header->control;
    uint64_t base =
        control->reset != 0 ? control->reset_kernel_bytes : self->header->kernel_bytes_base;
    bool ended = self->process->facts->state == PF_PROCESS_STATE_ENDED;
    uint64_t now = ended ? self->header->exit_wchar : self->reader->kernel_bytes;
    self->process->kernel_bytes_known =
        (ended ? *self->header->how != 0 && now != UINT64_MAX : self->reader->kernel_bytes_known) &&
        now >= base;
    self->process->kernel_bytes = pf_less(now, base);
}

pf_model *pf_model_load(pf_reader *reader, GError **error) {
    loader self = {.model = pf_model_new(), .reader = reader, .header = pf_reader_header(reader)};
    self.process = pf_model_add_process(self.model, reader, read_facts(reader));
    self.process->start_monotonic_ns = clamp_time(self.header->start_monotonic_ns);
    self.process->reset = self.header->control.reset;
    self.process->overhead_ns = self.header->overhead_ns;
    pf_pair_map_init(&self.sites, 1024);
    pf_pair_map_init(&self.modules, 64);
    load_modules(&self);
    load_slots(&self);
    load_spill(&self);
    pf_pair_map_clear(&self.sites);
    pf_pair_map_clear(&self.modules);
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        self.model->lost[i] = self.header->lost[i];
    }
    if (pf_reader_is_exhausted(reader)) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_DAMAGED,
                    "%s: damaged: its parts lie on top of each other or in a circle",
                    reader->path != NULL ? reader->path : "segment");
        pf_model_unref(self.model);
        return NULL;
    }
    self.model->rates_unchanged = self.header->control.generation == 0;
    settle_times(&self);
    load_kernel_bytes(&self);
    for (uint32_t i = 0; i < self.model->threads->len; i++) {
        finish_thread(&self, pf_model_thread_at(self.model, i));
    }
    pf_model_trim_slowest(self.model);
    return self.model;
}
