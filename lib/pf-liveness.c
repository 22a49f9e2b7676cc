// SPDX-License-Identifier: Apache-2.0
// Whether the process behind a segment still runs, and what the kernel says it wrote.
#include "pf-segment-reader.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ll

static int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

// /proc/PID/stat: is it one that has ended (and is about to be reaped), and its start, ticks since boot.
// A process whose main thread has ended looks like a zombie while its other threads go on.
static bool read_stat(unsigned pid, bool *ret_ended, uint64_t *ret_ticks) {
    char path[40];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = 0;
    char *at = strrchr(text, ')'); // the name before it may hold anything
    char state;
    long threads;
    unsigned long long ticks;
    if (at == NULL || sscanf(at + 1,
                             " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                             "%ld %*d %llu",
                             &state, &threads, &ticks) != 3) {
        return false;
    }
    *ret_ended = state == 'X' || (state == 'Z' && threads <= 1);
    *ret_ticks = ticks;
    return true;
}

// Is the process that has this pid now the one that wrote the segment?  It is not when it started
// after the segment.  Its start is given on the clock that runs on in suspend, the segment's on the
// one that does not: the time asleep since boot may lie before or after, so it is taken as most
// favourable to being the same.
bool pf_process_runs(const struct pf_segment *header) {
    bool ended;
    uint64_t ticks;
    if (header->pid == 0 || header->pid > INT_MAX ||
        (kill((pid_t)header->pid, 0) != 0 && errno != EPERM) ||
        !read_stat(header->pid, &ended, &ticks) || ended) {
        return false;
    }
    long per_second = sysconf(_SC_CLK_TCK);
    int64_t asleep = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC);
    double started = (double)ticks / (double)(per_second > 0 ? per_second : 100) * SECOND;
    return started - (double)asleep <= (double)header->start_monotonic_ns + SECOND &&
           header->start_monotonic_ns <= (uint64_t)now_ns(CLOCK_MONOTONIC);
}

bool pf_pid_is_gone(unsigned pid) {
    bool ended = false;
    uint64_t ticks;
    return (kill((pid_t)pid, 0) != 0 && errno == ESRCH) ||
           (read_stat(pid, &ended, &ticks) && ended);
}

bool pf_kernel_bytes_of(unsigned pid, uint64_t *ret_bytes) {
    char path[40];
    char line[128];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%u/io", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "wchar: ", 7) == 0) {
            *ret_bytes = strtoull(line + 7, NULL, 10);
            found = true;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}
