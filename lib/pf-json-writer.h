// SPDX-License-Identifier: Apache-2.0
// Writes JSON member by member, numbers as short as they should be read.  Internal.
#pragma once
#include <glib.h>

typedef struct {
    GString *text;
} pf_json;

void pf_json_name(pf_json *self, const gchar *name);                 // with the comma before it
void pf_json_begin(pf_json *self, const gchar *name, gchar bracket); // '{' or '['
void pf_json_element(pf_json *self, gchar bracket); // of an array; 0: a plain value
void pf_json_end(pf_json *self, gchar bracket);     // '}' or ']'
void pf_json_uint(pf_json *self, const gchar *name, guint64 value);
void pf_json_fixed(pf_json *self, const gchar *name, gdouble value, guint decimals);
void pf_json_number(pf_json *self, gdouble value, guint decimals);         // a value alone
void pf_json_string(pf_json *self, const gchar *name, const gchar *value); // NULL: null
void pf_json_bool(pf_json *self, const gchar *name, gboolean value);
void pf_json_null(pf_json *self, const gchar *name);
void pf_json_known(pf_json *self, const gchar *name, gdouble value,
                   guint decimals); // negative: null
