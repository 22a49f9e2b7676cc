// SPDX-License-Identifier: Apache-2.0
// `pfprof top` without a terminal.
#pragma once
#include "top-model.h"
#include "top-rows.h"

typedef struct {
    gdouble interval; // seconds
    guint64 count;    // 0: until the process ends
    gboolean json;
    gboolean has_tab; // else functions and sites
    pf_top_tab tab;
    guint width;
    gboolean unicode;
} pf_top_batch;

gint pf_top_batch_run(pf_top_model *model, const pf_top_batch *how); // exit status
