// SPDX-License-Identifier: Apache-2.0
// The file of a session (docs/session-format.md): a head, then the segments one behind the other.
//
// Read as hostile as a segment is: sizes are checked against the file, the segments by their own
// reader.  A file that was cut gives the segments that are whole.
#include "pf-output-file-private.h"
#include "pf-session-private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "PFPROFR1"
#define VERSION 2u
#define RUNS 1u
#define KERNEL_BYTES 2u

struct head {
    gchar magic[8];
    guint32 version;
    guint32 size; // of this head
    gint64 start_unix_ns;
    guint64 wall_ns;
    gint32 exit_status;
    guint32 signal_number;
    guint32 pid;
    guint32 segments;
    pf_yardstick yardstick;
    guint64 reserved[4];
    gchar command[256];
    gchar host[64];
};

struct part {
    gchar magic[8]; // "segment"
    guint32 flags;
    guint32 reserved;
    guint64 size; // of what follows, filled up to a multiple of PF_UNIT
    gint64 taken_monotonic_ns;
    gint64 taken_unix_ns;
    guint64 kernel_bytes;
    guint64 reserved2[2];
};

G_STATIC_ASSERT(sizeof(struct head) == 448);
G_STATIC_ASSERT(sizeof(pf_yardstick) == 48);
G_STATIC_ASSERT(sizeof(struct part) == PF_UNIT);

int pf_folder_open(const gchar *path) {
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// --- writing

static gboolean write_all(FILE *file, const void *bytes, gsize size) {
    return size == 0 || fwrite(bytes, size, 1, file) == 1;
}

static gboolean write_part(FILE *file, const pf_reader *reader) {
    static const gchar zeros[PF_UNIT];
    struct part part = {
        .magic = "segment",
        .flags = (reader->runs ? RUNS : 0) | (reader->kernel_bytes_known ? KERNEL_BYTES : 0),
        .size = reader->size,
        .taken_monotonic_ns = reader->taken_monotonic_ns,
        .taken_unix_ns = reader->taken_unix_ns,
        .kernel_bytes = reader->kernel_bytes,
    };
    return write_all(file, &part, sizeof part) && write_all(file, reader->base, reader->size) &&
           write_all(file, zeros, -reader->size % PF_UNIT);
}

// Last, so that whoever does not know it has read everything else by then.
static gboolean write_timeline(PfSession *self, FILE *file) {
    if (self->timeline == NULL) {
        return TRUE;
    }
    g_autoptr(GBytes) bytes = pf_timeline_to_bytes(self->timeline);
    gsize size = 0;
    const void *data = g_bytes_get_data(bytes, &size);
    struct part part = {.size = size};
    memcpy(part.magic, "timeline", sizeof part.magic);
    return write_all(file, &part, sizeof part) && write_all(file, data, size);
}

static gboolean write_session(PfSession *self, FILE *file) {
    struct head head = {
        .magic = MAGIC,
        .version = VERSION,
        .size = sizeof head,
        .start_unix_ns = self->start_unix_ns,
        .wall_ns = self->wall_ns,
        .exit_status = self->exit_status,
        .signal_number = self->signal_number,
        .pid = self->pid,
        .segments = self->readers->len,
        .yardstick = self->yardstick,
    };
    g_strlcpy(head.command, self->command, sizeof head.command);
    g_strlcpy(head.host, pf_session_get_host(self), sizeof head.host);
    gboolean good = write_all(file, &head, sizeof head);
    for (guint i = 0; good && i < self->readers->len; i++) {
        good = write_part(file, g_ptr_array_index(self->readers, i));
    }
    return good && write_timeline(self, file) && fflush(file) == 0;
}

/**
 * pf_session_save:
 * @self: a session
 * @path: (type filename): where to
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Writes a session into a file, which takes the place of what was there once it is whole; into a pipe or
 * device as it is.
 *
 * Returns: true when it was written
 */
gboolean pf_session_save(PfSession *self, const gchar *path, GError **error) {
    g_return_val_if_fail(PF_IS_SESSION(self), FALSE);
    g_return_val_if_fail(path != NULL, FALSE);
    pf_output_file output;
    gint problem = pf_output_file_begin(&output, path, 0600);
    if (problem == 0 && !write_session(self, output.file)) {
        problem = errno;
    }
    problem = pf_output_file_end(&output, problem);
    if (problem != 0) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED, "%s cannot be written: %s",
                    path, g_strerror(problem));
    }
    return problem == 0;
}

// --- reading

static pf_reader *read_part(const gchar *bytes, gsize left, gsize *ret_size) {
    struct part part;
    if (left < sizeof part) {
        return NULL;
    }
    memcpy(&part, bytes, sizeof part);
    if (memcmp(part.magic, "segment", sizeof part.magic) != 0 || part.size > left - sizeof part) {
        return NULL;
    }
    gsize padded = part.size + -part.size % PF_UNIT;
    *ret_size = sizeof part + MIN(padded, left - sizeof part);
    pf_reader *reader = pf_reader_new_from_bytes(bytes + sizeof part, part.size, NULL);
    if (reader != NULL) {
        reader->runs = part.flags & RUNS;
        reader->kernel_bytes_known = part.flags & KERNEL_BYTES;
        reader->kernel_bytes = part.kernel_bytes;
        reader->taken_monotonic_ns = part.taken_monotonic_ns;
        reader->taken_unix_ns = part.taken_unix_ns;
    }
    return reader;
}

static gboolean refuse(GError **error, PfSegmentError code, const gchar *path, const gchar *what) {
    g_set_error(error, PF_SEGMENT_ERROR, (gint)code, "%s: %s", path, what);
    return FALSE;
}

// At the end of the file; its size in the file, 0 when there is none.
static gsize read_timeline(PfSession *self, const gchar *bytes, gsize size) {
    struct part part;
    for (gsize at = sizeof(struct head); at + sizeof part <= size;) {
        memcpy(&part, bytes + at, sizeof part);
        if (part.size > size - at - sizeof part) {
            return 0;
        }
        if (memcmp(part.magic, "timeline", sizeof part.magic) == 0) {
            g_autoptr(GBytes) data = g_bytes_new(bytes + at + sizeof part, part.size);
            self->timeline = pf_timeline_new_from_bytes(data);
            return size - at;
        }
        at += sizeof part + MIN(part.size + -part.size % PF_UNIT, size - at - sizeof part);
    }
    return 0;
}

static pf_readings sane_or_none(const pf_readings *readings) {
    return pf_readings_are_sane(readings) ? *readings : (pf_readings){0};
}

static gboolean read_session(PfSession *self, const gchar *bytes, gsize size, const gchar *path,
                             GError **error) {
    struct head head;
    if (size < sizeof head) {
        return refuse(error, PF_SEGMENT_ERROR_DAMAGED, path, "damaged: the head is not whole");
    }
    memcpy(&head, bytes, sizeof head);
    if (head.version != VERSION || head.size != sizeof head) {
        return refuse(error, PF_SEGMENT_ERROR_VERSION, path,
                      "a session of another version of pfprof: use that one to read it");
    }
    g_autofree gchar *command = g_strndup(head.command, sizeof head.command);
    g_autofree gchar *host = g_strndup(head.host, sizeof head.host);
    g_free(self->host);
    self->host = g_utf8_make_valid(host, -1);
    pf_session_set_run(self, command, head.pid, head.start_unix_ns);
    pf_session_set_end(self, head.exit_status, head.signal_number, head.wall_ns);
    self->yardstick.beside = sane_or_none(&head.yardstick.beside);
    self->yardstick.during = sane_or_none(&head.yardstick.during);
    guint found = 0;
    size -= read_timeline(self, bytes, size);
    for (gsize at = sizeof head; at < size;) {
        gsize used = 0;
        found++;
        pf_reader *reader = read_part(bytes + at, size - at, &used);
        if (reader != NULL) {
            g_ptr_array_add(self->readers, reader);
        }
        if (used == 0) {
            break;
        }
        at += used;
    }
    self->unreadable = MAX(head.segments, found) - self->readers->len;
    return TRUE;
}

/**
 * pf_session_new_from_file:
 * @path: (type filename): a saved session, or a single segment
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Reads a session.  Of a file that was cut it has the segments that are whole; see
 * [method@Session.get_unreadable_count].
 *
 * Returns: (transfer full): the session, or %NULL
 */
PfSession *pf_session_new_from_file(const gchar *path, GError **error) {
    g_return_val_if_fail(path != NULL, NULL);
    g_autoptr(PfSession) self = pf_session_new();
    gchar magic[8] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    gboolean is_session = fd >= 0 && pread(fd, magic, sizeof magic, 0) == sizeof magic &&
                          memcmp(magic, MAGIC, sizeof magic) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_session) {
        return pf_session_add_file(self, path, error) ? g_steal_pointer(&self) : NULL;
    }
    // Read and not mapped: a file that is cut meanwhile would raise SIGBUS.
    g_autofree gchar *bytes = NULL;
    gsize size = 0;
    g_autoptr(GError) problem = NULL;
    if (!g_file_get_contents(path, &bytes, &size, &problem)) {
        refuse(error, PF_SEGMENT_ERROR_FAILED, path, problem->message);
        return NULL;
    }
    return read_session(self, bytes, size, path, error) ? g_steal_pointer(&self) : NULL;
}
