// SPDX-License-Identifier: Apache-2.0
// The configuration file: `name = value` lines.  Internal.
#pragma once
#include "pf-setting.h"

// What a line is.
typedef enum {
    PF_LINE_EMPTY,
    PF_LINE_COMMENT,
    PF_LINE_SECTION,
    PF_LINE_SETTING,
    PF_LINE_UNKNOWN,
} pf_line_kind;

typedef struct {
    pf_line_kind kind;
    pf_setting_id id;  // PF_LINE_SETTING
    gboolean is_flat;  // it is of the old form: profiling_enabled
    const gchar *name; // and of PF_LINE_UNKNOWN
    const gchar *value;
} pf_line;

// Calls `each` for the lines of `text` one after another.
typedef void pf_line_fn(const pf_line *line, const gchar *whole, gpointer data);
void pf_lines_read(const gchar *text, pf_line_fn *each, gpointer data);

// The path of the file that `environment` asks for, NULL when there is none; free with g_free.  True
// in `ret_given` when PROVIDE_PROFILING_CONFIG names it.
gchar *pf_config_file_path(const gchar *const *environment, gboolean *ret_given);
