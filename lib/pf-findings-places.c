// SPDX-License-Identifier: Apache-2.0
// Where what was found is: lines, streams and threads.
#include "pf-findings-private.h"
#include <string.h>

// --- lines

static const gchar *short_file(const gchar *file) {
    const gchar *start = file + strlen(file);
    for (guint slashes = 0; start > file; start--) {
        if (start[-1] == '/' && ++slashes == 2) {
            break;
        }
    }
    return start;
}

static gchar *name_place(const PfPlace *place) {
    if (place->file == NULL) {
        return pf_place_to_string(place);
    }
    return g_strdup_printf("%s:%u%s%s", short_file(place->file), place->line,
                           place->function != NULL ? " in " : "",
                           place->function != NULL ? place->function : "");
}

unsigned pf_call_named(const gchar *function) {
    unsigned call = 0;
    while (call < PF_CALL_COUNT && strcmp(pf_calls[call].name, function) != 0) {
        call++;
    }
    return call;
}

const PfCallSite *pf_search_site(const pf_search *self, guint32 index) {
    return g_ptr_array_index(pf_snapshot_tables(self->snapshot)->row_of_site, index);
}

gboolean pf_site_is_iostream(const PfCallSite *site) {
    return site->module != NULL && strstr(site->module->path, "libstdc++") != NULL;
}

// The line that is to blame for most of its calls.
gchar *pf_search_place(const pf_search *self, const PfCallSite *site) {
    const PfRealSite *best = NULL;
    for (guint i = 0; i < self->real_sites->len; i++) {
        const PfRealSite *real = g_ptr_array_index(self->real_sites, i);
        if (real->site == site && (best == NULL || real->message_count > best->message_count)) {
            best = real;
        }
    }
    if (best != NULL) {
        return name_place(best->place);
    }
    g_autoptr(PfPlace) place =
        pf_symbolizer_find_return(self->symbolizer, site->module, site->address);
    return name_place(place);
}

// --- streams

void pf_group_free(pf_stream_group *self) {
    g_ptr_array_unref(self->streams);
    g_free(self);
}

static pf_stream_group *group_new(const PfCallSite *site) {
    pf_stream_group *group = g_new0(pf_stream_group, 1);
    group->site = site;
    group->streams = g_ptr_array_new();
    return group;
}

// The order of cells is that of addresses, which the loader draws: of two lines with as many calls it must not decide.
static gboolean is_dearer(const PfCallSite *one, const PfCallSite *other) {
    gdouble cost = pf_stats_get_cost_ns(&one->stats);
    gdouble other_cost = other != NULL ? pf_stats_get_cost_ns(&other->stats) : -1;
    return cost != other_cost ? cost > other_cost : other == NULL || one->offset < other->offset;
}

// Of each stream of the model the row that makes most of its calls, if these are no less than `least`.
static const PfCallSite **lines_of_streams(const pf_search *self, gboolean messages,
                                           guint64 least) {
    const pf_model *model = self->snapshot->model;
    pf_pair_map index_of; // stream, site -> index into sums
    g_autoptr(GArray) sums = g_array_new(FALSE, TRUE, sizeof(guint64));
    g_autofree guint64 *most = g_new0(guint64, MAX(model->streams->len, 1));
    const PfCallSite **lines = g_new0(const PfCallSite *, MAX(model->streams->len, 1));
    pf_pair_map_init(&index_of, 256);
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        const PfCallSite *site = pf_search_site(self, cell->site);
        if (cell->stream >= model->streams->len || site == NULL || site->is_message != messages) {
            continue;
        }
        uint32_t *index = pf_pair_map_at(&index_of, cell->stream, cell->site);
        if (*index == PF_PAIR_NEW) {
            *index = sums->len;
            g_array_set_size(sums, sums->len + 1);
        }
        guint64 *sum = &g_array_index(sums, guint64, *index);
        *sum += cell->calls;
        if (*sum > most[cell->stream] ||
            (*sum == most[cell->stream] && is_dearer(site, lines[cell->stream]))) {
            most[cell->stream] = *sum;
            lines[cell->stream] = site;
        }
    }
    pf_pair_map_clear(&index_of);
    for (guint i = 0; i < model->streams->len; i++) {
        lines[i] = most[i] >= least ? lines[i] : NULL;
    }
    return lines;
}

GPtrArray *pf_search_group_streams(const pf_search *self, gboolean messages, guint64 least) {
    GPtrArray *streams = pf_snapshot_get_streams(self->snapshot);
    GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)pf_group_free);
    g_autofree const PfCallSite **lines = lines_of_streams(self, messages, least);
    g_autoptr(GHashTable) group_of = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < streams->len; i++) {
        PfStream *stream = g_ptr_array_index(streams, i);
        const PfCallSite *site = lines[stream->id];
        pf_stream_group *group = site != NULL ? g_hash_table_lookup(group_of, site) : NULL;
        if (group == NULL && site != NULL) {
            group = group_new(site);
            g_ptr_array_add(groups, group);
            g_hash_table_insert(group_of, (gpointer)site, group);
        }
        if (group != NULL) {
            g_ptr_array_add(group->streams, stream);
        }
    }
    return groups;
}

pf_stream_group *pf_group_filter(const pf_stream_group *self, pf_stream_test *test) {
    pf_stream_group *group = group_new(self->site);
    for (guint i = 0; i < self->streams->len; i++) {
        if (test(g_ptr_array_index(self->streams, i))) {
            g_ptr_array_add(group->streams, g_ptr_array_index(self->streams, i));
        }
    }
    return group;
}

gchar *pf_group_title(const pf_stream_group *self) {
    gchar *first = pf_stream_title(g_ptr_array_index(self->streams, 0));
    guint others = self->streams->len - 1;
    if (others == 0) {
        return first;
    }
    gchar *all = g_strdup_printf("%s and %u more", first, others);
    g_free(first);
    return all;
}

// --- threads

static gboolean is_among(const GPtrArray *streams, guint32 id) {
    for (guint i = 0; i < streams->len; i++) {
        if (((const PfStream *)g_ptr_array_index(streams, i))->id == id) {
            return TRUE;
        }
    }
    return FALSE;
}

// The time that all threads have lived which made such calls; 0: that of one is not known.
static gdouble lifetime_of(const pf_search *self, const PfCallSite *site, const GPtrArray *streams,
                           guint *ret_count) {
    const pf_model *model = self->snapshot->model;
    g_autofree gboolean *seen = g_new0(gboolean, MAX(model->threads->len, 1));
    gdouble all = 0;
    *ret_count = 0;
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        if (cell->calls == 0 || seen[cell->thread] ||
            (site != NULL && pf_search_site(self, cell->site) != site) ||
            (streams != NULL && !is_among(streams, cell->stream))) {
            continue;
        }
        const pf_model_thread *thread = pf_model_thread_at(model, cell->thread);
        if (thread->wall_ns == 0) {
            return 0;
        }
        seen[cell->thread] = TRUE;
        all += (gdouble)thread->wall_ns;
        *ret_count += MAX(thread->thread_count, 1);
    }
    return all;
}

void pf_search_of_threads(pf_search *self, PfFinding *found, const PfCallSite *site,
                          const GPtrArray *streams) {
    guint count = 0;
    gdouble lived = lifetime_of(self, site, streams, &count);
    if (found->saved_ns < 0 || self->wall_ns <= 0) {
        return;
    }
    // One after the other they have no more than the wall time.
    gboolean together = lived > 1.01 * self->wall_ns;
    gdouble most = lived > 0 && !together ? MIN(lived, self->wall_ns) : MAX(lived, self->wall_ns);
    found->saved_ns = MIN(found->saved_ns, most);
    found->low_ns = MIN(found->low_ns, most);
    found->high_ns = MIN(found->high_ns, most);
    found->thread_count = together ? count : 1;
    found->wall_percent = 100 * found->saved_ns / MAX(most, self->wall_ns);
}
