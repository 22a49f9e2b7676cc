// SPDX-License-Identifier: Apache-2.0
// One setting: its row of the table, its value, and the line that says what is wrong with it.
#include "pf-setting.h"
#include "pf-print.h"
#include <string.h>

#define PREFIX "PROVIDE_PROFILING_"

typedef enum { TYPE_BOOL, TYPE_AMOUNT, TYPE_UINT, TYPE_CHOICE, TYPE_LIST, TYPE_TEXT } value_type;

static const struct row {
    const gchar *variable;
    value_type type;
    guint64 least;
    guint64 most;
    const gchar *words;
    const gchar *initial;
    const gchar *allowed;
    const gchar *meaning;
    const gchar *acts_in;
} rows[PF_SETTING_COUNT] = {
#define BOOL TYPE_BOOL, 0, 0, NULL
#define RATE AMOUNT(1)
#define AMOUNT(most) TYPE_AMOUNT, 0, most, NULL
#define TEXT TYPE_TEXT, 0, 0, NULL
#define UINT(least, most) TYPE_UINT, least, most, NULL
#define CHOICE(words) TYPE_CHOICE, 0, 0, words
#define LIST(words) TYPE_LIST, 0, 0, words
#define PF_VARIABLE(name, type, initial, allowed, meaning, acts)                                   \
    {PREFIX #name, type, initial, allowed, meaning, acts},
#include "pf-env.def"
#undef BOOL
#undef RATE
#undef AMOUNT
#undef TEXT
#undef UINT
#undef CHOICE
#undef LIST
};

const gchar *pf_setting_variable(pf_setting_id id) { return rows[id].variable; }
const gchar *pf_setting_default(pf_setting_id id) { return rows[id].initial; }
const gchar *pf_setting_allowed(pf_setting_id id) { return rows[id].allowed; }
const gchar *pf_setting_meaning(pf_setting_id id) { return rows[id].meaning; }

const gchar *pf_setting_name(pf_setting_id id) {
    static const gchar *names[PF_SETTING_COUNT];
    static gsize once;
    if (g_once_init_enter(&once)) {
        for (guint i = 0; i < PF_SETTING_COUNT; i++) {
            names[i] = g_ascii_strdown(rows[i].variable + strlen(PREFIX), -1);
        }
        g_once_init_leave(&once, 1);
    }
    return names[id];
}

// By where a setting acts; sections are for the reader of the file, names alone decide.
const gchar *pf_setting_section(pf_setting_id id) {
    const gchar *acts_in = rows[id].acts_in;
    return g_str_equal(acts_in, "library")    ? "processor"
           : g_str_equal(acts_in, "observer") ? "adaptive_sampling"
           : g_str_equal(acts_in, "report")   ? "report"
                                              : "exporter";
}

gboolean pf_setting_find(const gchar *name, gsize length, pf_setting_id *ret_id) {
    for (guint i = 0; i < PF_SETTING_COUNT; i++) {
        const gchar *known = rows[i].variable + strlen(PREFIX);
        if (length == strlen(known) && g_ascii_strncasecmp(name, known, length) == 0) {
            *ret_id = (pf_setting_id)i;
            return TRUE;
        }
    }
    return FALSE;
}

gchar **pf_setting_words(pf_setting_id id) { return g_strsplit(rows[id].words, " ", -1); }

// The place of `text` (any case) among space-separated `words`, -1 when it is none of them.
static gint place_of(const gchar *text, const gchar *words) {
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    for (gint i = 0; list[i] != NULL; i++) {
        if (g_ascii_strcasecmp(text, list[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static gboolean parse_place(const gchar *text, const gchar *words, guint64 *ret_place) {
    gint place = place_of(text, words);
    if (place >= 0) {
        *ret_place = (guint64)place;
    }
    return place >= 0;
}

static gboolean parse_list(const gchar *text, const gchar *words, guint64 *ret_bits) {
    g_auto(GStrv) parts = g_strsplit_set(text, ", ", -1);
    guint64 bits = 0;
    for (guint i = 0; parts[i] != NULL; i++) {
        gint place = parts[i][0] != 0 ? place_of(parts[i], words) : 0;
        if (place < 0) {
            return FALSE;
        }
        bits |= parts[i][0] != 0 ? G_GUINT64_CONSTANT(1) << place : 0;
    }
    *ret_bits = bits;
    return TRUE;
}

gboolean pf_setting_parse(pf_setting_id id, const gchar *text, pf_setting_value *ret_value) {
    const struct row *row = &rows[id];
    pf_setting_value value = {0};
    gboolean fine = TRUE;
    switch (row->type) {
    case TYPE_BOOL:
        fine = parse_place(text, "false true 0 1 no yes off on", &value.number);
        value.number &= 1;
        break;
    case TYPE_AMOUNT:
        fine = pf_parse_number(text, &value.real) && value.real <= (gdouble)row->most;
        break;
    case TYPE_UINT:
        fine = pf_parse_uint(text, &value.number) && value.number >= row->least &&
               value.number <= row->most;
        break;
    case TYPE_CHOICE: fine = parse_place(text, row->words, &value.number); break;
    case TYPE_LIST: fine = parse_list(text, row->words, &value.number); break;
    case TYPE_TEXT: break;
    }
    if (fine) {
        *ret_value = value;
    }
    return fine;
}

// A value as a person may have written it, made safe for one line of a terminal.
static void put_value(struct pf_out *out, const gchar *text) {
    pf_out_json(out, text, MIN(strlen(text), 80));
}

gchar *pf_setting_complaint(pf_setting_id id, const gchar *where, const gchar *text,
                            const gchar *instead) {
    gchar line[399]; // the same room as in the preloaded library, which cuts what is longer
    struct pf_out out = {.text = line, .size = sizeof line};
    pf_out(&out, "pfprof: ");
    if (where != NULL) {
        pf_out(&out, where);
        pf_out(&out, ": ");
    }
    pf_out(&out, rows[id].variable);
    pf_out(&out, "=");
    put_value(&out, text);
    pf_out(&out, " is not ");
    pf_out(&out, rows[id].allowed);
    pf_out(&out, "; using ");
    put_value(&out, instead);
    return g_strndup(line, out.used);
}

gchar *pf_setting_unknown(const gchar *where, const gchar *name) {
    gchar line[299];
    struct pf_out out = {.text = line, .size = sizeof line};
    pf_out(&out, "pfprof: ");
    pf_out(&out, where);
    pf_out(&out, ": ");
    put_value(&out, name);
    pf_out(&out, " is not the name of a setting; the line is left out");
    return g_strndup(line, out.used);
}

gchar *pf_setting_unreadable(const gchar *path) {
    gchar line[699];
    struct pf_out out = {.text = line, .size = sizeof line};
    pf_out(&out, "pfprof: " PREFIX "CONFIG=");
    pf_out_json(&out, path, strlen(path));
    pf_out(&out, " cannot be read; it should be a file of `name = value` lines");
    return g_strndup(line, out.used);
}
