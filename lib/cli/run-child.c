// SPDX-License-Identifier: Apache-2.0
// The child of `pfprof run`: started in our process group, so that the terminal's keys reach it as if
// we were not there, and waited for.
//
// Signals are blocked and fetched one by one.  One that the kernel sent (Ctrl-C) has reached the child
// already; one that a process sent to us alone goes on to the child.  What is ignored stays ignored.
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int forwarded[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                SIGUSR1, SIGUSR2, SIGALRM, SIGPWR};

static void fill_set(sigset_t *set) {
    sigemptyset(set);
    for (guint i = 0; i < G_N_ELEMENTS(forwarded); i++) {
        sigaddset(set, forwarded[i]);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        sigaddset(set, number);
    }
    sigaddset(set, SIGCHLD);
}

static void become_command(gchar *const *command, gchar *const *environment, const sigset_t *mask,
                           const struct sigaction *child_action, int report) {
    sigaction(SIGCHLD, child_action, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvpe(command[0], command, environment);
    int problem = errno;
    while (write(report, &problem, sizeof problem) < 0 && errno == EINTR) {
    }
    _exit(problem == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

// 0 when exec succeeded: the pipe was closed by it.
static int read_report(int fd) {
    int problem = 0;
    ssize_t got;
    do {
        got = read(fd, &problem, sizeof problem);
    } while (got < 0 && errno == EINTR);
    return got == sizeof problem ? problem : 0;
}

static void pass_on(const run_child *child, const siginfo_t *info) {
    if (info->si_code <= 0 && info->si_pid != child->pid) {
        kill(child->pid, info->si_signo);
    }
}

static void wait_for_end(run_child *child, const sigset_t *set, void (*tick)(gpointer data),
                         gpointer data) {
    gint64 begun = g_get_monotonic_time();
    for (;;) {
        // Often at first: short runs want a timeline too.
        gint64 ran = g_get_monotonic_time() - begun;
        gint64 pause = CLAMP(ran / 50, 20000, 1000000);
        const struct timespec second = {.tv_sec = pause / 1000000,
                                        .tv_nsec = pause % 1000000 * 1000};
        siginfo_t info;
        int number = sigtimedwait(set, &info, &second);
        if (number > 0 && number != SIGCHLD) {
            pass_on(child, &info);
        }
        // Also without a signal: one that was pending already is not sent again.
        if (waitpid(child->pid, &child->status, WNOHANG) == child->pid) {
            return;
        }
        if (number < 0 && errno == EAGAIN) {
            tick(data);
        }
    }
}

// The Ctrl-C that ended the child is not meant for what we still have to say.
static void forget_pending(const sigset_t *set) {
    const struct timespec now = {0};
    siginfo_t info;
    while (sigtimedwait(set, &info, &now) > 0) {
    }
}

gboolean run_child_wait(gchar *const *command, gchar *const *environment, run_child *ret_child,
                        void (*tick)(gpointer data), gpointer data) {
    sigset_t set;
    sigset_t before;
    struct sigaction child_action;
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    int report[2];
    *ret_child = (run_child){.start_unix_ns = g_get_real_time() * 1000};
    if (pipe2(report, O_CLOEXEC) != 0) {
        return FALSE;
    }
    fill_set(&set);
    sigaction(SIGCHLD, &usual, &child_action); // ignored, the child's status would be lost
    sigprocmask(SIG_BLOCK, &set, &before);
    gint64 begun = g_get_monotonic_time();
    ret_child->pid = fork();
    if (ret_child->pid == 0) {
        become_command(command, environment, &before, &child_action, report[1]);
    }
    close(report[1]);
    if (ret_child->pid > 0) {
        ret_child->exec_errno = read_report(report[0]);
        wait_for_end(ret_child, &set, tick, data);
        ret_child->wall_ns = (guint64)(g_get_monotonic_time() - begun) * 1000;
        forget_pending(&set);
    }
    close(report[0]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ret_child->pid > 0;
}

gint run_child_follow(const run_child *child) {
    if (!WIFSIGNALED(child->status)) {
        return WEXITSTATUS(child->status);
    }
    int number = WTERMSIG(child->status);
    const struct rlimit no_core = {0};
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t only;
    setrlimit(RLIMIT_CORE, &no_core); // the child has left one if it wanted to
    sigaction(number, &usual, NULL);
    sigemptyset(&only);
    sigaddset(&only, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    return 128 + number;
}
