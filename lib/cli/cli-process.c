// SPDX-License-Identifier: Apache-2.0
// What an operand names, and why a process may have nothing to show.
#include "cli.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PF_LIBDIR_FROM_BINDIR
#error "meson says where the library is installed"
#endif

gchar *cli_find_library(void) {
    static const gchar *const places[] = {".", "../lib", PF_LIBDIR_FROM_BINDIR, "../../preload"};
    g_autofree gchar *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree gchar *folder = self != NULL ? g_path_get_dirname(self) : NULL;
    for (guint i = 0; folder != NULL && i < G_N_ELEMENTS(places); i++) {
        g_autofree gchar *given = g_build_filename(folder, places[i], "libpfprof.so", NULL);
        gchar *path = g_canonicalize_filename(given, NULL);
        if (access(path, R_OK) == 0) {
            return path;
        }
        g_free(path);
    }
    return NULL;
}

static gchar *proc_path(guint pid, const gchar *file) {
    return g_strdup_printf("/proc/%u/%s", pid, file);
}

gchar *cli_started_with(guint pid, const gchar *variable) {
    g_autofree gchar *path = proc_path(pid, "environ");
    g_autofree gchar *all = NULL;
    gsize size = 0;
    gsize length = strlen(variable);
    if (!g_file_get_contents(path, &all, &size, NULL)) {
        return NULL;
    }
    for (const gchar *at = all; at < all + size; at += strlen(at) + 1) {
        if (strncmp(at, variable, length) == 0 && at[length] == '=') {
            return g_strdup(at + length + 1);
        }
    }
    return NULL;
}

static gboolean is_said(guint pid, const gchar *setting, gboolean wanted) {
    g_autofree gchar *value = cli_started_with(pid, pf_profiling_config_get_variable(setting));
    if (value == NULL) {
        return FALSE;
    }
    const gchar *const yes[] = {"true", "1", "yes", "on", NULL};
    g_autofree gchar *low = g_ascii_strdown(value, -1);
    return g_strv_contains(yes, low) == wanted;
}

static gboolean has_library(guint pid, gboolean *ret_known) {
    g_autofree gchar *path = proc_path(pid, "maps");
    g_autofree gchar *maps = NULL;
    *ret_known = g_file_get_contents(path, &maps, NULL, NULL);
    return *ret_known && strstr(maps, "libpfprof.so") != NULL;
}

gchar *cli_why_not_profiled(guint pid) {
    g_autofree gchar *path = proc_path(pid, "");
    struct stat status;
    if (stat(path, &status) != 0) {
        return g_strdup_printf("there is no process %u; `pfprof list` shows the profiled ones",
                               pid);
    }
    if (status.st_uid != geteuid() && geteuid() != 0) {
        struct passwd *owner = getpwuid(status.st_uid);
        return g_strdup_printf("process %u belongs to %s: only that user and root can look at it",
                               pid, owner != NULL ? owner->pw_name : "another user");
    }
    gboolean known;
    gboolean has = has_library(pid, &known);
    if (!known) {
        return g_strdup_printf(
            "process %u has no segment, and cannot be looked into (a kernel thread, "
            "or protected)",
            pid);
    }
    if (!has) {
        return g_strdup_printf("process %u does not run under pfprof; start it by `pfprof run -- "
                               "COMMAND`",
                               pid);
    }
    if (is_said(pid, "cli_enabled", FALSE)) {
        return g_strdup_printf(
            "process %u cannot be observed: it was started with "
            "PROVIDE_PROFILING_CLI_ENABLED=false; its summary comes when it ends",
            pid);
    }
    if (!is_said(pid, "enabled", TRUE)) {
        return g_strdup_printf("process %u has the library, but measuring is not on; start it with "
                               "PROVIDE_PROFILING_ENABLED=true",
                               pid);
    }
    return g_strdup_printf(
        "process %u has made no output call yet, or found no tmpfs folder for its "
        "segment; `pfprof doctor` checks the folder",
        pid);
}

static gboolean is_pid(const gchar *operand, guint *ret_pid) {
    *ret_pid = (guint)cli_parse_number(operand, G_MAXINT32);
    return *ret_pid != 0 && !g_file_test(operand, G_FILE_TEST_EXISTS);
}

// Says why there is no segment of a process, or what is wrong with it.
static void say_why(guint pid, const GError *error) {
    if (g_error_matches(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND)) {
        g_autofree gchar *why = cli_why_not_profiled(pid);
        cli_fail("%s", why);
    } else {
        cli_fail_error(error);
    }
}

PfTarget *cli_open_target(guint pid) {
    g_autoptr(GError) error = NULL;
    PfTarget *target = pf_target_new_from_pid(pid, &error);
    if (target == NULL) {
        say_why(pid, error);
    }
    return target;
}

PfSession *cli_open(const gchar *operand) {
    g_autoptr(GError) error = NULL;
    guint pid;
    if (!is_pid(operand, &pid)) {
        PfSession *session = pf_session_new_from_file(operand, &error);
        if (session == NULL) {
            cli_fail_error(error);
        }
        return session;
    }
    g_autofree gchar *path = pf_snapshot_find_file(pid, &error);
    g_autoptr(PfSession) session = pf_session_new();
    if (path != NULL && pf_session_add_file(session, path, &error)) {
        return g_steal_pointer(&session);
    }
    say_why(pid, error);
    return NULL;
}
