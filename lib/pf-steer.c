// SPDX-License-Identifier: Apache-2.0
// `pfprof steer`: one process per user that steers every program that asks for it, and ends with the last.
//
// The lock on steer.lock says that it runs.  A program makes its segment first and looks at the lock then; we
// let go of the lock first and look for segments then: one of the two sees the other.
#include "pf-adaptive-sampler.h"
#include "pf-config.h"
#include "pf-segment-reader.h"
#include "pf-steering.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US 100000        // for new segments, where the kernel does not tell of them
#define LOOK_AT_LEAST_US 2000 // after the kernel told of one: it is being made
#define OWN_SHARE 50          // such looks take at most one part in so many of our time
#define TRIES 20              // that a segment has until it can be read
#define LINGER_US 1500000     // with nothing to steer: the next program of a script comes soon
#define LOCK_TRIES 20         // a program that looks holds the lock for a moment
#define LOCK_WAIT_US 2500

typedef struct {
    const gchar *folder;
    int lock;
    int news;            // inotify of the folder; -1: none
    GHashTable *known;   // names in the folder that were looked at -> tries left
    GPtrArray *steered;  // steered_target
    GPtrArray *programs; // program, PF_STARTS at most
    gint64 looked_us;
    gint64 look_us; // no sooner than that after the last look
    gboolean told;  // there is a segment that was not looked at
    gint64 idle_since_us;
} steerer;

typedef struct {
    PfSteering *steering;
    gint64 due_us;
} steered_target;

static void steered_target_free(gpointer data) {
    steered_target *self = data;
    g_object_unref(self->steering);
    g_free(self);
}

// A program whose processes share an adaptive sampler.
typedef struct {
    gchar *name;
    gdouble budget;
    gdouble half_life;
    PfSampler *sampler;
    gdouble told; // with which rate processes begin, as steer.lock says
} program;

static void program_free(gpointer data) {
    program *self = data;
    g_free(self->name);
    g_object_unref(self->sampler);
    g_free(self);
}

// --- the lock

static gboolean take_lock(steerer *self) {
    g_autofree gchar *path = g_build_filename(self->folder, "steer.lock", NULL);
    struct stat status;
    if (self->lock < 0) {
        self->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (self->lock < 0 || fstat(self->lock, &status) != 0 || status.st_uid != geteuid()) {
        return FALSE;
    }
    for (guint i = 0; i < LOCK_TRIES; i++) {
        if (flock(self->lock, LOCK_EX | LOCK_NB) == 0) {
            // What another observer knew was of another time.
            return self->programs->len != 0 || ftruncate(self->lock, 0) == 0;
        }
        g_usleep(LOCK_WAIT_US);
    }
    return FALSE;
}

// With which rate processes of the programs begin that are known.  A process that reads while this is written has
// a rate that was another program's, which is a rate as well.
static void tell_starts(steerer *self) {
    struct pf_start starts[PF_STARTS] = {0};
    gboolean news = FALSE;
    for (guint i = 0; i < self->programs->len; i++) {
        program *one = g_ptr_array_index(self->programs, i);
        gdouble rate = pf_adaptive_sampler_get_even_rate(PF_ADAPTIVE_SAMPLER(one->sampler));
        if (rate > 0 && (one->told <= 0 || rate > 1.1 * one->told || one->told > 1.1 * rate)) {
            one->told = rate;
            news = TRUE;
        }
        starts[i] = (struct pf_start){one->told > 0 ? pf_program_hash(one->name) : 0, one->told};
    }
    if (news && pwrite(self->lock, starts, sizeof starts, 0) < 0) {
        g_debug("steer.lock: %s", g_strerror(errno)); // they begin at SAMPLE_RATE then
    }
}

static void release_lock(steerer *self) { flock(self->lock, LOCK_UN); }

// --- programs

static GStrv environment_of(guint pid) {
    g_autofree gchar *path = g_strdup_printf("/proc/%u/environ", pid);
    g_autofree gchar *text = NULL;
    gsize size = 0;
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();
    if (g_file_get_contents(path, &text, &size, NULL)) {
        for (gsize at = 0; at < size; at += strlen(text + at) + 1) {
            g_strv_builder_add(all, text + at);
        }
    }
    return g_strv_builder_end(all);
}

// The sampler of the other processes of this program, if it is adaptive and there is room to note it.
static PfSampler *shared_sampler(steerer *self, const gchar *name,
                                 const PfAdaptiveSamplingConfig *config) {
    for (guint i = 0; i < self->programs->len; i++) {
        program *one = g_ptr_array_index(self->programs, i);
        if (strcmp(one->name, name) == 0 && one->budget == config->overhead_budget &&
            one->half_life == config->half_life_seconds) {
            return g_object_ref(one->sampler);
        }
    }
    PfSampler *sampler = PF_SAMPLER(pf_adaptive_sampler_new(config));
    if (self->programs->len < PF_STARTS) {
        program *one = g_new0(program, 1);
        *one = (program){g_strdup(name), config->overhead_budget, config->half_life_seconds,
                         g_object_ref(sampler), 0};
        g_ptr_array_add(self->programs, one);
    }
    return sampler;
}

// The environment that a program was started with, and its sampler as the segment says it.
static PfSampler *sampler_for(steerer *self, const struct pf_segment *header) {
    static const gchar *const names[] = {"fixed", "load", "pattern", "statistical", "adaptive"};
    guint32 which = header->control.sampler;
    if (which == 0 || which >= G_N_ELEMENTS(names)) {
        return NULL;
    }
    g_auto(GStrv) environment = environment_of(header->pid);
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new();
    pf_profiling_config_load(config, (const gchar *const *)environment);
    pf_profiling_config_set(config, "sampler", names[which], NULL);
    g_autoptr(PfAdaptiveSamplingConfig) part = pf_profiling_config_get_adaptive_sampling(config);
    if (which == PF_SAMPLER_ADAPTIVE) {
        g_autofree gchar *name = pf_reader_text(header->program, sizeof header->program);
        return shared_sampler(self, name, part);
    }
    g_autoptr(GError) error = NULL;
    PfSampler *sampler = pf_sampler_new_from_config(part, pf_sane_rate(header->rate, 0), &error);
    if (error != NULL) {
        g_printerr("pfprof: process %u: %s; its rate stays fixed\n", header->pid, error->message);
    }
    return sampler;
}

// FALSE: it cannot be read, or not yet.
static gboolean take_on(steerer *self, const gchar *name) {
    g_autofree gchar *path = g_build_filename(self->folder, name, NULL);
    g_autoptr(PfController) controller = pf_controller_new_for_file(path, NULL);
    pf_reader *reader = controller != NULL ? pf_reader_new_from_file(path, NULL) : NULL;
    if (reader == NULL) {
        return FALSE;
    }
    const struct pf_segment *header = pf_reader_header(reader);
    g_autoptr(PfSampler) sampler =
        header->state == PF_STATE_ACTIVE && reader->runs ? sampler_for(self, header) : NULL;
    pf_reader_unref(reader);
    if (sampler != NULL) {
        steered_target *one = g_new0(steered_target, 1);
        one->steering = pf_steering_new(controller, sampler);
        g_ptr_array_add(self->steered, one);
    }
    return TRUE;
}

// A segment is looked at once, when it can be read; its name holds the moment it was made, so no name comes twice.
static void look_for_more(steerer *self) {
    gint64 begun = g_get_monotonic_time();
    GDir *dir = g_dir_open(self->folder, 0, NULL);
    const gchar *name;
    g_autoptr(GHashTable) there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->told = FALSE;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        gpointer left;
        if (!g_str_has_suffix(name, ".pfseg")) {
            continue;
        }
        gboolean is_known = g_hash_table_lookup_extended(self->known, name, NULL, &left);
        guint tries = is_known ? GPOINTER_TO_UINT(left) : TRIES;
        tries = tries == 0 || take_on(self, name) ? 0 : tries - 1;
        g_hash_table_insert(there, g_strdup(name), GUINT_TO_POINTER(tries));
        self->told = self->told || tries != 0;
    }
    g_clear_pointer(&dir, g_dir_close);
    g_hash_table_unref(self->known);
    self->known = g_steal_pointer(&there);
    self->looked_us = g_get_monotonic_time();
    self->look_us = MAX((self->looked_us - begun) * OWN_SHARE, LOOK_AT_LEAST_US);
}

// Sleeps until a moment, or until the kernel tells of a new segment: then no longer than a look is due.
static void sleep_until(steerer *self, gint64 moment) {
    gchar events[4096];
    struct pollfd one = {.fd = self->news, .events = POLLIN};
    gint64 left = moment - g_get_monotonic_time();
    if (left <= 0) {
        return;
    }
    const struct timespec limit = {left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000};
    if (ppoll(&one, 1, &limit, NULL) <= 0 || read(self->news, events, sizeof events) <= 0) {
        return;
    }
    self->told = TRUE;
    g_usleep(LOOK_AT_LEAST_US);
}

static gint64 look_is_due(const steerer *self) {
    return self->looked_us + (self->told ? MIN(self->look_us, LOOK_US) : LOOK_US);
}

static gint64 step_all(steerer *self) {
    gint64 next = look_is_due(self);
    for (guint i = 0; i < self->steered->len;) {
        steered_target *one = g_ptr_array_index(self->steered, i);
        if (g_get_monotonic_time() >= one->due_us) {
            if (!pf_steering_step(one->steering, NULL)) {
                g_ptr_array_remove_index_fast(self->steered, i);
                continue;
            }
            one->due_us =
                g_get_monotonic_time() + 1000 * (gint64)pf_steering_get_delay_ms(one->steering);
        }
        next = MIN(next, one->due_us);
        i++;
    }
    return next;
}

// TRUE: nothing came while the lock was being let go.
static gboolean may_end(steerer *self) {
    if (self->steered->len != 0) {
        self->idle_since_us = 0;
        return FALSE;
    }
    gint64 now = g_get_monotonic_time();
    self->idle_since_us = self->idle_since_us != 0 ? self->idle_since_us : now;
    if (now - self->idle_since_us < LINGER_US) {
        return FALSE;
    }
    release_lock(self);
    look_for_more(self);
    return self->steered->len == 0 || !take_lock(self);
}

static void run(steerer *self) {
    look_for_more(self);
    while (!may_end(self)) {
        gint64 next = step_all(self);
        tell_starts(self);
        sleep_until(self, next);
        if (g_get_monotonic_time() >= look_is_due(self)) {
            look_for_more(self);
        }
    }
}

static gboolean is_own_folder(const gchar *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & 077) == 0;
}

/**
 * pf_steer_main:
 * @argc: number of arguments
 * @argv: (array length=argc): program, `steer`, `--folder`, and the folder of the segments
 *
 * What `pfprof steer` does: steers every program that was started with PROVIDE_PROFILING_SAMPLER and whose
 * segment is in the folder, and returns when there has been none for a second or two, or when another
 * process does so already.
 *
 * Returns: exit status
 */
gint pf_steer_main(gint argc, gchar **argv) {
    const gchar *folder = NULL;
    for (gint i = 1; i + 1 < argc; i++) {
        folder = strcmp(argv[i], "--folder") == 0 ? argv[i + 1] : folder;
    }
    if (folder == NULL || !is_own_folder(folder)) {
        g_printerr(
            "pfprof: usage: pfprof steer --folder FOLDER, a folder of yours and nobody else's\n");
        return 2;
    }
    steerer self = {.folder = folder,
                    .lock = -1,
                    .news = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
                    .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                    .steered = g_ptr_array_new_with_free_func(steered_target_free),
                    .programs = g_ptr_array_new_with_free_func(program_free)};
    if (take_lock(&self)) {
        if (self.news >= 0) {
            inotify_add_watch(self.news, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
        }
        run(&self);
    }
    g_hash_table_unref(self.known);
    g_ptr_array_unref(self.steered);
    g_ptr_array_unref(self.programs);
    if (self.lock >= 0) {
        close(self.lock);
    }
    if (self.news >= 0) {
        close(self.news);
    }
    return 0;
}
