// SPDX-License-Identifier: Apache-2.0
// A time series of snapshots in bounded space: when all bins are used, pairs become one and the width
// of a bin doubles.
#include "pf-timeline-leaders.h"
#include <math.h>
#include <string.h>

#define MAGIC 0x32656d6974667073ull // "spftime2"

typedef struct {
    guint64 magic;
    gint64 start_unix_ns;
    guint64 width_ns;
    guint32 count;
    guint32 bin_size;
} head;

// What a process had counted when it was last looked at.
typedef struct {
    gint64 unix_ns;
    PfTimelineBin sum;
    GHashTable *sites; // calls by id; NULL: none
    GHashTable *threads;
} before;

static void before_free(gpointer data) {
    before *self = data;
    g_clear_pointer(&self->sites, g_hash_table_unref);
    g_clear_pointer(&self->threads, g_hash_table_unref);
    g_free(self);
}

struct _PfTimeline {
    gatomicrefcount references;
    gint64 start_unix_ns;
    gint64 looked_unix_ns; // what appears later has done nothing before
    guint64 width_ns;
    guint count;
    GHashTable *processes; // pid and start -> before
    PfTimelineBin bin[PF_TIMELINE_BINS];
};

G_DEFINE_BOXED_TYPE(PfTimeline, pf_timeline, pf_timeline_ref, pf_timeline_unref)

/**
 * PfTimeline:
 *
 * What happened when, in a bounded number of bins.
 */

/**
 * pf_timeline_new:
 * @start_unix_ns: when the first bin begins, ns since 1970
 * @width_ns: how long a bin is at first
 *
 * Makes a timeline without bins.  One thread at a time may use it.
 *
 * Returns: (transfer full): the timeline
 */
PfTimeline *pf_timeline_new(gint64 start_unix_ns, guint64 width_ns) {
    PfTimeline *self = g_new0(PfTimeline, 1);
    g_atomic_ref_count_init(&self->references);
    self->start_unix_ns = start_unix_ns;
    self->width_ns = MAX(width_ns, 1);
    self->processes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, before_free);
    return self;
}

/**
 * pf_timeline_ref:
 * @self: a timeline
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */
PfTimeline *pf_timeline_ref(PfTimeline *self) {
    g_atomic_ref_count_inc(&self->references);
    return self;
}

/**
 * pf_timeline_unref:
 * @self: (transfer full) (nullable): a timeline
 *
 * Gives a reference back.
 */
void pf_timeline_unref(PfTimeline *self) {
    if (self != NULL && g_atomic_ref_count_dec(&self->references)) {
        g_hash_table_unref(self->processes);
        g_free(self);
    }
}

static void add_bin(PfTimelineBin *to, const PfTimelineBin *from, gdouble share) {
    to->calls += share * from->calls;
    to->bytes += share * from->bytes;
    to->cost_ns += share * from->cost_ns;
    for (guint i = 0; i < PF_TIMELINE_OCTAVES; i++) {
        to->octaves[i] += (gfloat)(share * from->octaves[i]);
    }
    pf_leaders_add(to->sites, from->sites, share);
    pf_leaders_add(to->threads, from->threads, share);
}

static void halve(PfTimeline *self) {
    for (guint i = 0; i < PF_TIMELINE_BINS / 2; i++) {
        PfTimelineBin pair = self->bin[2 * i];
        add_bin(&pair, &self->bin[2 * i + 1], 1);
        self->bin[i] = pair;
    }
    memset(&self->bin[PF_TIMELINE_BINS / 2], 0, sizeof self->bin / 2);
    self->count = (self->count + 1) / 2;
    self->width_ns *= 2;
}

static PfTimelineBin sum_of(PfSnapshot *snapshot) {
    const PfStats *stats = pf_snapshot_get_messages(snapshot);
    PfTimelineBin sum = {.calls = (gdouble)stats->message_count,
                         .bytes = (gdouble)stats->bytes,
                         .cost_ns = pf_stats_get_cost_ns(stats) +
                                    pf_stats_get_cost_ns(pf_snapshot_get_flushes(snapshot))};
    guint64 low;
    gdouble weight;
    for (guint i = 0; stats->histogram != NULL &&
                      pf_histogram_get_bucket(stats->histogram, i, &low, NULL, NULL, &weight);
         i++) {
        guint octave = low > 0 ? 63u - (guint)__builtin_clzll(low) : 0;
        sum.octaves[MIN(octave, PF_TIMELINE_OCTAVES - 1)] += (gfloat)weight;
    }
    return sum;
}

// Estimates may sink from one look to the next; a bin never holds less than nothing.
static PfTimelineBin difference(const PfTimelineBin *now, const PfTimelineBin *then) {
    PfTimelineBin more = {.calls = MAX(now->calls - then->calls, 0),
                          .bytes = MAX(now->bytes - then->bytes, 0),
                          .cost_ns = MAX(now->cost_ns - then->cost_ns, 0)};
    for (guint i = 0; i < PF_TIMELINE_OCTAVES; i++) {
        more.octaves[i] = MAX(now->octaves[i] - then->octaves[i], 0);
    }
    return more;
}

// Evenly over the time since the last look.
static void spread(PfTimeline *self, const PfTimelineBin *more, gint64 from, gint64 to) {
    gdouble width = (gdouble)self->width_ns;
    gdouble begin = MAX((gdouble)(from - self->start_unix_ns) / width, 0);
    gdouble end = MAX((gdouble)(to - self->start_unix_ns) / width, begin);
    guint last = (guint)MIN(end, PF_TIMELINE_BINS - 1);
    for (guint i = (guint)MIN(begin, PF_TIMELINE_BINS - 1); i <= last; i++) {
        gdouble part = MIN(end, i + 1.0) - MAX(begin, i);
        add_bin(&self->bin[i], more, end - begin > 1e-9 ? MAX(part, 0) / (end - begin) : i == last);
    }
    self->count = MAX(self->count, last + 1);
}

static before *look_up(PfTimeline *self, const PfProcess *process) {
    gchar *key = g_strdup_printf("%u %" G_GINT64_FORMAT, process->pid, process->start_unix_ns);
    before *then = g_hash_table_lookup(self->processes, key);
    if (then == NULL) {
        then = g_new0(before, 1);
        then->unix_ns = MAX(process->start_unix_ns, self->looked_unix_ns);
        g_hash_table_insert(self->processes, key, then);
    } else {
        g_free(key);
    }
    return then;
}

// Who has done what came since the last look.
static void note_leaders(before *then, PfSnapshot *snapshot, PfTimelineBin *ret_more) {
    GHashTable *sites = pf_leaders_count(snapshot->model, FALSE);
    GHashTable *threads = pf_leaders_count(snapshot->model, TRUE);
    pf_leaders_differ(sites, then->sites, ret_more->sites);
    pf_leaders_differ(threads, then->threads, ret_more->threads);
    g_clear_pointer(&then->sites, g_hash_table_unref);
    g_clear_pointer(&then->threads, g_hash_table_unref);
    then->sites = sites;
    then->threads = threads;
}

/**
 * pf_timeline_ignore:
 * @self: a timeline
 * @snapshot: a snapshot of one process
 *
 * What the process has done so far is no part of the timeline.
 */
void pf_timeline_ignore(PfTimeline *self, PfSnapshot *snapshot) {
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    if (process != NULL) {
        before *then = look_up(self, process);
        PfTimelineBin unused = {0};
        then->sum = sum_of(snapshot);
        note_leaders(then, snapshot, &unused);
        then->unix_ns = process->start_unix_ns + (gint64)process->uptime_ns;
    }
}

/**
 * pf_timeline_add:
 * @self: a timeline
 * @snapshot: a snapshot of one process, with all that it has counted since its start
 * @unix_ns: when it was taken, ns since 1970; for a process that has ended, its end
 *
 * Adds what the process has done since its last snapshot.
 */
void pf_timeline_add(PfTimeline *self, PfSnapshot *snapshot, gint64 unix_ns) {
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    if (process == NULL) {
        return;
    }
    while ((gdouble)(unix_ns - self->start_unix_ns) >= (gdouble)self->width_ns * PF_TIMELINE_BINS) {
        halve(self);
    }
    before *then = look_up(self, process);
    PfTimelineBin now = sum_of(snapshot);
    PfTimelineBin more = difference(&now, &then->sum);
    note_leaders(then, snapshot, &more);
    spread(self, &more, then->unix_ns, MAX(unix_ns, then->unix_ns));
    then->sum = now;
    then->unix_ns = unix_ns;
}

/**
 * pf_timeline_note_look:
 * @self: a timeline
 * @unix_ns: when a look at all processes began, ns since 1970
 *
 * Says that all processes that had written anything by then have been added.  A process makes its segment when it
 * first writes, so that one that appears later was silent until then, however long it lives.
 */
void pf_timeline_note_look(PfTimeline *self, gint64 unix_ns) { self->looked_unix_ns = unix_ns; }

/**
 * pf_timeline_get_start_unix_ns:
 * @self: a timeline
 *
 * Tells when the first bin begins.
 *
 * Returns: ns since 1970
 */
gint64 pf_timeline_get_start_unix_ns(PfTimeline *self) { return self->start_unix_ns; }

/**
 * pf_timeline_get_width_ns:
 * @self: a timeline
 *
 * Tells how long a bin is.
 *
 * Returns: ns
 */
guint64 pf_timeline_get_width_ns(PfTimeline *self) { return self->width_ns; }

/**
 * pf_timeline_get_bin_count:
 * @self: a timeline
 *
 * Tells how many bins there are.
 *
 * Returns: their number, at most %PF_TIMELINE_BINS
 */
guint pf_timeline_get_bin_count(PfTimeline *self) { return self->count; }

/**
 * pf_timeline_get_bin:
 * @self: a timeline
 * @index: which bin
 *
 * Gives a bin.
 *
 * Returns: (transfer none) (nullable): the bin; %NULL when there is none
 */
const PfTimelineBin *pf_timeline_get_bin(PfTimeline *self, guint index) {
    return index < self->count ? &self->bin[index] : NULL;
}

/**
 * pf_timeline_to_bytes:
 * @self: a timeline
 *
 * Writes a timeline for [ctor@Timeline.new_from_bytes], in the byte order of the machine.
 *
 * Returns: (transfer full): the bytes
 */
GBytes *pf_timeline_to_bytes(PfTimeline *self) {
    head first = {MAGIC, self->start_unix_ns, self->width_ns, self->count, sizeof(PfTimelineBin)};
    GByteArray *bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const guint8 *)&first, sizeof first);
    g_byte_array_append(bytes, (const guint8 *)self->bin,
                        (guint)(self->count * sizeof(PfTimelineBin)));
    return g_byte_array_free_to_bytes(bytes);
}

static gboolean is_sane(const PfTimelineBin *bin) {
    gdouble sum = bin->calls + bin->bytes + bin->cost_ns;
    gdouble least = MIN(MIN(bin->calls, bin->bytes), bin->cost_ns);
    for (guint i = 0; i < PF_TIMELINE_OCTAVES; i++) {
        sum += (gdouble)bin->octaves[i];
        least = MIN(least, (gdouble)bin->octaves[i]);
    }
    for (guint i = 0; i < PF_TIMELINE_LEADERS; i++) {
        sum += bin->sites[i].calls + bin->threads[i].calls;
        least = MIN(least, MIN(bin->sites[i].calls, bin->threads[i].calls));
    }
    return isfinite(sum) && least >= 0;
}

/**
 * pf_timeline_new_from_bytes:
 * @bytes: what pf_timeline_to_bytes() wrote; taken for hostile
 *
 * Reads a timeline.
 *
 * Returns: (transfer full) (nullable): the timeline; %NULL when it is none
 */
PfTimeline *pf_timeline_new_from_bytes(GBytes *bytes) {
    gsize size = 0;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    head first;
    if (size < sizeof first) {
        return NULL;
    }
    memcpy(&first, data, sizeof first);
    if (first.magic != MAGIC || first.bin_size != sizeof(PfTimelineBin) ||
        first.count > PF_TIMELINE_BINS || first.width_ns == 0 ||
        first.width_ns > G_MAXINT64 / PF_TIMELINE_BINS ||
        size != sizeof first + first.count * sizeof(PfTimelineBin)) {
        return NULL;
    }
    PfTimeline *self = pf_timeline_new(first.start_unix_ns, first.width_ns);
    self->count = first.count;
    memcpy(self->bin, data + sizeof first, first.count * sizeof(PfTimelineBin));
    for (guint i = 0; i < self->count; i++) {
        if (!is_sane(&self->bin[i])) {
            pf_timeline_unref(self);
            return NULL;
        }
    }
    return self;
}
