// SPDX-License-Identifier: Apache-2.0
// Where segments lie: the folders of this user, and the names in them.
#include "pf-segment-find.h"
#include "pf-config.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".pfseg"

// BASE/PREFIX.../REST, but for root's own, which are known already.
static void add_matching(GPtrArray *paths, const gchar *base, const gchar *prefix,
                         const gchar *rest) {
    GDir *dir = g_dir_open(base, 0, NULL);
    const gchar *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_prefix(name, prefix) && strcmp(name + strlen(prefix), "0") != 0) {
            g_ptr_array_add(paths, g_build_filename(base, name, rest, NULL));
        }
    }
    g_clear_pointer(&dir, g_dir_close);
}

// Root sees everybody's: its servers' workers become other users.
static void add_others(GPtrArray *paths) {
    add_matching(paths, "/dev/shm", "pfprof-", NULL);
    add_matching(paths, "/run/user", "", "pfprof");
}

// All are looked into: the environment of the target need not be ours.  Only who has set
// SEGMENT_DIR means that folder and no other.
static GPtrArray *folders(void) {
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new_from_environment();
    const gchar *given = pf_profiling_config_get_value(config, "segment_dir");
    if (*given == '/') {
        g_ptr_array_add(paths, g_strdup(given));
        return paths;
    }
    const gchar *runtime = g_getenv("XDG_RUNTIME_DIR");
    g_autofree gchar *usual = g_strdup_printf("/run/user/%u", (guint)geteuid());
    if (runtime != NULL && *runtime == '/') {
        g_ptr_array_add(paths, g_build_filename(runtime, "pfprof", NULL));
    }
    if (runtime == NULL || strcmp(runtime, usual) != 0) {
        g_ptr_array_add(paths, g_build_filename(usual, "pfprof", NULL));
    }
    g_ptr_array_add(paths, g_strdup_printf("/dev/shm/pfprof-%u", (guint)geteuid()));
    if (geteuid() == 0) {
        add_others(paths);
    }
    return paths;
}

// As the writer wants it: a real folder, ours, closed to others.  Anybody can make a folder in
// /dev/shm under the name of ours.
static gboolean is_ours(const gchar *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
           (status.st_uid == geteuid() || geteuid() == 0) && (status.st_mode & 077) == 0;
}

GPtrArray *pf_segment_folders(void) {
    GPtrArray *all = folders();
    for (guint i = all->len; i-- > 0;) {
        if (!is_ours(g_ptr_array_index(all, i))) {
            g_ptr_array_remove_index(all, i);
        }
    }
    return all;
}

gboolean pf_segment_parse_name(const gchar *name, guint *ret_pid, gint64 *ret_start_us,
                               const gchar **ret_ending) {
    gchar *end;
    guint64 pid = g_ascii_isdigit(*name) ? g_ascii_strtoull(name, &end, 10) : 0;
    if (pid == 0 || pid > G_MAXINT || *end != '-' || !g_ascii_isdigit(end[1])) {
        return FALSE;
    }
    *ret_pid = (guint)pid;
    *ret_start_us = g_ascii_strtoll(end + 1, &end, 10);
    *ret_ending = end;
    return *end == '.';
}

gboolean pf_segment_is_named(const PfProcess *process, const gchar *name) {
    guint pid;
    gint64 start_us;
    const gchar *ending;
    return pf_segment_parse_name(name, &pid, &start_us, &ending) && process->pid == pid &&
           process->start_unix_ns / 1000 == start_us;
}

typedef struct {
    gint64 start;
    gchar *path;
} found;

static void found_clear(gpointer data) { g_free(((found *)data)->path); }

static gint newest_first(gconstpointer a, gconstpointer b) {
    gint64 one = ((const found *)a)->start;
    gint64 other = ((const found *)b)->start;
    return one < other ? 1 : one > other ? -1 : 0;
}

// All segments, or those of one pid; newest first.
static void look_into(GArray *all, const gchar *folder, guint64 wanted, gboolean sessions_too) {
    GDir *dir = is_ours(folder) ? g_dir_open(folder, 0, NULL) : NULL;
    const gchar *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        found entry;
        guint pid;
        const gchar *ending;
        if (pf_segment_parse_name(name, &pid, &entry.start, &ending) &&
            strcmp(ending, SUFFIX) == 0 && (wanted == 0 || pid == wanted)) {
            entry.path = g_build_filename(folder, name, NULL);
            g_array_append_val(all, entry);
        } else if (sessions_too && g_str_has_prefix(name, PF_SESSION_PREFIX)) {
            g_autofree gchar *session = g_build_filename(folder, name, NULL);
            look_into(all, session, wanted, FALSE);
        }
    }
    g_clear_pointer(&dir, g_dir_close);
}

static GArray *look(guint64 wanted) {
    GArray *all = g_array_new(FALSE, FALSE, sizeof(found));
    g_array_set_clear_func(all, found_clear);
    g_autoptr(GPtrArray) paths = folders();
    for (guint i = 0; i < paths->len; i++) {
        look_into(all, g_ptr_array_index(paths, i), wanted, TRUE);
    }
    g_array_sort(all, newest_first);
    return all;
}

gchar *pf_segment_find(guint pid, GError **error) {
    g_autoptr(GArray) all = look(pid);
    if (pid != 0 && all->len > 0) {
        return g_strdup(g_array_index(all, found, 0).path);
    }
    g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND,
                "process %u is not profiled, or has made no output call yet, or is another user's",
                pid);
    return NULL;
}

/**
 * pf_snapshot_find_file:
 * @pid: a process
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Finds the segment of a process of this user.
 *
 * Returns: (transfer full) (type filename): the newest of that pid, or %NULL
 */
gchar *pf_snapshot_find_file(guint pid, GError **error) { return pf_segment_find(pid, error); }

/**
 * pf_snapshot_list_files:
 *
 * Lists the segments of this user, of running processes and those that killed ones left behind.
 *
 * Returns: (transfer container) (element-type filename): paths, newest first
 */
GPtrArray *pf_snapshot_list_files(void) {
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) all = look(0);
    for (guint i = 0; i < all->len; i++) {
        g_ptr_array_add(paths, g_strdup(g_array_index(all, found, i).path));
    }
    return paths;
}
