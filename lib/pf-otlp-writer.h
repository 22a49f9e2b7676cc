// SPDX-License-Identifier: Apache-2.0
// Writes a message in both encodings of OTLP, so that it need be described once.  Internal.
#pragma once
#include <glib.h>

typedef struct {
    GString *out;
    gboolean is_json;
} pf_otlp_writer;

// Each field by its number for protobuf and its name for JSON.
gsize pf_otlp_begin(pf_otlp_writer *self, guint field, const gchar *name);
void pf_otlp_end(pf_otlp_writer *self, gsize began);
void pf_otlp_list(pf_otlp_writer *self,
                  const gchar *name); // of messages, begun with pf_otlp_item()
gsize pf_otlp_item(pf_otlp_writer *self, guint field);
void pf_otlp_list_end(pf_otlp_writer *self);

void pf_otlp_string(pf_otlp_writer *self, guint field, const gchar *name, const gchar *value);
void pf_otlp_fixed64(pf_otlp_writer *self, guint field, const gchar *name, guint64 value);
void pf_otlp_int64(pf_otlp_writer *self, guint field, const gchar *name, gint64 value); // a varint
void pf_otlp_double(pf_otlp_writer *self, guint field, const gchar *name, gdouble value);
void pf_otlp_sint(pf_otlp_writer *self, guint field, const gchar *name, gint32 value);
void pf_otlp_enum(pf_otlp_writer *self, guint field, const gchar *name, guint value);
void pf_otlp_bool(pf_otlp_writer *self, guint field, const gchar *name, gboolean value);

// Packed lists.
void pf_otlp_counts(pf_otlp_writer *self, guint field, const gchar *name, const guint64 *values,
                    gsize count, gboolean is_fixed);
void pf_otlp_doubles(pf_otlp_writer *self, guint field, const gchar *name, const gdouble *values,
                     gsize count);
