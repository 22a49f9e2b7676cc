// SPDX-License-Identifier: Apache-2.0
// Writes until it is killed; its account of begun and ended calls survives in the shared file.
//
//   killme T [stdio|leave]   T threads; stdio: fputs and fprintf beside write; leave: main ends, they go on
//   killme 0 CALL BEFORE STEP
//                            a child for each k = 0, STEP, 2 STEP ...: BEFORE times write, fputs, fprintf,
//                            then CALL of these, and killed after its k-th instruction; until one ends
// link: -pthread
#include "single-step.h"
#include "truth.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static int with_stdio;
static pthread_barrier_t ready;

static __thread int null;
static __thread FILE *stream;

static long write_line(void) { return write(null, "a line that may be the last\n", 28); }
static long put_line(void) { return fputs("buffered, may never arrive\n", stream) < 0 ? -1 : 27; }
static long print_line(void) { return fprintf(stream, "round %6u\n", 7u); }
static const struct {
    const char *name;
    long (*call)(void);
} calls[] = {{"write", write_line}, {"fputs", put_line}, {"fprintf", print_line}};
enum { CALLS = sizeof calls / sizeof *calls };

static void open_null(void) {
    null = open("/dev/null", O_WRONLY);
    stream = fopen("/dev/null", "w");
}

static void *body(void *unused) {
    (void)unused;
    struct truth *truth[CALLS];
    for (int i = 0; i < CALLS; i++) {
        truth[i] = i == 0 || with_stdio ? truth_new(calls[i].name) : NULL;
    }
    open_null();
    pthread_barrier_wait(&ready); // all make their first call at once
    for (;;) {
        for (int i = 0; i < CALLS && truth[i] != NULL; i++) {
            truth_begin(truth[i]);
            truth_end(truth[i], calls[i].call());
        }
    }
    return NULL;
}

#ifdef STEP_ON
static long step_number, kill_at;

static void on_step(int number) {
    (void)number;
    if (step_number++ == kill_at) {
        kill(getpid(), SIGKILL);
    }
}

static void killed_child(int last, int before) {
    struct truth *truth[CALLS];
    open_null();
    for (int i = 0; i < CALLS; i++) {
        truth[i] = truth_new(calls[i].name);
        for (int n = 0; n < before; n++) {
            truth_begin(truth[i]);
            truth_end(truth[i], calls[i].call());
        }
    }
    truth_begin(truth[last]);
    STEP_ON();
    long done = calls[last].call();
    STEP_OFF();
    truth_end(truth[last], done);
    raise(SIGUSR1); // no summary either
}

static int kill_within(const char *name, int before, long step) {
    struct sigaction action = {.sa_handler = on_step, .sa_flags = SA_NODEFER};
    sigaction(SIGTRAP, &action, NULL);
    int last = 0, status = SIGKILL;
    while (strcmp(calls[last].name, name) != 0) {
        last++;
    }
    for (; status == SIGKILL; kill_at += step) {
        pid_t child = fork();
        if (child == 0) {
            killed_child(last, before);
        }
        waitpid(child, &status, 0);
    }
    return status == SIGUSR1 ? 0 : 1;
}
#else
static int kill_within(const char *name, int before, long step) { return 77; }
#endif

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    int leaves = argc > 2 && strcmp(argv[2], "leave") == 0;
    with_stdio = argc > 2 && !leaves;
    truth_open();
    if (argc > 4 && threads == 0) {
        return kill_within(argv[2], atoi(argv[3]), atol(argv[4]));
    }
    if (pthread_barrier_init(&ready, NULL, (unsigned)threads) != 0) {
        abort();
    }
    for (int i = leaves ? 0 : 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, body, NULL) != 0) {
            abort();
        }
    }
    if (leaves) {
        pthread_exit(NULL);
    }
    body(NULL);
    return 0;
}
