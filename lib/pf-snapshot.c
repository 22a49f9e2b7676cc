// SPDX-License-Identifier: Apache-2.0
// PfSnapshot: the object, and its tables as others see them.
#include "pf-segment-find.h"
#include "pf-snapshot-private.h"
#include <string.h>

/**
 * PfSnapshot:
 *
 * What one or several profiled processes had counted at one moment, or between two.
 *
 * A snapshot is read from a segment without touching the process: its own copy, which never changes.
 * Any number of threads may use it.  Tables are arrays of rows, dearest first; the rows are counted
 * references and outlive the snapshot.
 */
G_DEFINE_FINAL_TYPE(PfSnapshot, pf_snapshot, G_TYPE_OBJECT)

static void pf_snapshot_finalize(GObject *object) {
    PfSnapshot *self = PF_SNAPSHOT(object);
    if (self->model != NULL) {
        if (self->tables_made) {
            pf_tables_clear(&self->tables);
        }
        pf_model_unref(self->model);
    }
    g_clear_pointer(&self->timeline, pf_timeline_unref);
    g_clear_pointer(&self->processes, g_ptr_array_unref);
    g_clear_pointer(&self->slowest, g_ptr_array_unref);
    g_clear_pointer(&self->recent, g_ptr_array_unref);
    g_clear_pointer(&self->stacks, g_ptr_array_unref);
    pf_pair_map_clear(&self->stack_of);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_snapshot_parent_class)->finalize(object);
}

static void pf_snapshot_class_init(PfSnapshotClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = pf_snapshot_finalize;
}

static void pf_snapshot_init(PfSnapshot *self) { g_mutex_init(&self->lock); }

PfSnapshot *pf_snapshot_new_from_model(pf_model *model, PfSnapshotFlags flags) {
    PfSnapshot *self = g_object_new(PF_TYPE_SNAPSHOT, NULL);
    self->model = model;
    self->flags = flags;
    self->processes = g_ptr_array_new_with_free_func((GDestroyNotify)pf_process_unref);
    gboolean overhead_known = model->processes->len > 0;
    for (guint i = 0; i < model->processes->len; i++) {
        pf_model_process *process = pf_model_process_at(model, i);
        g_ptr_array_add(self->processes, pf_process_ref(process->facts));
        self->thread_count += process->thread_count;
        self->overhead_ns += process->overhead_ns;
        overhead_known &= process->overhead_ns != 0;
    }
    self->overhead_ns = overhead_known ? self->overhead_ns : 0;
    return self;
}

// Somebody who looks every second wants the tables of differences, not those of what they are made of.
const pf_tables *pf_snapshot_tables(PfSnapshot *self) {
    if (g_once_init_enter(&self->tables_made)) {
        pf_tables_make(&self->tables, self->model);
        g_once_init_leave(&self->tables_made, 1);
    }
    return &self->tables;
}

PfSnapshot *pf_snapshot_new_from_reader(pf_reader *reader, PfSnapshotFlags flags, GError **error) {
    if (reader == NULL) {
        return NULL;
    }
    pf_model *model = pf_model_load(reader, error);
    pf_reader_unref(reader);
    return model != NULL ? pf_snapshot_new_from_model(model, flags) : NULL;
}

/**
 * pf_snapshot_new_from_file:
 * @path: a segment
 * @flags: what it shall hold
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads a segment, whether its process runs or not.  The file is taken for hostile: links are not
 * followed, and whatever it holds can only make this fail.
 *
 * Returns: (transfer full): the snapshot, or %NULL
 */
PfSnapshot *pf_snapshot_new_from_file(const gchar *path, PfSnapshotFlags flags, GError **error) {
    g_return_val_if_fail(path != NULL, NULL);
    return pf_snapshot_new_from_reader(pf_reader_new_from_file(path, error), flags, error);
}

/**
 * pf_snapshot_new_from_bytes:
 * @bytes: a segment's content
 * @flags: what it shall hold
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads a segment out of memory.  Its process is taken to be gone.
 *
 * Returns: (transfer full): the snapshot, or %NULL
 */
PfSnapshot *pf_snapshot_new_from_bytes(GBytes *bytes, PfSnapshotFlags flags, GError **error) {
    g_return_val_if_fail(bytes != NULL, NULL);
    gsize size = 0;
    const void *data = g_bytes_get_data(bytes, &size);
    return pf_snapshot_new_from_reader(pf_reader_new_from_bytes(data, size, error), flags, error);
}

/**
 * pf_snapshot_new_from_pid:
 * @pid: a process
 * @flags: what it shall hold
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads the segment of a process of this user, or the newest that a process of this pid left behind.
 *
 * Returns: (transfer full): the snapshot, or %NULL
 */
PfSnapshot *pf_snapshot_new_from_pid(guint pid, PfSnapshotFlags flags, GError **error) {
    g_autofree gchar *path = pf_segment_find(pid, error);
    return path != NULL ? pf_snapshot_new_from_file(path, flags, error) : NULL;
}

/**
 * pf_snapshot_delta:
 * @later: a snapshot
 * @earlier: a snapshot of the same processes, taken before
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * What came between two snapshots.  A process that only @later has, or whose counts were reset in
 * between, is taken whole.
 *
 * Returns: (transfer full): the difference, or %NULL when @earlier or @later is itself one
 */
PfSnapshot *pf_snapshot_delta(PfSnapshot *later, PfSnapshot *earlier, GError **error) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(later) && PF_IS_SNAPSHOT(earlier), NULL);
    pf_model *model = pf_model_subtract(later->model, earlier->model, error);
    return model != NULL ? pf_snapshot_new_from_model(model, later->flags) : NULL;
}

/**
 * pf_snapshot_merge:
 * @snapshots: (array length=snapshot_count): snapshots of different processes
 * @snapshot_count: how many
 *
 * Adds snapshots up: call sites are matched by build-id and place in the file, so that address
 * randomisation does not split them, streams by kind and name.
 *
 * Returns: (transfer full): the sum
 */
PfSnapshot *pf_snapshot_merge(PfSnapshot **snapshots, gsize snapshot_count) {
    g_autofree pf_model **models = g_new0(pf_model *, MAX(snapshot_count, 1));
    PfSnapshotFlags flags = PF_SNAPSHOT_DEFAULT;
    for (gsize i = 0; i < snapshot_count; i++) {
        g_return_val_if_fail(PF_IS_SNAPSHOT(snapshots[i]), NULL);
        models[i] = snapshots[i]->model;
        flags |= snapshots[i]->flags;
    }
    return pf_snapshot_new_from_model(pf_model_unite(models, snapshot_count), flags);
}

// --- process and totals

/**
 * pf_snapshot_get_process:
 * @self: a snapshot
 *
 * Gets the process that the snapshot is of.
 *
 * Returns: (transfer none) (nullable): the process; the first one of several
 */
PfProcess *pf_snapshot_get_process(PfSnapshot *self) {
    return self->processes->len > 0 ? g_ptr_array_index(self->processes, 0) : NULL;
}

/**
 * pf_snapshot_get_processes:
 * @self: a snapshot
 *
 * Gets all processes.
 *
 * Returns: (transfer none) (element-type PfProcess): all processes
 */
GPtrArray *pf_snapshot_get_processes(PfSnapshot *self) { return self->processes; }

/**
 * pf_snapshot_get_messages:
 * @self: a snapshot
 *
 * Tells what all messages cost.
 *
 * Returns: (transfer none): what all messages cost
 */
const PfStats *pf_snapshot_get_messages(PfSnapshot *self) {
    return &pf_snapshot_tables(self)->messages;
}

/**
 * pf_snapshot_get_flushes:
 * @self: a snapshot
 *
 * Tells what all flushes cost.
 *
 * Returns: (transfer none): what all flushes cost: fflush, fclose, fsync ..., which are no messages
 */
const PfStats *pf_snapshot_get_flushes(PfSnapshot *self) {
    return &pf_snapshot_tables(self)->flushes;
}

/**
 * pf_snapshot_get_uptime_seconds:
 * @self: a snapshot
 *
 * Tells how long was counted, on the monotonic clock.
 *
 * Returns: how long was counted, on the monotonic clock; of several processes the longest
 */
gdouble pf_snapshot_get_uptime_seconds(PfSnapshot *self) { return self->model->uptime_ns / 1e9; }

/**
 * pf_snapshot_get_taken_monotonic_ns:
 * @self: a snapshot
 *
 * Tells of when the numbers are.
 *
 * Returns: CLOCK_MONOTONIC in ns: when they were read, of a process that has ended when it did; of several
 *   processes that of the first; 0: there is none
 */
gint64 pf_snapshot_get_taken_monotonic_ns(PfSnapshot *self) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(self), 0);
    return self->model->processes->len > 0 ? pf_model_process_at(self->model, 0)->taken_monotonic_ns
                                           : 0;
}

/**
 * pf_snapshot_get_messages_per_second:
 * @self: a snapshot
 *
 * Gets the messages for each second of that time.
 *
 * Returns: messages for each second of that; 0 when there was none
 */
gdouble pf_snapshot_get_messages_per_second(PfSnapshot *self) {
    gdouble seconds = pf_snapshot_get_uptime_seconds(self);
    return seconds > 0 ? (gdouble)pf_snapshot_tables(self)->messages.message_count / seconds : 0;
}

/**
 * pf_snapshot_get_thread_count:
 * @self: a snapshot
 *
 * Tells how many threads made calls, also those that have ended.
 *
 * Returns: how many threads made calls, also those that have ended
 */
guint pf_snapshot_get_thread_count(PfSnapshot *self) { return self->thread_count; }

/**
 * pf_snapshot_get_overhead_ns:
 * @self: a snapshot
 *
 * Tells what profiling cost the processes, as they measured it when they ended.
 *
 * Returns: what profiling cost the processes, as they measured it when they ended; 0: not known
 */
guint64 pf_snapshot_get_overhead_ns(PfSnapshot *self) { return self->overhead_ns; }

static const gchar *const lost_reasons[PF_LOST_COUNT + 1] = {
    [PF_LOST_MEMORY] = "memory",
    [PF_LOST_REENTRY] = "reentry",
    [PF_LOST_CHILD] = "child",
    [PF_LOST_EARLY] = "early",
};

/**
 * pf_snapshot_get_lost_reasons:
 *
 * Gets every reason for which calls are lost.
 *
 * Returns: (transfer none) (array zero-terminated=1): every reason for which calls are lost: `memory`
 *   and `reentry` (counted for their function only), `child` and `early` (not counted)
 */
const gchar *const *pf_snapshot_get_lost_reasons(void) { return lost_reasons; }

/**
 * pf_snapshot_get_lost:
 * @self: a snapshot
 * @reason: one of pf_snapshot_get_lost_reasons()
 *
 * Tells how many calls were lost for that reason.
 *
 * Returns: how many calls were lost for that reason
 */
guint64 pf_snapshot_get_lost(PfSnapshot *self, const gchar *reason) {
    for (guint i = 0; i < PF_LOST_COUNT; i++) {
        if (strcmp(reason, lost_reasons[i]) == 0) {
            return self->model->lost[i];
        }
    }
    return 0;
}

/**
 * pf_snapshot_get_coverage:
 * @self: a snapshot
 *
 * Tells how much of what the kernel says was written was seen.
 *
 * Returns: (transfer none): how much of what the kernel says was written was seen
 */
const PfCoverage *pf_snapshot_get_coverage(PfSnapshot *self) {
    return &pf_snapshot_tables(self)->coverage;
}

// --- tables

/**
 * pf_snapshot_get_functions:
 * @self: a snapshot
 *
 * Gets the output functions, then those that flush.
 *
 * Returns: (transfer none) (element-type PfFunction): output functions, then those that flush
 */
GPtrArray *pf_snapshot_get_functions(PfSnapshot *self) {
    return pf_snapshot_tables(self)->functions;
}

/**
 * pf_snapshot_get_call_sites:
 * @self: a snapshot
 *
 * Gets the call sites, also those that flush.
 *
 * Returns: (transfer none) (element-type PfCallSite): call sites, also those that flush
 */
GPtrArray *pf_snapshot_get_call_sites(PfSnapshot *self) {
    return pf_snapshot_tables(self)->call_sites;
}

/**
 * pf_snapshot_get_streams:
 * @self: a snapshot
 *
 * Gets the streams.
 *
 * Returns: (transfer none) (element-type PfStream): streams
 */
GPtrArray *pf_snapshot_get_streams(PfSnapshot *self) { return pf_snapshot_tables(self)->streams; }

/**
 * pf_snapshot_get_threads:
 * @self: a snapshot
 *
 * Gets the threads.
 *
 * Returns: (transfer none) (element-type PfThread): threads
 */
GPtrArray *pf_snapshot_get_threads(PfSnapshot *self) { return pf_snapshot_tables(self)->threads; }

/**
 * pf_snapshot_get_levels:
 * @self: a snapshot
 *
 * Gets the levels, most urgent first.
 *
 * Returns: (transfer none) (element-type PfLevelCount): levels, most urgent first
 */
GPtrArray *pf_snapshot_get_levels(PfSnapshot *self) { return pf_snapshot_tables(self)->levels; }

/**
 * pf_snapshot_get_templates:
 * @self: a snapshot
 *
 * Gets the message templates, most frequent first.
 *
 * Returns: (transfer none) (element-type PfTemplateCount): message templates, most frequent first
 */
GPtrArray *pf_snapshot_get_templates(PfSnapshot *self) {
    return pf_snapshot_tables(self)->templates;
}

/**
 * pf_snapshot_get_errors:
 * @self: a snapshot
 *
 * Gets the failed calls, most frequent first.
 *
 * Returns: (transfer none) (element-type PfErrorCount): failed calls, most frequent first
 */
GPtrArray *pf_snapshot_get_errors(PfSnapshot *self) { return pf_snapshot_tables(self)->errors; }

/**
 * pf_snapshot_get_scopes:
 * @self: a snapshot
 *
 * Gets the functions, scopes and spans that the program profiles by <pf-profile.h>.
 *
 * Returns: (transfer none) (element-type PfScope): profiled scopes
 */
GPtrArray *pf_snapshot_get_scopes(PfSnapshot *self) { return pf_snapshot_tables(self)->scopes; }

static GPtrArray *get_lazily(PfSnapshot *self, GPtrArray **table,
                             GPtrArray *(*make)(PfSnapshot *self)) {
    g_mutex_lock(&self->lock);
    if (*table == NULL) {
        *table = make(self);
    }
    g_mutex_unlock(&self->lock);
    return *table;
}

/**
 * pf_snapshot_get_stacks:
 * @self: a snapshot
 *
 * Gets the call stacks.
 *
 * Returns: (transfer none) (element-type PfStack): call stacks
 */
GPtrArray *pf_snapshot_get_stacks(PfSnapshot *self) {
    return get_lazily(self, &self->stacks, pf_snapshot_make_stacks);
}

/**
 * pf_snapshot_get_slowest:
 * @self: a snapshot
 *
 * Gets the slowest timed calls, slowest first, at most 64.
 *
 * Returns: (transfer none) (element-type PfEvent): the slowest timed calls, slowest first, at most 64
 */
GPtrArray *pf_snapshot_get_slowest(PfSnapshot *self) {
    pf_snapshot_get_stacks(self); // events name theirs
    return get_lazily(self, &self->slowest, pf_snapshot_make_slowest);
}

/**
 * pf_snapshot_get_recent:
 * @self: a snapshot
 *
 * Gets the recent timed calls, latest last.
 *
 * Returns: (transfer none) (element-type PfEvent): recent timed calls, latest last; empty unless the
 *   snapshot was made with %PF_SNAPSHOT_RECENT
 */
GPtrArray *pf_snapshot_get_recent(PfSnapshot *self) {
    pf_snapshot_get_stacks(self);
    return get_lazily(self, &self->recent, pf_snapshot_make_recent);
}
