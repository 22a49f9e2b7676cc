// SPDX-License-Identifier: Apache-2.0
// Writes protocol buffers, field by field.
#include "pf-wire.h"
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2 };

void pf_wire_varint(GString *out, guint64 value) {
    for (; value > 127; value >>= 7) {
        g_string_append_c(out, (gchar)(value | 128));
    }
    g_string_append_c(out, (gchar)value);
}

static void tag(GString *out, guint field, guint wire) {
    pf_wire_varint(out, (guint64)field << 3 | wire);
}

void pf_wire_uint(GString *out, guint field, guint64 value) {
    tag(out, field, WIRE_VARINT);
    pf_wire_varint(out, value);
}

void pf_wire_sint(GString *out, guint field, gint64 value) {
    pf_wire_uint(out, field, (guint64)value << 1 ^ (guint64)(value >> 63));
}

void pf_wire_fixed64(GString *out, guint field, guint64 value) {
    guint64 little = GUINT64_TO_LE(value);
    tag(out, field, WIRE_FIXED64);
    g_string_append_len(out, (const gchar *)&little, sizeof little);
}

void pf_wire_double(GString *out, guint field, gdouble value) {
    guint64 bits;
    memcpy(&bits, &value, sizeof bits);
    pf_wire_fixed64(out, field, bits);
}

void pf_wire_bytes(GString *out, guint field, const gchar *value, gsize size) {
    tag(out, field, WIRE_LENGTH);
    pf_wire_varint(out, size);
    g_string_append_len(out, value, (gssize)size);
}

void pf_wire_string(GString *out, guint field, const gchar *value) {
    pf_wire_bytes(out, field, value, strlen(value));
}

gsize pf_wire_begin(GString *out, guint field) {
    tag(out, field, WIRE_LENGTH);
    return out->len;
}

void pf_wire_end(GString *out, gsize began) {
    g_autoptr(GString) length = g_string_new(NULL);
    pf_wire_varint(length, out->len - began);
    g_string_insert_len(out, (gssize)began, length->str, (gssize)length->len);
}
