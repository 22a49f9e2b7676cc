// SPDX-License-Identifier: Apache-2.0
// Call stacks as paths of functions, inlined ones included, and which of those are wrappers.  Internal.
#pragma once
#include "pf-snapshot.h"

// A function on the way of a message, and the line in it.
typedef struct {
    PfPlace *place; // a reference
    guint function; // number of the function; 0: not known
    guint line;     // number of the line in it
    gboolean is_library;
} pf_step;

typedef struct {
    const PfStack *stack;
    GArray *steps; // pf_step, innermost first
    guint real;    // the step that is charged
    gint wrapper;  // the last wrapper below it; -1: none
} pf_path;

typedef struct {
    PfSymbolizer *symbolizer;
    GHashTable *numbers; // text -> number
    GPtrArray *paths;    // pf_path
} pf_paths;

void pf_paths_init(pf_paths *self, PfSymbolizer *symbolizer);
void pf_paths_clear(pf_paths *self);
void pf_paths_add(pf_paths *self, const PfStack *stack);
// Finds the step that is charged, for every path: the more paths it sees, the better it knows wrappers.
void pf_paths_settle(pf_paths *self);

// The number that stands for a text, from 1 on.
guint pf_paths_number(pf_paths *self, const gchar *text);
// The number of a line.
guint pf_paths_line_of(pf_paths *self, const PfPlace *place);
// The same line in the same image, whatever process; of the same output function.
gchar *pf_paths_key(const gchar *function, const PfModule *module, guint64 address);
// The estimated time of the calls that a stack stands for.
gdouble pf_paths_time(const PfStack *stack);
