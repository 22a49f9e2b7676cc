// SPDX-License-Identifier: Apache-2.0
// A short piece of work beside the caller's own.  Internal.
#pragma once
#include <glib.h>

typedef void (*pf_work)(gpointer data);

typedef struct {
    pf_work work;
    gpointer data;
    GThread *thread; // NULL: none was to be had
} pf_worker;

// As many pieces of at least `least` as there are processors for, at most `most`; 1 or more.
guint pf_worker_count(gsize size, gsize least, guint most);
// The caller's memory; it ends with pf_worker_join(), which does the work where no thread did.
void pf_worker_start(pf_worker *worker, pf_work work, gpointer data);
void pf_worker_join(pf_worker *worker);
