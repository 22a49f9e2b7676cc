// SPDX-License-Identifier: Apache-2.0
// How numbers and places look in `pfprof top`.
#pragma once
#include <pf-profiling.h>

// Three significant digits; "–" for what is not known (below 0).
gchar *pf_top_text_count(gdouble count);
gchar *pf_top_text_bytes(gdouble bytes);
gchar *pf_top_text_bytes_with_unit(gdouble bytes); // 88.1 MiB
gchar *pf_top_text_time(gdouble ns);
gchar *pf_top_text_percent(gdouble percent);
gchar *pf_top_text_change(gdouble percent); // with its sign
gchar *pf_top_text_clock(gdouble seconds);  // 12.8 s, 4:07, 1:02:03, 3d 04:05
gchar *pf_top_text_rate(gdouble rate);

// `src/log.c:88 in log_line`: the last folder of a path is enough to know a file by.
gchar *pf_top_text_place(const PfPlace *place);

// A command line without the folders of its program.
const gchar *pf_top_text_command(const PfProcess *process);

guint pf_top_text_width(const gchar *text);
// Keeps the end, which tells paths apart.
gchar *pf_top_text_tail(const gchar *text, guint most);
// Exactly `width` columns wide: cut with an ellipsis, or padded.
gchar *pf_top_text_fit(const gchar *text, guint width, gboolean to_the_right);
// For terminals without Unicode: every sign that we use by itself, all else as '?'.
gchar *pf_top_text_ascii(const gchar *text);
