// SPDX-License-Identifier: Apache-2.0
// The list of profiled processes to choose one from.
#pragma once
#include "top-screen.h"

typedef enum { PF_TOP_PICK_ONE, PF_TOP_PICK_ALL, PF_TOP_PICK_NONE } pf_top_pick;

// Runs until something was chosen; `*pid` is selected at first, and holds the choice.
pf_top_pick pf_top_picker_run(pf_top_screen *screen, gdouble interval, guint *pid);
