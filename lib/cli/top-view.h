// SPDX-License-Identifier: Apache-2.0
// What a user has chosen to see of a model: table, order, filter, selection.
#pragma once
#include "top-details.h"
#include "top-model.h"
#include "top-screen.h"

typedef enum { PF_TOP_MODE_TABLE, PF_TOP_MODE_DETAILS, PF_TOP_MODE_HELP } pf_top_mode;
typedef enum { PF_TOP_ASK_NOTHING, PF_TOP_ASK_FILTER, PF_TOP_ASK_RESET } pf_top_ask;

typedef struct {
    pf_top_model *model;
    gdouble interval; // seconds
    pf_top_tab tab;
    pf_top_mode mode;
    pf_top_ask ask;
    gboolean is_paused;
    gboolean has_picker; // q leads back to it
    GString *filter;
    gchar *filter_before; // while a new one is typed
    struct {
        const pf_top_column *sort;
        gboolean ascending;
        gchar *selected; // key of a row
        guint at;
        guint first; // row on the first line
    } of[PF_TOP_TAB_COUNT];
    guint scroll; // of details and help
    guint scroll_most;
    guint page; // rows that fit
    GPtrArray *rows;
    gchar *message;
    gboolean message_is_bad;
    gint64 message_until_us;
} pf_top_view;

typedef enum {
    PF_TOP_GO_ON,
    PF_TOP_REFRESH, // look at the processes now
    PF_TOP_BACK,    // to the picker
    PF_TOP_QUIT,
} pf_top_outcome;

void pf_top_view_init(pf_top_view *self, pf_top_model *model, gdouble interval, pf_top_tab tab);
void pf_top_view_clear(pf_top_view *self);

// After a refresh, and whenever tab, order, filter or window has changed.
void pf_top_view_make_rows(pf_top_view *self);
const pf_top_row *pf_top_view_get_selected(pf_top_view *self); // NULL: there is none
void pf_top_view_select(pf_top_view *self, gint64 at);
void pf_top_view_say(pf_top_view *self, gboolean is_bad, const gchar *format, ...)
    G_GNUC_PRINTF(3, 4);

pf_top_outcome pf_top_view_key(pf_top_view *self, gint key);     // top-keys.c
void pf_top_view_draw(pf_top_view *self, pf_top_screen *screen); // top-draw.c
// top-header.c; give the next line.
gint pf_top_header_draw(pf_top_view *self, pf_top_screen *screen);
gchar *pf_top_window_text(pf_top_view *self); // which stretch of time is shown

extern const gchar *const pf_top_help[]; // lines, ends with NULL
