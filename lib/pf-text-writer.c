// SPDX-License-Identifier: Apache-2.0
// Text in columns.
#include "pf-text-writer.h"
#include <string.h>

void pf_text_add(pf_text *self, const gchar *text) { g_string_append(self->text, text); }

void pf_text_format(pf_text *self, const gchar *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    g_string_append_vprintf(self->text, format, arguments);
    va_end(arguments);
}

void pf_text_ink(pf_text *self, pf_ink ink, const gchar *text) {
    static const gchar *const codes[] = {"", "\033[1m", "\033[2m", "\033[33m", "\033[31m"};
    if (!self->colour || ink == PF_INK_PLAIN) {
        pf_text_add(self, text);
        return;
    }
    pf_text_format(self, "%s%s\033[0m", codes[ink], text);
}

void pf_text_heading(pf_text *self, const gchar *line) {
    pf_text_add(self, "\n");
    pf_text_ink(self, PF_INK_BOLD, line);
    pf_text_add(self, "\n");
}

void pf_text_more(pf_text *self, guint all, guint shown, const gchar *what) {
    guint left = all > shown ? all - shown : 0;
    if (left > 0) { // "1 more line"
        pf_text_format(self, "  and %u more %.*s\n", left, (gint)strlen(what) - (left == 1), what);
    }
}

guint pf_text_spare(const pf_text *self) { return self->width - PF_TEXT_LEAST_WIDTH; }

// Columns of a text: characters of double width count twice, combining ones not at all.
static guint columns_of(const gchar *text) {
    guint columns = 0;
    for (; *text != 0; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        columns += g_unichar_iswide(c) ? 2 : g_unichar_iszerowidth(c) ? 0 : 1;
    }
    return columns;
}

static void pad(pf_text *self, guint from, guint to) {
    for (; from < to; from++) {
        g_string_append_c(self->text, ' ');
    }
}

gchar *pf_text_plain(const gchar *text) {
    GString *safe = g_string_new(NULL);
    for (; *text != 0; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        g_string_append_unichar(safe, g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 ? '.' : c);
    }
    return g_string_free(safe, FALSE);
}

void pf_text_left(pf_text *self, guint columns, const gchar *text) {
    g_autofree gchar *safe = pf_text_plain(text);
    guint used = columns_of(safe);
    if (used <= columns) {
        pf_text_add(self, safe);
        pad(self, used, columns);
        return;
    }
    gchar *end = safe;
    for (used = 0; *end != 0; end = g_utf8_next_char(end)) {
        gunichar c = g_utf8_get_char(end);
        guint more = g_unichar_iswide(c) ? 2 : g_unichar_iszerowidth(c) ? 0 : 1;
        if (used + more + 1 > columns) {
            break;
        }
        used += more;
    }
    *end = 0;
    pf_text_format(self, "%s…", safe);
    pad(self, used + 1, columns);
}

void pf_text_left_tail(pf_text *self, guint columns, const gchar *text) {
    g_autofree gchar *safe = pf_text_plain(text);
    guint used = columns_of(safe);
    const gchar *start = safe;
    gboolean cut = used > columns;
    while (used + cut > columns && *start != 0) {
        gunichar c = g_utf8_get_char(start);
        used -= g_unichar_iswide(c) ? 2 : g_unichar_iszerowidth(c) ? 0 : 1;
        start = g_utf8_next_char(start);
    }
    pf_text_format(self, "%s%s", cut ? "…" : "", start);
    pad(self, used + cut, columns);
}

void pf_text_right(pf_text *self, guint columns, const gchar *text) {
    guint used = columns_of(text);
    g_string_append_c(self->text, ' ');
    pad(self, used + 1, columns);
    pf_text_add(self, text);
}

// Calls one of the formatters of the exit summary.
#define FORMATTED(name, put)                                                                       \
    gchar name[64];                                                                                \
    struct pf_out name##_out = {.text = name, .size = sizeof name - 1};                            \
    put;                                                                                           \
    name[name##_out.used] = 0

void pf_text_duration(pf_text *self, guint columns, gdouble ns) {
    FORMATTED(text, pf_out_duration(&text_out, MAX(ns, 0)));
    pf_text_right(self, columns, ns < 0 ? "–" : text);
}

void pf_text_size(pf_text *self, guint columns, gdouble bytes) {
    FORMATTED(text, pf_out_size(&text_out, MAX(bytes, 0)));
    pf_text_right(self, columns, bytes < 0 ? "–" : text);
}

void pf_text_count(pf_text *self, guint columns, gdouble count) {
    FORMATTED(text, pf_out_count(&text_out, MAX(count, 0)));
    pf_text_right(self, columns, count < 0 ? "–" : text);
}

void pf_text_percent(pf_text *self, guint columns, gdouble percent) {
    g_autofree gchar *text = percent < 0      ? g_strdup("–")
                             : percent < 0.05 ? g_strdup("0 %")
                             : percent < 10   ? g_strdup_printf("%.1f %%", percent)
                                              : g_strdup_printf("%.0f %%", percent);
    pf_text_right(self, columns, text);
}

gchar *pf_duration_text(gdouble ns) {
    FORMATTED(text, pf_out_duration(&text_out, MAX(ns, 0)));
    return g_strdup(text);
}

gchar *pf_grouped_text(guint64 value) {
    FORMATTED(text, pf_out_grouped(&text_out, value));
    return g_strdup(text);
}

gchar *pf_per_second_text(gdouble rate) {
    FORMATTED(text, pf_out_per_second(&text_out, rate));
    return g_strdup(text);
}
