// SPDX-License-Identifier: Apache-2.0
// Writes protocol buffers into text that grows, messages in place, zeroes too.  Internal.
#pragma once
#include <glib.h>

void pf_wire_varint(GString *out, guint64 value);
void pf_wire_uint(GString *out, guint field, guint64 value);
void pf_wire_sint(GString *out, guint field, gint64 value); // zigzag
void pf_wire_fixed64(GString *out, guint field, guint64 value);
void pf_wire_double(GString *out, guint field, gdouble value);
void pf_wire_string(GString *out, guint field, const gchar *value);
void pf_wire_bytes(GString *out, guint field, const gchar *value, gsize size);

// A message inside: what is written between the two is its body.
gsize pf_wire_begin(GString *out, guint field);
void pf_wire_end(GString *out, gsize began);
