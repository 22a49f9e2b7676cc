// SPDX-License-Identifier: Apache-2.0
// Writes JSON member by member.
#include "pf-json-writer.h"
#include "pf-print.h"
#include <string.h>

static void comma(pf_json *self) {
    gchar last = self->text->len > 0 ? self->text->str[self->text->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':') {
        g_string_append_c(self->text, ',');
    }
}

static void quoted(pf_json *self, const gchar *value) {
    gsize length = strlen(value);
    g_autofree gchar *room = g_malloc(6 * length + 3); // \u0000 for each byte
    struct pf_out out = {.text = room, .size = 6 * length + 3};
    pf_out_json(&out, value, length);
    g_string_append_len(self->text, room, (gssize)out.used);
}

void pf_json_name(pf_json *self, const gchar *name) {
    comma(self);
    quoted(self, name);
    g_string_append_c(self->text, ':');
}

void pf_json_begin(pf_json *self, const gchar *name, gchar bracket) {
    pf_json_name(self, name);
    g_string_append_c(self->text, bracket);
}

void pf_json_element(pf_json *self, gchar bracket) {
    comma(self);
    if (bracket != 0) {
        g_string_append_c(self->text, bracket);
    }
}

void pf_json_end(pf_json *self, gchar bracket) { g_string_append_c(self->text, bracket); }

void pf_json_uint(pf_json *self, const gchar *name, guint64 value) {
    pf_json_name(self, name);
    g_string_append_printf(self->text, "%" G_GUINT64_FORMAT, value);
}

void pf_json_number(pf_json *self, gdouble value, guint decimals) {
    gchar format[16];
    gchar digits[400]; // the largest double has 309 before the point
    g_snprintf(format, sizeof format, "%%.%uf", MIN(decimals, 20));
    g_string_append(self->text, g_ascii_formatd(digits, sizeof digits, format,
                                                value >= -1e300 && value <= 1e300 ? value : 0));
}

void pf_json_fixed(pf_json *self, const gchar *name, gdouble value, guint decimals) {
    pf_json_name(self, name);
    pf_json_number(self, value, decimals);
}

void pf_json_null(pf_json *self, const gchar *name) {
    pf_json_name(self, name);
    g_string_append(self->text, "null");
}

void pf_json_known(pf_json *self, const gchar *name, gdouble value, guint decimals) {
    if (value >= 0) {
        pf_json_fixed(self, name, value, decimals);
    } else {
        pf_json_null(self, name);
    }
}

void pf_json_string(pf_json *self, const gchar *name, const gchar *value) {
    if (value == NULL) {
        pf_json_null(self, name);
        return;
    }
    pf_json_name(self, name);
    quoted(self, value);
}

void pf_json_bool(pf_json *self, const gchar *name, gboolean value) {
    pf_json_name(self, name);
    g_string_append(self->text, value ? "true" : "false");
}
