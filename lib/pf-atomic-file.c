// SPDX-License-Identifier: Apache-2.0
// A file that is always whole: written beside its name, then renamed.
#include "pf-atomic-file.h"
#include "pf-errors.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean write_whole(int fd, const gchar *text, gsize size) {
    while (size > 0) {
        ssize_t put = write(fd, text, size);
        if (put < 0 && errno != EINTR) {
            return FALSE;
        }
        text += MAX(put, 0);
        size -= (gsize)MAX(put, 0);
    }
    return TRUE;
}

// Not g_file_set_contents(): that makes 0600 files, and whoever collects them is another user.  The
// temporary name does not end as the collector wants it, so it is never read half-written.
gboolean pf_atomic_file_write(const gchar *path, const gchar *text, gsize size, GError **error) {
    g_autofree gchar *beside = g_strdup_printf("%s.%u.new", path, (guint)getpid());
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    gboolean done = fd >= 0 && write_whole(fd, text, size);
    int kept = errno;
    if (fd >= 0) {
        done = close(fd) == 0 && done;
    }
    if (done && rename(beside, path) != 0) {
        kept = errno;
        done = FALSE;
    }
    if (!done) {
        unlink(beside);
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_WRITE, "%s cannot be written: %s",
                    path, g_strerror(kept));
    }
    return done;
}
