// SPDX-License-Identifier: Apache-2.0
// Call sites and their call stacks as weighted paths: what flame graphs and pprof are made of.  Internal.
//
// The numbers of a call site are exact (or its estimate); they are shared out among the stacks that
// were taken of it, so that all paths together give the totals of the summary.
#pragma once
#include "pf-json-writer.h"
#include "pf-snapshot.h"

typedef enum {
    PF_FLAME_TIME,
    PF_FLAME_CALLS,
    PF_FLAME_BYTES,
    PF_FLAME_FLUSH,
    PF_FLAME_LOCK,
    PF_FLAME_BLOCKED,
    PF_FLAME_VALUES
} pf_flame_value;

// Name and unit ("nanoseconds", "none", "bytes") of a value.
extern const struct pf_flame_kind {
    const gchar *name;
    const gchar *unit;
} pf_flame_kinds[PF_FLAME_VALUES];

typedef struct {
    gchar *name; // demangled, or module+0xoffset
    gchar *symbol;
    gchar *file; // NULL: not known
    guint line;
} pf_flame_line; // a function, and the line in it

typedef struct {
    PfModule *module; // NULL: an output function, the innermost frame
    guint64 address;  // of the return address, in the image's file
    GArray *lines;    // guint, index into lines; innermost of those inlined first
} pf_flame_place;

typedef struct {
    guint *places; // index into places, innermost first; the first is the output function
    guint depth;
    gdouble value[PF_FLAME_VALUES];
} pf_flame_path;

typedef struct {
    GPtrArray *lines;  // pf_flame_line
    GPtrArray *places; // pf_flame_place
    GPtrArray *paths;  // pf_flame_path
} pf_flame;

pf_flame *pf_flame_new(PfSnapshot *snapshot, PfSymbolizer *symbolizer);
void pf_flame_free(pf_flame *self);
// All lines as an array.
void pf_flame_put_lines(const pf_flame *flame, pf_json *json, const gchar *name);
gdouble pf_flame_total(const pf_flame *self, pf_flame_value value);

static inline pf_flame_line *pf_flame_line_at(const pf_flame *self, guint index) {
    return g_ptr_array_index(self->lines, index);
}
static inline pf_flame_place *pf_flame_place_at(const pf_flame *self, guint index) {
    return g_ptr_array_index(self->places, index);
}
static inline pf_flame_path *pf_flame_path_at(const pf_flame *self, guint index) {
    return g_ptr_array_index(self->paths, index);
}
