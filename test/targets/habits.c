// SPDX-License-Identifier: Apache-2.0
// habits NAME [COUNT]: bad habits of output, each alone, and good ones.
//
//   tiny       write(2) of 40 bytes to a file        unbuffered  the same through stdio without a buffer
//   flush      fflush after each line                sync        fsync after each record
//   lock       four threads, one unbuffered FILE     pipe        a pipe whose reader is slow
//   eagain     write to a full pipe, again and again duplicates  one line, all the time
//   debug      debug messages into app.log           handler     printf in a signal handler
//   short      takes a short write for a whole one    whole       writes the rest
//   storm      two threads log 40,000 errors at once  forked      a thread's process prints between fork and exec
//   dprintf    dprintf of a line to a file
//   full       a full disk behind stdio              worker      a thread logs and ends, the others live on
//   polls      waits for room after each EAGAIN      woken       one processor for a pipe's two ends
//   buffered   lines through stdio                   batched     write(2) of 8 KiB
//   quiet      work, and a line now and then         several     syncs fifty records at once
//   spawner    the same as forked with write(2)      steadily    logs all the time at one rate
//   batch      silent for long, then logs a lot      report      the same, shorter, with some lines before
// Files go into $PF_DIR.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static void pause_ms(int ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL); }

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

static void sync_each(int every, size_t size) {
    static char record[1024] = "a record of some importance to somebody\n";
    int fd = open(path_of("data"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < count; i++) {
        (void)!write(fd, record, size);
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

typedef struct {
    int fd[2];
    pthread_t thread;
} read_pipe;

static void begin_pipe(read_pipe *self, void *(*reads)(void *)) {
    (void)!pipe(self->fd);
    pthread_create(&self->thread, NULL, reads, &self->fd[0]);
}

static void end_pipe(read_pipe *self) {
    close(self->fd[1]);
    pthread_join(self->thread, NULL);
}

static void slow_pipe(void) {
    read_pipe to;
    static char block[4096];
    begin_pipe(&to, reader);
    for (int i = 0; i < count; i++) {
        (void)!write(to.fd[1], block, sizeof block); // habit: pipe
    }
    end_pipe(&to);
}

static void eagain(void) {
    int fd[2];
    (void)!pipe2(fd, O_NONBLOCK);
    for (int i = 0; i < count; i++) {
        (void)!write(fd[1], "does anybody read this?\n", 24); // habit: eagain
    }
}

static void by_descriptor(void) {
    int fd = open(path_of("data"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < count; i++) {
        dprintf(fd, "record %d of %d\n", i, count); // habit: dprintf
    }
}

static void full(void) {
    file = fopen("/dev/full", "w");
    for (int i = 0; i < count; i++) {
        fprintf(file, "INFO: line %d of somebody's data\n", i); // habit: full
    }
}

static void *work_and_log(void *arg) {
    for (int i = 0; i < count; i++) {
        fprintf(file, "DEBUG: step %d of %d\n", i, count); // habit: worker
    }
    return arg;
}

static void worker(void) {
    pthread_t thread;
    file = fopen(path_of("app.log"), "w");
    pthread_create(&thread, NULL, work_and_log, NULL);
    pthread_join(thread, NULL);
    pause_ms(900);
}

static void *slow_reader(void *arg) {
    char block[4096];
    while (read(*(int *)arg, block, sizeof block) > 0) {
        work(20000);
    }
    return NULL;
}

static void polls(void) {
    read_pipe to;
    static char line[4000];
    begin_pipe(&to, slow_reader);
    fcntl(to.fd[1], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < count; i++) {
        while (write(to.fd[1], line, sizeof line) < 0) {
            poll(&(struct pollfd){to.fd[1], POLLOUT, 0}, 1, -1);
        }
    }
    end_pipe(&to);
}

static void *quick_reader(void *arg) {
    char block[65536];
    while (read(*(int *)arg, block, sizeof block) > 0) {
    }
    return NULL;
}

static void woken(void) {
    read_pipe to;
    cpu_set_t one;
    static char record[600];
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    begin_pipe(&to, quick_reader);
    for (int i = 0; i < count; i++) {
        (void)!write(to.fd[1], record, sizeof record);
        work(5000);
    }
    end_pipe(&to);
}

// Records of 4,999 bytes, each line another, into a pipe that has room for 4,096 and is emptied each time.
static void shortly(int whole) {
    int fd[2];
    static char record[5000];
    static char sink[8192];
    (void)!pipe2(fd, O_NONBLOCK);
    fcntl(fd[1], F_SETPIPE_SZ, 4096);
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at + 20 < sizeof record; at += 20) {
            snprintf(record + at, 21, "%9d of %6zu\n", i, at);
        }
        size_t done = 0;
        do {
            ssize_t written = write(fd[1], record + done, sizeof record - 1 - done); // habit: short
            done += written > 0 ? (size_t)written : 0;
            (void)!read(fd[0], sink, sizeof sink);
        } while (whole && done < sizeof record - 1);
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

static void *stormer(void *arg) {
    for (int i = 0; i < count / 2; i++) {
        fprintf(file, "ERROR: cannot reach the server, try %d\n", i); // habit: storm
    }
    return arg;
}

static void storm(void) {
    pthread_t thread[2];
    file = fopen(path_of("app.log"), "w");
    setvbuf(file, NULL, _IOLBF, 0);
    for (int i = 0; i < 300; i++) {
        fprintf(file, "INFO: step %d\n", i);
        pause_ms(20);
        for (int k = 0; i == 100 && k < 2; k++) {
            pthread_create(&thread[k], NULL, stormer, NULL);
        }
    }
    for (int k = 0; k < 2; k++) {
        pthread_join(thread[k], NULL);
    }
}

static void batch(int steps, int speaks) {
    file = fopen(path_of("app.log"), "w");
    for (int i = 0; i < steps; i++) {
        pause_ms(20);
        if (speaks) {
            fprintf(file, "INFO: step %d\n", i);
        }
    }
    for (int i = 0; i < count; i++) {
        fprintf(file, "INFO: part %d was done\n", i);
    }
}

static void steadily(void) {
    file = fopen(path_of("app.log"), "w");
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < count / 40; k++) {
            fprintf(file, "INFO: step %d of %d\n", i, k);
        }
        pause_ms(10);
    }
}

static void *sleeper(void *arg) {
    pause_ms(900);
    return arg;
}

static void forked(int safely) {
    pthread_t thread;
    pthread_create(&thread, NULL, sleeper, NULL);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (safely) {
                (void)!write(1, "about to run true\n", 18);
            } else {
                printf("about to run %s\n", "true"); // habit: forked
                fflush(stdout);
            }
            execlp("true", "true", NULL);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    }
    pthread_join(thread, NULL);
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
    : !strcmp(name, "sync")       ? sync_each(1, 40)
    : !strcmp(name, "lock")       ? lock()
    : !strcmp(name, "pipe")       ? slow_pipe()
    : !strcmp(name, "eagain")     ? eagain()
    : !strcmp(name, "duplicates") ? duplicates()
    : !strcmp(name, "short")      ? shortly(0)
    : !strcmp(name, "whole")      ? shortly(1)
    : !strcmp(name, "debug")      ? debug()
    : !strcmp(name, "handler")    ? handler()
    : !strcmp(name, "storm")      ? storm()
    : !strcmp(name, "forked")     ? forked(0)
    : !strcmp(name, "spawner")    ? forked(1)
    : !strcmp(name, "dprintf")    ? by_descriptor()
    : !strcmp(name, "full")       ? full()
    : !strcmp(name, "worker")     ? worker()
    : !strcmp(name, "polls")      ? polls()
    : !strcmp(name, "woken")      ? woken()
    : !strcmp(name, "steadily")   ? steadily()
    : !strcmp(name, "batch")      ? batch(300, 0)
    : !strcmp(name, "report")     ? batch(40, 1)
    : !strcmp(name, "buffered")   ? lines(0, "data")
    : !strcmp(name, "batched")    ? batched()
    : !strcmp(name, "quiet")      ? quiet()
    : !strcmp(name, "several")    ? sync_each(50, 1024)
                                  : (void)puts("which?");
    return 0;
}
