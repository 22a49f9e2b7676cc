// SPDX-License-Identifier: Apache-2.0
// Puts a view on the screen: table, details or help, and the line at the bottom.
#include "top-text.h"
#include "top-view.h"

// --- the table

static void draw_titles(pf_top_view *self, pf_top_screen *screen, gint row,
                        const pf_top_layout *layout) {
    gint column = 0;
    pf_top_screen_fill(screen, row, PF_TOP_STYLE_TITLE);
    for (guint i = 0; i < layout->count; i++) {
        const pf_top_column *of = layout->column[i];
        gboolean right = pf_top_column_is_right(of);
        const gchar *sign = of != self->of[self->tab].sort  ? ""
                            : self->of[self->tab].ascending ? "▲"
                                                            : "▼";
        // To the right of a name; before figures, where it may take the space between columns.
        g_autofree gchar *title =
            g_strdup_printf("%s%s%s%s", i > 0 && !right ? " " : "", right ? sign : "",
                            pf_top_column_title(of), right ? "" : sign);
        column = pf_top_screen_put_cell(screen, row, column, (gint)layout->width[i],
                                        PF_TOP_STYLE_TITLE, title, right);
    }
}

static void draw_row(pf_top_screen *screen, gint row, const pf_top_layout *layout,
                     const pf_top_row *of, gboolean selected) {
    gint column = 0;
    if (selected) {
        pf_top_screen_fill(screen, row, PF_TOP_STYLE_SELECTED);
    }
    for (guint i = 0; i < layout->count; i++) {
        const pf_top_column *by = layout->column[i];
        gint width = (gint)layout->width[i];
        pf_top_style style = selected ? PF_TOP_STYLE_SELECTED : pf_top_column_style(by, of);
        g_autofree gchar *text = pf_top_column_text(by, of, layout->width[i] - (i > 0));
        if (i > 0) { // the space between columns stays one, however long the text is
            column = pf_top_screen_put(screen, row, column,
                                       selected ? PF_TOP_STYLE_SELECTED : PF_TOP_STYLE_PLAIN, " ");
            width--;
        }
        column = pf_top_screen_put_cell(screen, row, column, width, style, text,
                                        pf_top_column_is_right(by));
    }
}

static const gchar *why_empty(pf_top_view *self) {
    const PfProcess *process = pf_snapshot_get_process(pf_top_model_get_now(self->model));
    if (process == NULL) {
        return "no profiled process of yours is running: pfprof run -- COMMAND starts one";
    }
    return self->filter->len != 0                       ? "no row has this text; Esc shows all"
           : process->state == PF_PROCESS_STATE_DORMANT ? "measuring is off; o switches it on"
                                                        : "no output in this window";
}

static void draw_table(pf_top_view *self, pf_top_screen *screen, gint row) {
    pf_top_layout layout =
        pf_top_layout_for(self->tab, (guint)screen->columns,
                          pf_top_model_get_mark(self->model) != NULL, self->of[self->tab].sort);
    draw_titles(self, screen, row++, &layout);
    gint room = MAX(screen->rows - 1 - row, 1);
    guint at = self->of[self->tab].at;
    guint first = self->of[self->tab].first;
    first = MIN(first, at);
    first = MAX(first, at >= (guint)room ? at - (guint)room + 1 : 0);
    self->of[self->tab].first = first;
    self->page = (guint)room;
    for (guint i = 0; i < (guint)room && first + i < self->rows->len; i++) {
        draw_row(screen, row + (gint)i, &layout, g_ptr_array_index(self->rows, first + i),
                 first + i == at);
    }
    if (self->rows->len == 0) {
        pf_top_screen_put(screen, row, 2, PF_TOP_STYLE_DIM, why_empty(self));
    }
}

// --- scrolled lines

static guint begin_scroll(pf_top_view *self, pf_top_screen *screen, gint row, guint count) {
    guint room = (guint)MAX(screen->rows - 1 - row, 1);
    self->page = room;
    self->scroll_most = count > room ? count - room : 0;
    self->scroll = MIN(self->scroll, self->scroll_most);
    return room;
}

static void draw_details(pf_top_view *self, pf_top_screen *screen, gint row) {
    const pf_top_row *of = pf_top_view_get_selected(self);
    pf_top_screen_fill(screen, row, PF_TOP_STYLE_TITLE);
    if (of == NULL) {
        pf_top_screen_put(screen, row + 1, 2, PF_TOP_STYLE_DIM,
                          "no calls in this window; Esc leads back");
        return;
    }
    g_autofree gchar *title = of->function != NULL && of->call_site != NULL
                                  ? g_strdup_printf("%s at %s", of->function, of->name)
                                  : g_strdup(of->name);
    pf_top_screen_put(screen, row++, 0, PF_TOP_STYLE_TITLE, title);
    g_autoptr(GPtrArray) lines =
        pf_top_details_new(pf_top_model_get_window(self->model),
                           pf_top_model_get_symbolizer(self->model), of, (guint)screen->columns);
    guint room = begin_scroll(self, screen, row, lines->len);
    for (guint i = 0; i < room && self->scroll + i < lines->len; i++) {
        const pf_top_line *line = g_ptr_array_index(lines, self->scroll + i);
        pf_top_screen_put(screen, row + (gint)i, 0, line->style, line->text);
    }
}

static void draw_help(pf_top_view *self, pf_top_screen *screen) {
    guint count = 0;
    while (pf_top_help[count] != NULL) {
        count++;
    }
    pf_top_screen_put(screen, 0, 0, PF_TOP_STYLE_BOLD, "pfprof top: keys");
    guint room = begin_scroll(self, screen, 2, count);
    for (guint i = 0; i < room && self->scroll + i < count; i++) {
        pf_top_screen_put(screen, 2 + (gint)i, 1, PF_TOP_STYLE_PLAIN,
                          pf_top_help[self->scroll + i]);
    }
}

// --- the line at the bottom

static void draw_hint(pf_top_view *self, pf_top_screen *screen, gint row) {
    static const gchar *const hints[] = {"Tab next", "Enter details", "/ filter",
                                         "<> sort",  "w window",      "b mark",
                                         "p pause",  "? help",        "q quit"};
    gint column = 0;
    if (self->mode != PF_TOP_MODE_TABLE) {
        pf_top_screen_put(screen, row, 0, PF_TOP_STYLE_DIM,
                          self->scroll_most > 0 ? "Esc back   ↑ ↓ PgUp PgDn scroll" : "Esc back");
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(hints); i++) {
        const gchar *hint = i + 1 == G_N_ELEMENTS(hints) && self->has_picker ? "q back" : hints[i];
        if (column + (gint)pf_top_text_width(hint) > screen->columns) {
            return;
        }
        column = pf_top_screen_put(screen, row, column, PF_TOP_STYLE_DIM, hint) + 2;
    }
}

static void draw_bottom(pf_top_view *self, pf_top_screen *screen) {
    gint row = screen->rows - 1;
    gboolean is_said = self->message != NULL && g_get_monotonic_time() < self->message_until_us;
    if (self->ask == PF_TOP_ASK_FILTER) {
        g_autofree gchar *valid = g_utf8_make_valid(self->filter->str, -1);
        g_autofree gchar *text = g_strdup_printf("/%s_   Enter keep, Esc as before", valid);
        pf_top_screen_put(screen, row, 0, PF_TOP_STYLE_BOLD, text);
    } else if (self->ask == PF_TOP_ASK_RESET) {
        pf_top_screen_put(screen, row, 0, PF_TOP_STYLE_WARN,
                          pf_top_model_is_merged(self->model)
                              ? "reset the counts of all these processes to 0, for everybody? y/n"
                              : "reset the counts of this process to 0, for everybody? y/n");
    } else if (is_said) {
        pf_top_screen_put(screen, row, 0,
                          self->message_is_bad ? PF_TOP_STYLE_BAD : PF_TOP_STYLE_BOLD,
                          self->message);
    } else {
        draw_hint(self, screen, row);
    }
}

void pf_top_view_draw(pf_top_view *self, pf_top_screen *screen) {
    pf_top_screen_clear(screen);
    if (self->mode == PF_TOP_MODE_HELP) {
        draw_help(self, screen);
    } else {
        gint row = pf_top_header_draw(self, screen);
        if (self->mode == PF_TOP_MODE_DETAILS) {
            draw_details(self, screen, row);
        } else {
            draw_table(self, screen, row);
        }
    }
    draw_bottom(self, screen);
    pf_top_screen_show(screen);
}
