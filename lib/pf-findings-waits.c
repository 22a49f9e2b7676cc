// SPDX-License-Identifier: Apache-2.0
// Rules on waiting: for the lock of a FILE, and for whoever reads what is written.
#include "pf-findings-private.h"
#include "pf-text-writer.h"

static gboolean is_waited_for(const PfStream *stream) {
    return stream->stats.reasons[PF_REASON_LOCK].share >= 0.1;
}

static pf_saving sum_of_reason(const pf_stream_group *group, PfReason reason, gdouble *ret_all) {
    pf_saving sum = {0};
    *ret_all = 0;
    for (guint i = 0; i < group->streams->len; i++) {
        const PfStats *stats = &((const PfStream *)g_ptr_array_index(group->streams, i))->stats;
        sum = pf_saving_add(sum, pf_saving_of_reason(stats, reason, 1));
        *ret_all += pf_stats_get_cost_ns(stats);
    }
    return sum;
}

// What the wait adds up to is known, what a run without it would take is not: threads that need not wait
// for one another share the processors all the same.
static void find_lock(pf_search *self, const pf_stream_group *all) {
    g_autoptr(pf_stream_group) group = pf_group_filter(all, is_waited_for);
    gdouble cost = 0;
    pf_saving wait = sum_of_reason(group, PF_REASON_LOCK, &cost);
    if (!pf_saving_is_worth(self, wait)) {
        return;
    }
    g_autofree gchar *place = pf_search_place(self, group->site);
    g_autofree gchar *name = pf_group_title(group);
    g_autofree gchar *sum = pf_duration_text(wait.ns);
    g_autofree gchar *low = pf_duration_text(wait.low);
    g_autofree gchar *high = pf_duration_text(wait.high);
    PfFinding *found = pf_search_add(
        self, "lock",
        g_strdup_printf("threads wait for one another at the lock of %s, %s in all", name, sum),
        g_strdup_printf("%s to %s (95 %%), added up over all threads: %.0f %% of the time in calls "
                        "to it; most calls come from %s. What a run saves depends on processors "
                        "that are free",
                        low, high, 100 * wait.ns / cost, place),
        g_strdup("give each thread a buffer or a file of its own, or let one thread write; make "
                 "what is done under the lock shorter (no flush, no unbuffered stream)"),
        (pf_saving){0});
    found->place = g_steal_pointer(&place);
}

static const gchar *reader_of(PfStreamKind kind) {
    switch (kind) {
    case PF_STREAM_KIND_PIPE: return "a pipe whose reader is too slow";
    case PF_STREAM_KIND_SOCKET: return "a socket whose peer is too slow";
    case PF_STREAM_KIND_NONE: return "a logger (the system log, say) that does not keep up";
    case PF_STREAM_KIND_TTY: return "a terminal that does not keep up";
    default: return NULL;
    }
}

static gboolean is_waiting(const PfStream *stream) {
    return reader_of(stream->kind) != NULL && !pf_makes_way(&stream->stats) &&
           stream->stats.reasons[PF_REASON_BLOCKED].share >= 0.5;
}

static guint64 slowest_of(const pf_stream_group *group) {
    guint64 slowest = 0;
    for (guint i = 0; i < group->streams->len; i++) {
        slowest =
            MAX(slowest, ((const PfStream *)g_ptr_array_index(group->streams, i))->stats.max_ns);
    }
    return slowest;
}

static void find_blocked(pf_search *self, const pf_stream_group *all) {
    g_autoptr(pf_stream_group) group = pf_group_filter(all, is_waiting);
    gdouble cost = 0;
    pf_saving saving = pf_saving_of_rerun(sum_of_reason(group, PF_REASON_BLOCKED, &cost));
    if (!pf_saving_is_worth(self, saving)) {
        return;
    }
    const PfStream *first = g_ptr_array_index(group->streams, 0);
    const PfReasonShare *blocked = &first->stats.reasons[PF_REASON_BLOCKED];
    g_autofree gchar *place = pf_search_place(self, group->site);
    g_autofree gchar *name = pf_group_title(group);
    g_autofree gchar *slowest = pf_duration_text((gdouble)slowest_of(group));
    g_autofree gchar *limits =
        group->streams->len > 1 || blocked->low < 0 || blocked->high < 0
            ? g_strdup("")
            : g_strdup_printf(" (95 %%: %.0f to %.0f)", 100 * blocked->low, 100 * blocked->high);
    PfFinding *found = pf_search_add(
        self, "blocked", g_strdup_printf("%s is blocked by %s", place, reader_of(first->kind)),
        g_strdup_printf("%.0f %%%s of the time in calls to %s the thread was switched out; the "
                        "longest call took %s",
                        100 * MIN(saving.ns / cost, 1), limits, name, slowest),
        g_strdup(pf_search_is_log(self, group->site)
                     ? "hand messages to a thread of their own through a bounded queue that drops "
                       "and counts, or make the reader quicker"
                     : "make the reader quicker, or write from a thread of its own"),
        saving);
    pf_search_of_threads(self, found, NULL, group->streams);
    found->place = g_steal_pointer(&place);
}

void pf_find_waits(pf_search *self) {
    for (guint i = 0; i < self->written->len; i++) {
        find_lock(self, g_ptr_array_index(self->written, i));
        find_blocked(self, g_ptr_array_index(self->written, i));
    }
}
