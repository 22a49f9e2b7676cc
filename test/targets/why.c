// SPDX-License-Identifier: Apache-2.0
// Calls whose time goes where it is known to go.
//
//   why lock      four threads share an unbuffered FILE whose writes sleep
//   why pipe      writes into a pipe that is read slowly
//   why stderr    an unbuffered stderr
//   why buffer    a buffer of 200 lines, and a writer that spins
//   why stdio     nothing but formatting
//   why cancel    a thread is cancelled that had waited for a FILE
// Leaves the truth in $PF_DIR/why, one `name ns` a line: the time of all calls, of the writer inside
// them, of one clock read, the mean of a call that only formats; how often it was flushed, and in the
// buffer's case in which calls, as `flushed_in N`, from 1.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t calls_ns, writer_ns, format_ns, flushes;
static long sleep_ns, spin_ns;
static int call_number, flushed_in[200];

static ssize_t writer(void *cookie, const char *data, size_t size) {
    (void)cookie, (void)data;
    uint64_t start = now();
    if (sleep_ns) {
        nanosleep(&(struct timespec){.tv_nsec = sleep_ns}, NULL);
    }
    while (now() - start < (uint64_t)spin_ns) {
    }
    __atomic_fetch_add(&writer_ns, now() - start, __ATOMIC_RELAXED);
    uint64_t before = __atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
    if (before < sizeof flushed_in / sizeof *flushed_in) {
        flushed_in[before] = call_number;
    }
    return (ssize_t)size;
}

static FILE *open_slow(size_t buffer) {
    FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = writer});
    setvbuf(file, buffer ? malloc(buffer) : NULL, buffer ? _IOFBF : _IONBF, buffer);
    return file;
}

static void print_lines(FILE *file, int count) {
    for (int i = 0; i < count; i++) {
        uint64_t start = now();
        fprintf(file, "line %d of a thread\n", i);
        __atomic_fetch_add(&calls_ns, now() - start, __ATOMIC_RELAXED);
    }
}

static void *print_all(void *file) {
    print_lines(file, 150);
    return NULL;
}

static void do_lock(void) {
    sleep_ns = 200000;
    FILE *file = open_slow(0);
    print_lines(file, 1); // so that no two threads make their first call at once
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, print_all, file);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static int pipe_ends[2];

static void *read_slowly(void *unused) {
    char block[4096];
    (void)unused;
    while (read(pipe_ends[0], block, sizeof block) > 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static void do_pipe(void) {
    static char block[4096];
    pthread_t reader;
    (void)!pipe(pipe_ends);
    pthread_create(&reader, NULL, read_slowly, NULL);
    for (int i = 0; i < 600; i++) {
        uint64_t start = now();
        (void)!write(pipe_ends[1], block, sizeof block);
        calls_ns += now() - start;
    }
    close(pipe_ends[1]);
    pthread_join(reader, NULL);
}

static void do_stderr(void) {
    for (int i = 0; i < 20000; i++) {
        uint64_t start = now();
        fprintf(stderr, "a line that is written at once, number %d\n", i);
        calls_ns += now() - start;
    }
}

// A thread waits for the lock, gets it, and is cancelled in the writer: says whether the lock is free
// afterwards, 0 on descriptor 1 when it is.
static volatile int is_writing;
static volatile pid_t waiter;

static ssize_t wait_in_writer(void *cookie, const char *data, size_t size) {
    (void)cookie, (void)data;
    is_writing = 1;
    pause();
    return (ssize_t)size;
}

static void *print_one(void *file) {
    waiter = gettid();
    fprintf(file, "cancelled\n");
    return NULL;
}

static int is_asleep(pid_t tid) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    char *name_end = strrchr(text, ')');
    return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

static void do_cancel(void) {
    FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = wait_in_writer});
    setvbuf(file, NULL, _IONBF, 0);
    pthread_t thread;
    flockfile(file);
    pthread_create(&thread, NULL, print_one, file);
    while (!waiter || !is_asleep(waiter)) {
        usleep(1000);
    }
    funlockfile(file);
    while (!is_writing) {
        usleep(1000);
    }
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    (void)!write(1, ftrylockfile(file) == 0 ? "free\n" : "held\n", 5);
}

// Formatting is made to take long, so that what it costs us to look at it is no part of the truth.
static void do_buffer(void) {
    enum { CALLS = 20000, WIDTH = 20 * 12 };
    uint64_t formats = 0;
    spin_ns = 500000;
    FILE *file = open_slow(200 * WIDTH);
    for (int i = 0; i < CALLS; i++) {
        double x = 1 + i * 1e-6;
        call_number = i + 1;
        uint64_t start = now();
        fprintf(file,
                "%19.15f %19.15f %19.15f %19.15f %19.15f %19.15f %19.15f %19.15f %19.15f "
                "%19.15f %19.15f %19.15f\n",
                x, x, x, x, x, x, x, x, x, x, x, x);
        // Longer ones were flushed, or other programs took the processor.
        uint64_t took = now() - start;
        format_ns += took < 100000 ? took : 0;
        formats += took < 100000;
    }
    format_ns /= formats;
}

static void do_stdio(void) {
    FILE *file = open_slow(1 << 24);
    for (int i = 0; i < 100000; i++) {
        uint64_t start = now();
        fprintf(file, "line %d\n", i);
        calls_ns += now() - start;
    }
}

// Without an output call.
static int leave(const char *text, int size) {
    char path[600];
    snprintf(path, sizeof path, "%s/why", getenv("PF_DIR"));
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, size) != 0) {
        return 1;
    }
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return 1;
    }
    memcpy(memory, text, (size_t)size);
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"lock", do_lock},     {"pipe", do_pipe},   {"stderr", do_stderr},
                 {"buffer", do_buffer}, {"stdio", do_stdio}, {"cancel", do_cancel}};
    for (unsigned i = 0; argc == 2 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            uint64_t start = now();
            for (int j = 0; j < 10000; j++) {
                (void)now();
            }
            uint64_t clock_ns = (now() - start) / 10000;
            modes[i].run();
            char text[4096];
            int size = snprintf(text, sizeof text,
                                "calls %llu\nwriter %llu\nclock %llu\nformat %llu\nflushes %llu\n",
                                (unsigned long long)calls_ns, (unsigned long long)writer_ns,
                                (unsigned long long)clock_ns, (unsigned long long)format_ns,
                                (unsigned long long)flushes);
            for (uint64_t i = 0; i < flushes && flushed_in[i % 200]; i++) {
                size += snprintf(text + size, sizeof text - (size_t)size, "flushed_in %d\n",
                                 flushed_in[i % 200]);
            }
            return leave(text, size);
        }
    }
    return 2;
}
