// SPDX-License-Identifier: Apache-2.0
// Writes protobuf messages field by field; fields of value 0 are left out, as proto3 does.  Internal.
#pragma once
#include <glib.h>

void pf_proto_uint(GByteArray *self, guint field, guint64 value);
void pf_proto_bytes(GByteArray *self, guint field, const void *bytes, gsize size);
void pf_proto_string(GByteArray *self, guint field, const gchar *text);
void pf_proto_message(GByteArray *self, guint field, const GByteArray *message);
void pf_proto_packed(GByteArray *self, guint field, const guint64 *values, guint count);
