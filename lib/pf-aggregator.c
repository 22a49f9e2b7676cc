// SPDX-License-Identifier: Apache-2.0
// PfAggregator: what each process has counted since the last look is added to its program's accounts.
//
// So the counters of a program go on when its processes end and begin, a reset by an observer loses
// nothing, and the number of series does not grow with the number of processes.
#include "pf-aggregator.h"
#include "pf-account.h"
#include "pf-series.h"
#include <math.h>
#include <string.h>

/**
 * PfAggregator:
 *
 * Takes snapshots of processes and adds them up, program by program, to counters that only grow: the
 * metrics that an exporter sends.  To be used by one thread at a time.
 */
struct _PfAggregator {
    GObject parent_instance;
    pf_ledger *ledger;
};

G_DEFINE_FINAL_TYPE(PfAggregator, pf_aggregator, G_TYPE_OBJECT)

static void finalize(GObject *object) {
    pf_ledger_free(PF_AGGREGATOR(object)->ledger);
    G_OBJECT_CLASS(pf_aggregator_parent_class)->finalize(object);
}

static void pf_aggregator_class_init(PfAggregatorClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
}

static void pf_aggregator_init(PfAggregator *self) {}

/**
 * pf_aggregator_new:
 * @max_sites: how many call sites of a program have series of their own; the others are one, `other`
 *
 * An aggregator that has seen nothing.
 *
 * Returns: (transfer full): a new aggregator
 */
PfAggregator *pf_aggregator_new(guint max_sites) {
    PfAggregator *self = g_object_new(PF_TYPE_AGGREGATOR, NULL);
    self->ledger = pf_ledger_new(max_sites);
    return self;
}

static void add(pf_process_book *book, pf_metric_id id, gdouble value, const gchar *const *labels) {
    pf_account *account = pf_book_account(book, id, labels);
    pf_account_add(account, pf_book_growth(book, account, 0, value));
}

static void add_function(pf_process_book *book, const PfFunction *function) {
    const PfStats *stats = &function->stats;
    const gchar *labels[] = {"function", function->name, "family", function->family, NULL};
    if (stats->message_count == 0) {
        return;
    }
    if (!function->is_message) {
        add(book, PF_METRIC_FLUSHES, (gdouble)stats->message_count, labels);
    } else {
        add(book, PF_METRIC_MESSAGES, (gdouble)stats->message_count, labels);
        add(book, PF_METRIC_SAMPLED, (gdouble)stats->sampled_count, labels);
        add(book, PF_METRIC_BYTES, (gdouble)stats->bytes, labels);
    }
    gdouble sum =
        pf_stats_has_estimate(stats) ? stats->estimate.total_ns : (gdouble)stats->total_duration_ns;
    pf_book_add_histogram(book, pf_book_account(book, PF_METRIC_DURATION, labels), stats->histogram,
                          sum);
    for (guint i = 0; i < function->errors->len; i++) {
        const PfErrorCount *error = g_ptr_array_index(function->errors, i);
        const gchar *of_error[] = {"function", error->function, "error", error->name, NULL};
        add(book, PF_METRIC_ERRORS, (gdouble)error->count, of_error);
    }
}

static void add_functions(pf_process_book *book, PfSnapshot *snapshot) {
    GPtrArray *functions = pf_snapshot_get_functions(snapshot);
    for (guint i = 0; i < functions->len; i++) {
        add_function(book, g_ptr_array_index(functions, i));
    }
    static const gchar *const reasons[PF_REASON_COUNT] = {"format", "flush", "lock", "blocked"};
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        const gchar *labels[] = {"reason", reasons[i], NULL};
        add(book, PF_METRIC_REASON, (gdouble)messages->reasons[i].total_ns, labels);
    }
}

static void add_sites(pf_process_book *book, PfSnapshot *snapshot) {
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    gdouble all = 0;
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        all += site->is_message ? pf_stats_get_cost_ns(&site->stats) : 0;
    }
    for (guint i = 0; i < sites->len; i++) { // dearest first: those get a name
        PfCallSite *site = g_ptr_array_index(sites, i);
        if (site->is_message) {
            pf_book_add_site(book, site, all > 0 ? pf_stats_get_cost_ns(&site->stats) / all : 0);
        }
    }
}

static void add_totals(pf_process_book *book, PfSnapshot *snapshot) {
    const gchar *none[] = {NULL};
    add(book, PF_METRIC_OVERHEAD, (gdouble)pf_snapshot_get_overhead_ns(snapshot), none);
    for (const gchar *const *reason = pf_snapshot_get_lost_reasons(); *reason != NULL; reason++) {
        guint64 lost = pf_snapshot_get_lost(snapshot, *reason);
        const gchar *labels[] = {"reason", *reason, NULL};
        if (lost > 0) {
            add(book, PF_METRIC_LOST, (gdouble)lost, labels);
        }
    }
    const PfCoverage *coverage = pf_snapshot_get_coverage(snapshot);
    if (coverage->is_known) {
        add(book, PF_METRIC_SEEN, (gdouble)coverage->seen_bytes, none);
        add(book, PF_METRIC_KERNEL, (gdouble)coverage->kernel_bytes, none);
    }
}

// The slowest call since the last look, of each function.
static void add_exemplars(pf_process_book *book, PfSnapshot *snapshot) {
    GPtrArray *slowest = pf_snapshot_get_slowest(snapshot);
    for (guint i = 0; i < slowest->len; i++) {
        pf_book_add_exemplar(book, g_ptr_array_index(slowest, i));
    }
}

static void end(PfAggregator *self, pf_process_book *book, const gchar *how) {
    const gchar *labels[] = {"how", how, NULL};
    pf_account_add(pf_book_account(book, PF_METRIC_ENDED, labels), 1);
    pf_ledger_close(self->ledger, book);
}

/**
 * pf_aggregator_update:
 * @self: an aggregator
 * @snapshot: a snapshot of one process
 *
 * Adds what the process has counted since the last snapshot of it that was given; of a process that has
 * ended there may be one more snapshot, after that it is forgotten.  One that ended by `reset` is a copy of
 * before a reset: the process goes on.
 */
void pf_aggregator_update(PfAggregator *self, PfSnapshot *snapshot) {
    g_return_if_fail(PF_IS_AGGREGATOR(self) && PF_IS_SNAPSHOT(snapshot));
    PfProcess *process = pf_snapshot_get_process(snapshot);
    pf_process_book *book = pf_ledger_open(self->ledger, process);
    add_functions(book, snapshot);
    add_sites(book, snapshot);
    add_totals(book, snapshot);
    add_exemplars(book, snapshot);
    gboolean ended = process->state == PF_PROCESS_STATE_ENDED && strcmp(process->how, "reset") != 0;
    if (ended || process->state == PF_PROCESS_STATE_KILLED) {
        end(self, book,
            process->state == PF_PROCESS_STATE_KILLED ? "killed"
            : *process->how != 0                      ? process->how
                                                      : "exit");
    }
}

/**
 * pf_aggregator_forget:
 * @self: an aggregator
 * @pid: a process
 * @start_unix_us: when it began, us since 1970
 *
 * Says that a process has ended of which there is no last snapshot; it counts as ended by `unseen`.
 */
void pf_aggregator_forget(PfAggregator *self, guint pid, gint64 start_unix_us) {
    g_return_if_fail(PF_IS_AGGREGATOR(self));
    pf_process_book *book = pf_ledger_find(self->ledger, pid, start_unix_us);
    if (book != NULL) {
        end(self, book, "unseen");
    }
}

/**
 * pf_aggregator_count:
 * @self: an aggregator
 * @what: `exported`, `dropped` or `unreadable`
 * @exporter: (nullable): the name of an exporter
 * @total: how many altogether
 *
 * Notes what is to be said of the agent itself.
 */
void pf_aggregator_count(PfAggregator *self, const gchar *what, const gchar *exporter,
                         guint64 total) {
    g_return_if_fail(PF_IS_AGGREGATOR(self) && what != NULL);
    const gchar *labels[] = {exporter != NULL ? "exporter" : NULL, exporter, NULL};
    pf_metric_id id = strcmp(what, "exported") == 0  ? PF_METRIC_EXPORTED
                      : strcmp(what, "dropped") == 0 ? PF_METRIC_DROPPED
                                                     : PF_METRIC_UNREADABLE;
    pf_account_set(pf_ledger_account(self->ledger, "", id, labels), (gdouble)total);
}

/**
 * pf_aggregator_collect:
 * @self: an aggregator
 *
 * Gives all metrics as they are now.
 *
 * Returns: (transfer full): the metrics
 */
PfMetricSet *pf_aggregator_collect(PfAggregator *self) {
    g_return_val_if_fail(PF_IS_AGGREGATOR(self), NULL);
    return pf_ledger_collect(self->ledger);
}
