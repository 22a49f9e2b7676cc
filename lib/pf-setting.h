// SPDX-License-Identifier: Apache-2.0
// The table of settings, made from preload/pf-env.def, and the parser of one value.  Internal.
//
// The rules and the words are those of the preloaded library (test-config compares the two): a file or
// an environment that one side takes must not be refused by the other.
#pragma once
#include <glib.h>

typedef enum {
#define PF_VARIABLE(name, ...) PF_SETTING_##name,
#include "pf-env.def"
    PF_SETTING_COUNT
} pf_setting_id;

typedef struct {
    guint64 number; // booleans, whole numbers, choices (the place), lists (a bit for each)
    gdouble real;   // rates, amounts
} pf_setting_value;

// True when `text` is allowed; else `ret_value` is untouched.
gboolean pf_setting_parse(pf_setting_id id, const gchar *text, pf_setting_value *ret_value);

// The setting of a name without prefix, in any case, as it stands in files; FALSE when there is none.
gboolean pf_setting_find(const gchar *name, gsize length, pf_setting_id *ret_id);

const gchar *pf_setting_name(pf_setting_id id);     // sample_rate
const gchar *pf_setting_variable(pf_setting_id id); // PROVIDE_PROFILING_SAMPLE_RATE
const gchar *pf_setting_default(pf_setting_id id);
const gchar *pf_setting_allowed(pf_setting_id id);
const gchar *pf_setting_meaning(pf_setting_id id);
const gchar *pf_setting_section(pf_setting_id id); // of a file that `migrate` writes

// The words of a choice or list, in the order of their numbers; free with g_strfreev.
gchar **pf_setting_words(pf_setting_id id);

// One line for a value that is not allowed; `where` is a path or NULL.  Free with g_free.
gchar *pf_setting_complaint(pf_setting_id id, const gchar *where, const gchar *text,
                            const gchar *instead);
gchar *pf_setting_unknown(const gchar *where, const gchar *name);
gchar *pf_setting_unreadable(const gchar *path);
