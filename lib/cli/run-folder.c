// SPDX-License-Identifier: Apache-2.0
// The folder that the segments of one run lie in: run-PID-XXXXXX within the usual folder for segments.
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MOST_PATH 91u // what the preloaded library takes

// As that library wants it: ours, in memory, closed to others.
static gboolean is_good(const gchar *path, mode_t forbidden) {
    struct stat status;
    struct statfs system;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & forbidden) == 0 && statfs(path, &system) == 0 &&
           (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

static gchar *try_in(const gchar *parent) {
    gchar *path = g_strdup_printf("%s/run-%d-XXXXXX", parent, (int)getpid());
    mkdir(parent, 0700);
    if (is_good(parent, 077) && strlen(path) <= MOST_PATH && g_mkdtemp_full(path, 0700) != NULL) {
        return path;
    }
    g_free(path);
    return NULL;
}

gchar *run_folder_make(const gchar *given) {
    if (*given != 0) {
        gchar *path = try_in(given);
        if (path == NULL) {
            cli_warn(
                "PROVIDE_PROFILING_SEGMENT_DIR=%s is not a folder of yours with mode 0700, in a "
                "tmpfs, with a short path",
                given);
        }
        return path;
    }
    const gchar *runtime = g_getenv("XDG_RUNTIME_DIR");
    gchar *folder = NULL;
    if (runtime != NULL && *runtime == '/' && is_good(runtime, 022)) {
        g_autofree gchar *parent = g_build_filename(runtime, "pfprof", NULL);
        folder = try_in(parent);
    }
    if (folder == NULL) {
        g_autofree gchar *parent = g_strdup_printf("/dev/shm/pfprof-%u", (guint)geteuid());
        folder = try_in(parent);
        if (folder == NULL) {
            cli_warn("no folder for segments: %s must be a folder of yours with mode 0700, in a "
                     "tmpfs with room; `pfprof doctor` tells more",
                     parent);
        }
    }
    return folder;
}

// The folders of that name in which processes that have become other users put their segments.
static GPtrArray *folders_of_others(const gchar *folder) {
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autofree gchar *name = g_path_get_basename(folder);
    GDir *shared = g_dir_open("/dev/shm", 0, NULL);
    const gchar *entry;
    while (shared != NULL && (entry = g_dir_read_name(shared)) != NULL) {
        gchar *path = g_build_filename("/dev/shm", entry, name, NULL);
        if (g_str_has_prefix(entry, "pfprof-") && strcmp(path, folder) != 0) {
            g_ptr_array_add(paths, path);
        } else {
            g_free(path);
        }
    }
    g_clear_pointer(&shared, g_dir_close);
    return paths;
}

static void collect_others(const gchar *folder, PfSession *session, PfSessionFlags flags) {
    g_autoptr(GPtrArray) paths = folders_of_others(folder);
    for (guint i = 0; i < paths->len; i++) {
        if (pf_session_collect(session, g_ptr_array_index(paths, i), flags, NULL)) {
            rmdir(g_ptr_array_index(paths, i));
        }
    }
}

void run_folder_watch(const gchar *folder, PfSession *session) {
    gint64 begun = g_get_monotonic_time() * 1000;
    pf_session_watch(session, folder);
    if (geteuid() == 0) {
        g_autoptr(GPtrArray) paths = folders_of_others(folder);
        for (guint i = 0; i < paths->len; i++) {
            pf_session_watch(session, g_ptr_array_index(paths, i));
        }
    }
    pf_timeline_note_look(pf_session_get_timeline(session), begun);
}

void run_folder_collect(const gchar *folder, PfSession *session, PfSessionFlags flags) {
    pf_session_collect(session, folder, flags, NULL);
    if (geteuid() == 0 && (flags & PF_SESSION_ENDED) == 0) {
        collect_others(folder, session, flags); // only root's processes can change their user
    }
}

// What an observer has locked there; FALSE: there is something else too.
static gboolean remove_locks(const gchar *folder) {
    GDir *dir = g_dir_open(folder, 0, NULL);
    gboolean only_locks = dir != NULL;
    const gchar *entry;
    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        only_locks &= g_str_has_suffix(entry, ".lock");
    }
    if (only_locks) {
        g_dir_rewind(dir);
        while ((entry = g_dir_read_name(dir)) != NULL) {
            g_autofree gchar *path = g_build_filename(folder, entry, NULL);
            unlink(path);
        }
    }
    g_clear_pointer(&dir, g_dir_close);
    return only_locks;
}

void run_folder_remove(const gchar *folder) {
    // Stays while there are segments of running processes in it.  Again, because an observer may just be
    // starting; it ends by itself when there is nothing to observe.
    for (guint i = 0; i < 5 && rmdir(folder) != 0 && remove_locks(folder); i++) {
    }
}
