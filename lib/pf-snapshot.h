// SPDX-License-Identifier: Apache-2.0
// PfSnapshot: what a profiled process had counted at one moment; immutable.
#pragma once
#include "pf-rows.h"
#include "pf-symbolizer.h"

G_BEGIN_DECLS

/**
 * PfSegmentError:
 * @PF_SEGMENT_ERROR_FAILED: something that has no code of its own; the message says what
 * @PF_SEGMENT_ERROR_NOT_FOUND: no segment for this process, or no such file
 * @PF_SEGMENT_ERROR_NOT_ALLOWED: the file is not ours to read, is a link, or not a regular file
 * @PF_SEGMENT_ERROR_NOT_A_SEGMENT: the file is not a segment, or too short for one
 * @PF_SEGMENT_ERROR_VERSION: the segment was written by a version that this one cannot read
 * @PF_SEGMENT_ERROR_DAMAGED: the segment contradicts itself
 *
 * What can go wrong with a segment; the domain is %PF_SEGMENT_ERROR.
 */
typedef enum {
    PF_SEGMENT_ERROR_FAILED,
    PF_SEGMENT_ERROR_NOT_FOUND,
    PF_SEGMENT_ERROR_NOT_ALLOWED,
    PF_SEGMENT_ERROR_NOT_A_SEGMENT,
    PF_SEGMENT_ERROR_VERSION,
    PF_SEGMENT_ERROR_DAMAGED,
} PfSegmentError;

/**
 * PF_SEGMENT_ERROR:
 *
 * The domain of [error@SegmentError].
 */
#define PF_SEGMENT_ERROR (pf_segment_error_quark())
PF_API GQuark pf_segment_error_quark(void);

/**
 * PfSnapshotFlags:
 * @PF_SNAPSHOT_DEFAULT: everything but the recent events
 * @PF_SNAPSHOT_RECENT: the recent events too, which can be many
 *
 * What a snapshot shall hold.
 */
typedef enum {
    PF_SNAPSHOT_DEFAULT = 0,
    PF_SNAPSHOT_RECENT = 1 << 0,
} PfSnapshotFlags;

/**
 * PfProcessState:
 * @PF_PROCESS_STATE_ACTIVE: it runs and is measured
 * @PF_PROCESS_STATE_DORMANT: it runs, and an observer has switched measuring off
 * @PF_PROCESS_STATE_ENDED: it ended by itself
 * @PF_PROCESS_STATE_KILLED: it is gone and did not end by itself
 *
 * How a profiled process fares.
 */
typedef enum {
    PF_PROCESS_STATE_ACTIVE,
    PF_PROCESS_STATE_DORMANT,
    PF_PROCESS_STATE_ENDED,
    PF_PROCESS_STATE_KILLED,
} PfProcessState;

/**
 * PfProcess:
 * @pid: process
 * @parent_pid: its parent
 * @uid: its user
 * @program: its name
 * @command: its command line
 * @state: how it fares
 * @how: how it ended: exit, _exit, exec ...; "" while it runs or when it was killed
 * @exit_status: its exit status; -1: not known
 * @is_fork: whether it is a fork that has not replaced its image by exec
 * @is_fork_of_threads: whether it is a fork of a process that had several threads
 * @start_unix_ns: when collection started, ns since 1970
 * @uptime_ns: since then, on the monotonic clock, until the end or the snapshot; for a killed
 *   process until the last thing it recorded
 * @reset_unix_ns: when an observer last reset the counts; 0: never
 * @sample_rate: the default rate in force
 * @clock_cost_ns: one clock read of the process, subtracted from every latency
 * @setup_ns: what making the segment cost it
 * @segment_bytes: size of the segment
 * @is_partial: memory ran out, so sites or latencies are missing
 * @segment_path: (nullable): the file
 *
 * Facts on a profiled process.
 */
typedef struct {
    guint pid;
    guint parent_pid;
    guint uid;
    gchar *program;
    gchar *command;
    PfProcessState state;
    gchar *how;
    gint exit_status;
    gboolean is_fork;
    gboolean is_fork_of_threads;
    gint64 start_unix_ns;
    guint64 uptime_ns;
    gint64 reset_unix_ns;
    gdouble sample_rate;
    guint64 clock_cost_ns;
    guint64 setup_ns;
    guint64 segment_bytes;
    gboolean is_partial;
    gchar *segment_path;
} PfProcess;

#define PF_TYPE_PROCESS (pf_process_get_type())
PF_API GType pf_process_get_type(void);
PF_API PfProcess *pf_process_ref(PfProcess *self);
PF_API void pf_process_unref(PfProcess *self);
PF_API const gchar *pf_process_state_to_string(PfProcessState state);
PF_API const gchar *pf_stream_kind_to_string(PfStreamKind kind);
PF_API const gchar *pf_reason_to_string(PfReason reason);

/**
 * PfCoverage:
 * @is_known: whether the kernel told what the process wrote
 * @seen_bytes: bytes of the calls seen that the kernel's count holds too
 * @kernel_bytes: bytes that the process wrote according to the kernel
 * @unknown_count: calls seen whose bytes libc does not tell
 * @percent: seen of written, at most 100
 *
 * How much of what a process wrote was seen.
 */
typedef struct {
    gboolean is_known;
    guint64 seen_bytes;
    guint64 kernel_bytes;
    guint64 unknown_count;
    gdouble percent;
} PfCoverage;

/**
 * PfRealSite:
 * @function: name of the output function
 * @place: the line of the program that is charged
 * @wrapper: (nullable): the logging wrapper that it went through
 * @stack_count: call stacks that the estimate stands on; 0: no wrapper, so none was needed
 * @is_estimate: whether counts are estimates
 * @message_count: calls, estimated or exact
 * @bytes: bytes, likewise
 * @total_ns: estimated time; -1: not known
 * @cost_ns: what to sort by: the estimate of the time, whatever it is worth
 * @charged_flush_ns: see #PfStats
 * @site: the row of the call site (the innermost frame)
 *
 * The line that is to blame for a call, with logging wrappers and libraries skipped.
 */
typedef struct {
    const gchar *function;
    PfPlace *place;
    PfPlace *wrapper;
    guint64 stack_count;
    gboolean is_estimate;
    gdouble message_count;
    gdouble bytes;
    gdouble total_ns;
    gdouble cost_ns;
    gdouble charged_flush_ns;
    PfCallSite *site;
} PfRealSite;

#define PF_TYPE_REAL_SITE (pf_real_site_get_type())
PF_API GType pf_real_site_get_type(void);
PF_API PfRealSite *pf_real_site_ref(PfRealSite *self);
PF_API void pf_real_site_unref(PfRealSite *self);

#define PF_TYPE_SNAPSHOT (pf_snapshot_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfSnapshot, pf_snapshot, PF, SNAPSHOT, GObject)

PF_API PfSnapshot *pf_snapshot_new_from_pid(guint pid, PfSnapshotFlags flags, GError **error);
PF_API PfSnapshot *pf_snapshot_new_from_file(const gchar *path, PfSnapshotFlags flags,
                                             GError **error);
PF_API PfSnapshot *pf_snapshot_new_from_bytes(GBytes *bytes, PfSnapshotFlags flags, GError **error);
PF_API PfSnapshot *pf_snapshot_delta(PfSnapshot *later, PfSnapshot *earlier, GError **error);
PF_API PfSnapshot *pf_snapshot_merge(PfSnapshot **snapshots, gsize snapshot_count);
PF_API GPtrArray *pf_snapshot_list_files(void);
PF_API gchar *pf_snapshot_find_file(guint pid, GError **error);

// Process and totals
PF_API PfProcess *pf_snapshot_get_process(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_processes(PfSnapshot *self);
PF_API const PfStats *pf_snapshot_get_messages(PfSnapshot *self);
PF_API const PfStats *pf_snapshot_get_flushes(PfSnapshot *self);
PF_API gint64 pf_snapshot_get_taken_monotonic_ns(PfSnapshot *self);
PF_API gdouble pf_snapshot_get_uptime_seconds(PfSnapshot *self);
PF_API gdouble pf_snapshot_get_messages_per_second(PfSnapshot *self);
PF_API guint pf_snapshot_get_thread_count(PfSnapshot *self);
PF_API guint64 pf_snapshot_get_overhead_ns(PfSnapshot *self);
PF_API guint64 pf_snapshot_get_lost(PfSnapshot *self, const gchar *reason);
PF_API const gchar *const *pf_snapshot_get_lost_reasons(void);
PF_API const PfCoverage *pf_snapshot_get_coverage(PfSnapshot *self);

// Tables: dearest first
PF_API GPtrArray *pf_snapshot_get_functions(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_call_sites(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_streams(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_threads(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_levels(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_templates(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_errors(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_scopes(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_slowest(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_recent(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_stacks(PfSnapshot *self);
PF_API GPtrArray *pf_snapshot_get_stacks_of(PfSnapshot *self, const PfCallSite *site);
PF_API GPtrArray *pf_snapshot_get_real_sites(PfSnapshot *self, PfSymbolizer *symbolizer);

// Renderings
PF_API gchar *pf_snapshot_to_json(PfSnapshot *self, PfSymbolizer *symbolizer);
PF_API gchar *pf_snapshot_to_text(PfSnapshot *self, PfSymbolizer *symbolizer, guint width,
                                  gboolean colour);

G_END_DECLS
