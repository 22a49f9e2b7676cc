// SPDX-License-Identifier: Apache-2.0
// Protobuf's wire format, as much of it as pprof needs.
#include "pf-protobuf.h"
#include <string.h>

enum { VARINT = 0, LENGTH = 2 }; // wire types

static void varint(GByteArray *self, guint64 value) {
    guint8 bytes[10];
    guint count = 0;
    do {
        bytes[count++] = (guint8)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value != 0);
    g_byte_array_append(self, bytes, count);
}

static void tag(GByteArray *self, guint field, guint type) {
    varint(self, (guint64)field << 3 | type);
}

void pf_proto_uint(GByteArray *self, guint field, guint64 value) {
    if (value != 0) {
        tag(self, field, VARINT);
        varint(self, value);
    }
}

void pf_proto_bytes(GByteArray *self, guint field, const void *bytes, gsize size) {
    tag(self, field, LENGTH);
    varint(self, size);
    g_byte_array_append(self, bytes, (guint)size);
}

void pf_proto_string(GByteArray *self, guint field, const gchar *text) {
    pf_proto_bytes(self, field, text, strlen(text));
}

void pf_proto_message(GByteArray *self, guint field, const GByteArray *message) {
    pf_proto_bytes(self, field, message->data, message->len);
}

void pf_proto_packed(GByteArray *self, guint field, const guint64 *values, guint count) {
    g_autoptr(GByteArray) packed = g_byte_array_new();
    for (guint i = 0; i < count; i++) {
        varint(packed, values[i]);
    }
    pf_proto_message(self, field, packed);
}
