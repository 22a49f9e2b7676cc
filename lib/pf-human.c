// SPDX-License-Identifier: Apache-2.0
// Numbers and foreign text for people, in the words of the exit summary.
#include "pf-human.h"
#include "pf-print.h"
#include <string.h>

typedef void write_fn(struct pf_out *out, double value);

static gchar *write_number(write_fn *write, gdouble value) {
    gchar text[40];
    struct pf_out out = {.text = text, .size = sizeof text};
    if (!(value >= 0)) { // NaN too
        return g_strdup("–");
    }
    write(&out, value);
    return g_strndup(text, out.used);
}

/**
 * pf_human_duration:
 * @ns: nanoseconds; negative: not known
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): such as `1.62 s`, `402 ms`, `9.1 µs`, `47 ns`; a dash when not known
 */
gchar *pf_human_duration(gdouble ns) { return write_number(pf_out_duration, ns); }

/**
 * pf_human_bytes:
 * @bytes: bytes; negative: not known
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): such as `88.1 MiB`; a dash when not known
 */
gchar *pf_human_bytes(gdouble bytes) { return write_number(pf_out_size, bytes); }

/**
 * pf_human_count:
 * @count: how many; negative: not known
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): such as `63.3k`; a dash when not known
 */
gchar *pf_human_count(gdouble count) { return write_number(pf_out_count, count); }

static guint columns_of(gunichar c) {
    return g_unichar_iswide(c) ? 2 : g_unichar_iszerowidth(c) ? 0 : 1;
}

/**
 * pf_human_columns:
 * @text: UTF-8
 *
 * Any thread may call this.
 *
 * Returns: how many columns of a terminal it takes
 */
guint pf_human_columns(const gchar *text) {
    guint columns = 0;
    g_return_val_if_fail(text != NULL, 0);
    for (const gchar *at = text; *at != 0; at = g_utf8_next_char(at)) {
        columns += columns_of(g_utf8_get_char(at));
    }
    return columns;
}

/**
 * pf_human_text:
 * @text: text of a profiled program, of whatever bytes
 * @columns: the most columns it may take; 0: any number
 *
 * Makes foreign text fit for a line of a terminal: valid UTF-8, nothing that a terminal takes for an
 * order, cut at the end with `…`.
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): the text
 */
gchar *pf_human_text(const gchar *text, guint columns) {
    g_return_val_if_fail(text != NULL, NULL);
    g_autofree gchar *valid = g_utf8_make_valid(text, -1);
    GString *fit = g_string_new(NULL);
    gsize cut_at = 0; // where the last but one column ends
    guint used = 0;
    for (const gchar *at = valid; *at != 0; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        GUnicodeType type = g_unichar_type(c);
        // Control characters, and what turns the direction of text around.
        gboolean order = type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR ||
                         type == G_UNICODE_PARAGRAPH_SEPARATOR || (c >= 0x202a && c <= 0x202e) ||
                         (c >= 0x2066 && c <= 0x2069);
        c = c == '\n' || c == '\t' ? ' ' : order ? '.' : c;
        guint width = columns_of(c);
        if (columns != 0 && used + width > columns) {
            g_string_truncate(fit, cut_at);
            g_string_append(fit, "…");
            break;
        }
        g_string_append_unichar(fit, c);
        used += width;
        if (used + 1 <= columns) {
            cut_at = fit->len;
        }
    }
    return g_string_free(fit, FALSE);
}
