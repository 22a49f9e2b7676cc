// SPDX-License-Identifier: Apache-2.0
// Profiled scopes: rows from the sites of the scope family.
#include "pf-rows-private.h"
#include "pf-tables.h"
#include <math.h>

// Fewer timed on either side are no ground for a share.
#define LEAST_TIMED 30

static void add(pf_inclusive_sums *sums, const struct pf_inclusive *now,
                const struct pf_inclusive *before) {
    sums->count += pf_less(now->count, before->count);
    sums->ns += (double)pf_less(now->exact_ns, before->exact_ns) +
                pf_sane_sum(now->weighted_ns - pf_sane_sum(before->weighted_ns));
    sums->variance += pf_sane_sum(now->variance_ns2 - pf_sane_sum(before->variance_ns2));
}

void pf_scopes_add(pf_site_sums *site, const pf_cell *cell) {
    static const struct pf_scope_sums nothing;
    if (cell->detail == NULL) {
        return;
    }
    const struct pf_scope_sums *now = pf_reader_at(cell->reader, cell->detail->scope, sizeof *now);
    const struct pf_scope_sums *before =
        cell->before != NULL
            ? pf_reader_at(cell->reader_before, cell->before->scope, sizeof *before)
            : NULL;
    before = before != NULL ? before : &nothing;
    if (now != NULL) {
        add(&site->whole, &now->whole, &before->whole);
        add(&site->output, &now->output, &before->output);
    }
}

// --- names

static const struct pf_scope *find(pf_reader *reader, uint64_t site, uint64_t *ret_link) {
    const struct pf_scopes *all =
        pf_reader_at(reader, pf_reader_header(reader)->scopes, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    uint64_t link = all->chain[(site * PF_KEY_MULTIPLIER) >> 56 & (PF_SCOPE_CHAINS - 1)];
    while (link != 0) {
        const struct pf_scope *scope = pf_reader_take(reader, link, sizeof *scope);
        if (scope == NULL || scope->site == site) {
            *ret_link = link;
            return scope;
        }
        link = scope->next;
    }
    return NULL;
}

enum { FUNCTION, NAME, FILE_NAME, CLASS, GROUP };

static void name_row(PfScope *row, pf_reader *reader, uint64_t link) {
    static const gchar *const kinds[] = {"function", "scope", "type", "object", "span"};
    const struct pf_scope *scope = pf_reader_at(reader, link, sizeof *scope);
    gchar *text[PF_SCOPE_TEXTS];
    size_t size = sizeof *scope;
    for (unsigned i = 0; i < PF_SCOPE_TEXTS; i++) {
        size += scope->size[i];
    }
    scope = pf_reader_at(reader, link, size);
    const char *at = scope != NULL ? scope->text : "";
    for (unsigned i = 0; i < PF_SCOPE_TEXTS; i++) {
        text[i] = pf_reader_text(at, scope != NULL ? scope->size[i] : 0);
        at += scope != NULL ? scope->size[i] : 0;
    }
    if (scope != NULL) {
        const gchar *klass = *text[GROUP] != 0 ? text[GROUP] : text[CLASS];
        g_free(row->name);
        row->name = g_strconcat(klass, *klass != 0 ? "::" : "", text[FUNCTION],
                                *text[NAME] != 0 ? ": " : "", text[NAME], NULL);
        row->kind = kinds[MIN(scope->kind, G_N_ELEMENTS(kinds) - 1)];
        row->file = g_strdup(text[FILE_NAME]);
        row->line = scope->line;
        row->group = scope->group;
    }
    for (unsigned i = 0; i < PF_SCOPE_TEXTS; i++) {
        g_free(text[i]);
    }
}

// --- rows

// Both are sums over independent samples, so their relative variances add up.
static void set_share(PfScope *row, const pf_site_sums *from) {
    const pf_inclusive_sums *whole = &from->whole;
    const pf_inclusive_sums *output = &from->output;
    row->whole_count = whole->count;
    row->whole_ns = whole->ns;
    row->output_count = output->count;
    row->output_ns = output->ns;
    row->output_share = -1;
    gboolean sampled = whole->variance > 0 || output->variance > 0;
    if (whole->ns <= 0 || output->ns > whole->ns || (sampled && whole->count < LEAST_TIMED) ||
        (output->variance > 0 && output->count < LEAST_TIMED)) {
        return;
    }
    gdouble relative = whole->variance / whole->ns / whole->ns;
    relative += output->ns > 0 ? output->variance / output->ns / output->ns : 0;
    row->output_share = output->ns / whole->ns;
    row->output_half = 1.96 * row->output_share * sqrt(relative);
}

static PfScope *scope_row(pf_sums *sums, guint index) {
    const pf_model *model = sums->model;
    const pf_site *site = pf_model_site_at(model, index);
    const pf_model_process *process = pf_model_process_at(model, site->process);
    pf_reader view = pf_reader_view(process->reader);
    uint64_t link = 0;
    PfScope *row = pf_scope_new();
    pf_group_finish(&sums->sites[index].group, &row->stats);
    set_share(row, &sums->sites[index]);
    row->name = g_strdup("");
    row->kind = "function";
    row->address = site->address;
    if (find(&view, site->address, &link) != NULL) {
        name_row(row, &view, link);
    }
    PfModule *module =
        site->module != PF_NO_INDEX ? g_ptr_array_index(model->modules, site->module) : NULL;
    row->module = module != NULL ? pf_module_ref(module) : NULL;
    return row;
}

static gint dearer_first(gconstpointer a, gconstpointer b) {
    const PfScope *one = *(PfScope *const *)a;
    const PfScope *other = *(PfScope *const *)b;
    gdouble difference = pf_stats_get_cost_ns(&other->stats) - pf_stats_get_cost_ns(&one->stats);
    return difference < 0 ? -1 : difference > 0;
}

GPtrArray *pf_scopes_rows(pf_sums *sums) {
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)pf_scope_unref);
    pf_pair_map spans; // process, address -> index into rows
    pf_pair_map_init(&spans, 64);
    // Ends come with latencies, so they make the rows; a span that never ends has none.
    for (guint turn = 0; turn < 2; turn++) {
        for (guint i = 0; i < sums->model->sites->len; i++) {
            const pf_site *site = pf_model_site_at(sums->model, i);
            guint64 calls = sums->sites[i].group.calls;
            gboolean begins = site->call == PF_CALL_pf_profile_begin;
            if (calls == 0 || !pf_is_scope(site->call) || begins != (turn == 1) ||
                (!begins && pf_calls[site->call].never_timed)) {
                continue;
            }
            uint32_t *at = pf_pair_map_at(&spans, site->process, site->address);
            if (*at == PF_PAIR_NEW) {
                *at = rows->len;
                g_ptr_array_add(rows, scope_row(sums, i));
            }
            if (begins) {
                PfScope *row = g_ptr_array_index(rows, *at);
                gboolean none_ended = row->stats.dropped_count == calls && row->whole_count == 0 &&
                                      row->stats.sampled_count == 0 && *at + 1 == rows->len;
                row->open_count = none_ended ? calls : pf_less(calls, row->stats.message_count);
            }
        }
    }
    pf_pair_map_clear(&spans);
    g_ptr_array_sort(rows, dearer_first);
    return rows;
}
