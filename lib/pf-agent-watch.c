// SPDX-License-Identifier: Apache-2.0
// The segments that an agent watches: PID-START.pfseg of processes that run or were killed, and
// PID-START.ended that processes which ended leave for it.
//
// A name stays until it has been read, so one look a second sees also what lived for 5 ms.  A segment of a
// killed process is not ours to remove (`pfprof salvage` wants it); that it has been exported, its mode
// tells: 0400.
#include "pf-agent-watch.h"
#include "pf-errors.h"
#include "pf-segment-find.h"
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
    GHashTable *known; // path -> pid of those that ran when they were last read
    GArray *locks;     // descriptors
    guint64 unreadable;
};

pf_agent_watch *pf_agent_watch_new(PfAggregator *aggregator, const gchar *folder) {
    pf_agent_watch *self = g_new0(pf_agent_watch, 1);
    self->aggregator = g_object_ref(aggregator);
    self->folder = g_strdup(folder);
    self->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->locks = g_array_new(FALSE, FALSE, sizeof(int));
    return self;
}

void pf_agent_watch_unlock(pf_agent_watch *self) {
    for (guint i = 0; i < self->locks->len; i++) {
        close(g_array_index(self->locks, int, i));
    }
    g_array_set_size(self->locks, 0);
}

void pf_agent_watch_free(pf_agent_watch *self) {
    if (self != NULL) {
        pf_agent_watch_unlock(self);
        g_array_unref(self->locks);
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

// Reads a segment into the books; FALSE: it runs on.  One that says it has ended while its process is there
// is about to get its other name: read now, it would be read twice.
static gboolean read_segment(pf_agent_watch *self, const gchar *path) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSnapshot) snapshot = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, &error);
    if (snapshot == NULL) {
        // It may have ended and been renamed just now: then it is there under its other name.
        self->unreadable += error->code != PF_SEGMENT_ERROR_NOT_FOUND ? 1 : 0;
        return TRUE;
    }
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    PfProcessState state = process->state;
    if (state == PF_PROCESS_STATE_ENDED && g_str_has_suffix(path, RUNNING) &&
        !is_gone(process->pid)) {
        return FALSE;
    }
    pf_aggregator_update(self->aggregator, snapshot);
    return state == PF_PROCESS_STATE_ENDED || state == PF_PROCESS_STATE_KILLED;
}

typedef struct {
    pf_agent_watch *watch;
    GHashTable *seen; // paths of segments that are no .ended ones
    gboolean all;
    guint ended;
} look;

static void look_at_ended(look *self, int folder_fd, const gchar *name, const gchar *path) {
    g_autofree gchar *before =
        g_strdup_printf("%.*s" RUNNING, (gint)(strlen(path) - strlen(ENDED)), path);
    read_segment(self->watch, path);
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
    if ((self->all || !is_known || is_gone(pid_of(name))) && read_segment(watch, path)) {
        g_hash_table_remove(watch->known, path);
        fchmodat(folder_fd, name, 0400, 0);
        self->ended++;
    }
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
        }
    }
    g_clear_pointer(&dir, g_dir_close);
    close(fd);
}

static gboolean is_unseen(gpointer path, gpointer pid, gpointer seen) {
    return !g_hash_table_contains(seen, path);
}

guint pf_agent_watch_look(pf_agent_watch *self, gboolean all) {
    g_autoptr(GPtrArray) paths = folders(self);
    look now = {.watch = self, .all = all};
    now.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < paths->len; i++) {
        look_into(&now, paths->pdata[i]);
    }
    g_hash_table_foreach_remove(self->known, is_unseen, now.seen);
    g_hash_table_unref(now.seen);
    return now.ended;
}

void pf_agent_watch_take(pf_agent_watch *self, const gchar *path) {
    read_segment(self, path);
    if (g_str_has_suffix(path, ENDED)) {
        unlink(path);
    }
}

guint pf_agent_watch_running(pf_agent_watch *self) { return g_hash_table_size(self->known); }

guint64 pf_agent_watch_unreadable(pf_agent_watch *self) { return self->unreadable; }
