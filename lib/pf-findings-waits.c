// SPDX-License-Identifier: Apache-2.0
// Rules on waiting: for the lock of a FILE, and for whoever reads what is written.
#include "pf-findings-private.h"
#include "pf-text-writer.h"

// What the wait adds up to is known, what a run without it would take is not: threads that need not wait
// for one another share the processors all the same.
static void find_lock(pf_search *self, const PfStream *stream) {
    const PfReasonShare *lock = &stream->stats.reasons[PF_REASON_LOCK];
    pf_saving wait = pf_saving_of_reason(&stream->stats, PF_REASON_LOCK, 1);
    if (lock->share < 0.1 || !pf_saving_is_worth(self, wait)) {
        return;
    }
    g_autofree gchar *place = pf_search_place_of_stream(self, stream, TRUE, NULL);
    g_autofree gchar *name = pf_stream_title(stream);
    g_autofree gchar *all = pf_duration_text(wait.ns);
    g_autofree gchar *low = pf_duration_text(wait.low);
    g_autofree gchar *high = pf_duration_text(wait.high);
    PfFinding *found = pf_search_add(
        self, "lock",
        g_strdup_printf("threads wait for one another at the lock of %s, %s in all", name, all),
        g_strdup_printf("%s to %s (95 %%), added up over all threads: %.0f %% of the time in calls "
                        "to it; most calls come from %s. What a run saves depends on processors "
                        "that are free",
                        low, high, 100 * lock->share, place != NULL ? place : "several places"),
        g_strdup("give each thread a buffer or a file of its own, or let one thread write; make "
                 "what is done under the lock shorter (no flush, no unbuffered stream)"),
        (pf_saving){0});
    found->place = g_steal_pointer(&place);
}

static const gchar *reader_of(PfStreamKind kind) {
    switch (kind) {
    case PF_STREAM_KIND_PIPE: return "a pipe whose reader is too slow";
    case PF_STREAM_KIND_SOCKET: return "a socket whose peer is too slow";
    case PF_STREAM_KIND_NONE: return "the system log, which does not keep up";
    case PF_STREAM_KIND_TTY: return "a terminal that does not keep up";
    default: return NULL;
    }
}

static void find_blocked(pf_search *self, const PfStream *stream) {
    const PfReasonShare *blocked = &stream->stats.reasons[PF_REASON_BLOCKED];
    const gchar *reader = reader_of(stream->kind);
    pf_saving saving = pf_saving_of_reason(&stream->stats, PF_REASON_BLOCKED, 1);
    if (reader == NULL || blocked->share < 0.5 || pf_search_makes_way(&stream->stats) ||
        !pf_saving_is_worth(self, saving)) {
        return;
    }
    const PfCallSite *site = NULL;
    g_autofree gchar *place = pf_search_place_of_stream(self, stream, TRUE, &site);
    g_autofree gchar *name = pf_stream_title(stream);
    g_autofree gchar *slowest = pf_duration_text((gdouble)stream->stats.max_ns);
    PfFinding *found = pf_search_add(
        self, "blocked",
        g_strdup_printf("%s is blocked by %s", place != NULL ? place : name, reader),
        g_strdup_printf("%.0f %% (95 %%: %.0f to %.0f) of the time in calls to %s the thread was "
                        "switched out; the longest call took %s",
                        100 * blocked->share, 100 * MAX(blocked->low, 0),
                        100 * MAX(blocked->high, 0), name, slowest),
        g_strdup(site != NULL && pf_search_is_log(self, site)
                     ? "hand messages to a thread of their own through a bounded queue that drops "
                       "and counts, or make the reader quicker"
                     : "make the reader quicker, or write from a thread of its own"),
        saving);
    found->place = g_steal_pointer(&place);
}

void pf_find_waits(pf_search *self) {
    GPtrArray *streams = pf_snapshot_get_streams(self->snapshot);
    for (guint i = 0; i < streams->len; i++) {
        find_lock(self, g_ptr_array_index(streams, i));
        find_blocked(self, g_ptr_array_index(streams, i));
    }
}
