// SPDX-License-Identifier: Apache-2.0
// Numbers and places as a person reads them at a glance.
#include "top-text.h"
#include <math.h>
#include <string.h>

#define UNKNOWN "–"

// Three digits that count, below 1000.
static gchar *three_digits(gdouble value, const gchar *unit) {
    gint decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return g_strdup_printf("%.*f%s", decimals, value, unit);
}

static gchar *scaled(gdouble value, gdouble step, const gchar *const *units, guint unit_count) {
    guint unit = 0;
    while (unit + 1 < unit_count && value >= 999.5) {
        value /= step;
        unit++;
    }
    return three_digits(value, units[unit]);
}

gchar *pf_top_text_count(gdouble count) {
    static const gchar *const units[] = {"", "k", "M", "G", "T", "P"};
    if (count < 0) {
        return g_strdup(UNKNOWN);
    }
    if (count == 0 || (count < 999.5 && fabs(count - round(count)) < 0.005)) {
        return g_strdup_printf("%.0f", count);
    }
    return scaled(count, 1000, units, G_N_ELEMENTS(units));
}

gchar *pf_top_text_bytes(gdouble bytes) {
    static const gchar *const units[] = {"K", "M", "G", "T", "P"};
    if (bytes < 0) {
        return g_strdup(UNKNOWN);
    }
    return bytes < 999.5 ? g_strdup_printf("%.0f", bytes)
                         : scaled(bytes / 1024, 1024, units, G_N_ELEMENTS(units));
}

gchar *pf_top_text_bytes_with_unit(gdouble bytes) {
    g_autofree gchar *text = pf_top_text_bytes(bytes);
    gsize end = strlen(text) - 1;
    if (bytes < 0 || g_ascii_isdigit(text[end])) {
        return g_strdup_printf("%s B", text);
    }
    return g_strdup_printf("%.*s %ciB", (gint)end, text, text[end]);
}

gchar *pf_top_text_time(gdouble ns) {
    static const gchar *const units[] = {" µs", " ms", " s"};
    if (ns < 0) {
        return g_strdup(UNKNOWN);
    }
    return ns < 999.5 ? g_strdup_printf("%.0f ns", ns)
                      : scaled(ns / 1000, 1000, units, G_N_ELEMENTS(units));
}

gchar *pf_top_text_percent(gdouble percent) {
    if (percent < 0) {
        return g_strdup(UNKNOWN);
    }
    return percent != 0 && percent < 0.005 ? g_strdup("<.01") : three_digits(percent, "");
}

gchar *pf_top_text_change(gdouble percent) {
    if (isnan(percent)) {
        return g_strdup("–");
    }
    if (!isfinite(percent)) {
        return g_strdup("new");
    }
    return fabs(percent) >= 9999.5 ? g_strdup(percent > 0 ? ">9999" : "<-9999")
           : fabs(percent) < 9.95  ? g_strdup_printf("%+.1f", percent)
                                   : g_strdup_printf("%+.0f", percent);
}

gchar *pf_top_text_clock(gdouble seconds) {
    if (seconds < 60) {
        return g_strdup_printf("%.1f s", seconds);
    }
    guint64 all = (guint64)seconds;
    guint64 days = all / 86400;
    guint hours = (guint)(all / 3600 % 24);
    guint minutes = (guint)(all / 60 % 60);
    guint rest = (guint)(all % 60);
    if (days != 0) {
        return g_strdup_printf("%" G_GUINT64_FORMAT "d %02u:%02u", days, hours, minutes);
    }
    return hours != 0 ? g_strdup_printf("%u:%02u:%02u", hours, minutes, rest)
                      : g_strdup_printf("%u:%02u", minutes, rest);
}

gchar *pf_top_text_rate(gdouble rate) {
    gchar digits[G_ASCII_DTOSTR_BUF_SIZE];
    return g_strdup(g_ascii_formatd(digits, sizeof digits, "%.4g", rate));
}

gchar *pf_top_text_place(const PfPlace *place) {
    if (place->file == NULL) {
        return pf_place_to_string(place);
    }
    const gchar *start = place->file + strlen(place->file);
    for (guint slashes = 0; start > place->file; start--) {
        if (start[-1] == '/' && ++slashes == 2) {
            break;
        }
    }
    return place->function != NULL
               ? g_strdup_printf("%s:%u in %s", start, place->line, place->function)
               : g_strdup_printf("%s:%u", start, place->line);
}

const gchar *pf_top_text_command(const PfProcess *process) {
    if (*process->command == 0) {
        return process->program;
    }
    const gchar *start = process->command;
    for (const gchar *at = start; *at != 0 && *at != ' '; at++) {
        start = *at == '/' && at[1] != 0 && at[1] != ' ' ? at + 1 : start;
    }
    return start;
}

static guint columns_of(gunichar letter) {
    return g_unichar_iszerowidth(letter) ? 0 : g_unichar_iswide(letter) ? 2 : 1;
}

guint pf_top_text_width(const gchar *text) {
    guint width = 0;
    for (; *text != 0; text = g_utf8_next_char(text)) {
        width += columns_of(g_utf8_get_char(text));
    }
    return width;
}

static void pad(GString *to, guint columns) {
    for (guint i = 0; i < columns; i++) {
        g_string_append_c(to, ' ');
    }
}

gchar *pf_top_text_tail(const gchar *text, guint most) {
    guint left = pf_top_text_width(text);
    if (left <= most) {
        return g_strdup(text);
    }
    while (*text != 0 && left + 1 > most) {
        left -= columns_of(g_utf8_get_char(text));
        text = g_utf8_next_char(text);
    }
    return g_strconcat("…", text, NULL);
}

gchar *pf_top_text_fit(const gchar *text, guint width, gboolean to_the_right) {
    GString *fitted = g_string_new(NULL);
    guint whole = pf_top_text_width(text);
    if (whole <= width) {
        pad(fitted, to_the_right ? width - whole : 0);
        g_string_append(fitted, text);
        pad(fitted, to_the_right ? 0 : width - whole);
        return g_string_free(fitted, FALSE);
    }
    guint used = 0;
    for (; width > 0; text = g_utf8_next_char(text)) {
        guint columns = columns_of(g_utf8_get_char(text));
        if (used + columns > width - 1) {
            g_string_append(fitted, "…");
            pad(fitted, width - 1 - used);
            break;
        }
        g_string_append_unichar(fitted, g_utf8_get_char(text));
        used += columns;
    }
    return g_string_free(fitted, FALSE);
}

static gchar ascii_for(gunichar letter) {
    static const struct {
        gunichar from;
        gchar to;
    } table[] = {
        {0xb5, 'u'},   {0x2013, '-'}, {0x2026, '~'}, {0x2248, '~'}, {0x394, 'd'},
        {0xb7, '.'},   {0x25b2, '^'}, {0x25bc, 'v'}, {0x2192, '>'}, {0x2500, '-'},
        {0x2190, '<'}, {0x2191, '^'}, {0x2193, 'v'}, {0x2514, '`'},
    };
    if (letter < 0x80) {
        return (gchar)letter;
    }
    if (letter >= 0x2581 && letter <= 0x2588) {
        return "_.:-=+*#"[letter - 0x2581];
    }
    if (letter >= 0x2589 && letter <= 0x258f) {
        return letter <= 0x258c ? '#' : '|'; // half and more of a bar's last column
    }
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].from == letter) {
            return table[i].to;
        }
    }
    return '?';
}

// A wide letter becomes two signs, so that columns stay where they are.
gchar *pf_top_text_ascii(const gchar *text) {
    GString *plain = g_string_new(NULL);
    for (; *text != 0; text = g_utf8_next_char(text)) {
        gunichar letter = g_utf8_get_char(text);
        if (letter == 0xb1) {
            g_string_append(plain, "+-"); // between words, where one column more does not matter
            continue;
        }
        for (guint i = columns_of(letter); i > 0; i--) {
            g_string_append_c(plain, ascii_for(letter));
        }
    }
    return g_string_free(plain, FALSE);
}
