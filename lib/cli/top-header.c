// SPDX-License-Identifier: Apache-2.0
// The lines above the table: who, how much, how sure.
#include "top-text.h"
#include "top-view.h"
#include <math.h>
#include <string.h>

#define GAP 3 // 2 where every column counts
#define NARROW 100
#define LOW 16

// Facts, most important first; what finds no room in the line is left out.
typedef struct {
    pf_top_screen *screen;
    gint row;
    gint column;
} facts;

G_GNUC_PRINTF(3, 4)
static void fact(facts *to, pf_top_style style, const gchar *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    g_autofree gchar *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (to->column + (gint)pf_top_text_width(text) <= to->screen->columns) {
        to->column = pf_top_screen_put(to->screen, to->row, to->column, style, text);
        to->column += to->screen->columns < NARROW ? GAP - 1 : GAP;
    }
}

// --- who

static pf_top_style state_style(PfProcessState state) {
    return state == PF_PROCESS_STATE_ACTIVE    ? PF_TOP_STYLE_GOOD
           : state == PF_PROCESS_STATE_DORMANT ? PF_TOP_STYLE_WARN
           : state == PF_PROCESS_STATE_KILLED  ? PF_TOP_STYLE_BAD
                                               : PF_TOP_STYLE_BOLD;
}

static gchar *state_text(const PfProcess *process) {
    if (process->state == PF_PROCESS_STATE_ENDED) {
        const gchar *how = *process->how != 0 ? process->how : "ended";
        return process->exit_status >= 0
                   ? g_strdup_printf("ended: %s %d", how, process->exit_status)
                   : g_strdup_printf("ended: %s", how);
    }
    return g_strdup(pf_process_state_to_string(process->state));
}

static void draw_who(pf_top_view *self, pf_top_screen *screen) {
    const PfProcess *process = pf_snapshot_get_process(pf_top_model_get_now(self->model));
    g_autofree gchar *wall =
        pf_top_text_clock(pf_snapshot_get_uptime_seconds(pf_top_model_get_now(self->model)));
    if (pf_top_model_is_merged(self->model) || process == NULL) {
        facts line = {screen, 0, 0};
        fact(&line, PF_TOP_STYLE_BOLD, "pfprof top");
        fact(&line, PF_TOP_STYLE_PLAIN, "%u of your processes together",
             pf_top_model_count_running(self->model));
        fact(&line, PF_TOP_STYLE_PLAIN, "wall %s", wall);
        return;
    }
    g_autofree gchar *state = state_text(process);
    g_autofree gchar *right = g_strdup_printf("%s   wall %s", state, wall);
    gint width = (gint)pf_top_text_width(right);
    gint column = pf_top_screen_put(screen, 0, 0, PF_TOP_STYLE_BOLD, "pfprof top");
    g_autofree gchar *pid = g_strdup_printf("   pid %u   ", process->pid);
    column = pf_top_screen_put(screen, 0, column, PF_TOP_STYLE_PLAIN, pid);
    gint room = screen->columns - column - width - GAP;
    if (room >= 8) {
        pf_top_screen_put_cell(screen, 0, column, room, PF_TOP_STYLE_BOLD,
                               pf_top_text_command(process), FALSE);
        column += room + GAP;
    }
    column = pf_top_screen_put(screen, 0, column, state_style(process->state), state);
    pf_top_screen_put(screen, 0, column, PF_TOP_STYLE_PLAIN, right + strlen(state));
}

// --- how much

gchar *pf_top_window_text(pf_top_view *self) {
    g_autofree gchar *length = pf_top_text_clock(pf_top_model_get_window_seconds(self->model));
    gboolean whole = pf_top_model_get_window_kind(self->model) == PF_TOP_WINDOW_WHOLE;
    const gchar *of = !whole                                   ? "last"
                      : pf_top_model_has_baseline(self->model) ? "since the baseline"
                                                               : "whole run";
    return g_strdup_printf("%s %s", of, length);
}

static void draw_totals(pf_top_view *self, pf_top_screen *screen) {
    PfSnapshot *window = pf_top_model_get_window(self->model);
    const PfStats *messages = pf_snapshot_get_messages(window);
    const PfStats *flushes = pf_snapshot_get_flushes(window);
    gdouble seconds = pf_top_model_get_window_seconds(self->model);
    gdouble each = seconds > 0 ? 1 / seconds : 0;
    g_autofree gchar *calls = pf_top_text_count((gdouble)messages->message_count * each);
    g_autofree gchar *bytes = pf_top_text_bytes_with_unit((gdouble)messages->bytes * each);
    g_autofree gchar *share = pf_top_text_percent(
        (pf_stats_get_cost_ns(messages) + pf_stats_get_cost_ns(flushes)) * each / 1e7);
    facts line = {screen, 1, 0};
    fact(&line, PF_TOP_STYLE_BOLD, "%s messages/s", calls);
    fact(&line, PF_TOP_STYLE_BOLD, "%s/s", bytes);
    if (pf_stats_has_estimate(messages) || messages->message_count == 0) {
        const PfEstimate *estimate = &messages->estimate;
        gdouble wide = (estimate->high_ns - estimate->low_ns) / 2 * each / 1e7;
        g_autofree gchar *more = pf_top_text_percent(wide);
        fact(&line, PF_TOP_STYLE_BOLD, "output %s ± %s %% of wall", share, more);
    } else {
        fact(&line, PF_TOP_STYLE_DIM, "output ≈%s %% of wall", share);
    }
    g_autofree gchar *when = pf_top_window_text(self);
    fact(&line, PF_TOP_STYLE_DIM, "%s", when);
}

// --- how sure

static guint64 count_lost(PfSnapshot *now) {
    guint64 lost = 0;
    for (const gchar *const *reason = pf_snapshot_get_lost_reasons(); *reason != NULL; reason++) {
        lost += pf_snapshot_get_lost(now, *reason);
    }
    return lost;
}

static void draw_quality(pf_top_view *self, pf_top_screen *screen) {
    PfSnapshot *now = pf_top_model_get_now(self->model);
    const PfProcess *process = pf_snapshot_get_process(now);
    const PfCoverage *coverage = pf_snapshot_get_coverage(now);
    guint64 lost = count_lost(now);
    g_autofree gchar *rate = pf_top_text_rate(process != NULL ? process->sample_rate : 0);
    facts line = {screen, 2, 0};
    fact(&line, PF_TOP_STYLE_PLAIN, "rate %s", rate);
    fact(&line, lost != 0 ? PF_TOP_STYLE_WARN : PF_TOP_STYLE_PLAIN, "lost %" G_GUINT64_FORMAT,
         lost);
    if (coverage->is_known) {
        // Cut and not rounded: 99.999 is not all of it.
        fact(&line, coverage->percent < 99 ? PF_TOP_STYLE_WARN : PF_TOP_STYLE_PLAIN,
             "coverage %.2f %%", floor(coverage->percent * 100) / 100);
    } else {
        fact(&line, PF_TOP_STYLE_DIM, "coverage not known");
    }
    if (process != NULL && process->is_partial) {
        fact(&line, PF_TOP_STYLE_BAD, "partial: memory ran out");
    }
    fact(&line, PF_TOP_STYLE_PLAIN, "threads %u", pf_snapshot_get_thread_count(now));
    const PfStats *messages = pf_snapshot_get_messages(now);
    g_autofree gchar *all = pf_top_text_count((gdouble)messages->message_count);
    fact(&line, PF_TOP_STYLE_PLAIN, "%s messages in all", all);
    if (messages->error_count != 0) {
        g_autofree gchar *failed = pf_top_text_count((gdouble)messages->error_count);
        fact(&line, PF_TOP_STYLE_WARN, "%s failed", failed);
    }
}

// --- the tables' names

static void draw_tabs(pf_top_view *self, pf_top_screen *screen, gint row) {
    gint column = 0;
    for (guint i = 0; i < PF_TOP_TAB_COUNT; i++) {
        g_autofree gchar *name = g_strdup_printf(" %u %s ", i + 1, pf_top_tab_name((pf_top_tab)i));
        column = pf_top_screen_put(screen, row, column,
                                   i == self->tab ? PF_TOP_STYLE_TITLE : PF_TOP_STYLE_DIM, name);
    }
    facts line = {screen, row, column + 1};
    if (self->is_paused) {
        fact(&line, PF_TOP_STYLE_WARN, "paused");
    }
    if (pf_top_model_get_mark(self->model) != NULL) {
        fact(&line, PF_TOP_STYLE_WARN, "Δ mark");
    }
    if (self->filter->len != 0 && self->ask != PF_TOP_ASK_FILTER) {
        g_autofree gchar *valid = g_utf8_make_valid(self->filter->str, -1);
        fact(&line, PF_TOP_STYLE_WARN, "/%s", valid);
    }
}

gint pf_top_header_draw(pf_top_view *self, pf_top_screen *screen) {
    draw_who(self, screen);
    draw_totals(self, screen);
    draw_quality(self, screen);
    gint tabs = screen->rows < LOW ? 3 : 4; // an empty line, where there is room for it
    draw_tabs(self, screen, tabs);
    return tabs + 1;
}
