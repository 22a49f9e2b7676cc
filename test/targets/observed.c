// SPDX-License-Identifier: Apache-2.0
// Looks at everything in which an observer's start could show, before and after its first output call.
//
//   observed [ignore]   ignore: SIGCHLD is ignored, as daemons do; it goes on when its input says so
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_child(int number) { signals += number == SIGCHLD; }

struct view {
    int descriptors;
    pid_t session, group, parent;
    sigset_t mask;
    void *handlers[32];
    int flags[32];
    char folder[256];
};

static int count_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void look(struct view *view) {
    memset(view, 0, sizeof *view);
    view->descriptors = count_descriptors();
    view->session = getsid(0);
    view->group = getpgrp();
    view->parent = getppid();
    sigprocmask(SIG_SETMASK, NULL, &view->mask);
    for (int i = 1; i < 32; i++) {
        struct sigaction action = {0};
        sigaction(i, NULL, &action);
        view->handlers[i] = (void *)action.sa_handler;
        view->flags[i] = action.sa_flags;
    }
    if (getcwd(view->folder, sizeof view->folder) == NULL) {
        view->folder[0] = 0;
    }
}

static int children(void) {
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    close(fd);
    return size > 0;
}

int main(int argc, char **argv) {
    static struct view before, after;
    siginfo_t info;
    signal(SIGCHLD, argc > 1 ? SIG_IGN : on_child);
    signal(SIGUSR1, on_child);
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigprocmask(SIG_BLOCK, &some, NULL);
    look(&before);
    int first = write(1, "first\n", 6) != 6; // the segment, and with it the observer
    char go;
    first |= read(0, &go, 1) < 0;
    look(&after);
    int bad = first;
#define CHECK(what)                                                                                \
    if (!(what)) {                                                                                 \
        dprintf(2, "%s\n", #what);                                                                 \
        bad = 1;                                                                                   \
    }
    CHECK(before.descriptors == after.descriptors)
    CHECK(before.session == after.session && before.group == after.group)
    CHECK(before.parent == after.parent)
    CHECK(memcmp(&before.mask, &after.mask, sizeof before.mask) == 0)
    CHECK(memcmp(before.handlers, after.handlers, sizeof before.handlers) == 0)
    CHECK(memcmp(before.flags, after.flags, sizeof before.flags) == 0)
    CHECK(strcmp(before.folder, after.folder) == 0)
    CHECK(signals == 0)
    CHECK(!children())
    errno = 0;
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD)
    errno = 0;
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == -1 && errno == ECHILD)
    errno = 0;
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD)
    // Its own children work as ever.
    pid_t child = fork();
    if (child == 0) {
        _exit(7);
    }
    int status = 0;
    pid_t got = waitpid(child, &status, 0);
    CHECK(argc > 1 ? got == -1 && errno == ECHILD : got == child && WEXITSTATUS(status) == 7)
    CHECK(argc > 1 || signals == 1)
    return bad;
}
