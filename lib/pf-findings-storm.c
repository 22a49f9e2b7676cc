// SPDX-License-Identifier: Apache-2.0
// The rule on log storms: for a while, many times more is logged than otherwise.  It reads the timeline, so
// only runs and recordings have it.
#include "pf-findings-private.h"
#include "pf-text-writer.h"
#include "pf-timeline-leaders.h"
#include <stdlib.h>
#include <string.h>

#define LEAST_SECONDS 5.0 // of the whole: in less nobody knows what is usual
#define TENTHS 10u
#define LEAST_TENTHS 3u // of the whole in which something is written outside of it
#define LEAST_PER_SECOND 1000.0
#define TIMES 10.0 // the usual rate

typedef struct {
    PfTimeline *timeline;
    gdouble seconds;      // of a bin
    guint first;          // bins of the storm
    guint last;           //
    gdouble peak;         // calls a second
    gdouble usual;        // calls a second outside, without the largest tenth of the bins
    guint tenths;         // of the whole, in which something was written outside
    gdouble calls;        // in the storm
    gdouble of_log_lines; // of those, by sites that log and are known
} storm;

static gdouble calls_at(const storm *self, guint bin) {
    return pf_timeline_get_bin(self->timeline, bin)->calls;
}

static gint by_size(gconstpointer a, gconstpointer b) {
    gdouble one = *(const gdouble *)a;
    gdouble other = *(const gdouble *)b;
    return one < other ? -1 : one > other;
}

// What is usual is the mean of nine tenths of the bins: the others may be the storm's fringes.
static void look_outside(storm *self) {
    guint count = pf_timeline_get_bin_count(self->timeline);
    g_autofree gdouble *outside = g_new0(gdouble, count);
    gboolean spoken[TENTHS] = {FALSE};
    gdouble calls = 0;
    guint used = 0;
    for (guint i = 0; i < count; i++) {
        if (i < self->first || i > self->last) {
            spoken[TENTHS * i / count] |= calls_at(self, i) > 0;
            outside[used++] = calls_at(self, i);
        }
    }
    qsort(outside, used, sizeof *outside, by_size);
    guint kept = used - used / 10;
    for (guint i = 0; i < kept; i++) {
        calls += outside[i];
    }
    self->usual = kept > 0 ? calls / kept / self->seconds : 0;
    for (guint i = 0; i < TENTHS; i++) {
        self->tenths += spoken[i];
    }
}

// From the peak outward while there is at least a tenth of it; one bin without is no end.
static gboolean find_storm(storm *self) {
    guint count = pf_timeline_get_bin_count(self->timeline);
    guint top = 0;
    if (count * self->seconds < LEAST_SECONDS) {
        return FALSE;
    }
    for (guint i = 1; i < count; i++) {
        top = calls_at(self, i) > calls_at(self, top) ? i : top;
    }
    gdouble least = calls_at(self, top) / TIMES;
    self->first = self->last = top;
    for (guint i = top; i-- > 0 && self->first - i <= 2;) {
        self->first = calls_at(self, i) >= least ? i : self->first;
    }
    for (guint i = top + 1; i < count && i - self->last <= 2; i++) {
        self->last = calls_at(self, i) >= least ? i : self->last;
    }
    for (guint i = self->first; i <= self->last; i++) {
        self->calls += calls_at(self, i);
    }
    self->peak = calls_at(self, top) / self->seconds;
    look_outside(self);
    // What goes on for a third of the time is how the program is, and one that writes once, at its end, has no
    // usual rate.
    return self->tenths >= LEAST_TENTHS && 3 * (self->last - self->first + 1) <= count &&
           self->peak >= LEAST_PER_SECOND && self->calls >= PF_LEAST_CALLS &&
           self->peak >= TIMES * self->usual;
}

// Who made calls in the storm, and how many beyond what the same would have made otherwise.
static GArray *leaders_of(const storm *self, gsize offset, gboolean beyond) {
    GArray *sums = g_array_new(FALSE, FALSE, sizeof(PfTimelineLeader));
    guint count = pf_timeline_get_bin_count(self->timeline);
    gdouble inside = self->last - self->first + 1;
    for (guint i = 0; i < count; i++) {
        const gchar *bin = (const gchar *)pf_timeline_get_bin(self->timeline, i);
        const PfTimelineLeader *leaders = (const PfTimelineLeader *)(const void *)(bin + offset);
        gboolean in_it = i >= self->first && i <= self->last;
        gdouble share = in_it ? 1 : beyond ? -inside / MAX(count - inside, 1) : 0;
        for (guint l = 0; l < PF_TIMELINE_LEADERS; l++) {
            guint at = 0;
            while (at < sums->len &&
                   g_array_index(sums, PfTimelineLeader, at).id != leaders[l].id) {
                at++;
            }
            if (at == sums->len && leaders[l].id != 0) {
                g_array_append_val(sums, ((PfTimelineLeader){.id = leaders[l].id}));
            }
            if (leaders[l].id != 0) {
                g_array_index(sums, PfTimelineLeader, at).calls += share * leaders[l].calls;
            }
        }
    }
    return sums;
}

static gdouble calls_of(const GArray *sums, guint64 id) {
    for (guint i = 0; i < sums->len; i++) {
        if (g_array_index(sums, PfTimelineLeader, i).id == id) {
            return MAX(g_array_index(sums, PfTimelineLeader, i).calls, 0);
        }
    }
    return 0;
}

// What the storm's lines cost beyond what they cost otherwise; the line that made most of it.
static pf_saving save(const pf_search *self, storm *found, const PfCallSite **ret_worst,
                      gdouble *ret_calls) {
    const gsize offset = G_STRUCT_OFFSET(PfTimelineBin, sites);
    g_autoptr(GArray) inside = leaders_of(found, offset, FALSE);
    g_autoptr(GArray) beyond = leaders_of(found, offset, TRUE);
    GPtrArray *sites = pf_snapshot_get_call_sites(self->snapshot);
    pf_saving sum = {0};
    gdouble most = 0;
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        guint64 id = pf_leader_of_site(site->function, site->module, site->offset);
        gdouble more = calls_of(beyond, id);
        if (!site->is_message || more <= 0 || !pf_search_is_log(self, site)) {
            continue;
        }
        gdouble all = (gdouble)MAX(site->stats.message_count, 1);
        sum = pf_saving_add(sum, pf_saving_of(&site->stats, MIN(more / all, 1)));
        found->of_log_lines += calls_of(inside, id);
        *ret_calls += more;
        *ret_worst = more > most ? site : *ret_worst;
        most = MAX(more, most);
    }
    return sum;
}

static gchar *threads_of(const pf_search *self, const storm *found) {
    g_autoptr(GArray) sums = leaders_of(found, G_STRUCT_OFFSET(PfTimelineBin, threads), FALSE);
    GPtrArray *threads = pf_snapshot_get_threads(self->snapshot);
    const PfTimelineLeader *most = NULL;
    guint count = 0;
    for (guint i = 0; i < sums->len; i++) {
        const PfTimelineLeader *one = &g_array_index(sums, PfTimelineLeader, i);
        count += one->calls >= 0.05 * found->calls;
        most = most == NULL || one->calls > most->calls ? one : most;
    }
    for (guint i = 0; most != NULL && i < threads->len; i++) {
        const PfThread *thread = g_ptr_array_index(threads, i);
        if (pf_leader_of_thread(thread->pid, thread->tid) == most->id) {
            return g_strdup_printf("%s%u thread%s, %.0f %% of them by %s",
                                   count >= PF_TIMELINE_LEADERS ? "at least " : "", MAX(count, 1),
                                   count > 1 ? "s" : "", 100 * MIN(most->calls / found->calls, 1),
                                   thread->name);
        }
    }
    return g_strdup("threads that have ended");
}

static gchar *clock_text(gint64 unix_ns) {
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_local(unix_ns / 1000000000);
    return when != NULL ? g_date_time_format(when, "%F %T") : g_strdup("?");
}

void pf_find_storm(pf_search *self) {
    PfTimeline *timeline = self->snapshot->timeline;
    if (timeline == NULL) {
        return;
    }
    storm found = {.timeline = timeline,
                   .seconds = (gdouble)pf_timeline_get_width_ns(timeline) / 1e9};
    const PfCallSite *worst = NULL;
    gdouble calls = 0;
    if (!find_storm(&found)) {
        return;
    }
    pf_saving saving = pf_saving_of_rerun(save(self, &found, &worst, &calls));
    gdouble lasted = (found.last - found.first + 1) * found.seconds;
    // Of the storm's own time: a second of it may be the trouble of a day.
    pf_search own = *self;
    own.wall_ns = lasted * 1e9;
    if (worst == NULL || found.of_log_lines < 0.5 * found.calls ||
        !pf_saving_is_worth(&own, saving)) {
        return;
    }
    gdouble begun = found.first * found.seconds;
    g_autofree gchar *place = pf_search_place(self, worst);
    g_autofree gchar *peak = pf_grouped_text((guint64)found.peak);
    g_autofree gchar *usual = pf_grouped_text((guint64)MAX(found.usual + 0.5, 1));
    g_autofree gchar *threads = threads_of(self, &found);
    g_autofree gchar *clock =
        clock_text(pf_timeline_get_start_unix_ns(timeline) + (gint64)(begun * 1e9));
    g_autofree gchar *all = pf_grouped_text((guint64)found.calls);
    g_autofree gchar *count = pf_grouped_text((guint64)found.of_log_lines);
    PfFinding *row = pf_search_add(
        self, "storm",
        g_strdup_printf(
            "log storm of %.2f s from %s: up to %s output calls a second, where %s are usual",
            lasted, place, peak, usual),
        g_strdup_printf("it began at %s, %.2f s after the start: %s of %s calls are log lines; %s",
                        clock, begun, count, all, threads),
        g_strdup("put a limit on that line: so many a second, then one line with the number of "
                 "those left out"),
        saving);
    pf_search_of_threads(self, row, NULL, NULL);
    row->place = g_steal_pointer(&place);
    row->saved_calls = calls;
}
