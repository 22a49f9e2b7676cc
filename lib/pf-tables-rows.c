// SPDX-License-Identifier: Apache-2.0
// From sums to rows, dearest first.
#include "pf-rows-private.h"
#include "pf-tables.h"
#include <string.h>

#define MOST_UNKNOWN 0.02 // share of calls without an estimate, as in pf-estimate.c

// --- order

// PfStats is the first member of each of these rows.
static gint dearer_first(gconstpointer a, gconstpointer b) {
    const PfStats *one = *(PfStats *const *)a;
    const PfStats *other = *(PfStats *const *)b;
    gdouble cost = pf_stats_get_cost_ns(one);
    gdouble other_cost = pf_stats_get_cost_ns(other);
    if (cost != other_cost) {
        return cost < other_cost ? 1 : -1;
    }
    return one->message_count < other->message_count   ? 1
           : one->message_count > other->message_count ? -1
                                                       : 0;
}

static gint messages_first(gconstpointer a, gconstpointer b) {
    gboolean one = (*(PfFunction *const *)a)->is_message;
    gboolean other = (*(PfFunction *const *)b)->is_message;
    return one == other ? dearer_first(a, b) : one ? -1 : 1;
}

// --- templates

static PfTemplateCount *template_row(const pf_sums *sums, uint32_t index, const pf_tally *tally) {
    const pf_template_sums *from = &g_array_index(sums->templates, pf_template_sums, index);
    PfTemplateCount *row = pf_template_count_new();
    row->text = g_strdup(from->text);
    row->hash = from->hash;
    row->is_format = from->is_format;
    row->sampled_count = tally->sampled;
    row->message_count = tally->calls;
    return row;
}

static gint more_first(gconstpointer a, gconstpointer b) {
    gdouble one = (*(PfTemplateCount *const *)a)->message_count;
    gdouble other = (*(PfTemplateCount *const *)b)->message_count;
    return one < other ? 1 : one > other ? -1 : 0;
}

static GPtrArray *template_rows(pf_sums *sums) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_template_count_unref);
    for (guint i = 0; i < sums->templates->len; i++) {
        const pf_tally *tally = &g_array_index(sums->templates, pf_template_sums, i).tally;
        if (tally->sampled != 0) {
            g_ptr_array_add(rows, template_row(sums, i, tally));
        }
    }
    g_ptr_array_sort(rows, more_first);
    return rows;
}

// --- errors

static gchar *errno_name(guint number) {
    const gchar *name = strerrorname_np((int)number);
    return name != NULL ? g_strdup(name) : g_strdup_printf("errno %u", number);
}

static gint most_errors_first(gconstpointer a, gconstpointer b) {
    const PfErrorCount *one = *(PfErrorCount *const *)a;
    const PfErrorCount *other = *(PfErrorCount *const *)b;
    if (one->count != other->count) {
        return one->count < other->count ? 1 : -1;
    }
    gint order = strcmp(one->function, other->function);
    return order != 0 ? order : one->number - other->number;
}

static GPtrArray *error_rows(const pf_model *model) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_error_count_unref);
    GHashTableIter iter;
    gpointer code;
    gpointer count;
    g_hash_table_iter_init(&iter, model->errors);
    while (g_hash_table_iter_next(&iter, &code, &count)) {
        PfErrorCount *row = pf_error_count_new();
        row->function = pf_calls[GPOINTER_TO_UINT(code) >> 16].name;
        row->number = (gint)(GPOINTER_TO_UINT(code) & 0xffff);
        row->name = errno_name((guint)row->number);
        row->count = *(guint64 *)count;
        g_ptr_array_add(rows, row);
    }
    g_ptr_array_sort(rows, most_errors_first);
    return rows;
}

static GPtrArray *errors_of(const GPtrArray *errors, const gchar *function) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_error_count_unref);
    for (guint i = 0; i < errors->len; i++) {
        PfErrorCount *row = g_ptr_array_index(errors, i);
        if (row->function == function) {
            g_ptr_array_add(rows, pf_error_count_ref(row));
        }
    }
    return rows;
}

// --- call sites and functions

static PfCallSite *site_row(pf_sums *sums, guint index) {
    const pf_model *model = sums->model;
    const pf_site *site = pf_model_site_at(model, index);
    pf_site_sums *from = &sums->sites[index];
    PfCallSite *row = pf_call_site_new();
    pf_group_finish(&from->group, &row->stats);
    row->function = pf_calls[site->call].name;
    row->is_message = pf_is_message(site->call);
    row->address = site->address;
    row->offset = site->address;
    PfModule *module =
        site->module != PF_NO_INDEX ? g_ptr_array_index(model->modules, site->module)
        : site->address != 0
            ? pf_model_find_module(model, pf_model_process_at(model, site->process), site->address)
            : NULL;
    if (module != NULL) {
        row->module = pf_module_ref(module);
        row->offset = site->address - module->bias;
    }
    row->thread_count = from->thread_count;
    row->streams = from->streams != NULL ? g_array_ref(from->streams)
                                         : g_array_new(FALSE, FALSE, sizeof(guint));
    row->templates = g_ptr_array_new_with_free_func((GDestroyNotify)pf_template_count_unref);
    for (guint i = 0; from->templates != NULL && i < from->templates->len; i++) {
        const pf_site_template *template = &g_array_index(from->templates, pf_site_template, i);
        g_ptr_array_add(row->templates,
                        template_row(from->part, template->template, &template->tally));
    }
    g_ptr_array_sort(row->templates, more_first);
    return row;
}

static GPtrArray *site_rows(pf_sums *sums, GPtrArray *row_of_site) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_call_site_unref);
    g_ptr_array_set_size(row_of_site, (gint)sums->model->sites->len);
    for (guint i = 0; i < sums->model->sites->len; i++) {
        unsigned call = pf_model_site_at(sums->model, i)->call;
        const pf_group *group = &sums->sites[i].group;
        if (group->calls == 0 || pf_is_scope(call)) {
            continue;
        }
        row_of_site->pdata[i] = site_row(sums, i);
        g_ptr_array_add(rows, row_of_site->pdata[i]);
        pf_group_merge(&sums->functions[call], &sums->pool, group);
    }
    g_ptr_array_sort(rows, dearer_first);
    return rows;
}

static GPtrArray *function_rows(pf_sums *sums, const GPtrArray *errors) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_function_unref);
    for (unsigned call = 0; call < PF_CALL_COUNT; call++) {
        const pf_group *group = &sums->functions[call];
        if (group->calls == 0) {
            continue;
        }
        PfFunction *row = pf_function_new();
        pf_group_finish(group, &row->stats);
        row->name = pf_calls[call].name;
        row->family = pf_family_names[pf_calls[call].family];
        row->is_message = pf_is_message(call);
        row->errors = errors_of(errors, row->name);
        g_ptr_array_add(rows, row);
        pf_group_merge(row->is_message ? &sums->messages : &sums->flushes, &sums->pool, group);
    }
    g_ptr_array_sort(rows, messages_first);
    return rows;
}

// --- streams, threads, levels

static GPtrArray *stream_rows(pf_sums *sums) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_stream_unref);
    for (guint i = 0; i < sums->model->streams->len; i++) {
        const pf_model_stream *stream = &g_array_index(sums->model->streams, pf_model_stream, i);
        const pf_stream_sums *from = &sums->streams[i];
        if (from->messages.calls + from->flushes.calls == 0) {
            continue;
        }
        PfStream *row = pf_stream_new();
        pf_group_finish(&from->messages, &row->stats);
        pf_group_finish(&from->flushes, &row->flushes);
        row->id = i;
        row->kind = stream->kind;
        row->name = g_strdup(stream->name);
        row->fd = stream->fd;
        row->opens = stream->opens;
        row->device = stream->device;
        row->inode = stream->inode;
        row->is_overflow = stream->is_overflow;
        row->tiny_write_count = from->tiny_writes;
        g_ptr_array_add(rows, row);
    }
    g_ptr_array_sort(rows, dearer_first);
    return rows;
}

static const gchar *function_of(uint64_t key) {
    unsigned call = pf_key_call(key);
    return key != 0 && call < PF_CALL_COUNT ? pf_calls[call].name : NULL;
}

// Flushes are often too few for an estimate of their own; then they must be few among the calls.
static gdouble output_percent(const PfThread *thread, gboolean *ret_is_limit) {
    gdouble flushes = (gdouble)thread->flushes.message_count;
    gboolean known = pf_stats_has_estimate(&thread->stats) &&
                     (pf_stats_has_estimate(&thread->flushes) ||
                      flushes <= MOST_UNKNOWN * (gdouble)thread->stats.message_count);
    gdouble output = pf_stats_get_cost_ns(&thread->stats) + pf_stats_get_cost_ns(&thread->flushes);
    // An estimate may be longer than the thread has lived; the truth may not.
    *ret_is_limit = known && thread->wall_ns != 0 && output > (gdouble)thread->wall_ns;
    return *ret_is_limit                   ? 100
           : known && thread->wall_ns != 0 ? 100 * output / (gdouble)thread->wall_ns
                                           : -1;
}

static PfThread *thread_row(pf_sums *sums, guint index) {
    const pf_model_thread *thread = pf_model_thread_at(sums->model, index);
    PfThread *row = pf_thread_new();
    pf_group_finish(&sums->threads[index].messages, &row->stats);
    pf_group_finish(&sums->threads[index].flushes, &row->flushes);
    row->pid = pf_model_process_at(sums->model, thread->process)->facts->pid;
    row->tid = thread->tid;
    row->name = g_strdup(thread->name);
    row->user_id = g_strdup(thread->user_id);
    row->request_id = g_strdup(thread->request_id);
    row->operation = g_strdup(thread->operation);
    row->thread_count = thread->thread_count;
    row->wall_ns = thread->wall_ns;
    row->output_percent = output_percent(row, &row->output_is_limit);
    row->longest_stall_ns = thread->stall_ns;
    row->longest_stall_unix_ns = thread->stall_unix_ns;
    row->longest_stall_address = thread->stall_key & PF_KEY_SITE_MASK;
    row->longest_stall_function = function_of(thread->stall_key);
    row->in_call_ns = thread->in_call_ns;
    row->in_call_address = thread->in_call_key & PF_KEY_SITE_MASK;
    row->in_call_function = thread->in_call_ns != 0 ? function_of(thread->in_call_key) : NULL;
    return row;
}

static GPtrArray *thread_rows(pf_sums *sums) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_thread_unref);
    for (guint i = 0; i < sums->model->threads->len; i++) {
        g_ptr_array_add(rows, thread_row(sums, i));
    }
    g_ptr_array_sort(rows, dearer_first);
    return rows;
}

static GPtrArray *level_rows(const pf_sums *sums) {
    static const gchar *const names[PF_LEVEL_COUNT] = {
        "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug", "none"};
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_level_count_unref);
    for (guint level = 0; level < PF_LEVEL_COUNT; level++) {
        if (sums->levels[level].calls > 0) {
            PfLevelCount *row = pf_level_count_new();
            row->level = level;
            row->name = names[level];
            row->sampled_count = sums->levels[level].sampled;
            row->message_count = sums->levels[level].calls;
            g_ptr_array_add(rows, row);
        }
    }
    return rows;
}

void pf_tables_rows(pf_tables *tables, pf_sums *sums) {
    tables->errors = error_rows(sums->model);
    tables->row_of_site = g_ptr_array_new();
    tables->call_sites = site_rows(sums, tables->row_of_site); // adds up the functions
    tables->functions = function_rows(sums, tables->errors);
    tables->streams = stream_rows(sums);
    tables->threads = thread_rows(sums);
    tables->levels = level_rows(sums);
    tables->templates = template_rows(sums);
    tables->scopes = pf_scopes_rows(sums);
    tables->coverage = sums->coverage;
    pf_group_finish(&sums->messages, &tables->messages);
    pf_group_finish(&sums->flushes, &tables->flushes);
    tables->output = pf_groups_estimate(&sums->messages, &sums->flushes);
}

void pf_tables_clear(pf_tables *self) {
    g_ptr_array_unref(self->functions);
    g_ptr_array_unref(self->call_sites);
    g_ptr_array_unref(self->row_of_site);
    g_ptr_array_unref(self->streams);
    g_ptr_array_unref(self->threads);
    g_ptr_array_unref(self->levels);
    g_ptr_array_unref(self->templates);
    g_ptr_array_unref(self->errors);
    g_ptr_array_unref(self->scopes);
    pf_histogram_unref(self->messages.histogram);
    pf_histogram_unref(self->flushes.histogram);
}
