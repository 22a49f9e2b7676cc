// SPDX-License-Identifier: Apache-2.0
// Rows that are made when somebody asks: call stacks, slowest and recent calls.
#include "pf-rows-private.h"
#include "pf-snapshot-private.h"
#include <string.h>

static const gchar *function_of(uint64_t key) {
    unsigned call = pf_key_call(key);
    return call < PF_CALL_COUNT ? pf_calls[call].name : "";
}

static PfModule *module_of(PfSnapshot *self, const pf_model_process *process, uint64_t address) {
    PfModule *module = pf_model_find_module(self->model, process, address);
    return module != NULL ? pf_module_ref(module) : NULL;
}

// --- stacks

static void fill_stack(PfSnapshot *self, const pf_model_process *process, PfStack *row,
                       const struct pf_stack *from, uint32_t depth) {
    row->function = function_of(from->key);
    row->stream = process->stream_of[from->key >> PF_KEY_STREAM_SHIFT];
    row->depth = depth;
    row->frames = g_new0(PfFrame, MAX(depth, 1));
    for (uint32_t i = 0; i < depth; i++) {
        row->frames[i].address = from->frame[i];
        row->frames[i].module = module_of(self, process, from->frame[i]);
    }
    row->taken = from->taken;
    row->total_duration_ns = from->taken_ns;
    row->weight = (double)from->weight / 16;
}

// Equal for stacks of the same lines, wherever the loader put their modules.
static gchar *stack_key(const PfStack *stack) {
    GString *key = g_string_new(NULL);
    g_string_printf(key, "%s %u", stack->function, stack->stream);
    for (guint i = 0; i < stack->depth; i++) {
        const PfFrame *frame = &stack->frames[i];
        const PfModule *module = frame->module;
        g_string_append_printf(key, " %" G_GINT64_MODIFIER "x",
                               module != NULL ? frame->address - module->bias : frame->address);
        if (module != NULL) {
            g_string_append(key, pf_module_identity(module));
        }
    }
    return g_string_free(key, FALSE);
}

// The index of the row, which goes to the one that another process has of the same stack.
static guint add_stack(GPtrArray *rows, GHashTable *known, PfStack *row) {
    if (known != NULL) {
        gchar *key = stack_key(row);
        gpointer index;
        if (g_hash_table_lookup_extended(known, key, NULL, &index)) {
            PfStack *same = g_ptr_array_index(rows, GPOINTER_TO_UINT(index));
            same->taken += row->taken;
            same->total_duration_ns += row->total_duration_ns;
            same->weight += row->weight;
            pf_stack_unref(row);
            g_free(key);
            return GPOINTER_TO_UINT(index);
        }
        g_hash_table_insert(known, key, GUINT_TO_POINTER(rows->len));
    }
    g_ptr_array_add(rows, row);
    return rows->len - 1;
}

static void make_stacks_of(PfSnapshot *self, GPtrArray *rows, GHashTable *known, uint32_t index) {
    const pf_model_process *process = pf_model_process_at(self->model, index);
    pf_reader view = pf_reader_view(process->reader);
    const struct pf_stacks *stacks =
        pf_reader_take(&view, pf_reader_header(&view)->stacks, sizeof *stacks);
    for (unsigned chain = 0; stacks != NULL && chain < PF_STACK_CHAINS; chain++) {
        uint64_t link = stacks->chain[chain];
        while (link != 0) {
            uint32_t depth;
            const struct pf_stack *from = pf_reader_stack(&view, link, &depth);
            uint32_t *place = from != NULL ? pf_pair_map_at(&self->stack_of, index, link) : NULL;
            if (place == NULL || *place != PF_PAIR_NEW) {
                break; // out of the file, or in a circle
            }
            PfStack *row = pf_stack_new();
            fill_stack(self, process, row, from, depth);
            *place = add_stack(rows, known, row);
            link = from->next;
        }
    }
}

GPtrArray *pf_snapshot_make_stacks(PfSnapshot *self) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_stack_unref);
    pf_pair_map_init(&self->stack_of, 256);
    g_autoptr(GHashTable) known = self->model->processes->len > 1
                                      ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)
                                      : NULL;
    for (uint32_t i = 0; i < self->model->processes->len; i++) {
        make_stacks_of(self, rows, known, i);
    }
    return rows;
}

// By function, module and offset: of several processes site and stack may have the address that another one
// knows.
static gboolean begins_at(const PfStack *stack, const PfCallSite *site) {
    const PfFrame *frame = stack->depth > 0 ? &stack->frames[0] : NULL;
    if (frame == NULL || strcmp(stack->function, site->function) != 0) {
        return FALSE;
    }
    if (frame->module == NULL || site->module == NULL) {
        return frame->module == site->module && frame->address == site->address;
    }
    return frame->address - frame->module->bias == site->address - site->module->bias &&
           strcmp(pf_module_identity(frame->module), pf_module_identity(site->module)) == 0;
}

static gint heavier_first(gconstpointer a, gconstpointer b) {
    gdouble one = (*(PfStack *const *)a)->weight;
    gdouble other = (*(PfStack *const *)b)->weight;
    return one < other ? 1 : one > other ? -1 : 0;
}

/**
 * pf_snapshot_get_stacks_of:
 * @self: a snapshot
 * @site: one of its call sites
 *
 * Gets the call stacks of a site.
 *
 * Returns: (transfer container) (element-type PfStack): call stacks, heaviest first
 */
GPtrArray *pf_snapshot_get_stacks_of(PfSnapshot *self, const PfCallSite *site) {
    GPtrArray *all = pf_snapshot_get_stacks(self);
    GPtrArray *mine = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        if (begins_at(g_ptr_array_index(all, i), site)) {
            g_ptr_array_add(mine, g_ptr_array_index(all, i));
        }
    }
    g_ptr_array_sort(mine, heavier_first);
    return mine;
}

// --- events

static PfEvent *event_row(PfSnapshot *self, const pf_model_event *event) {
    const pf_model_thread *thread = pf_model_thread_at(self->model, event->thread);
    const pf_model_process *process = pf_model_process_at(self->model, thread->process);
    PfEvent *row = pf_event_new();
    row->function = function_of(event->key);
    row->address = event->key & PF_KEY_SITE_MASK;
    row->module = module_of(self, process, row->address);
    row->unix_ns = event->unix_ns;
    row->duration_ns = event->duration_ns;
    row->lock_ns = event->lock_ns;
    row->bytes = event->bytes;
    row->error_number = event->error;
    row->reason = (PfReason)event->reason;
    row->level = event->level;
    row->stream = event->stream;
    row->user_id = g_strdup(event->user_id);
    row->request_id = g_strdup(event->request_id);
    row->stream_name =
        g_strdup(event->stream < self->model->streams->len
                     ? g_array_index(self->model->streams, pf_model_stream, event->stream).name
                     : "");
    row->pid = process->facts->pid;
    row->tid = thread->tid;
    row->thread_name = g_strdup(thread->name);
    uint32_t stack = event->stack != 0
                         ? pf_pair_map_get(&self->stack_of, thread->process, event->stack)
                         : PF_PAIR_NEW;
    row->stack = stack != PF_PAIR_NEW ? (gint)stack : -1;
    return row;
}

GPtrArray *pf_snapshot_make_slowest(PfSnapshot *self) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_event_unref);
    for (guint i = 0; i < self->model->slowest->len; i++) {
        g_ptr_array_add(rows,
                        event_row(self, &g_array_index(self->model->slowest, pf_model_event, i)));
    }
    return rows;
}

static void add_ring(PfSnapshot *self, GArray *events, uint32_t index) {
    const pf_model_thread *thread = pf_model_thread_at(self->model, index);
    const pf_model_process *process = pf_model_process_at(self->model, thread->process);
    pf_reader view = pf_reader_view(process->reader);
    const struct pf_slot *slot = pf_reader_at(&view, thread->slot, sizeof *slot);
    uint64_t size = 0;
    const struct pf_ring *ring = slot != NULL ? pf_reader_ring(&view, slot->ring, &size) : NULL;
    for (uint64_t i = 0; ring != NULL && i < size; i++) {
        pf_model_event event;
        if (pf_model_read_event(process, &ring->event[i], index, &event) &&
            event.unix_ns >= process->from_unix_ns) {
            g_array_append_val(events, event);
        }
    }
}

static gint earlier_first(gconstpointer a, gconstpointer b) {
    const pf_model_event *one = a;
    const pf_model_event *other = b;
    return one->unix_ns < other->unix_ns ? -1 : one->unix_ns > other->unix_ns ? 1 : 0;
}

GPtrArray *pf_snapshot_make_recent(PfSnapshot *self) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_event_unref);
    if ((self->flags & PF_SNAPSHOT_RECENT) == 0) {
        return rows;
    }
    GArray *events = g_array_new(FALSE, FALSE, sizeof(pf_model_event));
    for (uint32_t i = 0; i < self->model->threads->len; i++) {
        add_ring(self, events, i);
    }
    g_array_sort(events, earlier_first);
    for (guint i = 0; i < events->len; i++) {
        g_ptr_array_add(rows, event_row(self, &g_array_index(events, pf_model_event, i)));
    }
    g_array_unref(events);
    return rows;
}
