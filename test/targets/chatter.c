// SPDX-License-Identifier: Apache-2.0
// chatter FILE: logs at a steady pace until FILE exists, then ends with status 3; something to watch.
//
// Two threads log through a wrapper from two places, a third one writes without a buffer, and a
// fourth is stuck in a pipe that nobody reads from.
// link: -pthread
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *stop;
static FILE *log_file;
static sem_t first_call;

static int goes_on(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return access(stop, F_OK) != 0;
}

static void log_line(const char *level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(log_file, "%s: ", level);
    vfprintf(log_file, format, arguments);
    fputs("\n", log_file);
    va_end(arguments);
}

static void *serve(void *unused) {
    pthread_setname_np(pthread_self(), "server");
    for (int i = 0; goes_on(); i++) {
        log_line("info", "request %d served", i);
        if (i == 0) {
            sem_post(&first_call);
        }
    }
    return unused;
}

static void *watch(void *unused) {
    pthread_setname_np(pthread_self(), "watcher");
    for (int i = 0; goes_on(); i++) {
        log_line("warning", "queue has %d entries", i);
    }
    return unused;
}

static void *tick(void *unused) {
    pthread_setname_np(pthread_self(), "ticker");
    int file = open("ticks", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while (goes_on()) {
        (void)!write(file, "WARNING: tick\n", 14);
    }
    return unused;
}

static void *block(void *unused) {
    static char page[65536];
    int ends[2];
    pthread_setname_np(pthread_self(), "stuck");
    if (pipe(ends) == 0) {
        (void)!write(ends[1], page, sizeof page);
        (void)!write(ends[1], page, sizeof page);
    }
    return unused;
}

int main(int argc, char **argv) {
    static void *(*const jobs[])(void *) = {serve, watch, tick, block};
    pthread_t threads[4];
    stop = argc > 1 ? argv[1] : "stop";
    log_file = fopen("chatter.log", "w");
    if (log_file == NULL) {
        return 1;
    }
    setvbuf(log_file, NULL, _IOLBF, 4096);
    sem_init(&first_call, 0, 0);
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, jobs[i], NULL);
        if (i == 0) {
            sem_wait(&first_call); // the segment is there when the others make theirs
        }
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    exit(3); // the fourth is stuck for ever
}
