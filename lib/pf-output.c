// SPDX-License-Identifier: Apache-2.0
// Writes a summary in one go, to stderr or to the end of a file.
#include "pf-output.h"
#include "pf-errors.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// %p is the pid, %n the program's name, %% a percent sign; as in the preloaded library.
static gchar *path_of(const gchar *pattern) {
    g_autoptr(GString) path = g_string_new(NULL);
    for (const gchar *at = pattern; *at != 0; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            g_string_append_printf(path, "%ld", (long)getpid());
            at++;
        } else if (at[0] == '%' && at[1] == 'n') {
            g_string_append(path, program_invocation_short_name);
            at++;
        } else {
            g_string_append_c(path, *at);
            at += at[0] == '%' && at[1] == '%';
        }
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

static gboolean write_all(gint fd, const gchar *text, gsize length) {
    while (length > 0) {
        gssize written = write(fd, text, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return FALSE;
        }
        text += written;
        length -= (gsize)written;
    }
    return TRUE;
}

static void fail(GError **error, const gchar *where) {
    g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_WRITE,
                "the summary cannot be written to %s: %s", where, g_strerror(errno));
}

gboolean pf_output_write(const gchar *output, const gchar *text, GError **error) {
    gboolean to_stderr = g_str_equal(output, "stderr");
    g_autofree gchar *path = to_stderr ? g_strdup("stderr") : path_of(output);
    gint fd = to_stderr ? STDERR_FILENO
                        : open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail(error, path);
        return FALSE;
    }
    gboolean done = write_all(fd, text, strlen(text));
    if (!done) {
        fail(error, path);
    }
    if (!to_stderr) {
        close(fd);
    }
    return done;
}
