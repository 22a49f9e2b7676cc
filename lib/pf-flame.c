// SPDX-License-Identifier: Apache-2.0
// Shares the numbers of call sites out among their call stacks.
#include "pf-flame.h"
#include "pf-call-path.h"
#include <string.h>

const struct pf_flame_kind pf_flame_kinds[PF_FLAME_VALUES] = {
    [PF_FLAME_TIME] = {"time", "nanoseconds"}, [PF_FLAME_CALLS] = {"calls", "none"},
    [PF_FLAME_BYTES] = {"bytes", "bytes"},     [PF_FLAME_FLUSH] = {"flush", "nanoseconds"},
    [PF_FLAME_LOCK] = {"lock", "nanoseconds"}, [PF_FLAME_BLOCKED] = {"blocked", "nanoseconds"},
};

static void line_free(gpointer data) {
    pf_flame_line *self = data;
    g_free(self->name);
    g_free(self->symbol);
    g_free(self->file);
    g_free(self);
}

static void place_free(gpointer data) {
    pf_flame_place *self = data;
    g_clear_pointer(&self->module, pf_module_unref);
    g_array_unref(self->lines);
    g_free(self);
}

static void path_free(gpointer data) {
    pf_flame_path *self = data;
    g_free(self->places);
    g_free(self);
}

typedef struct {
    pf_flame *flame;
    PfSymbolizer *symbolizer;
    GHashTable *line_of;  // text -> index + 1
    GHashTable *place_of; // text -> index + 1
    GHashTable *stacks;   // site -> GPtrArray of PfStack
} making;

// --- lines and places

// Takes name and key.
static guint add_line(making *self, gchar *key, gchar *name, const PfPlace *place) {
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(self->line_of, key));
    if (found != 0) {
        g_free(key);
        g_free(name);
        return found - 1;
    }
    pf_flame_line *line = g_new0(pf_flame_line, 1);
    line->name = name;
    line->symbol = g_strdup(place != NULL && place->symbol != NULL ? place->symbol : name);
    line->file = g_strdup(place != NULL ? place->file : NULL);
    line->line = place != NULL ? place->line : 0;
    g_ptr_array_add(self->flame->lines, line);
    g_hash_table_insert(self->line_of, key, GUINT_TO_POINTER(self->flame->lines->len));
    return self->flame->lines->len - 1;
}

static void append_line(making *self, GArray *lines, const PfPlace *place) {
    gchar *name = NULL;
    if (place->function != NULL) {
        name = g_strdup(place->function);
    } else {
        g_autofree gchar *base = g_path_get_basename(place->module);
        name = *place->module != 0
                   ? g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", base, place->offset)
                   : g_strdup_printf("0x%" G_GINT64_MODIFIER "x", place->offset);
    }
    gchar *key = g_strdup_printf("%s\n%s\n%s:%u", place->module, name,
                                 place->file != NULL ? place->file : "", place->line);
    guint index = add_line(self, key, name, place);
    g_array_append_val(lines, index);
}

static guint add_place(making *self, gchar *key, PfModule *module, guint64 address, GArray *lines) {
    pf_flame_place *place = g_new0(pf_flame_place, 1);
    place->module = module != NULL ? pf_module_ref(module) : NULL;
    place->address = address;
    place->lines = lines;
    g_ptr_array_add(self->flame->places, place);
    g_hash_table_insert(self->place_of, key, GUINT_TO_POINTER(self->flame->places->len));
    return self->flame->places->len - 1;
}

static guint place_of_function(making *self, const gchar *function) {
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(self->place_of, function));
    if (found != 0) {
        return found - 1;
    }
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(guint));
    guint line = add_line(self, g_strdup(function), g_strdup(function), NULL);
    g_array_append_val(lines, line);
    return add_place(self, g_strdup(function), NULL, 0, lines);
}

static guint place_of(making *self, PfModule *module, guint64 address) {
    guint64 inside = module != NULL ? address - module->bias : address;
    gchar *key =
        g_strdup_printf("@%s %s %" G_GINT64_MODIFIER "x", module != NULL ? module->build_id : "",
                        module != NULL ? module->path : "", inside);
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(self->place_of, key));
    if (found != 0) {
        g_free(key);
        return found - 1;
    }
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(self->symbolizer, module, address);
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(guint));
    append_line(self, lines, place);
    for (guint i = 0; place->callers != NULL && i < place->callers->len; i++) {
        append_line(self, lines, g_ptr_array_index(place->callers, i));
    }
    return add_place(self, key, module, inside, lines);
}

// --- paths

static void sort_stacks(making *self, GPtrArray *stacks) {
    for (guint i = 0; i < stacks->len; i++) {
        PfStack *stack = g_ptr_array_index(stacks, i);
        if (stack->depth == 0 || stack->weight <= 0) {
            continue;
        }
        gchar *key =
            pf_site_key(stack->function, stack->frames[0].module, stack->frames[0].address);
        GPtrArray *of = g_hash_table_lookup(self->stacks, key);
        if (of == NULL) {
            of = g_ptr_array_new();
            g_hash_table_insert(self->stacks, key, of);
        } else {
            g_free(key);
        }
        g_ptr_array_add(of, stack);
    }
}

// Of a part of the time; where no honest share is known, that of the timed calls.
static gdouble part_of(const PfStats *stats, PfReason reason) {
    gdouble share = stats->reasons[reason].share;
    gdouble all = 0;
    for (guint i = 0; share < 0 && i < PF_REASON_COUNT; i++) {
        all += (gdouble)stats->reasons[i].total_ns;
    }
    if (share < 0) {
        share = all > 0 ? (gdouble)stats->reasons[reason].total_ns / all : 0;
    }
    return share * pf_stats_get_cost_ns(stats);
}

static void add_path(making *self, const PfCallSite *site, const PfStack *stack, gdouble share,
                     gdouble time_share) {
    pf_flame_path *path = g_new0(pf_flame_path, 1);
    guint depth = stack != NULL ? stack->depth : site->address != 0;
    path->places = g_new0(guint, depth + 1);
    path->places[path->depth++] = place_of_function(self, site->function);
    for (guint i = 0; i < depth; i++) {
        path->places[path->depth++] =
            stack != NULL ? place_of(self, stack->frames[i].module, stack->frames[i].address)
                          : place_of(self, site->module, site->address);
    }
    const PfStats *stats = &site->stats;
    path->value[PF_FLAME_TIME] = time_share * pf_stats_get_cost_ns(stats);
    path->value[PF_FLAME_CALLS] = share * (gdouble)stats->message_count;
    path->value[PF_FLAME_BYTES] = share * (gdouble)stats->bytes;
    path->value[PF_FLAME_FLUSH] = time_share * part_of(stats, PF_REASON_FLUSH);
    path->value[PF_FLAME_LOCK] = time_share * part_of(stats, PF_REASON_LOCK);
    path->value[PF_FLAME_BLOCKED] = time_share * part_of(stats, PF_REASON_BLOCKED);
    g_ptr_array_add(self->flame->paths, path);
}

static void add_site(making *self, const PfCallSite *site) {
    g_autofree gchar *key = pf_site_key(site->function, site->module, site->address);
    const GPtrArray *stacks = g_hash_table_lookup(self->stacks, key);
    gdouble weight = 0;
    gdouble time = 0;
    if (stacks == NULL) {
        add_path(self, site, NULL, 1, 1);
        return;
    }
    for (guint i = 0; i < stacks->len; i++) {
        const PfStack *stack = g_ptr_array_index(stacks, i);
        weight += stack->weight;
        time += pf_stack_time(stack);
    }
    for (guint i = 0; i < stacks->len; i++) {
        const PfStack *stack = g_ptr_array_index(stacks, i);
        gdouble share = stack->weight / weight;
        add_path(self, site, stack, share, time > 0 ? pf_stack_time(stack) / time : share);
    }
}

pf_flame *pf_flame_new(PfSnapshot *snapshot, PfSymbolizer *symbolizer) {
    pf_flame *flame = g_new0(pf_flame, 1);
    flame->lines = g_ptr_array_new_with_free_func(line_free);
    flame->places = g_ptr_array_new_with_free_func(place_free);
    flame->paths = g_ptr_array_new_with_free_func(path_free);
    making work = {
        .flame = flame,
        .symbolizer = symbolizer,
        .line_of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .place_of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .stacks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify)g_ptr_array_unref),
    };
    sort_stacks(&work, pf_snapshot_get_stacks(snapshot));
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    for (guint i = 0; i < sites->len; i++) {
        add_site(&work, g_ptr_array_index(sites, i));
    }
    g_hash_table_unref(work.line_of);
    g_hash_table_unref(work.place_of);
    g_hash_table_unref(work.stacks);
    return flame;
}

void pf_flame_free(pf_flame *self) {
    g_ptr_array_unref(self->paths);
    g_ptr_array_unref(self->places);
    g_ptr_array_unref(self->lines);
    g_free(self);
}

gdouble pf_flame_total(const pf_flame *self, pf_flame_value value) {
    gdouble sum = 0;
    for (guint i = 0; i < self->paths->len; i++) {
        sum += pf_flame_path_at(self, i)->value[value];
    }
    return sum;
}
