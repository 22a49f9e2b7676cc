// SPDX-License-Identifier: Apache-2.0
// Writes a message in both encodings of OTLP.  In JSON, 64-bit numbers are strings, enums are numbers.
#include "pf-otlp-writer.h"
#include "pf-json-writer.h"
#include "pf-series.h"
#include "pf-wire.h"
#include <string.h>

gsize pf_otlp_begin(pf_otlp_writer *self, guint field, const gchar *name) {
    if (!self->is_json) {
        return pf_wire_begin(self->out, field);
    }
    pf_json_begin(&(pf_json){self->out}, name, '{');
    return 0;
}

void pf_otlp_end(pf_otlp_writer *self, gsize began) {
    if (self->is_json) {
        g_string_append_c(self->out, '}');
    } else {
        pf_wire_end(self->out, began);
    }
}

void pf_otlp_list(pf_otlp_writer *self, const gchar *name) {
    if (self->is_json) {
        pf_json_begin(&(pf_json){self->out}, name, '[');
    }
}

gsize pf_otlp_item(pf_otlp_writer *self, guint field) {
    if (!self->is_json) {
        return pf_wire_begin(self->out, field);
    }
    pf_json_element(&(pf_json){self->out}, '{');
    return 0;
}

void pf_otlp_list_end(pf_otlp_writer *self) {
    if (self->is_json) {
        g_string_append_c(self->out, ']');
    }
}

void pf_otlp_string(pf_otlp_writer *self, guint field, const gchar *name, const gchar *value) {
    if (self->is_json) {
        pf_json_string(&(pf_json){self->out}, name, value);
    } else {
        pf_wire_string(self->out, field, value);
    }
}

static void quoted_int(pf_otlp_writer *self, const gchar *name, gint64 value) {
    pf_json_name(&(pf_json){self->out}, name);
    g_string_append_printf(self->out, "\"%" G_GINT64_FORMAT "\"", value);
}

void pf_otlp_fixed64(pf_otlp_writer *self, guint field, const gchar *name, guint64 value) {
    if (self->is_json) {
        quoted_int(self, name, (gint64)value);
    } else {
        pf_wire_fixed64(self->out, field, value);
    }
}

void pf_otlp_int64(pf_otlp_writer *self, guint field, const gchar *name, gint64 value) {
    if (self->is_json) {
        quoted_int(self, name, value);
    } else {
        pf_wire_uint(self->out, field, (guint64)value);
    }
}

void pf_otlp_double(pf_otlp_writer *self, guint field, const gchar *name, gdouble value) {
    if (self->is_json) {
        pf_json_name(&(pf_json){self->out}, name);
        pf_put_number(self->out, value);
    } else {
        pf_wire_double(self->out, field, value);
    }
}

// Zeroes are left out by proto3.
void pf_otlp_sint(pf_otlp_writer *self, guint field, const gchar *name, gint32 value) {
    if (self->is_json) {
        pf_json_name(&(pf_json){self->out}, name);
        g_string_append_printf(self->out, "%d", value);
    } else if (value != 0) {
        pf_wire_sint(self->out, field, value);
    }
}

void pf_otlp_enum(pf_otlp_writer *self, guint field, const gchar *name, guint value) {
    if (self->is_json) {
        pf_json_uint(&(pf_json){self->out}, name, value);
    } else {
        pf_wire_uint(self->out, field, value);
    }
}

void pf_otlp_bool(pf_otlp_writer *self, guint field, const gchar *name, gboolean value) {
    if (self->is_json) {
        pf_json_bool(&(pf_json){self->out}, name, value);
    } else if (value) {
        pf_wire_uint(self->out, field, 1);
    }
}

void pf_otlp_counts(pf_otlp_writer *self, guint field, const gchar *name, const guint64 *values,
                    gsize count, gboolean is_fixed) {
    if (self->is_json) {
        pf_json_begin(&(pf_json){self->out}, name, '[');
        for (gsize i = 0; i < count; i++) {
            g_string_append_printf(self->out, "%s\"%" G_GUINT64_FORMAT "\"", i > 0 ? "," : "",
                                   values[i]);
        }
        g_string_append_c(self->out, ']');
        return;
    }
    gsize began = pf_wire_begin(self->out, field);
    for (gsize i = 0; i < count; i++) {
        guint64 little = GUINT64_TO_LE(values[i]);
        if (is_fixed) {
            g_string_append_len(self->out, (const gchar *)&little, sizeof little);
        } else {
            pf_wire_varint(self->out, values[i]);
        }
    }
    pf_wire_end(self->out, began);
}

void pf_otlp_doubles(pf_otlp_writer *self, guint field, const gchar *name, const gdouble *values,
                     gsize count) {
    if (self->is_json) {
        pf_json_begin(&(pf_json){self->out}, name, '[');
        for (gsize i = 0; i < count; i++) {
            g_string_append(self->out, i > 0 ? "," : "");
            pf_put_number(self->out, values[i]);
        }
        g_string_append_c(self->out, ']');
        return;
    }
    gsize began = pf_wire_begin(self->out, field);
    for (gsize i = 0; i < count; i++) {
        guint64 bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits = GUINT64_TO_LE(bits);
        g_string_append_len(self->out, (const gchar *)&bits, sizeof bits);
    }
    pf_wire_end(self->out, began);
}
