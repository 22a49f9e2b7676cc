// SPDX-License-Identifier: Apache-2.0
// The live view.
#pragma once
#include "top-model.h"
#include "top-rows.h"

typedef struct {
    guint pid; // 0: choose one from a list
    gdouble interval;
    pf_top_tab tab;
    gboolean colour;
    gboolean unicode;
} pf_top_options;

// Gives the exit status; FALSE with an error when it could not begin.
gboolean pf_top_run(const pf_top_options *options, gint *ret_status, GError **error);
