// SPDX-License-Identifier: Apache-2.0
// Makes a descriptor lead elsewhere in every way that libc has.
//
//   descriptors list         the ways, one a line
//   descriptors WAY FOLDER   3 writes of 10 bytes that go to FOLDER/first, then the descriptor is led
//                            elsewhere, then 5 writes of 20 bytes that go to FOLDER/second
// link: -lutil
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

// Weak: not every libc has all of them.
#define WEAK __attribute__((weak))
extern int other_dup2(int, int) __asm__("__dup2") WEAK;
extern int other_close(int) __asm__("__close") WEAK;
extern FILE *reopen64(const char *, const char *, FILE *) __asm__("freopen64") WEAK;
extern int close_range(unsigned, unsigned, int) WEAK;
extern void closefrom(int) WEAK;

static char first[600], second[600];

static int open_at(const char *path, int fd) {
    int made = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (made < 0) {
        abort();
    }
    if (made != fd && fd >= 0) {
        syscall(SYS_dup3, made, fd, 0); // behind our back: the number was free
        syscall(SYS_close, made);
    }
    return fd >= 0 ? fd : made;
}

static void say(int fd, int times, int size) {
    for (int i = 0; i < times; i++) {
        if (write(fd, "0123456789012345678\n", (size_t)size) != size) {
            abort();
        }
    }
}

static int begin(void) {
    int fd = open_at(first, 100);
    say(fd, 3, 10);
    return fd;
}

static void by_close(void) {
    int fd = begin();
    close(fd);
    say(open_at(second, fd), 5, 20);
}
static void by___close(void) {
    int fd = begin();
    other_close(fd);
    say(open_at(second, fd), 5, 20);
}
static void by_close_range(void) {
    int fd = begin();
    close_range((unsigned)fd, (unsigned)fd, 0);
    say(open_at(second, fd), 5, 20);
}
static void by_closefrom(void) {
    int fd = begin();
    closefrom(fd);
    say(open_at(second, fd), 5, 20);
}
static void by_dup2(void) {
    int fd = begin();
    dup2(open_at(second, -1), fd);
    say(fd, 5, 20);
}
static void by___dup2(void) {
    int fd = begin();
    other_dup2(open_at(second, -1), fd);
    say(fd, 5, 20);
}
static void by_dup3(void) {
    int fd = begin();
    dup3(open_at(second, -1), fd, O_CLOEXEC);
    say(fd, 5, 20);
}

static void put(FILE *file, int times, int size) {
    for (int i = 0; i < times; i++) {
        fprintf(file, "%.*s\n", size - 1, "0123456789012345678");
    }
    fflush(file);
}
static void by_fclose(void) {
    FILE *file = fopen(first, "a");
    int fd = fileno(file);
    put(file, 3, 10);
    fclose(file);
    file = fopen(second, "a");
    if (fileno(file) != fd) {
        abort();
    }
    put(file, 5, 20);
    fclose(file);
}
static void by_freopen(void) {
    FILE *file = fopen(first, "a");
    put(file, 3, 10);
    put(freopen(second, "a", file), 5, 20);
}
static void by_freopen64(void) {
    FILE *file = fopen(first, "a");
    put(file, 3, 10);
    put(reopen64(second, "a", file), 5, 20);
}
static void by_pclose(void) {
    for (int i = 0; i < 2; i++) {
        char command[700];
        snprintf(command, sizeof command, "cat >>'%s'", i ? second : first);
        FILE *pipe = popen(command, "w");
        put(pipe, i ? 5 : 3, i ? 20 : 10);
        pclose(pipe);
    }
}
static void by_daemon(void) {
    int fd = open_at(first, -1);
    dup2(fd, 1);
    say(1, 3, 10);
    if (daemon(1, 0) != 0) {
        abort();
    }
    say(1, 5, 20); // the child's only calls, into /dev/null
}
static void by_login_tty(void) {
    int fd = open_at(first, -1);
    dup2(fd, 1);
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        abort();
    }
    if (fork() == 0) {
        say(1, 3, 10);
        if (login_tty(slave) != 0) {
            abort();
        }
        say(1, 5, 20);
        exit(0);
    }
    wait(NULL);
}

// The same stream by other numbers, and one file opened twice.
static void by_dup(void) {
    int fd = begin();
    int other = dup(fd);
    int third = fcntl(fd, F_DUPFD, 200);
    say(other, 2, 10);
    say(third, 1, 10);
    FILE *file = fdopen(third, "a");
    put(file, 4, 10);
    close(fd);
    say(open_at(first, fd), 5, 10);
}

#define WAY(name)                                                                                  \
    { #name, by_##name }
static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    WAY(close),  WAY(__close), WAY(close_range), WAY(closefrom), WAY(dup2),
    WAY(__dup2), WAY(dup3),    WAY(fclose),      WAY(freopen),   WAY(freopen64),
    WAY(pclose), WAY(daemon),  WAY(login_tty),   WAY(dup),
};

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
            puts(ways[i].name);
        }
        return 0;
    }
    if (argc != 3) {
        return 2;
    }
    snprintf(first, sizeof first, "%s/first", argv[2]);
    snprintf(second, sizeof second, "%s/second", argv[2]);
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].run();
            return 0;
        }
    }
    return 2;
}
