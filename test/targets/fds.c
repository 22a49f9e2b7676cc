// SPDX-License-Identifier: Apache-2.0
// Descriptors: who has which, and what becomes of descriptor 2.
//
//   fds list          descriptors before and after output, as /proc/self/fd shows them
//   fds lowest        the number that the next open gets, before and after output
//   fds close2        closes 2, then ends
//   fds reuse2 FILE   closes 2, opens FILE (which becomes 2), writes to it, ends
//   fds dup2 FILE     puts FILE over 2, writes to it, ends
//   fds closefrom FILE   closes everything from 0, opens FILE, writes to it, ends
//   fds mixed FILE    known numbers of calls on a pipe, FILE and /dev/null
#include "truth.h"
#include <dirent.h>
#include <stdio.h>

static char report[8192];
static size_t used;

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

static void list(const char *when) {
    DIR *folder = opendir("/proc/self/fd");
    must(folder != NULL);
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char path[300], target[300];
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(folder)) {
            continue;
        }
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        must(length >= 0);
        target[length] = 0;
        used += (size_t)snprintf(report + used, sizeof report - used, "%s %s %s\n", when,
                                 entry->d_name, atoi(entry->d_name) > 2 ? target : "");
    }
    closedir(folder);
}

static void lowest(const char *when) {
    int fd = open("/dev/null", O_WRONLY);
    used += (size_t)snprintf(report + used, sizeof report - used, "%s lowest %d\n", when, fd);
    close(fd);
}

static void some_output(void) {
    FILE *file = fopen("/dev/null", "w");
    must(file != NULL);
    for (int i = 0; i < 1000; i++) {
        fprintf(file, "%d\n", i);
        must(write(1, "line\n", 5) == 5);
    }
    fclose(file);
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    const char *path = argc > 2 ? argv[2] : "/dev/null";
    if (strcmp(mode, "list") == 0) {
        list("before");
        some_output();
        list("after");
        must(write(1, report, used) == (long)used);
    } else if (strcmp(mode, "lowest") == 0) {
        lowest("before");
        some_output();
        lowest("after");
        must(write(1, report, used) == (long)used);
    } else if (strcmp(mode, "close2") == 0) {
        must(write(1, "line\n", 5) == 5);
        close(2);
    } else if (strcmp(mode, "reuse2") == 0) {
        must(write(1, "line\n", 5) == 5);
        close(2);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        must(fd == 2 && write(fd, "precious\n", 9) == 9);
    } else if (strcmp(mode, "dup2") == 0) {
        must(write(1, "line\n", 5) == 5);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        must(fd >= 0 && dup2(fd, 2) == 2 && write(2, "precious\n", 9) == 9);
    } else if (strcmp(mode, "closefrom") == 0) {
        must(write(1, "line\n", 5) == 5);
        must(syscall(SYS_close_range, 0u, ~0u, 0u) == 0);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        must(fd == 0 && write(fd, "precious\n", 9) == 9);
        must(open(path, O_WRONLY | O_APPEND) == 1 && open(path, O_WRONLY | O_APPEND) == 2);
        must(write(2, "precious\n", 9) == 9);
    } else if (strcmp(mode, "mixed") == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int null = open("/dev/null", O_WRONLY);
        must(fd == 3 && null == 4);
        for (int i = 0; i < 60; i++) {
            must(i % 2 || write(1, "to one\n", 7) == 7);
            must(i % 3 || write(fd, "to three\n", 9) == 9);
            must(i % 5 || dprintf(null, "to four %d\n", 1) == 10);
        }
    } else {
        return 2;
    }
    return 0;
}
