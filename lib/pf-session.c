// SPDX-License-Identifier: Apache-2.0
// Segments of many processes as one: collecting them, and the sum.
#include "pf-session-private.h"
#include "pf-snapshot-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BETWEEN_READINGS 500000 // us, of half a millisecond each
#define READINGS_BESIDE 6       // before a run, and after it

/**
 * PfSession:
 *
 * The segments of a tree of processes, such as `pfprof run` makes, read and kept in memory, with what
 * is known of the run.  A file of docs/session-format.md holds them for later.
 *
 * A session is used by one thread at a time.
 */
G_DEFINE_FINAL_TYPE(PfSession, pf_session, G_TYPE_OBJECT)

static void finalize(GObject *object) {
    PfSession *self = PF_SESSION(object);
    g_ptr_array_unref(self->readers);
    g_free(self->command);
    g_free(self->host);
    g_clear_pointer(&self->timeline, pf_timeline_unref);
    G_OBJECT_CLASS(pf_session_parent_class)->finalize(object);
}

static void pf_session_class_init(PfSessionClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
}

static void pf_session_init(PfSession *self) {
    self->readers = g_ptr_array_new_with_free_func((GDestroyNotify)pf_reader_unref);
    self->command = g_strdup("");
    self->host = g_strdup(g_get_host_name());
    self->exit_status = -1;
}

/**
 * pf_session_new:
 *
 * Makes a session to be filled.
 *
 * Returns: (transfer full): a session without segments
 */
PfSession *pf_session_new(void) { return g_object_new(PF_TYPE_SESSION, NULL); }

/**
 * pf_session_add_file:
 * @self: a session
 * @path: (type filename): a segment
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads a segment as it is now.
 *
 * Returns: true when it was taken
 */
gboolean pf_session_add_file(PfSession *self, const gchar *path, GError **error) {
    g_return_val_if_fail(PF_IS_SESSION(self), FALSE);
    g_return_val_if_fail(path != NULL, FALSE);
    pf_reader *reader = pf_reader_new_from_file(path, error);
    if (reader != NULL) {
        g_ptr_array_add(self->readers, reader);
    }
    return reader != NULL;
}

/**
 * pf_session_add_snapshot:
 * @self: a session
 * @snapshot: a snapshot that is no difference
 *
 * Takes the segments that a snapshot was made from.
 */
void pf_session_add_snapshot(PfSession *self, PfSnapshot *snapshot) {
    g_return_if_fail(PF_IS_SESSION(self) && PF_IS_SNAPSHOT(snapshot));
    for (guint i = 0; i < snapshot->model->processes->len; i++) {
        g_ptr_array_add(self->readers,
                        pf_reader_ref(pf_model_process_at(snapshot->model, i)->reader));
    }
}

// A process that ended by itself may still be in the list of processes for a moment.
static gboolean is_running(const pf_reader *reader) {
    return reader->runs && pf_reader_header(reader)->state == PF_STATE_ACTIVE;
}

static void add_to_timeline(PfSession *self, pf_reader *reader) {
    if (self->timeline == NULL) {
        return;
    }
    PfSnapshot *snapshot =
        pf_snapshot_new_from_reader(pf_reader_ref(reader), PF_SNAPSHOT_DEFAULT, NULL);
    if (snapshot != NULL) {
        pf_timeline_add(self->timeline, snapshot, pf_snapshot_get_taken_monotonic_ns(snapshot));
        g_object_unref(snapshot);
    }
    reader->budget = pf_reader_view(reader).budget;
}

// As is_running(), by the header alone: whoever wants the others must not copy all that run.
static gboolean has_running_process(const gchar *path) {
    int fd = pf_segment_open(path, O_RDONLY, NULL);
    struct pf_segment *header = fd >= 0 ? pf_segment_read_header(fd, path, NULL) : NULL;
    gboolean runs = header != NULL && pf_segment_runs(header);
    g_aligned_free(header);
    if (fd >= 0) {
        close(fd);
    }
    return runs;
}

// By descriptor and name: root takes segments out of other users' folders, and a path could be turned
// into a link meanwhile.
static void collect_one(PfSession *self, const gchar *path, int fd, const gchar *name,
                        PfSessionFlags flags) {
    g_autofree gchar *by_fd = g_strdup_printf("/proc/self/fd/%d/%s", fd, name);
    if ((flags & PF_SESSION_ENDED) && has_running_process(by_fd)) {
        return;
    }
    pf_reader *reader = pf_reader_new_from_file(by_fd, NULL);
    if (reader == NULL) {
        // Killed while it made the file, or just about to.
        self->unreadable += (flags & PF_SESSION_ENDED) == 0;
        return;
    }
    gboolean running = is_running(reader);
    if (running && (flags & PF_SESSION_ENDED)) {
        pf_reader_unref(reader);
        return;
    }
    g_free(reader->path);
    reader->path = g_strdup(path);
    add_to_timeline(self, reader);
    g_ptr_array_add(self->readers, reader);
    if (!running && (flags & PF_SESSION_REMOVE)) {
        unlinkat(fd, name, 0);
    }
}

/**
 * pf_session_collect:
 * @self: a session
 * @folder: (type filename): a folder of segments
 * @flags: which ones, and whether their files shall go
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads the segments in a folder.  Those that cannot be read are counted.
 *
 * Fails when the folder cannot be read.
 *
 * Returns: true when the folder was read
 */
gboolean pf_session_collect(PfSession *self, const gchar *folder, PfSessionFlags flags,
                            GError **error) {
    g_return_val_if_fail(PF_IS_SESSION(self), FALSE);
    g_return_val_if_fail(folder != NULL, FALSE);
    int fd = pf_folder_open(folder);
    g_autofree gchar *by_fd = g_strdup_printf("/proc/self/fd/%d", fd);
    GDir *dir = fd >= 0 ? g_dir_open(by_fd, 0, NULL) : NULL;
    if (dir == NULL) {
        g_set_error(error, PF_SEGMENT_ERROR,
                    errno == ENOENT ? PF_SEGMENT_ERROR_NOT_FOUND : PF_SEGMENT_ERROR_NOT_ALLOWED,
                    "%s cannot be read: %s", folder, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return FALSE;
    }
    const gchar *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_suffix(name, ".pfseg")) {
            g_autofree gchar *path = g_build_filename(folder, name, NULL);
            collect_one(self, path, fd, name, flags);
        }
    }
    g_dir_close(dir);
    close(fd);
    return TRUE;
}

/**
 * pf_session_begin_timeline:
 * @self: a session
 * @start_unix_ns: when it begins, ns since 1970
 *
 * Keeps a timeline from now on, of what [method@Session.watch] and [method@Session.collect] see.
 */
void pf_session_begin_timeline(PfSession *self, gint64 start_unix_ns) {
    g_return_if_fail(PF_IS_SESSION(self));
    g_clear_pointer(&self->timeline, pf_timeline_unref);
    self->timeline = pf_timeline_new(start_unix_ns, 20000000);
}

/**
 * pf_session_set_timeline:
 * @self: a session
 * @timeline: a timeline
 *
 * Makes a timeline that somebody else kept a part of the session.
 */
void pf_session_set_timeline(PfSession *self, PfTimeline *timeline) {
    g_return_if_fail(PF_IS_SESSION(self) && timeline != NULL);
    pf_timeline_ref(timeline);
    g_clear_pointer(&self->timeline, pf_timeline_unref);
    self->timeline = timeline;
}

/**
 * pf_session_get_timeline:
 * @self: a session
 *
 * Gets the timeline.
 *
 * Returns: (transfer none) (nullable): the timeline; %NULL when none was kept
 */
PfTimeline *pf_session_get_timeline(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), NULL);
    return self->timeline;
}

/**
 * pf_session_measure_machine:
 * @self: a session
 * @during: whether what the session is about runs now
 *
 * Times a fixed piece of work of half a millisecond, short writes into memory, which tells two runs on a
 * machine in two moods from two states of a program ([func@snapshots_compare]).  To be called before and
 * after a run, when it does so six times within some 15 ms, and as often as one likes during it: then it does so at
 * most every half second.  Each time it is another processor's turn; the thread's affinity is afterwards as it was.
 */
void pf_session_measure_machine(PfSession *self, gboolean during) {
    g_return_if_fail(PF_IS_SESSION(self));
    gint64 now = g_get_monotonic_time();
    if (during && self->measured_us != 0 && now - self->measured_us < BETWEEN_READINGS) {
        return;
    }
    if (during) {
        pf_readings_take(&self->yardstick.during, 1, &self->turn);
    } else {
        pf_readings_take(&self->yardstick.beside, READINGS_BESIDE, &self->turn);
    }
    self->measured_us = now;
}

/**
 * pf_session_watch:
 * @self: a session
 * @folder: (type filename): a folder of segments
 *
 * Looks at the running processes in a folder, for the timeline only.
 */
void pf_session_watch(PfSession *self, const gchar *folder) {
    g_return_if_fail(PF_IS_SESSION(self));
    g_autoptr(PfSession) now = pf_session_new();
    if (self->timeline != NULL && pf_session_collect(now, folder, PF_SESSION_ALL, NULL)) {
        for (guint i = 0; i < now->readers->len; i++) {
            add_to_timeline(self, g_ptr_array_index(now->readers, i));
        }
    }
}

/**
 * pf_session_set_run:
 * @self: a session
 * @command: the command line
 * @pid: its process
 * @start_unix_ns: when it was started, ns since 1970
 *
 * Says what was run.
 */
void pf_session_set_run(PfSession *self, const gchar *command, guint pid, gint64 start_unix_ns) {
    g_return_if_fail(PF_IS_SESSION(self));
    g_return_if_fail(command != NULL);
    g_free(self->command);
    self->command = g_utf8_make_valid(command, -1);
    self->pid = pid;
    self->start_unix_ns = start_unix_ns;
}

/**
 * pf_session_set_end:
 * @self: a session
 * @exit_status: the exit status of the command; -1 when a signal ended it
 * @signal_number: that signal, else 0
 * @wall_ns: how long it ran
 *
 * Says how the run ended.
 */
void pf_session_set_end(PfSession *self, gint exit_status, guint signal_number, guint64 wall_ns) {
    g_return_if_fail(PF_IS_SESSION(self));
    self->exit_status = exit_status;
    self->signal_number = signal_number;
    self->wall_ns = wall_ns;
}

/**
 * pf_session_get_command:
 * @self: a session
 *
 * What was run.
 *
 * Returns: (transfer none): the command line that was run; "" when not known
 */
const gchar *pf_session_get_command(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), NULL);
    return self->command;
}

/**
 * pf_session_get_host:
 * @self: a session
 *
 * Where that was.
 *
 * Returns: (transfer none): the name of the host that the session was made on
 */
const gchar *pf_session_get_host(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), NULL);
    return self->host;
}

/**
 * pf_session_get_pid:
 * @self: a session
 *
 * Which process was started.
 *
 * Returns: the process that was started; 0 when not known
 */
guint pf_session_get_pid(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), 0);
    return self->pid;
}

/**
 * pf_session_get_exit_status:
 * @self: a session
 *
 * How the command ended.
 *
 * Returns: the exit status of the command; -1 when a signal ended it, or it is not known
 */
gint pf_session_get_exit_status(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), -1);
    return self->exit_status;
}

/**
 * pf_session_get_signal:
 * @self: a session
 *
 * What ended the command.
 *
 * Returns: the signal that ended the command; 0: none
 */
guint pf_session_get_signal(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), 0);
    return self->signal_number;
}

/**
 * pf_session_get_wall_ns:
 * @self: a session
 *
 * How long the command ran.
 *
 * Returns: how long the command ran; 0 when not known
 */
guint64 pf_session_get_wall_ns(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), 0);
    return self->wall_ns;
}

/**
 * pf_session_get_segment_count:
 * @self: a session
 *
 * How many segments there are.
 *
 * Returns: how many segments there are; a process that called exec has left one for each program
 */
guint pf_session_get_segment_count(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), 0);
    return self->readers->len;
}

/**
 * pf_session_get_running_count:
 * @self: a session
 *
 * How many processes had not ended yet.
 *
 * Returns: how many of the processes were still running when their segments were read
 */
guint pf_session_get_running_count(PfSession *self) {
    guint count = 0;
    g_return_val_if_fail(PF_IS_SESSION(self), 0);
    for (guint i = 0; i < self->readers->len; i++) {
        count += is_running(g_ptr_array_index(self->readers, i));
    }
    return count;
}

/**
 * pf_session_get_unreadable_count:
 * @self: a session
 *
 * How many segments are missing.
 *
 * Returns: how many files could not be read
 */
guint pf_session_get_unreadable_count(PfSession *self) {
    g_return_val_if_fail(PF_IS_SESSION(self), 0);
    return self->unreadable + self->senseless;
}

// The process that was started, then by time.
static gint in_order(gconstpointer a, gconstpointer b, gpointer data) {
    const PfSession *self = data;
    const struct pf_segment *one = pf_reader_header(*(pf_reader *const *)a);
    const struct pf_segment *other = pf_reader_header(*(pf_reader *const *)b);
    gboolean first = one->pid == self->pid;
    gboolean second = other->pid == self->pid;
    if (first != second) {
        return first ? -1 : 1;
    }
    return one->start_unix_ns < other->start_unix_ns   ? -1
           : one->start_unix_ns > other->start_unix_ns ? 1
                                                       : 0;
}

/**
 * pf_session_get_snapshot:
 * @self: a session
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Adds all segments up.
 *
 * Fails with %PF_SEGMENT_ERROR_NOT_FOUND when there are none, and with the error of a segment when none
 * can be made sense of; others are counted by [method@Session.get_unreadable_count].
 *
 * Returns: (transfer full): the sum, or %NULL
 */
PfSnapshot *pf_session_get_snapshot(PfSession *self, GError **error) {
    return pf_session_get_snapshot_with(self, PF_SNAPSHOT_DEFAULT, error);
}

/**
 * pf_session_get_snapshot_with:
 * @self: a session
 * @flags: what the snapshot shall hold
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Adds all segments up, as [method@Session.get_snapshot] does, with more than that has.
 *
 * Returns: (transfer full): the sum, or %NULL
 */
PfSnapshot *pf_session_get_snapshot_with(PfSession *self, PfSnapshotFlags flags, GError **error) {
    g_return_val_if_fail(PF_IS_SESSION(self), NULL);
    g_autoptr(GPtrArray) models = g_ptr_array_new_with_free_func((GDestroyNotify)pf_model_unref);
    g_autoptr(GError) problem = NULL;
    g_ptr_array_sort_with_data(self->readers, in_order, self);
    for (guint i = 0; i < self->readers->len; i++) {
        pf_reader *reader = g_ptr_array_index(self->readers, i);
        reader->budget = pf_reader_view(reader).budget;
        pf_model *model = pf_model_load(reader, problem == NULL ? &problem : NULL);
        if (model != NULL) {
            g_ptr_array_add(models, model);
        }
    }
    if (models->len == 0) {
        if (problem != NULL) {
            g_propagate_error(error, g_steal_pointer(&problem));
        } else {
            g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND, "no segments");
        }
        return NULL;
    }
    self->senseless = self->readers->len - models->len;
    pf_model *sum = models->len == 1
                        ? pf_model_ref(g_ptr_array_index(models, 0))
                        : pf_model_unite((pf_model *const *)models->pdata, models->len);
    PfSnapshot *snapshot = pf_snapshot_new_from_model(sum, flags);
    snapshot->timeline = self->timeline != NULL ? pf_timeline_ref(self->timeline) : NULL;
    snapshot->yardstick = self->yardstick;
    return snapshot;
}
