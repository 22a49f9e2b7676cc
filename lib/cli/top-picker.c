// SPDX-License-Identifier: Apache-2.0
// Shows this user's profiled processes with what they write now.
#define NCURSES_NOMACROS // they take common words
#include "top-picker.h"
#include "top-text.h"
#include <ncurses.h>
#include <string.h>

#define ESCAPE 27

typedef struct {
    gchar *path;
    PfTarget *target;
    PfSnapshot *last;
    PfSnapshot *window; // what came since the look before
    gboolean is_listed;
} candidate;

typedef struct {
    pf_top_screen *screen;
    GPtrArray *candidates;
    guint at; // 0: all together
    guint pid;
} picker;

static void candidate_free(gpointer data) {
    candidate *self = data;
    g_free(self->path);
    g_clear_object(&self->target);
    g_clear_object(&self->last);
    g_clear_object(&self->window);
    g_free(self);
}

// --- looking

static gboolean look_at(candidate *self) {
    PfSnapshot *now = pf_target_take_snapshot(self->target, PF_SNAPSHOT_DEFAULT, NULL);
    if (now == NULL) {
        return FALSE;
    }
    g_clear_object(&self->window);
    self->window = self->last != NULL ? pf_snapshot_delta(now, self->last, NULL) : NULL;
    if (self->window == NULL) {
        self->window = g_object_ref(now);
    }
    g_set_object(&self->last, now);
    g_object_unref(now);
    PfProcessState state = pf_snapshot_get_process(self->last)->state;
    return state == PF_PROCESS_STATE_ACTIVE || state == PF_PROCESS_STATE_DORMANT;
}

static candidate *find(picker *self, const gchar *path) {
    for (guint i = 0; i < self->candidates->len; i++) {
        candidate *one = g_ptr_array_index(self->candidates, i);
        if (strcmp(one->path, path) == 0) {
            return one;
        }
    }
    PfTarget *target = pf_target_new_from_file(path, NULL);
    if (target == NULL) {
        return NULL;
    }
    candidate *one = g_new0(candidate, 1);
    one->path = g_strdup(path);
    one->target = target;
    g_ptr_array_add(self->candidates, one);
    return one;
}

// A share of wall time: windows differ in length.
static gdouble cost_share(const candidate *self) {
    gdouble seconds = pf_snapshot_get_uptime_seconds(self->window);
    gdouble cost = pf_stats_get_cost_ns(pf_snapshot_get_messages(self->window)) +
                   pf_stats_get_cost_ns(pf_snapshot_get_flushes(self->window));
    return seconds > 0 ? cost / seconds / 1e9 : 0;
}

static gint busier_first(gconstpointer a, gconstpointer b) {
    const candidate *one = *(candidate *const *)a;
    const candidate *other = *(candidate *const *)b;
    gdouble x = cost_share(one);
    gdouble y = cost_share(other);
    return x < y ? 1 : x > y ? -1 : strcmp(one->path, other->path);
}

static const PfProcess *process_at(picker *self, guint at) {
    return at > 0 && at <= self->candidates->len
               ? pf_snapshot_get_process(
                     ((candidate *)g_ptr_array_index(self->candidates, at - 1))->last)
               : NULL;
}

static void look(picker *self) {
    g_autoptr(GPtrArray) paths = pf_snapshot_list_files();
    for (guint i = 0; i < self->candidates->len; i++) {
        ((candidate *)g_ptr_array_index(self->candidates, i))->is_listed = FALSE;
    }
    for (guint i = 0; i < paths->len; i++) {
        candidate *one = find(self, g_ptr_array_index(paths, i));
        if (one != NULL) {
            one->is_listed = look_at(one);
        }
    }
    for (guint i = self->candidates->len; i-- > 0;) {
        if (!((candidate *)g_ptr_array_index(self->candidates, i))->is_listed) {
            g_ptr_array_remove_index(self->candidates, i);
        }
    }
    g_ptr_array_sort(self->candidates, busier_first);
    for (guint i = 1; self->pid != 0 && i <= self->candidates->len; i++) {
        if (process_at(self, i)->pid == self->pid) {
            self->at = i;
        }
    }
    self->at = MIN(self->at, self->candidates->len);
}

// --- drawing

#define FIGURES "messages/s   bytes/s   of wall"

static gchar *figures(const candidate *of) {
    const PfStats *messages = pf_snapshot_get_messages(of->window);
    gdouble seconds = pf_snapshot_get_uptime_seconds(of->window);
    gdouble each = seconds > 0 ? 1 / seconds : 0;
    g_autofree gchar *calls = pf_top_text_count((gdouble)messages->message_count * each);
    g_autofree gchar *bytes = pf_top_text_bytes((gdouble)messages->bytes * each);
    g_autofree gchar *percent = pf_top_text_percent(100 * cost_share(of));
    return g_strdup_printf("%10s%10s %6s %%", calls, bytes, percent);
}

static void draw_line(picker *self, gint row, guint at) {
    pf_top_style style = at == self->at ? PF_TOP_STYLE_SELECTED : PF_TOP_STYLE_PLAIN;
    pf_top_screen_fill(self->screen, row, style);
    if (at == 0) {
        pf_top_screen_put(self->screen, row, 1, style, "all together");
        return;
    }
    const candidate *one = g_ptr_array_index(self->candidates, at - 1);
    const PfProcess *process = pf_snapshot_get_process(one->last);
    g_autofree gchar *what = figures(one);
    g_autofree gchar *text =
        g_strdup_printf("%8u  %-8s%s  %s", process->pid, pf_process_state_to_string(process->state),
                        what, pf_top_text_command(process));
    pf_top_screen_put(self->screen, row, 0, style, text);
}

static void draw(picker *self) {
    pf_top_screen *screen = self->screen;
    pf_top_screen_clear(screen);
    pf_top_screen_put(screen, 0, 0, PF_TOP_STYLE_BOLD, "pfprof top: which process?");
    pf_top_screen_fill(screen, 2, PF_TOP_STYLE_TITLE);
    pf_top_screen_put(screen, 2, 0, PF_TOP_STYLE_TITLE, "     pid  state   " FIGURES "  command");
    guint room = (guint)MAX(screen->rows - 4, 1);
    guint first = self->at >= room ? self->at - room + 1 : 0;
    for (guint i = 0; i < room && first + i <= self->candidates->len; i++) {
        draw_line(self, 3 + (gint)i, first + i);
    }
    if (self->candidates->len == 0) {
        pf_top_screen_put(screen, 5, 1, PF_TOP_STYLE_DIM,
                          "no profiled process of yours is running; `pfprof run -- COMMAND`, or");
        pf_top_screen_put(
            screen, 6, 1, PF_TOP_STYLE_DIM,
            "LD_PRELOAD=libpfprof.so PROVIDE_PROFILING_ENABLED=true COMMAND starts one");
    }
    pf_top_screen_put(screen, screen->rows - 1, 0, PF_TOP_STYLE_DIM,
                      "↑ ↓ choose   Enter watch   a all together   q quit");
    pf_top_screen_show(screen);
}

// --- keys

static gboolean choose(picker *self, pf_top_pick *ret_pick) {
    const PfProcess *process = process_at(self, self->at);
    *ret_pick = process != NULL ? PF_TOP_PICK_ONE : PF_TOP_PICK_ALL;
    self->pid = process != NULL ? process->pid : self->pid;
    return TRUE;
}

static void move_by(picker *self, gint64 by) {
    self->at = (guint)CLAMP((gint64)self->at + by, 0, (gint64)self->candidates->len);
    const PfProcess *process = process_at(self, self->at);
    self->pid = process != NULL ? process->pid : 0;
}

// TRUE: *ret_pick is the choice.
static gboolean on_key(picker *self, gint key, pf_top_pick *ret_pick) {
    switch (key) {
    case KEY_UP:
    case 'k': move_by(self, -1); return FALSE;
    case KEY_DOWN:
    case 'j': move_by(self, 1); return FALSE;
    case KEY_PPAGE: move_by(self, -(gint64)self->screen->rows); return FALSE;
    case KEY_NPAGE: move_by(self, self->screen->rows); return FALSE;
    case KEY_HOME: move_by(self, -G_MAXINT32); return FALSE;
    case KEY_END: move_by(self, G_MAXINT32); return FALSE;
    case 'a': self->at = 0; return choose(self, ret_pick);
    case '\r':
    case '\n':
    case KEY_ENTER: return choose(self, ret_pick);
    case 'q':
    case 'Q':
    case ESCAPE:
    case PF_TOP_KEY_STOP: *ret_pick = PF_TOP_PICK_NONE; return TRUE;
    default: return FALSE;
    }
}

pf_top_pick pf_top_picker_run(pf_top_screen *screen, gdouble interval, guint *pid) {
    picker self = {.screen = screen, .pid = *pid};
    pf_top_pick pick = PF_TOP_PICK_NONE;
    self.candidates = g_ptr_array_new_with_free_func(candidate_free);
    look(&self);
    if (self.candidates->len > 0 && self.at == 0) {
        move_by(&self, 1);
    }
    gint64 next_us = g_get_monotonic_time() + (gint64)(interval * G_USEC_PER_SEC);
    for (;;) {
        draw(&self);
        gint key = pf_top_screen_wait(screen, next_us);
        if (on_key(&self, key, &pick)) {
            break;
        }
        if (g_get_monotonic_time() >= next_us) {
            look(&self);
            next_us = g_get_monotonic_time() + (gint64)(interval * G_USEC_PER_SEC);
        }
    }
    g_ptr_array_unref(self.candidates);
    *pid = self.pid;
    return pick;
}
