// SPDX-License-Identifier: Apache-2.0
// Accounts: sums of growth, so that nothing is counted twice and no counter goes back.
#include "pf-account.h"
#include <math.h>
#include <string.h>

struct pf_account {
    pf_series *series;
    gdouble value;
    pf_buckets buckets;
    pf_exemplar exemplar;
    gboolean exemplar_is_old; // of an interval before: any call of this one takes its place
};

// One place in a program, in all its processes; `accounts` are those of `other` until it has a name.
typedef struct {
    gboolean is_named;
    pf_account *messages;
    pf_account *bytes;
    pf_account *duration;
} site_accounts;

typedef struct {
    gchar *name;
    GHashTable *sites; // text -> site_accounts
    guint named;
    guint running;
} program_book;

struct pf_ledger {
    guint max_sites;
    gint64 start_unix_ns;  // of the process that is being looked at, or of the ledger
    GHashTable *programs;  // name -> program_book
    GHashTable *accounts;  // text -> pf_account
    GHashTable *processes; // text -> pf_process_book
    PfSymbolizer *symbolizer;
};

typedef struct {
    gconstpointer key;
    guint what;
} prior_key;

struct pf_process_book {
    pf_ledger *ledger;
    program_book *program;
    gchar *id;
    guint pid;
    gint64 reset_unix_ns;
    gint64 exemplar_unix_ns; // of what began later an exemplar may be made
    gint64 latest_unix_ns;
    GHashTable *priors;     // prior_key -> gdouble
    GHashTable *histograms; // pf_account -> weights (gdouble[1 + PF_HIST_BUCKETS])
};

static guint prior_hash(gconstpointer data) {
    const prior_key *key = data;
    return g_direct_hash(key->key) * 31 + key->what;
}

static gboolean prior_equal(gconstpointer a, gconstpointer b) {
    const prior_key *one = a;
    const prior_key *other = b;
    return one->key == other->key && one->what == other->what;
}

static void account_free(gpointer data) {
    pf_account *self = data;
    pf_series_unref(self->series);
    pf_buckets_clear(&self->buckets);
    g_free(self);
}

static void program_free(gpointer data) {
    program_book *self = data;
    g_hash_table_unref(self->sites);
    g_free(self->name);
    g_free(self);
}

static void process_free(gpointer data) {
    pf_process_book *self = data;
    g_hash_table_unref(self->priors);
    g_hash_table_unref(self->histograms);
    g_free(self->id);
    g_free(self);
}

pf_ledger *pf_ledger_new(guint max_sites) {
    pf_ledger *self = g_new0(pf_ledger, 1);
    self->max_sites = max_sites;
    self->start_unix_ns = g_get_real_time() * 1000;
    self->programs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, program_free);
    self->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, account_free);
    self->processes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, process_free);
    self->symbolizer = pf_symbolizer_new();
    return self;
}

void pf_ledger_free(pf_ledger *self) {
    g_hash_table_unref(self->processes);
    g_hash_table_unref(self->programs);
    g_hash_table_unref(self->accounts);
    g_object_unref(self->symbolizer);
    g_free(self);
}

// Names are what programs call themselves, so there may be any number of them.
#define MOST_PROGRAMS 256

static program_book *open_program(pf_ledger *self, const gchar *name) {
    program_book *program = g_hash_table_lookup(self->programs, name);
    if (program == NULL && g_hash_table_size(self->programs) >= MOST_PROGRAMS) {
        name = "other";
        program = g_hash_table_lookup(self->programs, name);
    }
    if (program == NULL) {
        program = g_new0(program_book, 1);
        program->name = g_strdup(name);
        program->sites = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(self->programs, program->name, program);
    }
    return program;
}

// As the name of its segment.
static gchar *process_id(guint pid, gint64 start_unix_us) {
    return g_strdup_printf("%u-%" G_GINT64_FORMAT, pid, start_unix_us);
}

pf_process_book *pf_ledger_find(pf_ledger *self, guint pid, gint64 start_unix_us) {
    g_autofree gchar *id = process_id(pid, start_unix_us);
    return g_hash_table_lookup(self->processes, id);
}

pf_process_book *pf_ledger_open(pf_ledger *self, const PfProcess *process) {
    g_autofree gchar *id = process_id(process->pid, process->start_unix_ns / 1000);
    pf_process_book *book = g_hash_table_lookup(self->processes, id);
    if (book == NULL) {
        book = g_new0(pf_process_book, 1);
        book->ledger = self;
        book->program = open_program(self, process->program);
        book->program->running++;
        book->id = g_steal_pointer(&id);
        book->pid = process->pid;
        book->reset_unix_ns = process->reset_unix_ns;
        book->priors = g_hash_table_new_full(prior_hash, prior_equal, g_free, NULL);
        book->histograms = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        g_hash_table_insert(self->processes, book->id, book);
    } else if (book->reset_unix_ns != process->reset_unix_ns) {
        book->reset_unix_ns = process->reset_unix_ns; // it counts from 0 again
        g_hash_table_remove_all(book->priors);
        g_hash_table_remove_all(book->histograms);
    }
    book->exemplar_unix_ns = book->latest_unix_ns;
    self->start_unix_ns = process->start_unix_ns;
    return book;
}

void pf_ledger_close(pf_ledger *self, pf_process_book *book) {
    book->program->running--;
    g_hash_table_remove(self->processes, book->id);
}

// --- accounts

pf_account *pf_ledger_account(pf_ledger *self, const gchar *program, pf_metric_id id,
                              const gchar *const *labels) {
    g_autofree gchar *joined = g_strjoinv("\x1f", (gchar **)labels);
    g_autofree gchar *key = g_strdup_printf("%d\x1f%s\x1f%s", (gint)id, program, joined);
    pf_account *account = g_hash_table_lookup(self->accounts, key);
    if (account == NULL) {
        account = g_new0(pf_account, 1);
        account->series = pf_series_new(id, program, labels, self->start_unix_ns);
        g_hash_table_insert(self->accounts, g_steal_pointer(&key), account);
    }
    return account;
}

pf_account *pf_book_account(pf_process_book *self, pf_metric_id id, const gchar *const *labels) {
    return pf_ledger_account(self->ledger, self->program->name, id, labels);
}

void pf_account_add(pf_account *self, gdouble growth) { self->value += growth; }

void pf_account_set(pf_account *self, gdouble total) { self->value = MAX(self->value, total); }

// Estimates may go back a little; then there is no growth until they are past where they were.
gdouble pf_book_growth(pf_process_book *self, gconstpointer key, guint what, gdouble value) {
    prior_key wanted = {key, what};
    gdouble *prior = g_hash_table_lookup(self->priors, &wanted);
    if (prior == NULL) {
        struct {
            prior_key key;
            gdouble value;
        } *kept = g_malloc0(sizeof *kept);
        kept->key = wanted;
        prior = &kept->value;
        g_hash_table_insert(self->priors, kept, prior);
    }
    gdouble growth = MAX(value - *prior, 0);
    *prior += growth;
    return growth;
}

// Weights are fractions: what is handed on is whole calls, the rest waits for more.
void pf_book_add_histogram(pf_process_book *self, pf_account *account, PfHistogram *histogram,
                           gdouble sum_ns) {
    gdouble *given = g_hash_table_lookup(self->histograms, account);
    guint count = pf_histogram_get_bucket_count(histogram);
    if (given == NULL) {
        given = g_new0(gdouble, PF_HIST_BUCKETS);
        g_hash_table_insert(self->histograms, account, given);
    }
    for (guint i = 0; i < count; i++) {
        guint64 low;
        gdouble weight;
        pf_histogram_get_bucket(histogram, i, &low, NULL, NULL, &weight);
        guint bucket = pf_hist_bucket(low);
        gdouble growth = floor(weight + 0.5) - given[bucket];
        if (growth >= 1) {
            given[bucket] += growth;
            pf_buckets_add(&account->buckets, bucket, (guint64)growth);
        }
    }
    account->buckets.sum_ns += pf_book_growth(self, account, 1, sum_ns);
}

// --- call sites

static gchar *site_label(PfPlace *place, const PfCallSite *site) {
    if (place->file != NULL && place->line > 0) {
        g_autofree gchar *base = g_path_get_basename(place->file);
        return g_strdup_printf("%s:%u %s", base, place->line,
                               place->function != NULL ? place->function : "?");
    }
    g_autofree gchar *module = g_path_get_basename(place->module);
    return place->function != NULL
               ? g_strdup_printf("%s %s+%#" G_GINT64_MODIFIER "x", module, place->function,
                                 place->symbol_offset)
               : g_strdup_printf("%s+%#" G_GINT64_MODIFIER "x", module, site->offset);
}

static pf_account *site_account(pf_process_book *self, pf_metric_id id, const gchar *label,
                                const gchar *function, const PfPlace *place) {
    const gchar *labels[] = {"site", label, "function", function, NULL};
    pf_account *account = pf_book_account(self, id, labels);
    if (place != NULL && account->series->code_function == NULL) {
        account->series->code_function =
            g_utf8_make_valid(place->function != NULL ? place->function : "", -1);
        account->series->code_file =
            g_utf8_make_valid(place->file != NULL ? place->file : place->module, -1);
        account->series->code_line = place->line;
    }
    return account;
}

static void name_site(pf_process_book *self, site_accounts *site, PfCallSite *row) {
    g_autoptr(PfPlace) place =
        row != NULL ? pf_symbolizer_find_return(self->ledger->symbolizer, row->module, row->address)
                    : NULL;
    g_autofree gchar *label = row != NULL ? site_label(place, row) : g_strdup("other");
    const gchar *function = row != NULL ? row->function : "other";
    site->messages = site_account(self, PF_METRIC_SITE_MESSAGES, label, function, place);
    site->bytes = site_account(self, PF_METRIC_SITE_BYTES, label, function, place);
    site->duration = site_account(self, PF_METRIC_SITE_DURATION, label, function, place);
}

// The last quarter of the names is for sites that turn out dear later.  A site that gets a name has it
// for good, and what it counted before stays with `other`: no counter goes back.
static gboolean deserves_name(const pf_process_book *self, const PfCallSite *site, gdouble share) {
    guint left = self->ledger->max_sites - MIN(self->program->named, self->ledger->max_sites);
    return site->address != 0 && left > 0 && (left > self->ledger->max_sites / 4 || share >= 0.01);
}

void pf_book_add_site(pf_process_book *self, PfCallSite *site, gdouble share) {
    g_autofree gchar *key =
        g_strdup_printf("%s\x1f%s\x1f%" G_GINT64_MODIFIER "x",
                        site->module == NULL      ? ""
                        : *site->module->build_id ? site->module->build_id
                                                  : site->module->path,
                        site->function, site->module != NULL ? site->offset : site->address);
    site_accounts *accounts = g_hash_table_lookup(self->program->sites, key);
    if (accounts == NULL) {
        accounts = g_new0(site_accounts, 1);
        name_site(self, accounts, NULL);
        g_hash_table_insert(self->program->sites, g_steal_pointer(&key), accounts);
    }
    if (!accounts->is_named && deserves_name(self, site, share)) {
        accounts->is_named = TRUE;
        self->program->named++;
        name_site(self, accounts, site);
    }
    const PfStats *stats = &site->stats;
    pf_account_add(accounts->messages,
                   pf_book_growth(self, accounts, 0, (gdouble)stats->message_count));
    pf_account_add(accounts->bytes, pf_book_growth(self, accounts, 1, (gdouble)stats->bytes));
    gdouble ns = pf_stats_has_estimate(stats) ? stats->estimate.total_ns : 0;
    pf_account_add(accounts->duration, pf_book_growth(self, accounts, 2, ns));
}

// --- exemplars

void pf_book_add_exemplar(pf_process_book *self, const PfEvent *event) {
    self->latest_unix_ns = MAX(self->latest_unix_ns, event->unix_ns);
    if (event->unix_ns <= self->exemplar_unix_ns) {
        return;
    }
    GHashTableIter iter;
    gpointer data;
    g_hash_table_iter_init(&iter, self->histograms);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        pf_account *account = data;
        if (strcmp(account->series->labels[1], event->function) == 0 &&
            (account->exemplar_is_old ||
             (gdouble)event->duration_ns > account->exemplar.value_ns)) {
            account->exemplar_is_old = FALSE;
            account->exemplar.value_ns = (gdouble)event->duration_ns;
            account->exemplar.unix_ns = event->unix_ns;
            account->exemplar.pid = event->pid;
            g_snprintf(account->exemplar.site, sizeof account->exemplar.site,
                       "%#" G_GINT64_MODIFIER "x", event->address);
            g_strlcpy(account->exemplar.request_id,
                      event->request_id != NULL ? event->request_id : "",
                      sizeof account->exemplar.request_id);
        }
    }
}

// --- collecting

static void collect_gauges(pf_ledger *self, PfMetricSet *set) {
    GHashTableIter iter;
    gpointer data;
    const gchar *none[] = {NULL};
    g_hash_table_iter_init(&iter, self->programs);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        program_book *program = data;
        pf_account *account = pf_ledger_account(self, program->name, PF_METRIC_PROCESSES, none);
        account->value = program->running;
    }
}

PfMetricSet *pf_ledger_collect(pf_ledger *self) {
    PfMetricSet *set = pf_metric_set_new(g_get_real_time() * 1000);
    GHashTableIter iter;
    gpointer data;
    collect_gauges(self, set);
    g_hash_table_iter_init(&iter, self->accounts);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        pf_account *account = data;
        pf_point *point = pf_metric_set_add(set, account->series, account->value);
        point->buckets = pf_buckets_copy(&account->buckets);
        point->exemplar = account->exemplar;
        account->exemplar_is_old = TRUE;
    }
    pf_metric_set_sort(set);
    return set;
}
