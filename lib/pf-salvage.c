// SPDX-License-Identifier: Apache-2.0
// Deletes segments whose processes are gone, and leftovers that hold nothing.
#include "pf-salvage.h"
#include "pf-reset-copy.h"
#include "pf-segment-find.h"
#include "pf-segment-reader.h"
#include "pf-session-private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define YOUNG_SECONDS 60 // a file may be between its making and its first word

static gboolean fail(GError **error, PfSegmentError code, const gchar *path, const gchar *what) {
    g_set_error(error, PF_SEGMENT_ERROR, (gint)code, "%s: %s", path, what);
    return FALSE;
}

static gboolean is_same_file(int fd, int folder, const gchar *name) {
    struct stat held;
    struct stat found;
    return fstat(fd, &held) == 0 && fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

// The header as it is now; FALSE when it is none of ours.
static gboolean read_header(int fd, struct pf_segment *ret_header) {
    return pread(fd, ret_header, sizeof *ret_header, 0) == (ssize_t)sizeof *ret_header &&
           memcmp(ret_header->magic, PF_SEGMENT_MAGIC, sizeof ret_header->magic) == 0 &&
           ret_header->version == PF_SEGMENT_VERSION;
}

// A file that lacks a header, or has one of another version: does some process have it mapped?
static gboolean is_mapped(guint pid, int fd) {
    struct stat status;
    gchar line[1024];
    gboolean found = FALSE;
    g_autofree gchar *path = g_strdup_printf("/proc/%u/maps", pid);
    FILE *maps = fopen(path, "re");
    if (fstat(fd, &status) != 0) {
        found = TRUE;
    }
    while (!found && maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long inode = 0;
        found = sscanf(line, "%*x-%*x %*s %*x %*x:%*x %lu", &inode) == 1 && inode == status.st_ino;
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return found || (maps == NULL && errno != ENOENT);
}

static gboolean is_in_use(int fd, const gchar *name) {
    struct pf_segment *header = g_aligned_alloc0(1, sizeof *header, 128);
    gboolean used;
    if (read_header(fd, header)) {
        // One that has ended is done with its file, even where it is still being reaped.
        used = pf_segment_runs(header);
    } else {
        used = is_mapped((guint)g_ascii_strtoull(name, NULL, 10), fd);
    }
    g_aligned_free(header);
    return used;
}

/**
 * pf_salvage_remove:
 * @path: (type filename): a segment
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Deletes a segment that a process left behind.
 *
 * Fails with %PF_SEGMENT_ERROR_NOT_ALLOWED when its process runs.  A process that has merely got the
 * number of the one that wrote it does not count: it started later.
 *
 * Any thread may call this.
 *
 * Returns: true when it was deleted
 */
gboolean pf_salvage_remove(const gchar *path, GError **error) {
    g_return_val_if_fail(path != NULL, FALSE);
    g_autofree gchar *parent = g_path_get_dirname(path);
    g_autofree gchar *name = g_path_get_basename(path);
    int folder = pf_folder_open(parent);
    int fd = folder >= 0
                 ? openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
                 : -1;
    gboolean good;
    if (fd < 0) {
        good = fail(error, PF_SEGMENT_ERROR_NOT_FOUND, path, g_strerror(errno));
    } else if (is_in_use(fd, name)) {
        good = fail(error, PF_SEGMENT_ERROR_NOT_ALLOWED, path, "not deleted: its process runs");
    } else {
        good = is_same_file(fd, folder, name) && unlinkat(folder, name, 0) == 0;
        if (!good) {
            fail(error, PF_SEGMENT_ERROR_FAILED, path, "it cannot be deleted");
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (folder >= 0) {
        close(folder);
    }
    return good;
}

// Never filled: made by a process that was killed at once, or found no memory.
static gboolean holds_nothing(int folder, const gchar *name) {
    struct stat status;
    gchar magic[8] = "";
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    gboolean empty = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                     now - status.st_mtime > YOUNG_SECONDS &&
                     pread(fd, magic, sizeof magic, 0) >= 0 &&
                     memcmp(magic, (const gchar[8]){0}, sizeof magic) == 0 && !is_in_use(fd, name);
    if (fd >= 0) {
        close(fd);
    }
    return empty;
}

// A copy of before a reset, whose process and agent are gone.
static gboolean is_orphan(int folder, const gchar *name) {
    g_autofree gchar *stem = g_strndup(name, strcspn(name, "."));
    g_autofree gchar *running = g_strconcat(stem, ".pfseg", NULL);
    g_autofree gchar *ended = g_strconcat(stem, ".ended", NULL);
    return faccessat(folder, running, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
           faccessat(folder, ended, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && !pf_reset_is_watched(folder);
}

// run-PID-XXXXXX
static gboolean is_over(const gchar *name) {
    guint64 pid = g_ascii_strtoull(name + strlen(PF_SESSION_PREFIX), NULL, 10);
    g_autofree gchar *process = g_strdup_printf("/proc/%" G_GUINT64_FORMAT, pid);
    return access(process, F_OK) != 0;
}

static guint clean_folder(const gchar *path, gboolean is_usual) {
    int fd = pf_folder_open(path);
    GDir *dir = fd >= 0 ? g_dir_open(path, 0, NULL) : NULL;
    const gchar *name;
    guint cleaned = 0;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_suffix(name, ".pfseg")) {
            cleaned += holds_nothing(fd, name) && unlinkat(fd, name, 0) == 0;
        } else if (g_str_has_suffix(name, PF_RESET_ENDING) ||
                   g_str_has_suffix(name, PF_RESET_UNFINISHED)) {
            cleaned += is_orphan(fd, name) && unlinkat(fd, name, 0) == 0;
        } else if (is_usual && g_str_has_prefix(name, PF_SESSION_PREFIX) && is_over(name)) {
            g_autofree gchar *session = g_build_filename(path, name, NULL);
            cleaned += clean_folder(session, FALSE);
            cleaned += unlinkat(fd, name, AT_REMOVEDIR) == 0; // not while there is something in it
        }
    }
    g_clear_pointer(&dir, g_dir_close);
    if (fd >= 0) {
        close(fd);
    }
    return cleaned;
}

/**
 * pf_salvage_clean:
 *
 * Deletes what holds nothing: files that were never filled, the folders of runs that are over, and what
 * resets have left for an agent that is gone.
 *
 * Any thread may call this.
 *
 * Returns: how many files and folders went
 */
guint pf_salvage_clean(void) {
    g_autoptr(GPtrArray) folders = pf_segment_folders();
    guint cleaned = 0;
    for (guint i = 0; i < folders->len; i++) {
        cleaned += clean_folder(g_ptr_array_index(folders, i), TRUE);
    }
    return cleaned;
}
