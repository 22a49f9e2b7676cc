// SPDX-License-Identifier: Apache-2.0
// Makes one output call over and over and reports what a call took, in ns, for each block of calls.
//
//   loop MODE CALLS BLOCKS THREADS RESULT TARGET
//
// MODE     write, fputs, fprintf, fwrite; sites: write from eight places in turn;
//          clock: two clock reads a call and no output;
//          idle: one write, then waits for the end of standard input
// CALLS    in one block, a multiple of 8; one more block runs first and is not reported
// THREADS  0: the main thread; 1 to 8: that many started threads, each with its own call site and
//          its own open file (mode by mode, so this is the `mt` of every one)
// RESULT   a descriptor for the lines `THREAD BLOCK NS`, written when everything is measured
// TARGET   where the output goes; a thread adds its number and unlinks what it made
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BLOCKS = 64, MAX_THREADS = 8 };

struct sink {
    int fd;
    FILE *file;
    int copy;
};

static const char line[] = "a line of the length that programs write to their logs, not more\n";

// A function per thread, so that each has call sites of its own.  The store of its number keeps the
// compiler from merging the copies.
#define COPY(mode, number, step, body)                                                             \
    static void mode##number(struct sink *sink, long calls) {                                      \
        sink->copy = number;                                                                       \
        for (long i = 0; i < calls; i += step) {                                                   \
            body;                                                                                  \
        }                                                                                          \
    }
#define COPIES(mode, step, body)                                                                   \
    COPY(mode, 0, step, body)                                                                      \
    COPY(mode, 1, step, body)                                                                      \
    COPY(mode, 2, step, body)                                                                      \
    COPY(mode, 3, step, body)                                                                      \
    COPY(mode, 4, step, body)                                                                      \
    COPY(mode, 5, step, body)                                                                      \
    COPY(mode, 6, step, body)                                                                      \
    COPY(mode, 7, step, body)
#define NAMES(mode)                                                                                \
    { mode##0, mode##1, mode##2, mode##3, mode##4, mode##5, mode##6, mode##7 }

#define WRITE_LINE (void)!write(sink->fd, line, sizeof line - 1)
#define TWICE(body)                                                                                \
    body;                                                                                          \
    body

static void read_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    __asm__ volatile("" : : "r"(&time) : "memory");
}

COPIES(write_, 1, WRITE_LINE)
COPIES(fputs_, 1, fputs(line, sink->file))
COPIES(fprintf_, 1, fprintf(sink->file, "%s %d\n", "a request with number", (int)i))
COPIES(fwrite_, 1, fwrite(line, 1, sizeof line - 1, sink->file))
COPIES(sites_, 8, TWICE(TWICE(TWICE(WRITE_LINE))))
COPIES(clock_, 1, TWICE(read_clock()))

static const struct mode {
    const char *name;
    void (*run[MAX_THREADS])(struct sink *sink, long calls);
} modes[] = {
    {"write", NAMES(write_)},   {"fputs", NAMES(fputs_)}, {"fprintf", NAMES(fprintf_)},
    {"fwrite", NAMES(fwrite_)}, {"sites", NAMES(sites_)}, {"clock", NAMES(clock_)},
};

struct worker {
    pthread_t thread;
    void (*run)(struct sink *sink, long calls);
    struct sink sink;
    double ns[MAX_BLOCKS];
};

static long calls;
static long blocks;
static pthread_barrier_t gate;

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "loop: %s\n", what);
    exit(1);
}

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void open_sink(struct sink *sink, const char *target, int number) {
    char path[4096];
    int device = strncmp(target, "/dev/null", 9) == 0;
    snprintf(path, sizeof path, device ? "%s" : "%s.%d", target, number);
    sink->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sink->file = fopen(path, "we");
    if (sink->fd < 0 || sink->file == NULL) {
        give_up("cannot open the target");
    }
    if (!device) {
        unlink(path);
    }
}

static void measure(struct worker *worker) {
    for (long block = -1; block < blocks; block++) {
        double start = now_ns();
        worker->run(&worker->sink, calls);
        double taken = now_ns() - start;
        if (block >= 0) {
            worker->ns[block] = taken / (double)calls;
        }
        rewind(worker->sink.file); // so that a file in memory does not grow
        lseek(worker->sink.fd, 0, SEEK_SET);
    }
}

static void *start(void *argument) {
    pthread_barrier_wait(&gate);
    measure(argument);
    return NULL;
}

// Past every wrapper but the one of `syscall`: libnull.so does not replace that.
static void report(int fd, const struct worker *workers, long count) {
    static char text[MAX_THREADS * MAX_BLOCKS * 40];
    size_t size = 0;
    for (long i = 0; i < count; i++) {
        for (long block = 0; block < blocks; block++) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%ld %ld %.4f\n", i, block,
                                     workers[i].ns[block]);
        }
    }
    if (syscall(SYS_write, fd, text, size) != (long)size) {
        give_up("cannot report");
    }
}

static void idle(struct worker *worker, int result) {
    char byte;
    worker->run = write_0;
    worker->run(&worker->sink, 1);
    report(result, worker, 1);
    while (read(0, &byte, 1) > 0) {
    }
}

int main(int argc, char **argv) {
    static struct worker workers[MAX_THREADS];
    long threads = argc == 7 ? strtol(argv[4], NULL, 10) : -1;
    calls = argc == 7 ? strtol(argv[2], NULL, 10) : 0;
    blocks = argc == 7 ? strtol(argv[3], NULL, 10) : 0;
    if (calls < 8 || calls % 8 || blocks < 1 || blocks > MAX_BLOCKS || threads < 0 ||
        threads > MAX_THREADS) {
        give_up("usage: loop MODE CALLS BLOCKS THREADS RESULT TARGET");
    }
    int result = atoi(argv[5]);
    long count = threads ? threads : 1;
    for (long i = 0; i < count; i++) {
        open_sink(&workers[i].sink, argv[6], (int)i);
    }
    if (strcmp(argv[1], "idle") == 0) {
        idle(&workers[0], result);
        return 0;
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            for (long n = 0; n < count; n++) {
                workers[n].run = modes[i].run[n];
            }
        }
    }
    if (workers[0].run == NULL) {
        give_up("no such mode");
    }
    if (threads == 0) {
        measure(&workers[0]);
    } else {
        pthread_barrier_init(&gate, NULL, (unsigned)threads);
        for (long i = 0; i < threads; i++) {
            if (pthread_create(&workers[i].thread, NULL, start, &workers[i]) != 0) {
                give_up("cannot start a thread");
            }
        }
        for (long i = 0; i < threads; i++) {
            pthread_join(workers[i].thread, NULL);
        }
    }
    report(result, workers, count);
    return 0;
}
