// SPDX-License-Identifier: Apache-2.0
// The processes that are watched, a short past of snapshots, and differences of them.
#include "top-model.h"

#define SLIDING_US (10 * G_USEC_PER_SEC)
#define SPACING_US                                                                                 \
    (G_USEC_PER_SEC * 9 / 10) // of the past, so that a short interval does not fill memory

typedef struct {
    PfTarget *target;
    PfSnapshot *last;
    gboolean is_over;
} watched;

typedef struct {
    PfSnapshot *snapshot;
    gint64 time_us;
} moment;

struct _pf_top_model {
    GPtrArray *processes; // watched
    GHashTable *known;    // paths of segments that were looked at
    gboolean is_merged;
    PfSymbolizer *symbolizer;
    GQueue past; // moment, oldest first; the last one is now
    PfSnapshot *baseline;
    PfSnapshot *mark;
    pf_top_window kind;
    PfSnapshot *window;
};

static void watched_free(gpointer data) {
    watched *self = data;
    g_clear_object(&self->target);
    g_clear_object(&self->last);
    g_free(self);
}

static void moment_free(gpointer data) {
    moment *self = data;
    g_object_unref(self->snapshot);
    g_free(self);
}

static pf_top_model *model_new(void) {
    pf_top_model *self = g_new0(pf_top_model, 1);
    self->processes = g_ptr_array_new_with_free_func(watched_free);
    self->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->symbolizer = pf_symbolizer_new();
    self->kind = PF_TOP_WINDOW_SLIDING;
    g_queue_init(&self->past);
    return self;
}

void pf_top_model_free(pf_top_model *self) {
    if (self == NULL) {
        return;
    }
    g_ptr_array_unref(self->processes);
    g_hash_table_unref(self->known);
    g_object_unref(self->symbolizer);
    g_queue_clear_full(&self->past, moment_free);
    g_clear_object(&self->baseline);
    g_clear_object(&self->mark);
    g_clear_object(&self->window);
    g_free(self);
}

// --- processes

static gboolean is_over(PfSnapshot *snapshot) {
    PfProcess *process = pf_snapshot_get_process(snapshot);
    return process->state == PF_PROCESS_STATE_ENDED || process->state == PF_PROCESS_STATE_KILLED;
}

static watched *watch(pf_top_model *self, PfTarget *target) {
    watched *process = g_new0(watched, 1);
    process->target = target;
    g_ptr_array_add(self->processes, process);
    return process;
}

static gboolean look_at(watched *process, GError **error) {
    if (process->is_over) {
        return TRUE;
    }
    PfSnapshot *snapshot = pf_target_take_snapshot(process->target, PF_SNAPSHOT_DEFAULT, error);
    if (snapshot == NULL) {
        return FALSE;
    }
    g_set_object(&process->last, snapshot);
    g_object_unref(snapshot);
    process->is_over = is_over(process->last);
    return TRUE;
}

pf_top_model *pf_top_model_new_from_pid(guint pid, GError **error) {
    PfTarget *target = pf_target_new_from_pid(pid, error);
    if (target == NULL) {
        return NULL;
    }
    pf_top_model *self = model_new();
    watch(self, target);
    if (!pf_top_model_refresh(self, error)) {
        pf_top_model_free(self);
        return NULL;
    }
    return self;
}

// Processes that have begun since; what had ended before is not part of what is watched.
static void find_more(pf_top_model *self) {
    g_autoptr(GPtrArray) paths = pf_snapshot_list_files();
    for (guint i = 0; i < paths->len; i++) {
        const gchar *path = g_ptr_array_index(paths, i);
        if (!g_hash_table_add(self->known, g_strdup(path))) {
            continue;
        }
        PfTarget *target = pf_target_new_from_file(path, NULL);
        if (target == NULL) {
            continue;
        }
        watched *process = watch(self, target);
        if (!look_at(process, NULL) || process->is_over) {
            g_ptr_array_remove_fast(self->processes, process);
        }
    }
}

pf_top_model *pf_top_model_new_of_all(void) {
    pf_top_model *self = model_new();
    self->is_merged = TRUE;
    pf_top_model_refresh(self, NULL);
    return self;
}

guint pf_top_model_count_running(pf_top_model *self) {
    guint count = 0;
    for (guint i = 0; i < self->processes->len; i++) {
        count += !((watched *)g_ptr_array_index(self->processes, i))->is_over;
    }
    return count;
}

gboolean pf_top_model_is_merged(pf_top_model *self) { return self->is_merged; }

gboolean pf_top_model_is_over(pf_top_model *self) {
    return !self->is_merged && pf_top_model_count_running(self) == 0;
}

// --- windows

static const moment *nth_last(pf_top_model *self, guint n) {
    guint length = g_queue_get_length(&self->past);
    return n < length ? g_queue_peek_nth(&self->past, length - 1 - n) : NULL;
}

// What the window begins with; NULL: the start of the process.
static PfSnapshot *window_start(pf_top_model *self) {
    const moment *now = nth_last(self, 0);
    if (self->kind == PF_TOP_WINDOW_WHOLE || nth_last(self, 1) == NULL) {
        return self->baseline;
    }
    if (self->kind == PF_TOP_WINDOW_INTERVAL) {
        return nth_last(self, 1)->snapshot;
    }
    for (GList *at = self->past.head; at != NULL; at = at->next) {
        const moment *then = at->data;
        if (then != now && now->time_us - then->time_us <= SLIDING_US + SPACING_US / 2) {
            return then->snapshot;
        }
    }
    return nth_last(self, 1)->snapshot;
}

static void make_window(pf_top_model *self) {
    g_clear_object(&self->window);
    PfSnapshot *now = pf_top_model_get_now(self);
    PfSnapshot *start = window_start(self);
    if (start != NULL && start != now) {
        self->window = pf_snapshot_delta(now, start, NULL);
    }
    if (self->window == NULL) {
        self->window = g_object_ref(now);
    }
}

// The last two moments always stay; of those before, one for each second of the sliding window.
static void thin_out(pf_top_model *self, gint64 now_us) {
    const moment *oldest;
    while ((oldest = g_queue_peek_head(&self->past)) != NULL &&
           g_queue_get_length(&self->past) > 2 &&
           now_us - oldest->time_us > SLIDING_US + SPACING_US) {
        moment_free(g_queue_pop_head(&self->past));
    }
    const moment *third = nth_last(self, 2);
    const moment *fourth = nth_last(self, 3);
    if (fourth != NULL && third->time_us - fourth->time_us < SPACING_US) {
        moment_free(g_queue_pop_nth(&self->past, g_queue_get_length(&self->past) - 3));
    }
}

static PfSnapshot *unite(pf_top_model *self) {
    if (!self->is_merged) {
        return g_object_ref(((watched *)g_ptr_array_index(self->processes, 0))->last);
    }
    g_autofree PfSnapshot **all = g_new0(PfSnapshot *, self->processes->len + 1);
    guint count = 0;
    for (guint i = 0; i < self->processes->len; i++) {
        all[count++] = ((watched *)g_ptr_array_index(self->processes, i))->last;
    }
    return pf_snapshot_merge(all, count);
}

gboolean pf_top_model_refresh(pf_top_model *self, GError **error) {
    if (self->is_merged) {
        find_more(self);
    }
    for (guint i = self->processes->len; i-- > 0;) {
        watched *process = g_ptr_array_index(self->processes, i);
        if (!look_at(process, self->is_merged ? NULL : error)) {
            if (!self->is_merged) {
                return FALSE;
            }
            g_ptr_array_remove_index(self->processes, i); // damaged: without it then
        }
    }
    moment *now = g_new0(moment, 1);
    now->snapshot = unite(self);
    now->time_us = g_get_monotonic_time();
    g_queue_push_tail(&self->past, now);
    thin_out(self, now->time_us);
    make_window(self);
    return TRUE;
}

PfSnapshot *pf_top_model_get_now(pf_top_model *self) { return nth_last(self, 0)->snapshot; }
PfSnapshot *pf_top_model_get_window(pf_top_model *self) { return self->window; }
PfSymbolizer *pf_top_model_get_symbolizer(pf_top_model *self) { return self->symbolizer; }
pf_top_window pf_top_model_get_window_kind(pf_top_model *self) { return self->kind; }
gboolean pf_top_model_has_baseline(pf_top_model *self) { return self->baseline != NULL; }
PfSnapshot *pf_top_model_get_mark(pf_top_model *self) { return self->mark; }

gdouble pf_top_model_get_window_seconds(pf_top_model *self) {
    return pf_snapshot_get_uptime_seconds(self->window);
}

void pf_top_model_set_window_kind(pf_top_model *self, pf_top_window kind) {
    self->kind = kind;
    make_window(self);
}

void pf_top_model_set_baseline(pf_top_model *self) {
    g_set_object(&self->baseline, pf_top_model_get_now(self));
    moment *now = g_queue_pop_tail(&self->past);
    g_queue_clear_full(&self->past, moment_free);
    g_queue_push_tail(&self->past, now);
    self->kind = PF_TOP_WINDOW_WHOLE;
    make_window(self);
}

void pf_top_model_set_mark(pf_top_model *self, gboolean marked) {
    PfSnapshot *window = marked ? self->window : NULL;
    g_set_object(&self->mark, window);
}

// --- orders

typedef gboolean (*order)(PfController *to, gdouble value, GError **error);

static gboolean order_active(PfController *to, gdouble value, GError **error) {
    return pf_controller_set_active(to, value != 0, error);
}

static gboolean order_reset(PfController *to, gdouble value G_GNUC_UNUSED, GError **error) {
    return pf_controller_reset(to, error);
}

static gboolean give_one(watched *process, order how, gdouble value, GError **error) {
    g_autoptr(PfController) to =
        pf_controller_new_for_file(pf_target_get_path(process->target), error);
    return to != NULL && how(to, value, error);
}

// One that fails does not keep the others from it; the first error is told.
static gboolean give(pf_top_model *self, order how, gdouble value, GError **error) {
    gboolean good = TRUE;
    for (guint i = 0; i < self->processes->len; i++) {
        watched *process = g_ptr_array_index(self->processes, i);
        if (!process->is_over && !give_one(process, how, value, good ? error : NULL)) {
            good = FALSE;
        }
    }
    return good;
}

gboolean pf_top_model_set_active(pf_top_model *self, gboolean active, GError **error) {
    return give(self, order_active, active, error);
}

gboolean pf_top_model_set_rate(pf_top_model *self, gdouble rate, GError **error) {
    return give(self, pf_controller_set_rate, rate, error);
}

gboolean pf_top_model_reset(pf_top_model *self, GError **error) {
    return give(self, order_reset, 0, error);
}
