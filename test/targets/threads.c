// SPDX-License-Identifier: Apache-2.0
// Threads that write, each keeping its own account.
//
//   threads mix T N      T threads, N rounds each of write, writev, fprintf, fputs and dprintf
//   threads led T N      the same, when main has written once: no two threads are the first ones
//   threads short T N    T threads one after another (20 at a time), N writes each
//   threads small        a thread with the smallest stack that pthreads allow
//   threads pexit        main leaves by pthread_exit, another thread writes on
//   threads exiting      main returns while four threads still write
//   threads cancel       a thread is cancelled in a blocked write
//   threads shared T N   T threads on one FILE
//   threads keys T N         the destructors of a key of T threads write N times each, 5 at a time
// link: -pthread
#include "truth.h"
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>

static int rounds;
static int null;
static FILE *shared;
static pthread_barrier_t all;

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

// As /proc has it: R, S, Z ...
static char state_of(pid_t tid) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    char *name_end = strrchr(text, ')');
    return name_end != NULL ? name_end[2] : 0;
}

static void *mix(void *argument) {
    struct truth *w = truth_new("write"), *v = truth_new("writev"), *p = truth_new("fprintf"),
                 *s = truth_new("fputs"), *d = truth_new("dprintf");
    FILE *file = fopen("/dev/null", "w");
    must(file != NULL);
    struct iovec iov[2] = {{"two ", 4}, {"pieces\n", 7}};
    for (int i = 0; i < rounds; i++) {
        truth_write(w, null, "a line of text\n", 15);
        truth_begin(v);
        truth_end(v, writev(null, iov, 2));
        truth_begin(p);
        truth_end(p, fprintf(file, "thread %ld round %d\n", (long)(intptr_t)argument, i));
        truth_begin(s);
        truth_end(s, fputs("text without values\n", file) < 0 ? -1 : 20);
        truth_begin(d);
        truth_end(d, dprintf(null, "round %d\n", i));
    }
    pthread_barrier_wait(&all); // all live at once: none takes over what another has left
    return NULL;
}

static void *plain(void *argument) {
    (void)argument;
    struct truth *w = truth_new("write");
    for (int i = 0; i < rounds; i++) {
        truth_write(w, null, "a line of text\n", 15);
    }
    return NULL;
}

static void *on_shared(void *argument) {
    (void)argument;
    struct truth *s = truth_new("fputs");
    for (int i = 0; i < rounds; i++) {
        truth_begin(s);
        truth_end(s, fputs("text on a shared stream\n", shared) < 0 ? -1 : 24);
    }
    return NULL;
}

static void *slow(void *argument) {
    while (state_of(getpid()) != 'Z') {
        usleep(1000); // main has left
    }
    return plain(argument);
}

static long written;
static void *endless(void *argument) {
    (void)argument;
    struct truth *w = truth_new("write");
    for (;;) {
        truth_write(w, null, "a line of text\n", 15);
        __atomic_fetch_add(&written, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static int tube[2];
static volatile pid_t writer;
static void *blocked(void *argument) {
    struct truth *w = argument;
    writer = gettid();
    for (;;) {
        truth_write(w, tube[1], "a piece for a pipe that will be full\n", 37);
    }
    return NULL;
}

static pthread_key_t key;
static void farewell(void *value) {
    for (int i = 0; i < rounds; i++) {
        truth_write(value, null, "farewell\n", 9);
    }
}

static void *keyed(void *argument) {
    struct truth *w = truth_new("write");
    must(pthread_setspecific(key, w) == 0);
    (void)argument;
    truth_write(w, null, "hello\n", 6);
    return NULL;
}

static void spread(void *(*body)(void *), int count, int at_once) {
    pthread_t thread[128];
    must(at_once <= 128);
    for (int done = 0; done < count;) {
        int n = count - done < at_once ? count - done : at_once;
        for (int i = 0; i < n; i++) {
            must(pthread_create(&thread[i], NULL, body, (void *)(intptr_t)(done + i)) == 0);
        }
        for (int i = 0; i < n; i++) {
            must(pthread_join(thread[i], NULL) == 0);
        }
        done += n;
    }
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    int count = argc > 2 ? atoi(argv[2]) : 1;
    rounds = argc > 3 ? atoi(argv[3]) : 100;
    truth_open();
    null = open("/dev/null", O_WRONLY);
    must(null >= 0);
    int led = strcmp(mode, "led") == 0;
    if (led) {
        truth_write(truth_new("write"), null, "a line of text\n", 15);
    }
    if (led || strcmp(mode, "mix") == 0) {
        must(pthread_barrier_init(&all, NULL, (unsigned)count) == 0);
        spread(mix, count, count);
    } else if (strcmp(mode, "short") == 0) {
        spread(plain, count, 20);
    } else if (strcmp(mode, "shared") == 0) {
        shared = fopen("/dev/null", "w");
        must(shared != NULL);
        spread(on_shared, count, count);
    } else if (strcmp(mode, "small") == 0) {
        pthread_attr_t attributes;
        pthread_t thread;
        must(pthread_attr_init(&attributes) == 0);
        must(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
        must(pthread_create(&thread, &attributes, plain, NULL) == 0);
        must(pthread_join(thread, NULL) == 0);
    } else if (strcmp(mode, "keys") == 0) {
        must(pthread_key_create(&key, farewell) == 0);
        spread(keyed, count, 5);
    } else if (strcmp(mode, "cancel") == 0) {
        pthread_t thread;
        void *result = NULL;
        must(pipe(tube) == 0);
        struct truth *w = truth_new("write");
        must(pthread_create(&thread, NULL, blocked, w) == 0);
        while (!writer || w->begun == w->ended || state_of(writer) != 'S') {
            usleep(1000);
        }
        must(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
        must(result == PTHREAD_CANCELED);
        plain(NULL);
    } else if (strcmp(mode, "pexit") == 0) {
        pthread_t thread;
        plain(NULL);
        must(pthread_create(&thread, NULL, slow, NULL) == 0);
        pthread_exit(NULL);
    } else if (strcmp(mode, "exiting") == 0) {
        pthread_t thread;
        for (int i = 0; i < 4; i++) {
            must(pthread_create(&thread, NULL, endless, NULL) == 0);
        }
        while (__atomic_load_n(&written, __ATOMIC_RELAXED) < 1000) {
            usleep(1000);
        }
    } else {
        return 2;
    }
    return 0;
}
