// SPDX-License-Identifier: Apache-2.0
// What `pfprof top` watches: processes, their snapshots, and the window of time that is shown.
#pragma once
#include <pf-profiling.h>

// Which stretch of time the figures are of.
typedef enum {
    PF_TOP_WINDOW_INTERVAL, // the last interval
    PF_TOP_WINDOW_SLIDING,  // the last ten seconds
    PF_TOP_WINDOW_WHOLE,    // since the start, or since the baseline
    PF_TOP_WINDOW_COUNT
} pf_top_window;

typedef struct _pf_top_model pf_top_model;

pf_top_model *pf_top_model_new_from_pid(guint pid, GError **error);
pf_top_model *pf_top_model_new_of_all(void); // every running process of this user, new ones too
void pf_top_model_free(pf_top_model *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pf_top_model, pf_top_model_free)

// Looks at the processes; FALSE with an error when none can be read any more.
gboolean pf_top_model_refresh(pf_top_model *self, GError **error);

// Valid until the next call that changes the model; after a refresh never NULL.
PfSnapshot *pf_top_model_get_now(pf_top_model *self);
PfSnapshot *pf_top_model_get_window(pf_top_model *self);
PfSymbolizer *pf_top_model_get_symbolizer(pf_top_model *self);
gdouble pf_top_model_get_window_seconds(pf_top_model *self);

gboolean pf_top_model_is_merged(pf_top_model *self);
guint pf_top_model_count_running(pf_top_model *self);
gboolean pf_top_model_is_over(pf_top_model *self); // a single process has ended

pf_top_window pf_top_model_get_window_kind(pf_top_model *self);
void pf_top_model_set_window_kind(pf_top_model *self, pf_top_window kind);
gboolean pf_top_model_has_baseline(pf_top_model *self);
void pf_top_model_set_baseline(pf_top_model *self); // the whole begins now

// A marked window, which later ones are compared with; NULL: none.
PfSnapshot *pf_top_model_get_mark(pf_top_model *self);
void pf_top_model_set_mark(pf_top_model *self, gboolean marked);

// Orders to every running process.
gboolean pf_top_model_set_active(pf_top_model *self, gboolean active, GError **error);
gboolean pf_top_model_set_rate(pf_top_model *self, gdouble rate, GError **error);
gboolean pf_top_model_reset(pf_top_model *self, GError **error);
