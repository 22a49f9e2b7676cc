// SPDX-License-Identifier: Apache-2.0
// PfTarget: the segment of a process, held open.
#include "pf-target.h"
#include "pf-segment-find.h"
#include "pf-segment-reader.h"
#include "pf-snapshot-private.h"
#include <fcntl.h>
#include <unistd.h>

/**
 * PfTarget:
 *
 * A profiled process of this user, of which snapshots are taken again and again.
 *
 * The segment is kept open, so that the last snapshot can be taken after the process has ended and
 * removed it.  Taking a snapshot reads memory that the process shares: it is not stopped, gets no
 * signal and does not notice.  Any thread may use it.
 */
struct _PfTarget {
    GObject parent_instance;
    gchar *path;
    int fd;
};

G_DEFINE_FINAL_TYPE(PfTarget, pf_target, G_TYPE_OBJECT)

static void pf_target_finalize(GObject *object) {
    PfTarget *self = PF_TARGET(object);
    if (self->fd >= 0) {
        close(self->fd);
    }
    g_free(self->path);
    G_OBJECT_CLASS(pf_target_parent_class)->finalize(object);
}

static void pf_target_class_init(PfTargetClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = pf_target_finalize;
}

static void pf_target_init(PfTarget *self) { self->fd = -1; }

/**
 * pf_target_new_from_file:
 * @path: a segment
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Opens a segment for reading; links are not followed.  What it holds is looked at by
 * pf_target_take_snapshot().
 *
 * Returns: (transfer full): the process behind it, or %NULL
 */
PfTarget *pf_target_new_from_file(const gchar *path, GError **error) {
    g_return_val_if_fail(path != NULL, NULL);
    int fd = pf_segment_open(path, O_RDONLY, error);
    if (fd < 0) {
        return NULL;
    }
    PfTarget *self = g_object_new(PF_TYPE_TARGET, NULL);
    self->fd = fd;
    self->path = g_strdup(path);
    return self;
}

/**
 * pf_target_new_from_pid:
 * @pid: a process
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Opens the segment of a process of this user, or the newest that a process of this pid left behind.
 *
 * Returns: (transfer full): the process, or %NULL
 */
PfTarget *pf_target_new_from_pid(guint pid, GError **error) {
    g_autofree gchar *path = pf_segment_find(pid, error);
    return path != NULL ? pf_target_new_from_file(path, error) : NULL;
}

/**
 * pf_target_get_path:
 * @self: a process
 *
 * Where its segment was found.
 *
 * Returns: (transfer none): the segment's path; the file may be gone by now
 */
const gchar *pf_target_get_path(PfTarget *self) {
    g_return_val_if_fail(PF_IS_TARGET(self), NULL);
    return self->path;
}

/**
 * pf_target_take_snapshot:
 * @self: a process
 * @flags: what it shall hold
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads what the process has counted so far, also when it has ended.
 *
 * Returns: (transfer full): the snapshot, or %NULL
 */
PfSnapshot *pf_target_take_snapshot(PfTarget *self, PfSnapshotFlags flags, GError **error) {
    g_return_val_if_fail(PF_IS_TARGET(self), NULL);
    pf_reader *reader = pf_reader_new_from_fd(self->fd, self->path, error);
    return pf_snapshot_new_from_reader(reader, flags, error);
}
