// SPDX-License-Identifier: Apache-2.0
// PfSession: the segments of a tree of processes, together; a file holds them for later.
#pragma once
#include "pf-snapshot.h"
#include "pf-timeline.h"

G_BEGIN_DECLS

/**
 * PfSessionFlags:
 * @PF_SESSION_ALL: every segment
 * @PF_SESSION_ENDED: only those whose process is gone
 * @PF_SESSION_REMOVE: the files of processes that are gone are deleted when they have been taken
 *
 * What [method@Session.collect] takes.
 */
typedef enum {
    PF_SESSION_ALL = 0,
    PF_SESSION_ENDED = 1 << 0,
    PF_SESSION_REMOVE = 1 << 1,
} PfSessionFlags;

#define PF_TYPE_SESSION (pf_session_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfSession, pf_session, PF, SESSION, GObject)

PF_API PfSession *pf_session_new(void);
PF_API PfSession *pf_session_new_from_file(const gchar *path, GError **error);
PF_API gboolean pf_session_save(PfSession *self, const gchar *path, GError **error);

PF_API gboolean pf_session_add_file(PfSession *self, const gchar *path, GError **error);
PF_API void pf_session_add_snapshot(PfSession *self, PfSnapshot *snapshot);
PF_API gboolean pf_session_collect(PfSession *self, const gchar *folder, PfSessionFlags flags,
                                   GError **error);

PF_API void pf_session_set_run(PfSession *self, const gchar *command, guint pid,
                               gint64 start_unix_ns);
PF_API void pf_session_set_end(PfSession *self, gint exit_status, guint signal_number,
                               guint64 wall_ns);
PF_API const gchar *pf_session_get_command(PfSession *self);
PF_API const gchar *pf_session_get_host(PfSession *self);
PF_API guint pf_session_get_pid(PfSession *self);
PF_API gint pf_session_get_exit_status(PfSession *self);
PF_API guint pf_session_get_signal(PfSession *self);
PF_API guint64 pf_session_get_wall_ns(PfSession *self);
PF_API void pf_session_measure_machine(PfSession *self, gboolean during);
PF_API void pf_session_watch(PfSession *self, const gchar *folder);
PF_API void pf_session_begin_timeline(PfSession *self, gint64 start_unix_ns);
PF_API void pf_session_set_timeline(PfSession *self, PfTimeline *timeline);
PF_API PfTimeline *pf_session_get_timeline(PfSession *self);
PF_API guint pf_session_get_segment_count(PfSession *self);
PF_API guint pf_session_get_running_count(PfSession *self);
PF_API guint pf_session_get_unreadable_count(PfSession *self);

PF_API PfSnapshot *pf_session_get_snapshot(PfSession *self, GError **error);
PF_API PfSnapshot *pf_session_get_snapshot_with(PfSession *self, PfSnapshotFlags flags,
                                                GError **error);

G_END_DECLS
