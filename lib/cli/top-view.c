// SPDX-License-Identifier: Apache-2.0
// Keeps what was chosen while the rows below it change.
#include "top-view.h"
#include <string.h>

#define MESSAGE_US (4 * G_USEC_PER_SEC)

void pf_top_view_init(pf_top_view *self, pf_top_model *model, gdouble interval, pf_top_tab tab) {
    *self = (pf_top_view){.model = model, .interval = interval, .tab = tab, .page = 1};
    self->filter = g_string_new(NULL);
    for (guint i = 0; i < PF_TOP_TAB_COUNT; i++) {
        self->of[i].sort = pf_top_column_default((pf_top_tab)i);
    }
    pf_top_view_make_rows(self);
}

void pf_top_view_clear(pf_top_view *self) {
    g_string_free(self->filter, TRUE);
    g_free(self->filter_before);
    for (guint i = 0; i < PF_TOP_TAB_COUNT; i++) {
        g_free(self->of[i].selected);
    }
    g_clear_pointer(&self->rows, g_ptr_array_unref);
    g_free(self->message);
}

void pf_top_view_say(pf_top_view *self, gboolean is_bad, const gchar *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    g_free(self->message);
    self->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    self->message_is_bad = is_bad;
    self->message_until_us = g_get_monotonic_time() + MESSAGE_US;
}

static gint find_selected(pf_top_view *self) {
    const gchar *wanted = self->of[self->tab].selected;
    for (guint i = 0; wanted != NULL && i < self->rows->len; i++) {
        if (strcmp(((pf_top_row *)g_ptr_array_index(self->rows, i))->key, wanted) == 0) {
            return (gint)i;
        }
    }
    return -1;
}

void pf_top_view_make_rows(pf_top_view *self) {
    PfSymbolizer *symbolizer = pf_top_model_get_symbolizer(self->model);
    PfSnapshot *mark = pf_top_model_get_mark(self->model);
    g_clear_pointer(&self->rows, g_ptr_array_unref);
    self->rows = pf_top_rows_new(pf_top_model_get_window(self->model), self->tab, symbolizer);
    if (mark != NULL) {
        g_autoptr(GPtrArray) before = pf_top_rows_new(mark, self->tab, symbolizer);
        pf_top_rows_compare(self->rows, before);
    }
    if (self->filter->len != 0) {
        pf_top_rows_filter(self->rows, self->filter->str);
    }
    pf_top_rows_sort(self->rows, self->of[self->tab].sort, self->of[self->tab].ascending);
    // The selection stays with its row; before anything was chosen, it is the first one, whichever.
    gint found = find_selected(self);
    if (found >= 0) {
        self->of[self->tab].at = (guint)found;
    } else if (self->rows->len > 0) {
        self->of[self->tab].at = MIN(self->of[self->tab].at, self->rows->len - 1);
    }
}

const pf_top_row *pf_top_view_get_selected(pf_top_view *self) {
    if (self->mode == PF_TOP_MODE_DETAILS) {
        gint found = find_selected(self);
        return found >= 0 ? g_ptr_array_index(self->rows, (guint)found) : NULL;
    }
    guint at = self->of[self->tab].at;
    return at < self->rows->len ? g_ptr_array_index(self->rows, at) : NULL;
}

void pf_top_view_select(pf_top_view *self, gint64 at) {
    if (self->rows->len == 0) {
        return;
    }
    self->of[self->tab].at = (guint)CLAMP(at, 0, (gint64)self->rows->len - 1);
    g_free(self->of[self->tab].selected);
    pf_top_row *row = g_ptr_array_index(self->rows, self->of[self->tab].at);
    self->of[self->tab].selected = g_strdup(row->key);
}
