// SPDX-License-Identifier: Apache-2.0
// The books of an aggregator: an account for each series, and what each process has put into it.
// Internal.
#pragma once
#include "pf-series.h"
#include "pf-snapshot.h"

typedef struct pf_ledger pf_ledger;             // all programs
typedef struct pf_process_book pf_process_book; // one process
typedef struct pf_account pf_account;           // one series

pf_ledger *pf_ledger_new(guint max_sites);
void pf_ledger_free(pf_ledger *self);
pf_process_book *pf_ledger_open(pf_ledger *self, const PfProcess *process);
void pf_ledger_close(pf_ledger *self, pf_process_book *book); // the process is gone
// NULL: it is not in the books.
pf_process_book *pf_ledger_find(pf_ledger *self, guint pid, gint64 start_unix_us);
pf_account *pf_ledger_account(pf_ledger *self, const gchar *program, pf_metric_id id,
                              const gchar *const *labels);
PfMetricSet *pf_ledger_collect(pf_ledger *self);

pf_account *pf_book_account(pf_process_book *self, pf_metric_id id, const gchar *const *labels);
// What `value` has grown by since the last time; `what` tells several numbers of one key apart.
gdouble pf_book_growth(pf_process_book *self, gconstpointer key, guint what, gdouble value);
void pf_book_add_histogram(pf_process_book *self, pf_account *account, PfHistogram *histogram,
                           gdouble sum_ns);
void pf_book_add_site(pf_process_book *self, PfCallSite *site, gdouble share);
void pf_book_add_exemplar(pf_process_book *self, const PfEvent *event);

void pf_account_add(pf_account *self, gdouble growth);
void pf_account_set(pf_account *self, gdouble total);
