// SPDX-License-Identifier: Apache-2.0
// Who made most of the calls of a bin.  Where there are more than have room, all counts are lowered by the same amount until
// one has gone (Misra and Gries): what is left is a lower limit, and whoever made more than the 64th part is there.
#include "pf-timeline-leaders.h"
#include "pf-rows-private.h"
#include "pf-table.h"
#include <string.h>

// FNV-1a.
static guint64 hash(guint64 state, const void *data, gsize size) {
    const guint8 *bytes = data;
    for (gsize i = 0; i < size; i++) {
        state = (state ^ bytes[i]) * G_GUINT64_CONSTANT(0x100000001b3);
    }
    return state;
}

guint64 pf_leader_of_site(const gchar *function, const PfModule *module, guint64 offset) {
    guint64 id = hash(G_GUINT64_CONSTANT(0xcbf29ce484222325), function, strlen(function) + 1);
    if (module != NULL) {
        const gchar *name = pf_module_identity(module);
        id = hash(id, name, strlen(name));
    }
    return hash(id, &offset, sizeof offset) | 1; // 0 is nobody
}

guint64 pf_leader_of_thread(guint pid, guint tid) { return (guint64)pid << 32 | tid; }

static guint64 site_id(const pf_model *model, const pf_site *site) {
    PfModule *module =
        site->module != PF_NO_INDEX ? g_ptr_array_index(model->modules, site->module)
        : site->address != 0
            ? pf_model_find_module(model, pf_model_process_at(model, site->process), site->address)
            : NULL;
    return pf_leader_of_site(pf_calls[site->call].name, module,
                             site->address - (module != NULL ? module->bias : 0));
}

static void add_to(GHashTable *counts, guint64 id, gdouble calls) {
    gdouble *count = g_hash_table_lookup(counts, &id);
    if (count != NULL) {
        *count += calls;
        return;
    }
    g_hash_table_insert(counts, g_memdup2(&id, sizeof id), g_memdup2(&calls, sizeof calls));
}

GHashTable *pf_leaders_count(const pf_model *model, gboolean threads) {
    GHashTable *counts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_autofree guint64 *ids = g_new0(guint64, MAX(model->sites->len, 1));
    for (guint i = 0; !threads && i < model->sites->len; i++) {
        ids[i] = site_id(model, &g_array_index(model->sites, pf_site, i));
    }
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        if (!pf_is_message(cell->call)) {
            continue;
        }
        const pf_model_thread *thread = pf_model_thread_at(model, cell->thread);
        guint pid = pf_model_process_at(model, thread->process)->facts->pid;
        add_to(counts, threads ? pf_leader_of_thread(pid, thread->tid) : ids[cell->site],
               (gdouble)cell->calls);
    }
    return counts;
}

void pf_crowd_clear(pf_crowd *self) {
    g_clear_pointer(&self->sites, g_array_unref);
    g_clear_pointer(&self->threads, g_array_unref);
}

static gdouble smallest_of(const GArray *crowd) {
    gdouble least = G_MAXDOUBLE;
    for (guint i = 0; i < crowd->len; i++) {
        least = MIN(least, g_array_index(crowd, PfTimelineLeader, i).calls);
    }
    return least;
}

static void lower_all(GArray *crowd, gdouble calls) {
    for (guint i = crowd->len; i-- > 0;) {
        PfTimelineLeader *one = &g_array_index(crowd, PfTimelineLeader, i);
        one->calls -= calls;
        if (one->calls <= 0) {
            g_array_remove_index_fast(crowd, i);
        }
    }
}

static void add_one(GArray *crowd, guint64 id, gdouble calls) {
    for (guint i = 0; i < crowd->len; i++) {
        if (g_array_index(crowd, PfTimelineLeader, i).id == id) {
            g_array_index(crowd, PfTimelineLeader, i).calls += calls;
            return;
        }
    }
    if (crowd->len == PF_MOST_IN_CROWD) {
        gdouble less = MIN(calls, smallest_of(crowd));
        lower_all(crowd, less);
        calls -= less;
    }
    if (calls > 0) {
        g_array_append_val(crowd, ((PfTimelineLeader){id, calls}));
    }
}

GArray *pf_leaders_differ(GHashTable *now, GHashTable *before) {
    GHashTableIter each;
    gpointer id;
    gpointer count;
    GArray *crowd = NULL;
    g_hash_table_iter_init(&each, now);
    while (g_hash_table_iter_next(&each, &id, &count)) {
        const gdouble *then = before != NULL ? g_hash_table_lookup(before, id) : NULL;
        gdouble calls = *(const gdouble *)count - (then != NULL ? *then : 0);
        if (calls > 0) {
            crowd = crowd != NULL ? crowd : g_array_new(FALSE, FALSE, sizeof(PfTimelineLeader));
            add_one(crowd, *(const guint64 *)id, calls);
        }
    }
    return crowd;
}

static void add_all(GArray **to, const GArray *from, gdouble share) {
    if (from == NULL || share <= 0) {
        return;
    }
    if (*to == NULL) {
        *to = g_array_new(FALSE, FALSE, sizeof(PfTimelineLeader));
    }
    for (guint i = 0; i < from->len; i++) {
        const PfTimelineLeader *one = &g_array_index(from, PfTimelineLeader, i);
        add_one(*to, one->id, share * one->calls);
    }
}

void pf_crowd_add(pf_crowd *self, const pf_crowd *from, gdouble share) {
    add_all(&self->sites, from->sites, share);
    add_all(&self->threads, from->threads, share);
}

void pf_leaders_of(const GArray *crowd, PfTimelineLeader ret_leaders[PF_TIMELINE_LEADERS]) {
    memset(ret_leaders, 0, PF_TIMELINE_LEADERS * sizeof *ret_leaders);
    for (guint i = 0; crowd != NULL && i < crowd->len; i++) {
        PfTimelineLeader one = g_array_index(crowd, PfTimelineLeader, i);
        for (guint k = 0; k < PF_TIMELINE_LEADERS; k++) {
            if (one.calls > ret_leaders[k].calls) {
                PfTimelineLeader less = ret_leaders[k];
                ret_leaders[k] = one;
                one = less;
            }
        }
    }
}
