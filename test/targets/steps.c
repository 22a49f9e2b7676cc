// SPDX-License-Identifier: Apache-2.0
// Clocks that jump in the middle of a call: each step is a time namespace that this process enters.
//
//   steps BOOTTIME MONOTONIC ...: pairs of offsets in seconds; exit status 77 where that is refused.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static int entering = -1;

// A namespace of such offsets, held by the descriptor alone.
static int make_namespace(long boottime, long monotonic) {
    int ends[2];
    if (pipe(ends) != 0) {
        exit(1);
    }
    pid_t child = fork();
    if (child == 0) {
        char text[128];
        int length =
            snprintf(text, sizeof text, "boottime %ld 0\nmonotonic %ld 0\n", boottime, monotonic);
        int fd = unshare(CLONE_NEWTIME) == 0 ? open("/proc/self/timens_offsets", O_WRONLY) : -1;
        char fine = fd >= 0 && write(fd, text, (size_t)length) == length;
        (void)!write(ends[1], &fine, 1);
        pause();
    }
    char fine = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/time_for_children", child);
    int fd = read(ends[0], &fine, 1) == 1 && fine ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    if (fd < 0) {
        fprintf(stderr, "needs root and time namespaces: %s\n", strerror(errno));
        exit(77);
    }
    return fd;
}

// The stream's own write: the outer fprintf is being timed.
static ssize_t enter_and_write(void *unused, const char *text, size_t size) {
    (void)unused;
    (void)text;
    if (entering >= 0 && setns(entering, CLONE_NEWTIME) != 0) {
        fprintf(stderr, "needs setns to a time namespace: %s\n", strerror(errno));
        exit(77);
    }
    return (ssize_t)size;
}

int main(int argc, char **argv) {
    int count = (argc - 1) / 2;
    int spaces[16];
    for (int i = 0; i < count; i++) {
        spaces[i] = make_namespace(atol(argv[1 + 2 * i]), atol(argv[2 + 2 * i]));
    }
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = enter_and_write});
    setvbuf(stream, NULL, _IONBF, 0);
    for (int i = -1; i < count; i++) {
        entering = i < 0 ? -1 : spaces[i];
        fprintf(stream, "a step\n");
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        printf("%ld\n", now.tv_sec);
    }
    return 0;
}
