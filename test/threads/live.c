// SPDX-License-Identifier: Apache-2.0
// Everything at once in one process, for ThreadSanitizer: threads that write and come and go, others that
// take snapshots of that same process, compare them, steer it and reset it, and threads that feed
// messages of their own.  main returns while the writers still write, so the summary reads what they
// change.  Run by scripts/check-threads; prints how much was done.  live SECONDS
#include <fcntl.h>
#include <pf-profile.h>
#include <pf-profiling.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 4, FEEDERS = 3 };

static int over;
static guint64 written, snapshots, steps, fed;
static PfProfilingProcessor *processor;

static gboolean going_on(void) { return !__atomic_load_n(&over, __ATOMIC_RELAXED); }

static void count(guint64 *what) { __atomic_fetch_add(what, 1, __ATOMIC_RELAXED); }

static void must(gboolean fine, const char *what) {
    if (!fine) {
        fprintf(stderr, "live: %s\n", what);
        _exit(3);
    }
}

static void round_of_calls(FILE *shared, const char *own_path, int i) {
    PF_PROFILE_SCOPE("round");
    int fd = open(own_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    must(fd >= 0, own_path);
    FILE *file = fdopen(fd, "a");
    must(file != NULL, "fdopen");
    setvbuf(file, NULL, _IOFBF, 256);
    fprintf(file, "round %d of %s: %5.2f\n", i, own_path, i / 3.0);
    fputs("all \xf0\x9f\x98\x80 well\n", file);
    fprintf(shared, "said <%d>\n", i);
    dprintf(fd, "%s %d\n", "directly", i);
    must(write(-1, "x", 1) == -1, "write to nowhere");
    int other = dup(fd);
    must(write(other, "line\n", 5) == 5, "write");
    close(other);
    fclose(file);
    count(&written);
}

static void *short_lived(void *shared) {
    for (int i = 0; i < 3; i++) {
        fprintf(shared, "short %d\n", i);
    }
    return NULL;
}

// Goes on until the process ends.
static void *writer(void *shared) {
    char path[64];
    snprintf(path, sizeof path, "%d", gettid());
    for (int i = 0;; i++) {
        round_of_calls(shared, path, i);
        if (i % 8 == 0) {
            unlink(path); // a log that is rotated: its name leads to another file from now on
        }
        if (i % 16 == 0) {
            pthread_t thread;
            must(pthread_create(&thread, NULL, short_lived, shared) == 0, "pthread_create");
            pthread_join(thread, NULL);
        }
    }
}

static void *reader(void *unused) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PfTarget) target = pf_target_new_from_pid(getpid(), &error);
    must(target != NULL, error != NULL ? error->message : "no target");
    g_autoptr(PfSnapshot) before = NULL;
    for (guint i = 0; going_on(); i++) {
        PfSnapshot *now = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, &error);
        must(now != NULL, error != NULL ? error->message : "no snapshot");
        const PfStats *all = pf_snapshot_get_messages(now);
        must(all->sampled_count <= all->message_count, "more timed than seen");
        if (i % 8 == 0) { // dear: it looks for functions' names
            g_autofree gchar *json = pf_snapshot_to_json(now, NULL);
            must(strstr(json, "\"call_sites\"") != NULL, "no table of sites");
        }
        if (before != NULL) {
            g_autoptr(PfSnapshot) delta = pf_snapshot_delta(now, before, NULL);
            must(delta == NULL || pf_snapshot_get_messages(delta)->sampled_count <=
                                      pf_snapshot_get_messages(delta)->message_count,
                 "a difference of more timed than seen");
        }
        g_set_object(&before, now);
        g_object_unref(now);
        count(&snapshots);
    }
    return unused;
}

static void *steerer(void *unused) {
    static const gdouble rates[] = {1, 0.5, 0.01};
    g_autoptr(GError) error = NULL;
    g_autoptr(PfController) controller = pf_controller_new_for_pid(getpid(), &error);
    must(controller != NULL, error != NULL ? error->message : "no controller");
    for (guint i = 0; going_on(); i++) {
        must(pf_controller_set_rate(controller, rates[i % 3], &error), "set_rate");
        if (i % 7 == 0) {
            must(pf_controller_reset(controller, &error), "reset");
        }
        if (i % 5 == 0) {
            must(pf_controller_set_active(controller, FALSE, &error), "set_active");
            must(pf_controller_set_active(controller, TRUE, &error), "set_active");
        }
        count(&steps);
        g_usleep(2000);
    }
    return unused;
}

static void *feeder(void *unused) {
    while (going_on()) {
        gint64 begun = pf_profiling_processor_begin(processor);
        pf_profiling_processor_end(processor, begun, "a message of its own", -1, 3);
        count(&fed);
    }
    return unused;
}

static void *asker(void *unused) {
    for (guint i = 0; going_on(); i++) {
        PfProfileMetrics *metrics = pf_profiling_processor_get_metrics(processor);
        guint64 sampled = pf_profile_metrics_get_sampled_count(metrics);
        must(sampled <= pf_profile_metrics_get_message_count(metrics),
             "a processor that has timed more than it has seen");
        if (i % 50 == 49) {
            pf_profiling_processor_reset(processor); // the only one who does
        }
        g_free(pf_profile_metrics_to_json(metrics));
        g_usleep(1000);
    }
    return unused;
}

// GLib makes a class at its first use, under locks of its own that ThreadSanitizer does not see.
static void use_every_class(void) {
    g_autoptr(PfTarget) target = pf_target_new_from_pid(getpid(), NULL);
    must(target != NULL, "no target");
    g_autoptr(PfSnapshot) one = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, NULL);
    g_autoptr(PfSnapshot) other = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, NULL);
    g_autoptr(PfSnapshot) delta = pf_snapshot_delta(other, one, NULL);
    g_free(pf_snapshot_to_json(delta, NULL));
    g_autoptr(PfController) controller = pf_controller_new_for_pid(getpid(), NULL);
    must(controller != NULL, "no controller");
    g_free(pf_profile_metrics_to_json(pf_profiling_processor_get_metrics(processor)));
}

int main(int argc, char **argv) {
    FILE *shared = fopen("shared", "w");
    must(shared != NULL, "shared");
    fprintf(shared, "the first\n"); // there is a segment from here on
    processor = pf_profiling_processor_new(0.5, NULL);
    use_every_class();
    pthread_t threads[WRITERS + FEEDERS + 4];
    guint n = 0;
    for (; n < WRITERS; n++) {
        must(pthread_create(&threads[n], NULL, writer, shared) == 0, "pthread_create");
    }
    static void *(*const others[])(void *) = {reader, reader, steerer, asker,
                                              feeder, feeder, feeder};
    for (guint i = 0; i < G_N_ELEMENTS(others); i++, n++) {
        must(pthread_create(&threads[n], NULL, others[i], NULL) == 0, "pthread_create");
    }
    g_usleep((argc > 1 ? atoi(argv[1]) : 2) * G_USEC_PER_SEC);
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    for (guint i = WRITERS; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    g_object_unref(processor);
    printf("%" G_GUINT64_FORMAT " rounds, %" G_GUINT64_FORMAT " snapshots, %" G_GUINT64_FORMAT
           " steps, %" G_GUINT64_FORMAT " fed\n",
           __atomic_load_n(&written, __ATOMIC_RELAXED), snapshots, steps, fed);
    must(snapshots > 0 && steps > 0 && fed > 0, "something was not done at all");
    return 0;
}
