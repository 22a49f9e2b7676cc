// SPDX-License-Identifier: Apache-2.0
// What each key does.
#define NCURSES_NOMACROS // they take common words
#include "top-text.h"
#include "top-view.h"
#include <ncurses.h>
#include <string.h>

#define ESCAPE 27
#define CONTROL_L 12
#define CONTROL_U 21
#define MOST_FILTER 60u

const gchar *const pf_top_help[] = {
    "Tab  1 … 5      functions, call sites, threads, streams, levels",
    "↑ ↓ PgUp PgDn   choose a row; Home and End: the first, the last",
    "Enter           what is behind it: latencies, why so long, call stacks",
    "Esc  q          back; q leaves in the end, Q at once",
    "<  >            sort by another column;   s  the other way round",
    "/               only rows that hold a text;   Esc  all again",
    "w               window: last interval, last 10 s, whole run",
    "r               baseline: the whole begins now, in this view only",
    "b               mark this window and show changes against it;   b  no more",
    "p  Space        pause",
    "",
    "These change the process itself, for all who watch it:",
    "o               measuring off, on",
    "+  -            time more, fewer calls: 1, 0.5, 0.2, 0.1 ... of them",
    "R               its counts back to 0 (asks first), in its exit summary too",
    "",
    "calls/s and bytes/s are exact. cost: time in output, in % of wall time, threads",
    "added up; estimated from timed calls, ± is half the 95 % interval. ≈ and grey:",
    "too few were timed to tell. Latencies are of timed calls, right within 1/32.",
    "why: format in the process, flush to the kernel, lock of the FILE, blocked by it.",
    NULL,
};

// --- asking

static void end_filter(pf_top_view *self, gboolean keep) {
    if (!keep) {
        g_string_assign(self->filter, self->filter_before);
    }
    g_clear_pointer(&self->filter_before, g_free);
    self->ask = PF_TOP_ASK_NOTHING;
}

static void drop_last_letter(GString *text) {
    if (text->len > 0) {
        g_string_truncate(text, (gsize)(g_utf8_prev_char(text->str + text->len) - text->str));
    }
}

// Letters beyond ASCII come byte by byte; what is not whole yet is not shown.
static void type(GString *text, gint key) {
    if (key >= ' ' && key < 256 && key != 127 && text->len < MOST_FILTER) {
        g_string_append_c(text, (gchar)key);
    }
}

static void filter_key(pf_top_view *self, gint key) {
    switch (key) {
    case '\r':
    case '\n':
    case KEY_ENTER: end_filter(self, TRUE); break;
    case ESCAPE: end_filter(self, FALSE); break;
    case KEY_BACKSPACE:
    case '\b':
    case 127: drop_last_letter(self->filter); break;
    case CONTROL_U: g_string_truncate(self->filter, 0); break;
    default: type(self->filter, key); break;
    }
    if (g_utf8_validate(self->filter->str, -1, NULL)) {
        pf_top_view_make_rows(self);
    }
}

static pf_top_outcome reset_key(pf_top_view *self, gint key) {
    g_autoptr(GError) error = NULL;
    self->ask = PF_TOP_ASK_NOTHING;
    if (key != 'y' && key != 'Y') {
        pf_top_view_say(self, FALSE, "nothing was reset");
        return PF_TOP_GO_ON;
    }
    if (!pf_top_model_reset(self->model, &error)) {
        pf_top_view_say(self, TRUE, "%s", error->message);
        return PF_TOP_GO_ON;
    }
    pf_top_view_say(self, FALSE, "reset: every thread begins anew at its next call");
    return PF_TOP_REFRESH;
}

// --- orders to the process

static PfProcess *first_process(pf_top_view *self) {
    return pf_snapshot_get_process(pf_top_model_get_now(self->model));
}

static gboolean can_order(pf_top_view *self) {
    if (first_process(self) == NULL || pf_top_model_count_running(self->model) == 0) {
        pf_top_view_say(self, TRUE, "the process has ended");
        return FALSE;
    }
    return TRUE;
}

static pf_top_outcome switch_active(pf_top_view *self) {
    g_autoptr(GError) error = NULL;
    if (!can_order(self)) {
        return PF_TOP_GO_ON;
    }
    gboolean active = first_process(self)->state == PF_PROCESS_STATE_DORMANT;
    if (!pf_top_model_set_active(self->model, active, &error)) {
        pf_top_view_say(self, TRUE, "%s", error->message);
        return PF_TOP_GO_ON;
    }
    pf_top_view_say(self, FALSE,
                    active ? "measuring is on" : "measuring is off: calls pass uncounted");
    return PF_TOP_REFRESH;
}

static pf_top_outcome change_rate(pf_top_view *self, gboolean up) {
    static const gdouble steps[] = {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                    0.02,   0.05,   0.1,    0.2,   0.5,   1};
    g_autoptr(GError) error = NULL;
    if (!can_order(self)) {
        return PF_TOP_GO_ON;
    }
    gdouble now = first_process(self)->sample_rate;
    gdouble wanted = up ? 1 : steps[0];
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        guint at = up ? i : (guint)G_N_ELEMENTS(steps) - 1 - i;
        if (up ? steps[at] > now * 1.001 : steps[at] < now * 0.999) {
            wanted = steps[at];
            break;
        }
    }
    if (!pf_top_model_set_rate(self->model, wanted, &error)) {
        pf_top_view_say(self, TRUE, "%s", error->message);
        return PF_TOP_GO_ON;
    }
    g_autofree gchar *text = pf_top_text_rate(wanted);
    pf_top_view_say(self, FALSE, "rate %s: each thread takes it over at its next call", text);
    return PF_TOP_REFRESH;
}

// --- choosing

static void show_tab(pf_top_view *self, gint tab) {
    self->tab = (pf_top_tab)((tab + PF_TOP_TAB_COUNT) % PF_TOP_TAB_COUNT);
    self->mode = PF_TOP_MODE_TABLE;
    pf_top_view_make_rows(self);
}

static void sort_by(pf_top_view *self, gint step) {
    const pf_top_column *column = pf_top_column_next(self->tab, self->of[self->tab].sort, step);
    self->of[self->tab].sort = column;
    self->of[self->tab].ascending = pf_top_column_ascends(column);
    pf_top_view_make_rows(self);
    pf_top_view_say(self, FALSE, "sorted by %s", pf_top_column_title(column));
}

static void next_window(pf_top_view *self) {
    guint kind = pf_top_model_get_window_kind(self->model);
    pf_top_model_set_window_kind(self->model, (pf_top_window)((kind + 1) % PF_TOP_WINDOW_COUNT));
    pf_top_view_make_rows(self);
    g_autofree gchar *text = pf_top_window_text(self);
    pf_top_view_say(self, FALSE, "window: %s", text);
}

static void mark(pf_top_view *self) {
    gboolean on = pf_top_model_get_mark(self->model) == NULL;
    pf_top_model_set_mark(self->model, on);
    pf_top_view_make_rows(self);
    pf_top_view_say(self, FALSE,
                    on ? "marked: changes are shown against this window" : "mark removed");
}

static void move_by(pf_top_view *self, gint64 by) {
    if (self->mode == PF_TOP_MODE_TABLE) {
        pf_top_view_select(self, (gint64)self->of[self->tab].at + by);
    } else {
        self->scroll = (guint)CLAMP((gint64)self->scroll + by, 0, (gint64)self->scroll_most);
    }
}

static gboolean moving_key(pf_top_view *self, gint key) {
    switch (key) {
    case KEY_UP:
    case 'k': move_by(self, -1); break;
    case KEY_DOWN:
    case 'j': move_by(self, 1); break;
    case KEY_PPAGE: move_by(self, -(gint64)self->page); break;
    case KEY_NPAGE: move_by(self, self->page); break;
    case KEY_HOME:
    case 'g': move_by(self, -G_MAXINT32); break;
    case KEY_END:
    case 'G': move_by(self, G_MAXINT32); break;
    default: return FALSE;
    }
    return TRUE;
}

static void open_details(pf_top_view *self) {
    if (self->mode == PF_TOP_MODE_TABLE && pf_top_view_get_selected(self) != NULL) {
        pf_top_view_select(self, self->of[self->tab].at); // holds on to the row
        self->mode = PF_TOP_MODE_DETAILS;
        self->scroll = 0;
    }
}

static pf_top_outcome back(pf_top_view *self, gint key) {
    if (self->mode != PF_TOP_MODE_TABLE) {
        self->mode = PF_TOP_MODE_TABLE;
    } else if (key == ESCAPE && self->filter->len != 0) {
        g_string_truncate(self->filter, 0);
        pf_top_view_make_rows(self);
    } else if (self->has_picker) {
        return PF_TOP_BACK;
    } else if (key == 'q') {
        return PF_TOP_QUIT;
    }
    return PF_TOP_GO_ON;
}

static void pause_or_go_on(pf_top_view *self) {
    self->is_paused = !self->is_paused;
    pf_top_view_say(self, FALSE, self->is_paused ? "paused" : "going on");
}

static pf_top_outcome plain_key(pf_top_view *self, gint key) {
    switch (key) {
    case 'q':
    case ESCAPE:
    case KEY_BACKSPACE: return back(self, key);
    case 'Q': return PF_TOP_QUIT;
    case 'o': return switch_active(self);
    case '+':
    case '=': return change_rate(self, TRUE);
    case '-': return change_rate(self, FALSE);
    case '\t': show_tab(self, (gint)self->tab + 1); break;
    case KEY_BTAB: show_tab(self, (gint)self->tab - 1); break;
    case '<': sort_by(self, -1); break;
    case '>': sort_by(self, 1); break;
    case 'w': next_window(self); break;
    case 'b': mark(self); break;
    case 'p':
    case ' ': pause_or_go_on(self); break;
    case '\r':
    case '\n':
    case KEY_ENTER: open_details(self); break;
    case '?':
    case 'h':
        self->mode = PF_TOP_MODE_HELP;
        self->scroll = 0;
        break;
    case 's':
        self->of[self->tab].ascending = !self->of[self->tab].ascending;
        pf_top_view_make_rows(self);
        break;
    case '/':
        self->mode = PF_TOP_MODE_TABLE;
        self->ask = PF_TOP_ASK_FILTER;
        self->filter_before = g_strdup(self->filter->str);
        break;
    case 'r':
        pf_top_model_set_baseline(self->model);
        pf_top_view_make_rows(self);
        pf_top_view_say(self, FALSE, "baseline: figures since now");
        break;
    case 'R':
        if (can_order(self)) {
            self->ask = PF_TOP_ASK_RESET;
        }
        break;
    default: break;
    }
    return PF_TOP_GO_ON;
}

pf_top_outcome pf_top_view_key(pf_top_view *self, gint key) {
    if (key == KEY_RESIZE || key < 0) {
        return PF_TOP_GO_ON;
    }
    if (key == CONTROL_L) {
        clearok(curscr, TRUE);
        return PF_TOP_GO_ON;
    }
    if (self->ask == PF_TOP_ASK_FILTER) {
        filter_key(self, key);
        return PF_TOP_GO_ON;
    }
    if (self->ask == PF_TOP_ASK_RESET) {
        return reset_key(self, key);
    }
    if (key >= '1' && key < '1' + PF_TOP_TAB_COUNT) {
        show_tab(self, key - '1');
        return PF_TOP_GO_ON;
    }
    return moving_key(self, key) ? PF_TOP_GO_ON : plain_key(self, key);
}
