// SPDX-License-Identifier: Apache-2.0
// The terminal: begun, drawn on, waited on, and given back whatever happens.
#pragma once
#include "top-columns.h"

typedef struct {
    gboolean colour;
    gboolean unicode;
    gint rows;
    gint columns;
} pf_top_screen;

// What pf_top_screen_wait() gives beside characters and the keys of ncurses.
#define PF_TOP_KEY_NONE (-1) // time is up
#define PF_TOP_KEY_STOP (-2) // SIGINT, SIGTERM, SIGHUP, or the terminal is gone

gboolean pf_top_screen_begin(pf_top_screen *self, gboolean colour, gboolean unicode,
                             GError **error);
void pf_top_screen_end(pf_top_screen *self);
// The signal that asked us to stop; 0: none.
gint pf_top_screen_stopped_by(void);

void pf_top_screen_clear(pf_top_screen *self);
void pf_top_screen_show(pf_top_screen *self);
// Writes UTF-8 from a column on, at most up to the end of the line; gives the next column.
gint pf_top_screen_put(pf_top_screen *self, gint row, gint column, pf_top_style style,
                       const gchar *text);
// The same, in exactly `width` columns.
gint pf_top_screen_put_cell(pf_top_screen *self, gint row, gint column, gint width,
                            pf_top_style style, const gchar *text, gboolean to_the_right);
void pf_top_screen_fill(pf_top_screen *self, gint row, pf_top_style style);

// A key, until a moment of g_get_monotonic_time(); has adapted to a new size when it is KEY_RESIZE.
gint pf_top_screen_wait(pf_top_screen *self, gint64 until_us);
