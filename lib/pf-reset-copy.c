// SPDX-License-Identifier: Apache-2.0
// Copies of segments, made before a reset: without them the agent would miss what came since its last look.
//
// A copy is a segment whose process ended by "reset", named by the time of that reset.  It stands there
// before the reset is asked for, so who sees the reset finds it; in it is the time of the reset before,
// which names the copy before.  A copy that no segment leads to was made for a reset that never came.
#include "pf-reset-copy.h"
#include "pf-segment-find.h"
#include "pf-segment-reader.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_COPIES 1000u // between two looks; of more, the oldest are lost

// A lock on the folder itself, so that root's agent need not make a file in another user's.
gboolean pf_reset_watch(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0; }

gboolean pf_reset_is_watched(int fd) {
    gboolean watched = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    flock(fd, LOCK_UN);
    return watched;
}

static gchar *copy_name(const gchar *segment, guint64 reset_unix_ns) {
    return g_strdup_printf("%.*s.%" G_GUINT64_FORMAT PF_RESET_ENDING, (gint)strcspn(segment, "."),
                           segment, reset_unix_ns);
}

// --- making

// The folder that the segment lies in, when it is its owner's: root must not be led elsewhere.
static int open_folder(int segment, const gchar *path) {
    struct stat status;
    struct stat held;
    struct stat found;
    g_autofree gchar *parent = g_path_get_dirname(path);
    g_autofree gchar *name = g_path_get_basename(path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    gboolean good = fd >= 0 && fstat(fd, &status) == 0 && fstat(segment, &held) == 0 &&
                    status.st_uid == held.st_uid &&
                    fstatat(fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
                    found.st_dev == held.st_dev && found.st_ino == held.st_ino;
    if (fd >= 0 && !good) {
        close(fd);
    }
    return good ? fd : -1;
}

static gboolean write_all(int fd, const char *from, size_t size) {
    while (size > 0) {
        ssize_t done = write(fd, from, size);
        if (done <= 0 && errno != EINTR) {
            return FALSE;
        }
        from += MAX(done, 0);
        size -= (size_t)MAX(done, 0);
    }
    return TRUE;
}

// As if the process had ended at that moment, so that nothing of it is asked later.
static gboolean write_copy(int to, const pf_reader *from, const struct pf_control *before,
                           const struct pf_control *reset) {
    struct pf_segment *end = g_aligned_alloc0(1, sizeof *end, 128);
    *end = *pf_reader_header(from);
    end->control = *before;
    end->state = PF_STATE_ENDED;
    end->end_monotonic_ns = reset->reset_monotonic_ns;
    end->exit_status = -1;
    end->exit_wchar = reset->reset_kernel_bytes != 0 ? reset->reset_kernel_bytes : UINT64_MAX;
    g_strlcpy(end->how, "reset", sizeof end->how);
    gboolean good = write_all(to, (const char *)end, sizeof *end) &&
                    write_all(to, from->base + sizeof *end, from->size - sizeof *end);
    g_aligned_free(end);
    return good;
}

// The name is made before the segment is read: what the process counts from then on until the reset is
// written is lost.
static gboolean make_in(int folder, int fd, const gchar *path, const struct pf_control *before,
                        const struct pf_control *reset) {
    struct stat status;
    g_autofree gchar *segment = g_path_get_basename(path);
    g_autofree gchar *name = copy_name(segment, reset->reset_unix_ns);
    g_autofree gchar *unfinished =
        g_strdup_printf("%.*s" PF_RESET_UNFINISHED, (gint)strcspn(segment, "."), segment);
    unlinkat(folder, unfinished, 0); // whoever made it is gone: we have the segment's lock
    int to = openat(folder, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    gboolean good = to >= 0 && fstat(fd, &status) == 0 &&
                    (status.st_uid == geteuid() || fchown(to, status.st_uid, status.st_gid) == 0);
    pf_reader *reader = good ? pf_reader_new_from_fd(fd, path, NULL) : NULL;
    good = reader != NULL && write_copy(to, reader, before, reset) &&
           renameat(folder, unfinished, folder, name) == 0;
    g_clear_pointer(&reader, pf_reader_unref);
    if (to >= 0) {
        close(to);
    }
    if (!good) {
        unlinkat(folder, unfinished, 0);
    }
    return good;
}

const gchar *pf_reset_copy_make(int fd, const gchar *path, const struct pf_segment *header,
                                const struct pf_control *reset) {
    int folder = open_folder(fd, path);
    gboolean good = folder < 0 || !pf_reset_is_watched(folder) ||
                    make_in(folder, fd, path, &header->control, reset);
    if (folder >= 0) {
        close(folder);
    }
    return good ? NULL : "what was counted cannot be kept for the agent, so nothing was reset";
}

// --- taking

// When the reset before the one that the copy was made for was; 0: there was none, or there is no copy.
static gint64 reset_before(int folder, const gchar *name) {
    struct pf_control control = {0};
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        if (pread(fd, &control, sizeof control, offsetof(struct pf_segment, control)) !=
            (ssize_t)sizeof control) {
            control.reset_unix_ns = 0;
        }
        close(fd);
    }
    return control.reset_unix_ns > INT64_MAX ? 0 : (gint64)control.reset_unix_ns;
}

static gboolean take(int folder, const gchar *name, PfAggregator *aggregator) {
    g_autofree gchar *path = g_strdup_printf("/proc/self/fd/%d/%s", folder, name);
    g_autoptr(PfSnapshot) copy = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, NULL);
    gboolean good = copy != NULL && pf_segment_is_named(pf_snapshot_get_process(copy), name);
    if (good) {
        pf_aggregator_update(aggregator, copy);
    }
    return good;
}

guint pf_reset_copies_take(int folder, const gchar *segment, gint64 reset_unix_ns,
                           PfAggregator *aggregator) {
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free); // newest first
    guint unreadable = 0;
    while (reset_unix_ns != 0 && names->len < MOST_COPIES) {
        g_autofree gchar *name = copy_name(segment, (guint64)reset_unix_ns);
        if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 ||
            g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL)) { // a circle
            break;
        }
        reset_unix_ns = reset_before(folder, name);
        g_ptr_array_add(names, g_steal_pointer(&name));
    }
    unreadable += reset_unix_ns != 0 && names->len == MOST_COPIES;
    for (guint i = names->len; i-- > 0;) {
        unreadable += !take(folder, names->pdata[i], aggregator);
        unlinkat(folder, names->pdata[i], 0);
    }
    return unreadable;
}
