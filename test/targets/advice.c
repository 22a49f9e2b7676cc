// SPDX-License-Identifier: Apache-2.0
// advice WHAT COUNT BYTES: writes COUNT lines of BYTES bytes to a file in $PF_DIR in a way that a finding
// names; with $PF_FOLLOW set as its advice says.
//
//   write       write(2) of each          (gathered in 8 KiB)
//   unbuffered  stdio without a buffer    (with one of 8 KiB)
//   flush       fflush after each line    (none)
//   reopen      fopen and fclose for each (kept open)
//   pipe        write(2) to a pipe that a child reads  (gathered in 8 KiB)
//
// And what has no advice to follow here:
//   files       write(2) to twenty files in turn
//   threads     write(2) by four threads, each to a file of its own
//   small       a file for each line, synced and closed
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int follows;
static int count;
static size_t size;
static char line[4096];

static const char *path_of(int number) {
    static _Thread_local char text[4096];
    const char *folder = getenv("PF_DIR");
    snprintf(text, sizeof text, "%s/advice%d", folder ? folder : ".", number);
    return text;
}

static const char *path(void) { return path_of(0); }

static int new_file(int number) {
    return open(path_of(number), O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

// What a program does besides.
static void work(void) {
    static volatile unsigned sum;
    for (int i = 0; i < 300; i++) {
        sum = sum * 31 + (unsigned char)line[(unsigned)i % size];
    }
}

static void to_descriptor(int fd) {
    static char buffer[8192];
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        work();
        if (!follows) {
            (void)!write(fd, line, size);
            continue;
        }
        if (used + size > sizeof buffer) {
            (void)!write(fd, buffer, used);
            used = 0;
        }
        memcpy(buffer + used, line, size);
        used += size;
    }
    (void)!write(fd, buffer, used);
}

static void to_stream(int unbuffered, int flush) {
    FILE *file = fopen(path(), "w");
    if (unbuffered && !follows) {
        setvbuf(file, NULL, _IONBF, 0);
    } else if (unbuffered) {
        setvbuf(file, NULL, _IOFBF, 8192);
    }
    for (int i = 0; i < count; i++) {
        work();
        fprintf(file, "%s", line);
        if (flush && !follows) {
            fflush(file);
        }
    }
    fclose(file);
}

static void reopen(void) {
    FILE *file = fopen(path(), "w");
    for (int i = 0; i < count; i++) {
        work();
        if (!follows) {
            fclose(file);
            file = fopen(path(), "a");
        }
        fprintf(file, "%s", line);
    }
    fclose(file);
}

static void to_pipe(void) {
    static char buffer[65536];
    int fd[2];
    (void)!pipe(fd);
    if (fork() == 0) {
        close(fd[1]);
        while (read(fd[0], buffer, sizeof buffer) > 0) {
        }
        _exit(0);
    }
    close(fd[0]);
    to_descriptor(fd[1]);
    close(fd[1]);
    wait(NULL);
}

static void files(void) {
    int fd[20];
    for (int i = 0; i < 20; i++) {
        fd[i] = new_file(i);
    }
    for (int i = 0; i < count; i++) {
        (void)!write(fd[i % 20], line, size);
    }
}

static void *write_own(void *arg) {
    int fd = new_file(*(int *)arg);
    for (int i = 0; i < count / 4; i++) {
        (void)!write(fd, line, size);
    }
    return arg;
}

static void threads(void) {
    pthread_t thread[4];
    int number[] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, write_own, &number[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
}

static void small(void) {
    for (int i = 0; i < count; i++) {
        FILE *file = fopen(path_of(i % 500), "w");
        fprintf(file, "%s", line);
        fflush(file);
        fsync(fileno(file));
        fclose(file);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 3 ? argv[1] : "";
    follows = getenv("PF_FOLLOW") != NULL;
    count = argc > 3 ? atoi(argv[2]) : 0;
    size = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    if (size < 1 || size > sizeof line - 1) {
        fprintf(stderr, "usage: advice WHAT COUNT BYTES\n");
        return 2;
    }
    memset(line, 'x', size - 1);
    line[size - 1] = '\n';
    if (strcmp(what, "write") == 0) {
        to_descriptor(new_file(0));
    } else if (strcmp(what, "pipe") == 0) {
        to_pipe();
    } else if (strcmp(what, "files") == 0) {
        files();
    } else if (strcmp(what, "threads") == 0) {
        threads();
    } else if (strcmp(what, "small") == 0) {
        small();
    } else if (strcmp(what, "reopen") == 0) {
        reopen();
    } else {
        to_stream(strcmp(what, "unbuffered") == 0, strcmp(what, "flush") == 0);
    }
    return 0;
}
