// SPDX-License-Identifier: Apache-2.0
// The segments that an agent watches: PID-START.pfseg of processes that run or were killed, and
// PID-START.ended that processes which ended leave for it.
//
// A name stays until it has been read, so one look a second sees also what lived for 5 ms.  A segment of a
// killed process is not ours to remove (`pfprof salvage` wants it); that it has been exported, its mode
// tells: 0400.
#include "pf-agent-watch.h"
#include "pf-errors.h"
#include "pf-reset-copy.h"
#include "pf-segment-find.h"
#include "pf-segment-reader.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNNING ".pfseg"
#define ENDED ".ended"

struct pf_agent_watch {
    PfAggregator *aggregator;
    gchar *folder;
    GHashTable *known;   // path -> pid of those that ran when they were last read
    GArray *locks;       // descriptors
    GHashTable *watched; // folder -> descriptor by which it is watched
    guint64 unreadable;
};

static void close_fd(gpointer fd) { close(GPOINTER_TO_INT(fd)); }

pf_agent_watch *pf_agent_watch_new(PfAggregator *aggregator, const gchar *folder) {
    pf_agent_watch *self = g_new0(pf_agent_watch, 1);
    self->aggregator = g_object_ref(aggregator);
    self->folder = g_strdup(folder);
    self->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->locks = g_array_new(FALSE, FALSE, sizeof(int));
    self->watched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_fd);
    return self;
}

void pf_agent_watch_unlock(pf_agent_watch *self) {
    for (guint i = 0; i < self->locks->len; i++) {
        close(g_array_index(self->locks, int, i));
    }
    g_array_set_size(self->locks, 0);
    g_hash_table_remove_all(self->watched);
}

void pf_agent_watch_free(pf_agent_watch *self) {
    if (self != NULL) {
        pf_agent_watch_unlock(self);
        g_array_unref(self->locks);
        g_hash_table_unref(self->watched);
        g_hash_table_unref(self->known);
        g_object_unref(self->aggregator);
        g_free(self->folder);
        g_free(self);
    }
}

// Those that exist now: folders appear with the first process of a user.
static GPtrArray *folders(pf_agent_watch *self) {
    if (self->folder == NULL) {
        return pf_segment_folders();
    }
    GPtrArray *one = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(one, g_strdup(self->folder));
    return one;
}

// The library looks for the lock beside its segment, so there is one in each folder of this user.  The
// usual one is made when it is missing: who comes later shall find the lock.
gboolean pf_agent_watch_lock(pf_agent_watch *self, GError **error) {
    g_autofree gchar *usual = g_strdup_printf("/dev/shm/pfprof-%u", (guint)geteuid());
    if (self->folder == NULL && mkdir(usual, 0700) != 0 && errno != EEXIST) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED, "%s cannot be made: %s",
                    usual, g_strerror(errno));
        return FALSE;
    }
    g_autoptr(GPtrArray) all = folders(self);
    for (guint i = 0; i < all->len; i++) {
        struct stat status;
        if (stat(all->pdata[i], &status) == 0 && status.st_uid != geteuid()) {
            continue; // another user's agent may have that one
        }
        g_autofree gchar *path = g_build_filename(all->pdata[i], "agent.lock", NULL);
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
            g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED, "%s: %s", path,
                        errno == EWOULDBLOCK ? "an agent runs already" : g_strerror(errno));
            if (fd >= 0) {
                close(fd);
            }
            pf_agent_watch_unlock(self);
            return FALSE;
        }
        g_array_append_val(self->locks, fd);
    }
    return TRUE;
}

static guint pid_of(const gchar *name) { return (guint)g_ascii_strtoull(name, NULL, 10); }

static gboolean is_gone(guint pid) { return kill((pid_t)pid, 0) != 0 && errno == ESRCH; }

static void add(pf_agent_watch *self, int folder, const gchar *name, PfSnapshot *snapshot) {
    gint64 reset_unix_ns = pf_snapshot_get_process(snapshot)->reset_unix_ns;
    self->unreadable += pf_reset_copies_take(folder, name, reset_unix_ns, self->aggregator);
    pf_aggregator_update(self->aggregator, snapshot);
}

// Reads a segment into the books; FALSE: there will be more of it.  While its process is there, one that says
// it has ended is about to get its other name (read now, it would be read twice), and one that says nothing
// is about to be filled.
static gboolean read_segment(pf_agent_watch *self, int folder, const gchar *name) {
    g_autoptr(GError) error = NULL;
    g_autofree gchar *path = g_strdup_printf("/proc/self/fd/%d/%s", folder, name);
    g_autoptr(PfSnapshot) snapshot = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, &error);
    const PfProcess *process = snapshot != NULL ? pf_snapshot_get_process(snapshot) : NULL;
    if (process == NULL && error->code == PF_SEGMENT_ERROR_NOT_FOUND) {
        return FALSE;
    }
    gboolean is_good = process != NULL && pf_segment_is_named(process, name);
    if ((!is_good || process->state == PF_PROCESS_STATE_ENDED) && g_str_has_suffix(name, RUNNING) &&
        !pf_pid_is_gone(pid_of(name))) {
        return FALSE;
    }
    if (!is_good) {
        self->unreadable++;
        return TRUE;
    }
    add(self, folder, name, snapshot);
    return process->state == PF_PROCESS_STATE_ENDED || process->state == PF_PROCESS_STATE_KILLED;
}

// It has ended, whatever its segment said: nothing may stay open in the books.
static void forget(pf_agent_watch *self, const gchar *name) {
    guint pid;
    gint64 start_us;
    const gchar *ending;
    if (pf_segment_parse_name(name, &pid, &start_us, &ending)) {
        pf_aggregator_forget(self->aggregator, pid, start_us);
    }
}

typedef struct {
    pf_agent_watch *watch;
    GHashTable *seen; // paths of segments that are no .ended ones
    gboolean all;
    guint ended;
} look;

static gboolean is_there(int folder_fd, const gchar *name) {
    return faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void look_at_ended(look *self, int folder_fd, const gchar *name, const gchar *path) {
    g_autofree gchar *before =
        g_strdup_printf("%.*s" RUNNING, (gint)(strlen(path) - strlen(ENDED)), path);
    read_segment(self->watch, folder_fd, name);
    forget(self->watch, name);
    g_hash_table_remove(self->watch->known, before);
    unlinkat(folder_fd, name, 0);
    self->ended++;
}

static void look_at_running(look *self, int folder_fd, const gchar *name, const gchar *path) {
    pf_agent_watch *watch = self->watch;
    struct stat status;
    gboolean is_known = g_hash_table_contains(watch->known, path);
    g_hash_table_add(self->seen, g_strdup(path));
    if (!is_known && (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
                      (status.st_mode & 0777) == 0400)) {
        return; // exported after it was killed
    }
    if (!is_known) {
        g_hash_table_insert(watch->known, g_strdup(path), GUINT_TO_POINTER(pid_of(name)));
    }
    if ((self->all || !is_known || is_gone(pid_of(name))) && read_segment(watch, folder_fd, name)) {
        forget(watch, name);
        g_hash_table_remove(watch->known, path);
        fchmodat(folder_fd, name, 0400, 0);
        self->ended++;
    }
}

// One that no segment will lead to any more.  Of a process that is in the books, and that unlinked its
// segment, it is the last that is known; otherwise it was made for a reset that never came.
static void look_at_copy(look *self, int folder_fd, const gchar *folder, const gchar *name) {
    g_autofree gchar *stem = g_strndup(name, strcspn(name, "."));
    g_autofree gchar *running = g_strconcat(stem, RUNNING, NULL);
    g_autofree gchar *ended = g_strconcat(stem, ENDED, NULL);
    if (is_there(folder_fd, running) || is_there(folder_fd, ended) ||
        is_there(folder_fd, running)) { // it may have been on its way back, after a failed exec
        return;
    }
    g_autofree gchar *path = g_build_filename(folder, running, NULL);
    if (g_hash_table_contains(self->watch->known, path)) {
        gint64 reset = g_ascii_strtoll(name + strlen(stem) + 1, NULL, 10);
        self->watch->unreadable +=
            pf_reset_copies_take(folder_fd, running, reset, self->watch->aggregator);
    }
    unlinkat(folder_fd, name, 0);
}

// Who resets a process looks whether its folder is watched.  TRUE: `fd` stays open for that.
static gboolean keep_watched(pf_agent_watch *self, int fd, const gchar *folder) {
    struct stat now;
    struct stat then;
    gpointer held;
    gboolean is_held = g_hash_table_lookup_extended(self->watched, folder, NULL, &held) &&
                       fstat(fd, &now) == 0 && fstat(GPOINTER_TO_INT(held), &then) == 0 &&
                       now.st_dev == then.st_dev && now.st_ino == then.st_ino;
    if (is_held || !pf_reset_watch(fd)) {
        return FALSE;
    }
    g_hash_table_replace(self->watched, g_strdup(folder), GINT_TO_POINTER(fd));
    return TRUE;
}

// By descriptor, so that nobody can put a link in the folder's place between two steps of ours.
static void look_into(look *self, const gchar *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    g_autofree gchar *stable = g_strdup_printf("/proc/self/fd/%d", fd);
    GDir *dir = g_dir_open(stable, 0, NULL);
    const gchar *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree gchar *path = g_build_filename(folder, name, NULL);
        if (!g_ascii_isdigit(*name)) {
            continue;
        }
        if (g_str_has_suffix(name, ENDED)) {
            look_at_ended(self, fd, name, path);
        } else if (g_str_has_suffix(name, RUNNING)) {
            look_at_running(self, fd, name, path);
        } else if (g_str_has_suffix(name, PF_RESET_ENDING) ||
                   g_str_has_suffix(name, PF_RESET_UNFINISHED)) {
            look_at_copy(self, fd, folder, name);
        }
    }
    g_clear_pointer(&dir, g_dir_close);
    if (!keep_watched(self->watch, fd, folder)) {
        close(fd);
    }
}

// A process that unlinked its segment: it has ended, and nobody knows what it counted last.  One that was
// renamed while we read the folder may have been missed under both names.
static gboolean forget_unseen(gpointer path, gpointer pid G_GNUC_UNUSED, gpointer data) {
    look *self = data;
    g_autofree gchar *ended =
        g_strdup_printf("%.*s" ENDED, (gint)(strlen(path) - strlen(RUNNING)), (gchar *)path);
    if (g_hash_table_contains(self->seen, path) || access(path, F_OK) == 0 ||
        access(ended, F_OK) == 0 || access(path, F_OK) == 0) {
        return FALSE;
    }
    forget(self->watch, strrchr(path, '/') + 1);
    self->ended++;
    return TRUE;
}

guint pf_agent_watch_look(pf_agent_watch *self, gboolean all) {
    g_autoptr(GPtrArray) paths = folders(self);
    look now = {.watch = self, .all = all};
    now.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < paths->len; i++) {
        look_into(&now, paths->pdata[i]);
    }
    g_hash_table_foreach_remove(self->known, forget_unseen, &now);
    g_hash_table_unref(now.seen);
    return now.ended;
}

void pf_agent_watch_take(pf_agent_watch *self, const gchar *path) {
    g_autofree gchar *folder = g_path_get_dirname(path);
    g_autofree gchar *name = g_path_get_basename(path);
    g_autoptr(PfSnapshot) snapshot = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, NULL);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (snapshot != NULL) {
        add(self, fd, name, snapshot);
    } else {
        self->unreadable++;
    }
    if (g_str_has_suffix(name, ENDED)) {
        unlink(path);
    }
    if (fd >= 0) {
        close(fd);
    }
}

guint pf_agent_watch_running(pf_agent_watch *self) { return g_hash_table_size(self->known); }

guint64 pf_agent_watch_unreadable(pf_agent_watch *self) { return self->unreadable; }
