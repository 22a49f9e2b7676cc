// SPDX-License-Identifier: Apache-2.0
// A time series of snapshots in bounded space: when all bins are used, pairs become one and the width
// of a bin doubles.
#include "pf-timeline-leaders.h"
#include "pf-timeline-private.h"
#include <math.h>
#include <string.h>
#include <time.h>

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
    gint64 monotonic_ns;
    guint32 reset; // how often its counts had begun anew
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
    gint64 start_monotonic_ns;  // the same moment: a wall clock may be set while we look
    gint64 looked_monotonic_ns; // what appears later has done nothing before
    guint64 width_ns;
    guint count;
    GHashTable *processes; // pid and start -> before
    PfTimelineBin bin[PF_TIMELINE_BINS];
    pf_crowd crowd[PF_TIMELINE_BINS]; // whom the bins' leaders lead; none in one that was read
};

G_DEFINE_BOXED_TYPE(PfTimeline, pf_timeline, pf_timeline_ref, pf_timeline_unref)

/**
 * PfTimeline:
 *
 * What happened when, in a bounded number of bins.
 */

static gint64 ns_of(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

/**
 * pf_timeline_new:
 * @start_unix_ns: when the first bin begins, ns since 1970, by the wall clock as it is now
 * @width_ns: how long a bin is at first
 *
 * Makes a timeline without bins.  One thread at a time may use it.
 *
 * Returns: (transfer full): the timeline
 */
PfTimeline *pf_timeline_new(gint64 start_unix_ns, guint64 width_ns) {
    gint64 ago = ns_of(CLOCK_REALTIME) - start_unix_ns;
    return pf_timeline_new_at(start_unix_ns, ns_of(CLOCK_MONOTONIC) - ago, width_ns);
}

PfTimeline *pf_timeline_new_at(gint64 start_unix_ns, gint64 start_monotonic_ns, guint64 width_ns) {
    PfTimeline *self = g_new0(PfTimeline, 1);
    g_atomic_ref_count_init(&self->references);
    self->start_unix_ns = start_unix_ns;
    self->start_monotonic_ns = start_monotonic_ns;
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
        for (guint i = 0; i < PF_TIMELINE_BINS; i++) {
            pf_crowd_clear(&self->crowd[i]);
        }
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
}

static void add_crowd(PfTimeline *self, guint index, const pf_crowd *from, gdouble share) {
    pf_crowd *crowd = &self->crowd[index];
    pf_crowd_add(crowd, from, share);
    pf_leaders_of(crowd->sites, self->bin[index].sites);
    pf_leaders_of(crowd->threads, self->bin[index].threads);
}

static void halve(PfTimeline *self) {
    for (guint i = 0; i < PF_TIMELINE_BINS / 2; i++) {
        PfTimelineBin pair = self->bin[2 * i];
        pf_crowd pair_crowd = self->crowd[2 * i];
        pf_crowd other = self->crowd[2 * i + 1];
        add_bin(&pair, &self->bin[2 * i + 1], 1);
        self->crowd[2 * i] = self->crowd[2 * i + 1] = (pf_crowd){0};
        self->bin[i] = pair;
        self->crowd[i] = pair_crowd;
        add_crowd(self, i, &other, 1);
        pf_crowd_clear(&other);
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
static void spread(PfTimeline *self, const PfTimelineBin *more, const pf_crowd *crowd, gint64 from,
                   gint64 to) {
    gdouble width = (gdouble)self->width_ns;
    gdouble begin = MAX((gdouble)(from - self->start_monotonic_ns) / width, 0);
    gdouble end = MAX((gdouble)(to - self->start_monotonic_ns) / width, begin);
    guint last = (guint)MIN(end, PF_TIMELINE_BINS - 1);
    for (guint i = (guint)MIN(begin, PF_TIMELINE_BINS - 1); i <= last; i++) {
        gdouble part = MIN(end, i + 1.0) - MAX(begin, i);
        gdouble share = end - begin > 1e-9 ? MAX(part, 0) / (end - begin) : i == last;
        add_bin(&self->bin[i], more, share);
        add_crowd(self, i, crowd, share);
    }
    self->count = MAX(self->count, last + 1);
}

static void forget(before *self) {
    self->sum = (PfTimelineBin){0};
    g_clear_pointer(&self->sites, g_hash_table_unref);
    g_clear_pointer(&self->threads, g_hash_table_unref);
}

static before *look_up(PfTimeline *self, PfSnapshot *snapshot) {
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    const pf_model_process *model = pf_model_process_at(snapshot->model, 0);
    gchar *key = g_strdup_printf("%u %" G_GINT64_FORMAT, process->pid, process->start_unix_ns);
    before *then = g_hash_table_lookup(self->processes, key);
    if (then == NULL) {
        then = g_new0(before, 1);
        then->monotonic_ns = MAX(model->start_monotonic_ns, self->looked_monotonic_ns);
        g_hash_table_insert(self->processes, key, then);
    } else {
        g_free(key);
    }
    if (then->reset != model->reset) {
        forget(then);
        then->reset = model->reset;
    }
    return then;
}

// Who has done what came since the last look.
static pf_crowd note_crowd(before *then, PfSnapshot *snapshot) {
    GHashTable *sites = pf_leaders_count(snapshot->model, FALSE);
    GHashTable *threads = pf_leaders_count(snapshot->model, TRUE);
    pf_crowd more = {pf_leaders_differ(sites, then->sites),
                     pf_leaders_differ(threads, then->threads)};
    g_clear_pointer(&then->sites, g_hash_table_unref);
    g_clear_pointer(&then->threads, g_hash_table_unref);
    then->sites = sites;
    then->threads = threads;
    return more;
}

/**
 * pf_timeline_ignore:
 * @self: a timeline
 * @snapshot: a snapshot of one process
 *
 * What the process has done so far is no part of the timeline.
 */
void pf_timeline_ignore(PfTimeline *self, PfSnapshot *snapshot) {
    if (pf_snapshot_get_process(snapshot) != NULL) {
        before *then = look_up(self, snapshot);
        then->sum = sum_of(snapshot);
        pf_crowd unused = note_crowd(then, snapshot);
        pf_crowd_clear(&unused);
        then->monotonic_ns = pf_snapshot_get_taken_monotonic_ns(snapshot);
    }
}

/**
 * pf_timeline_add:
 * @self: a timeline
 * @snapshot: a snapshot of one process, with all that it has counted since its start
 * @monotonic_ns: when it was taken, [method@Snapshot.get_taken_monotonic_ns]
 *
 * Adds what the process has done since its last snapshot.
 */
void pf_timeline_add(PfTimeline *self, PfSnapshot *snapshot, gint64 monotonic_ns) {
    if (pf_snapshot_get_process(snapshot) == NULL) {
        return;
    }
    while ((gdouble)(monotonic_ns - self->start_monotonic_ns) >=
           (gdouble)self->width_ns * PF_TIMELINE_BINS) {
        halve(self);
    }
    before *then = look_up(self, snapshot);
    PfTimelineBin now = sum_of(snapshot);
    PfTimelineBin more = difference(&now, &then->sum);
    pf_crowd crowd = note_crowd(then, snapshot);
    spread(self, &more, &crowd, then->monotonic_ns, MAX(monotonic_ns, then->monotonic_ns));
    pf_crowd_clear(&crowd);
    then->sum = now;
    then->monotonic_ns = monotonic_ns;
}

/**
 * pf_timeline_note_look:
 * @self: a timeline
 * @monotonic_ns: when a look at all processes began, CLOCK_MONOTONIC
 *
 * Says that all processes that had written anything by then have been added.  A process makes its segment when it
 * first writes, so that one that appears later was silent until then, however long it lives.
 */
void pf_timeline_note_look(PfTimeline *self, gint64 monotonic_ns) {
    self->looked_monotonic_ns = monotonic_ns;
}

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
