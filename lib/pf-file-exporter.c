// SPDX-License-Identifier: Apache-2.0
// PfFileExporter: one append a set, whole lines only, whatever happens.
#include "pf-file-exporter.h"
#include "pf-errors.h"
#include "pf-file-format.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * PfFileExporter:
 *
 * Appends each set to the file `FILE_PATH`, a line for a point; begins a new file by size or age, and keeps
 * the older ones as PATH.1, PATH.2 and so on.
 */
struct _PfFileExporter {
    PfExporter parent_instance;
    gchar *path;
    gboolean is_csv;
    guint64 max_bytes;
    guint max_seconds;
    guint max_files;
    gchar fsync; // first letter of never, rotate, always
    int fd;
};

G_DEFINE_FINAL_TYPE(PfFileExporter, pf_file_exporter, PF_TYPE_EXPORTER)

static gboolean fail(PfFileExporter *self, GError **error) {
    g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_WRITE, "%s cannot be written: %s",
                self->path, g_strerror(errno));
    return FALSE;
}

// After a crash in the middle of a write the last line may be torn: cut back to the newline before it.
static gboolean mend(int fd) {
    struct stat status;
    gchar data[65536];
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return FALSE;
    }
    off_t end = status.st_size;
    while (end > 0) {
        off_t from = MAX(end - (off_t)sizeof data, 0);
        ssize_t got = pread(fd, data, (gsize)(end - from), from);
        if (got != end - from) {
            return FALSE;
        }
        const gchar *newline = memrchr(data, '\n', (gsize)got);
        if (newline != NULL) {
            end = from + (newline - data) + 1;
            break;
        }
        end = from;
    }
    return end == status.st_size || ftruncate(fd, end) == 0;
}

// The lock keeps another agent from mending a line that we are just writing.
static gboolean open_file(PfFileExporter *self, GError **error) {
    if (self->fd >= 0) {
        return TRUE;
    }
    self->fd =
        open(self->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (self->fd < 0) {
        return fail(self, error);
    }
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0 || !mend(self->fd)) {
        fail(self, error);
        if (errno == EWOULDBLOCK) {
            g_prefix_error(error, "another agent has it: ");
        }
        close(self->fd);
        self->fd = -1;
        return FALSE;
    }
    return TRUE;
}

static gint64 born_unix(int fd) {
    struct statx status;
    return statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) == 0 &&
                   (status.stx_mask & STATX_BTIME) != 0
               ? status.stx_btime.tv_sec
               : 0;
}

static gboolean is_full(PfFileExporter *self, gsize more) {
    struct stat status;
    if (fstat(self->fd, &status) != 0 || status.st_size == 0) {
        return FALSE;
    }
    gint64 born = self->max_seconds > 0 ? born_unix(self->fd) : 0;
    return (self->max_bytes > 0 && (guint64)status.st_size + more > self->max_bytes) ||
           (born > 0 && g_get_real_time() / G_USEC_PER_SEC - born >= self->max_seconds);
}

// Renames only, from the oldest on: a crash between two leaves a gap in the numbers and no loss.
static gboolean rotate(PfFileExporter *self, GError **error) {
    if (self->fsync != 'n' && fsync(self->fd) != 0) {
        return fail(self, error);
    }
    for (guint i = self->max_files - 1; i > 0; i--) {
        g_autofree gchar *older = g_strdup_printf("%s.%u", self->path, i);
        g_autofree gchar *newer =
            i > 1 ? g_strdup_printf("%s.%u", self->path, i - 1) : g_strdup(self->path);
        if (rename(newer, older) != 0 && errno != ENOENT) {
            return fail(self, error);
        }
    }
    if (self->max_files == 1 && unlink(self->path) != 0) {
        return fail(self, error);
    }
    close(self->fd);
    self->fd = -1;
    return open_file(self, error);
}

// All or nothing: what a full disk has cut is taken back.
static gboolean append(PfFileExporter *self, const GString *text, GError **error) {
    struct stat before;
    gsize put = 0;
    if (fstat(self->fd, &before) != 0) {
        return fail(self, error);
    }
    while (put < text->len) {
        ssize_t part = write(self->fd, text->str + put, text->len - put);
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part < 0) {
            fail(self, error);
            if (ftruncate(self->fd, before.st_size) != 0) {
                close(self->fd); // to be mended when it is opened next
                self->fd = -1;
            }
            return FALSE;
        }
        put += (gsize)part;
    }
    return self->fsync != 'a' || fdatasync(self->fd) == 0 || fail(self, error);
}

static gboolean write_set(PfFileExporter *self, PfMetricSet *set, GError **error) {
    g_autoptr(GString) text = g_string_sized_new(65536);
    struct stat status;
    struct stat named;
    // Somebody else may have moved it away, as logrotate does.
    if (self->fd >= 0 && (fstat(self->fd, &status) != 0 || stat(self->path, &named) != 0 ||
                          status.st_ino != named.st_ino || status.st_dev != named.st_dev)) {
        close(self->fd);
        self->fd = -1;
    }
    if (self->is_csv) {
        pf_file_write_csv(set, text);
    } else {
        pf_file_write_json(set, text);
    }
    if (!open_file(self, error) || (is_full(self, text->len) && !rotate(self, error))) {
        return FALSE;
    }
    if (self->is_csv && fstat(self->fd, &status) == 0 && status.st_size == 0) {
        g_string_prepend(text, PF_CSV_HEAD);
    }
    return append(self, text, error);
}

static PfExportResult *export_set(PfExporter *exporter, PfMetricSet *set) {
    g_autoptr(GError) error = NULL;
    guint points = pf_metric_set_get_point_count(set);
    if (!write_set(PF_FILE_EXPORTER(exporter), set, &error)) {
        pf_exporter_count_dropped(exporter, points);
        return pf_export_result_new_failure(error->message, 0);
    }
    return pf_export_result_new_success(points, 0);
}

static void close_exporter(PfExporter *exporter) {
    PfFileExporter *self = PF_FILE_EXPORTER(exporter);
    if (self->fd >= 0) {
        if (self->fsync != 'n') {
            fsync(self->fd);
        }
        close(self->fd);
        self->fd = -1;
    }
}

static void finalize(GObject *object) {
    close_exporter(PF_EXPORTER(object));
    g_free(PF_FILE_EXPORTER(object)->path);
    G_OBJECT_CLASS(pf_file_exporter_parent_class)->finalize(object);
}

static void pf_file_exporter_class_init(PfFileExporterClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
    PF_EXPORTER_CLASS(class)->export_set = export_set;
    PF_EXPORTER_CLASS(class)->close = close_exporter;
}

static void pf_file_exporter_init(PfFileExporter *self) { self->fd = -1; }

/**
 * pf_file_exporter_new:
 * @config: the settings of exporters
 * @error: return location for an error
 *
 * An exporter that writes `FILE_PATH`; the file is opened at the first export.
 *
 * Returns: (transfer full): a new exporter, or %NULL: there is no path
 */
PfFileExporter *pf_file_exporter_new(const PfExporterConfig *config, GError **error) {
    if (*config->file_path == 0) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED,
                    "the file exporter needs PROVIDE_PROFILING_FILE_PATH");
        return NULL;
    }
    PfFileExporter *self = g_object_new(PF_TYPE_FILE_EXPORTER, "name", "file", "timeout-seconds",
                                        config->export_timeout_seconds, NULL);
    self->path = g_strdup(config->file_path);
    self->is_csv = g_str_has_suffix(self->path, ".csv");
    self->max_bytes = (guint64)config->file_max_mb << 20;
    self->max_seconds = config->file_max_seconds;
    self->max_files = config->file_max_files;
    self->fsync = config->file_fsync[0];
    return self;
}
