// SPDX-License-Identifier: Apache-2.0
// A regular file is written beside its name and renamed, so that it is always whole.  What is no regular
// file (a pipe, a terminal, /dev/null, what a shell calls /dev/fd/63) must not be replaced: it is written as
// it is.  A link leads to its file.
#include "pf-output-file-private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100u

// The names of what others have opened: their files are theirs, wherever they lie.
static gboolean is_open_elsewhere(const gchar *path) {
    return g_str_has_prefix(path, "/dev/std") || g_str_has_prefix(path, "/dev/fd/") ||
           g_str_has_prefix(path, "/proc/");
}

// A stranger's link in a folder like /tmp: as the kernel does for open (protected_symlinks), we don't follow it.
static gboolean is_trap(const gchar *path) {
    struct stat link;
    struct stat folder;
    g_autofree gchar *parent = g_path_get_dirname(path);
    return lstat(path, &link) == 0 && S_ISLNK(link.st_mode) && link.st_uid != geteuid() &&
           stat(parent, &folder) == 0 && (folder.st_mode & S_ISVTX) != 0 &&
           (folder.st_mode & S_IWOTH) != 0 && link.st_uid != folder.st_uid;
}

static gboolean is_written_as_it_is(const gchar *path) {
    struct stat status;
    struct stat link;
    if (stat(path, &status) == 0) {
        return !S_ISREG(status.st_mode) || is_open_elsewhere(path);
    }
    return lstat(path, &link) == 0 &&
           S_ISLNK(link.st_mode); // it leads to a file that is not there yet
}

static gint open_as_it_is(pf_output_file *self, const gchar *path, guint mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, mode);
    self->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    return self->file != NULL ? 0 : errno;
}

// The file that is replaced was somebody's, and for somebody to read: so is the new one, where we may.
static void make_alike(int fd, const gchar *target) {
    struct stat old;
    if (stat(target, &old) == 0 && fchown(fd, old.st_uid, old.st_gid) == 0) {
        fchmod(fd, old.st_mode & 0777);
    }
}

static gint open_beside(pf_output_file *self, const gchar *path, guint mode) {
    char *target = realpath(path, NULL);
    self->target = g_strdup(target != NULL ? target : path);
    free(target);
    for (guint i = 0; i < TRIES; i++) {
        g_free(self->fresh);
        self->fresh = g_strdup_printf("%s.%06x", self->target, g_random_int() & 0xffffff);
        int fd = open(self->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0) {
            make_alike(fd, self->target);
            self->file = fdopen(fd, "w");
            return self->file != NULL ? 0 : errno;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    gint problem = errno;
    g_clear_pointer(&self->fresh, g_free);
    return problem;
}

gint pf_output_file_begin(pf_output_file *self, const gchar *path, guint mode) {
    *self = (pf_output_file){0};
    if (*path == 0) {
        return ENOENT;
    }
    if (is_trap(path)) {
        return EACCES;
    }
    return is_written_as_it_is(path) ? open_as_it_is(self, path, mode)
                                     : open_beside(self, path, mode);
}

gint pf_output_file_end(pf_output_file *self, gint problem) {
    if (self->file != NULL && fclose(self->file) != 0 && problem == 0) {
        problem = errno;
    }
    if (self->fresh != NULL && problem == 0 && rename(self->fresh, self->target) != 0) {
        problem = errno;
    }
    if (self->fresh != NULL && problem != 0) {
        unlink(self->fresh);
    }
    g_free(self->fresh);
    g_free(self->target);
    return problem;
}

/**
 * pf_output_file_check:
 * @path: a file name, or that of a pipe or device
 *
 * Tells beforehand whether something can be written there, as far as that can be told.
 *
 * Returns: 0, or an errno
 */
gint pf_output_file_check(const gchar *path) {
    g_return_val_if_fail(path != NULL, EINVAL);
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return EISDIR;
    }
    if (is_trap(path)) {
        return EACCES;
    }
    if (*path != 0 && is_written_as_it_is(path)) {
        return access(path, F_OK) != 0 || access(path, W_OK) == 0 ? 0 : errno;
    }
    char *target = realpath(path, NULL);
    g_autofree gchar *folder = g_path_get_dirname(target != NULL ? target : path);
    free(target);
    return *path == 0 ? ENOENT : access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

/**
 * pf_output_file_write:
 * @path: a file name, or that of a pipe or device
 * @text: (array length=size): what to write
 * @size: bytes of it
 * @mode: of a file that is made, less the umask
 *
 * Writes what a user asked for where he asked for it.  A file is replaced when all is written, and stands
 * as it was after a failure; a link leads to its file; pipes and devices are written as they are.
 *
 * Returns: 0, or an errno
 */
gint pf_output_file_write(const gchar *path, const gchar *text, gsize size, guint mode) {
    g_return_val_if_fail(path != NULL && text != NULL, EINVAL);
    pf_output_file self;
    gint problem = pf_output_file_begin(&self, path, mode);
    if (problem == 0 && fwrite(text, 1, size, self.file) != size) {
        problem = errno;
    }
    return pf_output_file_end(&self, problem);
}
