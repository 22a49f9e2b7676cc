// SPDX-License-Identifier: Apache-2.0
// A file on its way to a name.  Internal.
#pragma once
#include "pf-output-file.h"
#include <stdio.h>

typedef struct {
    FILE *file;
    gchar *fresh; // to be renamed to `target`; NULL: it is written where it is
    gchar *target;
} pf_output_file;

// 0, or an errno; `mode` as for open(2), of a file that is made.
gint pf_output_file_begin(pf_output_file *self, const gchar *path, guint mode);
// `problem`: what went wrong so far, 0 nothing.  Until then the old file stands, and after a failure as well.
gint pf_output_file_end(pf_output_file *self, gint problem);
