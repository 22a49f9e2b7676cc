// SPDX-License-Identifier: Apache-2.0
// Rules on results that nobody looks at: calls that fail and go on, and writes that took only a part.
#include "pf-findings-private.h"
#include "pf-text-writer.h"
#include <string.h>

// --- errors

// What was written is gone, whatever the share: through a buffer only every hundredth call may fail.
static gboolean loses_data(const gchar *name) {
    static const gchar *const names[] = {"ENOSPC", "EDQUOT", "EIO", "EFBIG"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static const gchar *advice_on(const gchar *name) {
    if (strcmp(name, "EAGAIN") == 0) {
        return "wait for POLLOUT, or drop the message and count it; do not try again at once";
    }
    if (strcmp(name, "EPIPE") == 0) {
        return "stop writing when the reader has gone";
    }
    return loses_data(name)
               ? "what was written is lost: look at the result, say so elsewhere, and stop"
               : "look at the result of the call: these messages are lost";
}

// Errors are counted by function: which site met which is known where one alone has failed.
typedef struct {
    const PfCallSite *only; // NULL: several, or none
    guint sites;
    guint64 calls; // of those that failed
} failing;

static failing sites_that_failed(const pf_search *self, const gchar *function) {
    GPtrArray *sites = pf_snapshot_get_call_sites(self->snapshot);
    failing found = {0};
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *one = g_ptr_array_index(sites, i);
        if (strcmp(one->function, function) == 0 && one->stats.error_count > 0) {
            found.sites++;
            found.calls += one->stats.message_count;
            found.only = found.sites == 1 ? one : NULL;
        }
    }
    return found;
}

// Who stops when the disk is full fails once or twice, and a loop that waits for POLLOUT meets EAGAIN once
// for each write at most.  Other errors: one that tries ten times before it waits is in order.
static gboolean goes_on(const PfErrorCount *error, gdouble share) {
    if (loses_data(error->name)) {
        return error->count >= 10;
    }
    return error->count >= 100 && share >= (strcmp(error->name, "EAGAIN") == 0 ? 0.75 : 0.2);
}

// A call that fails may take a quarter of the time that one takes which does not, or four times that.
static pf_factor part_of(gdouble share) {
    return (pf_factor){share, share / (share + 4 * (1 - share)),
                       4 * share / (4 * share + 1 - share)};
}

static gboolean find_error(pf_search *self, const PfErrorCount *error) {
    failing at = sites_that_failed(self, error->function);
    gdouble share = at.calls > 0 ? MIN((gdouble)error->count / (gdouble)at.calls, 1) : 0;
    if (at.sites == 0 || !goes_on(error, share)) {
        return FALSE;
    }
    g_autofree gchar *place = at.only != NULL ? pf_search_place(self, at.only) : NULL;
    g_autofree gchar *several = g_strdup_printf("one of %u lines", at.sites);
    g_autofree gchar *count = pf_grouped_text(error->count);
    g_autofree gchar *calls = pf_grouped_text(at.calls);
    PfFinding *found = pf_search_add(
        self, "errors",
        g_strdup_printf("%s goes on when %s fails with %s", place != NULL ? place : several,
                        error->function, error->name),
        g_strdup_printf("%s of %s calls failed so", count, calls), g_strdup(advice_on(error->name)),
        at.only == NULL || loses_data(error->name)
            ? (pf_saving){0}
            : pf_saving_of_rerun(
                  pf_saving_times(pf_saving_of(&at.only->stats, 1), part_of(share))));
    pf_search_of_threads(self, found, at.only, NULL);
    found->place = g_steal_pointer(&place);
    found->saved_calls = (gdouble)error->count;
    return TRUE;
}

// The most frequent one that is worth a word.
void pf_find_errors(pf_search *self) {
    GPtrArray *errors = pf_snapshot_get_errors(self->snapshot);
    for (guint i = 0; i < errors->len && !find_error(self, g_ptr_array_index(errors, i)); i++) {
    }
}

// --- short writes

#define PF_LEAST_LEFT 3

// The site that lost most: `*ret_short` says of it what all threads saw.
static const PfCallSite *search_short(const pf_search *self, pf_short_writes *ret_short) {
    const pf_model *model = self->snapshot->model;
    g_autofree pf_short_writes *of_site = g_new0(pf_short_writes, MAX(model->sites->len, 1));
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        pf_short_writes *sum = &of_site[cell->site];
        sum->count += cell->short_writes.count;
        sum->continued += cell->short_writes.continued;
        sum->left += cell->short_writes.left;
        sum->left_bytes += cell->short_writes.left_bytes;
    }
    guint most = 0;
    for (guint i = 1; i < model->sites->len; i++) {
        most = of_site[i].left > of_site[most].left ? i : most;
    }
    *ret_short = of_site[most];
    // One that now and then drops the rest on purpose (its reader has gone) writes it most of the time.
    if (ret_short->left < PF_LEAST_LEFT || ret_short->left <= ret_short->continued) {
        return NULL;
    }
    return pf_search_site(self, most);
}

void pf_find_short_writes(pf_search *self) {
    pf_short_writes seen = {0};
    const PfCallSite *site = search_short(self, &seen);
    if (site == NULL) {
        return;
    }
    g_autofree gchar *place = pf_search_place(self, site);
    g_autofree gchar *count = pf_grouped_text(seen.count);
    g_autofree gchar *left = pf_grouped_text(seen.left);
    g_autofree gchar *bytes = pf_grouped_text(seen.left_bytes);
    PfFinding *found = pf_search_add(
        self, "short-writes",
        g_strdup_printf("%s goes on after a short %s: %s B were left out", place, site->function,
                        bytes),
        g_strdup_printf("%s calls took fewer bytes than they were given; after %s of them the "
                        "thread went on with other bytes than those that were left",
                        count, left),
        g_strdup("look at the result: write what is left, from where the call stopped, once poll "
                 "says POLLOUT"),
        (pf_saving){0});
    found->place = g_steal_pointer(&place);
}
