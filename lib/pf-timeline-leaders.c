// SPDX-License-Identifier: Apache-2.0
// Who made most of the calls of a bin.  A bin has room for a few; that of who made less may be lost when
// bins are added up, so that what they hold is a lower limit.
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

static guint smallest(const PfTimelineLeader *leaders) {
    guint least = 0;
    for (guint i = 1; i < PF_TIMELINE_LEADERS; i++) {
        least = leaders[i].calls < leaders[least].calls ? i : least;
    }
    return least;
}

static void add_one(PfTimelineLeader *to, guint64 id, gdouble calls) {
    for (guint i = 0; i < PF_TIMELINE_LEADERS; i++) {
        if (to[i].id == id) {
            to[i].calls += calls;
            return;
        }
    }
    guint least = smallest(to);
    if (to[least].calls < calls) {
        to[least] = (PfTimelineLeader){id, calls};
    }
}

void pf_leaders_differ(GHashTable *now, GHashTable *before, PfTimelineLeader *ret_leaders) {
    GHashTableIter each;
    gpointer id;
    gpointer count;
    memset(ret_leaders, 0, PF_TIMELINE_LEADERS * sizeof *ret_leaders);
    g_hash_table_iter_init(&each, now);
    while (g_hash_table_iter_next(&each, &id, &count)) {
        const gdouble *then = before != NULL ? g_hash_table_lookup(before, id) : NULL;
        add_one(ret_leaders, *(const guint64 *)id,
                *(const gdouble *)count - (then != NULL ? *then : 0));
    }
}

void pf_leaders_add(PfTimelineLeader *to, const PfTimelineLeader *from, gdouble share) {
    for (guint i = 0; i < PF_TIMELINE_LEADERS; i++) {
        if (from[i].id != 0) {
            add_one(to, from[i].id, share * from[i].calls);
        }
    }
}
