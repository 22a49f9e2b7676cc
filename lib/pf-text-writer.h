// SPDX-License-Identifier: Apache-2.0
// Text in columns, cut to width and safe for a terminal.  Internal.
#pragma once
#include "pf-print.h"
#include <glib.h>

#define PF_TEXT_LEAST_WIDTH 80u
#define PF_TEXT_MOST_WIDTH 160u

typedef struct {
    GString *text;
    guint width; // of the terminal
    gboolean colour;
} pf_text;

typedef enum { PF_INK_PLAIN, PF_INK_BOLD, PF_INK_DIM, PF_INK_WARN, PF_INK_BAD } pf_ink;

// What a terminal could take for an order becomes a dot.  Free with g_free.
gchar *pf_text_plain(const gchar *text);
void pf_text_add(pf_text *self, const gchar *text);
void pf_text_format(pf_text *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
void pf_text_ink(pf_text *self, pf_ink ink, const gchar *text);
void pf_text_heading(pf_text *self, const gchar *line);
void pf_text_more(pf_text *self, guint all, guint shown, const gchar *what); // what: a plural
guint pf_text_spare(const pf_text *self); // columns that a wider terminal gives to names

// In `columns` columns; text that is too long is cut at the end (`left`) or, for places, at the start.
void pf_text_left(pf_text *self, guint columns, const gchar *text);
void pf_text_left_tail(pf_text *self, guint columns, const gchar *text);
void pf_text_right(pf_text *self, guint columns, const gchar *text);

// Numbers as the exit summary writes them, right-aligned; negative: a dash.
void pf_text_duration(pf_text *self, guint columns, gdouble ns);
void pf_text_size(pf_text *self, guint columns, gdouble bytes);
void pf_text_count(pf_text *self, guint columns, gdouble count);
void pf_text_percent(pf_text *self, guint columns, gdouble percent);

gchar *pf_duration_text(gdouble ns);
gchar *pf_grouped_text(guint64 value);   // 1 284 310
gchar *pf_per_second_text(gdouble rate); // 100 024.1
