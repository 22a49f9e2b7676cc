// SPDX-License-Identifier: Apache-2.0
// habits NAME [COUNT]: bad habits of output, each alone, and good ones.
//
//   tiny       write(2) of 40 bytes to a file        unbuffered  the same through stdio without a buffer
//   flush      fflush after each line                sync        fsync after each record
//   lock       four threads, one unbuffered FILE     pipe        a pipe whose reader is slow
//   eagain     write to a full pipe, again and again duplicates  one line, all the time
//   debug      debug messages into app.log           handler     printf in a signal handler
//   buffered   lines through stdio                   batched     write(2) of 8 KiB
//   quiet      work, and a line now and then         several     syncs a few times
// Files go into $PF_DIR.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int count = 20000;
static FILE *file;

static char *path_of(const char *name) {
    static char path[4096];
    const char *folder = getenv("PF_DIR");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", name);
    return path;
}

static void work(long rounds) {
    for (volatile long i = 0; i < rounds; i++) {
    }
}

static void tiny(void) {
    int fd = open(path_of("data"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < count; i++) {
        (void)!write(fd, "forty bytes of a message, and a line  \n", 40); // habit: tiny
    }
}

static void lines(int flush, const char *name) {
    file = fopen(path_of(name), "w");
    for (int i = 0; i < count; i++) {
        fprintf(file, "line %d of some length, as lines are\n", i);
        if (flush) {
            fflush(file); // habit: flush
        }
    }
    fclose(file);
}

static void unbuffered(void) {
    file = fopen(path_of("data"), "w");
    setvbuf(file, NULL, _IONBF, 0);
    for (int i = 0; i < count; i++) {
        fprintf(file, "line %d of some length, as lines are\n", i); // habit: unbuffered
    }
}

static void sync_each(int every) {
    int fd = open(path_of("data"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < count; i++) {
        (void)!write(fd, "a record of some importance to somebody\n", 40);
        if (i % every == 0) {
            fsync(fd); // habit: sync
        }
    }
}

static ssize_t slow_writer(void *cookie, const char *data, size_t size) {
    (void)cookie, (void)data;
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    return (ssize_t)size;
}

static void *locker(void *arg) {
    for (int i = 0; i < count / 4; i++) {
        fputs("a line that four threads write\n", file); // habit: lock
    }
    return arg;
}

static void lock(void) {
    pthread_t thread[4];
    file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = slow_writer});
    setvbuf(file, NULL, _IONBF, 0);
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, locker, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
}

static void *reader(void *arg) {
    static char buffer[4096];
    int fd = *(int *)arg;
    while (read(fd, buffer, sizeof buffer) > 0) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return NULL;
}

static void slow_pipe(void) {
    int fd[2];
    pthread_t thread;
    static char block[4096];
    (void)!pipe(fd);
    pthread_create(&thread, NULL, reader, &fd[0]);
    for (int i = 0; i < count; i++) {
        (void)!write(fd[1], block, sizeof block); // habit: pipe
    }
    close(fd[1]);
    pthread_join(thread, NULL);
}

static void eagain(void) {
    int fd[2];
    (void)!pipe2(fd, O_NONBLOCK);
    for (int i = 0; i < count; i++) {
        (void)!write(fd[1], "does anybody read this?\n", 24); // habit: eagain
    }
}

static void duplicates(void) {
    for (int i = 0; i < count; i++) {
        fprintf(stderr, "connection refused, trying again\n"); // habit: duplicates
    }
}

static void debug(void) {
    file = fopen(path_of("app.log"), "w");
    setvbuf(file, NULL, _IOLBF, 0);
    for (int i = 0; i < count; i++) {
        fprintf(file, "DEBUG: entering step %d of %s\n", i, "everything"); // habit: debug
        work(300);
    }
}

static void on_signal(int number) {
    printf("got signal %d\n", number); // habit: handler
}

static void handler(void) {
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < 200; i++) {
        raise(SIGUSR1);
    }
}

static void batched(void) {
    static char block[8192];
    int fd = open(path_of("data"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < count; i++) {
        memset(block, 'x', sizeof block);
        (void)!write(fd, block, sizeof block);
    }
}

static void quiet(void) {
    for (int i = 0; i < 100; i++) {
        work(1000000);
        fprintf(stderr, "INFO: step %d done\n", i);
    }
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    count = argc > 2 ? atoi(argv[2]) : count;
    !strcmp(name, "tiny")         ? tiny()
    : !strcmp(name, "unbuffered") ? unbuffered()
    : !strcmp(name, "flush")      ? lines(1, "data")
    : !strcmp(name, "sync")       ? sync_each(1)
    : !strcmp(name, "lock")       ? lock()
    : !strcmp(name, "pipe")       ? slow_pipe()
    : !strcmp(name, "eagain")     ? eagain()
    : !strcmp(name, "duplicates") ? duplicates()
    : !strcmp(name, "debug")      ? debug()
    : !strcmp(name, "handler")    ? handler()
    : !strcmp(name, "buffered")   ? lines(0, "data")
    : !strcmp(name, "batched")    ? batched()
    : !strcmp(name, "quiet")      ? quiet()
    : !strcmp(name, "several")    ? sync_each(10000)
                                  : (void)puts("which?");
    return 0;
}
