// SPDX-License-Identifier: Apache-2.0
// Processes: how they multiply, turn into others and end; most of their writes go to descriptor 1.
//
//   procs MODE [ARGUMENT]; the modes are in the table at the end.
//   procs relay [PROGRAM ...]   runs PROGRAM with `relay` and the rest, waits, writes once more
#include "truth.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

// Weak: not every libc has them, and then the modes are not asked for.
extern pid_t bare_vfork(void) __asm__("__vfork") __attribute__((returns_twice, weak));
extern int bare_clone(int (*)(void *), void *, int, void *, ...) __asm__("__clone")
    __attribute__((weak));
extern int execveat(int, const char *, char *const[], char *const[], int) __attribute__((weak));
extern char **environ;

static const char *argument = "";
static char self[4096];

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

static void say(const char *line, int count) {
    struct truth *truth = truth_new("write");
    for (int i = 0; i < count; i++) {
        must(truth_write(truth, 1, line, strlen(line)) == (long)strlen(line));
    }
}

static void reap(pid_t child, int want) {
    int status = 0;
    must(waitpid(child, &status, 0) == child && status == want);
}

// fork

static void do_fork(void) {
    say("parent before\n", 3);
    pid_t child = fork();
    if (child == 0) {
        say("child\n", 5);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            say("grandchild\n", 7);
            exit(0);
        }
        reap(grandchild, 0);
        say("child after\n", 1);
        exit(0);
    }
    reap(child, 0);
    say("parent after\n", 2);
}

static void do_fork_many(void) {
    say("parent\n", 1);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            say("child\n", i % 5);
            exit(0);
        }
        reap(child, 0);
    }
    say("parent\n", 1);
}

static void do_fork_silent(void) {
    say("parent\n", 4);
    pid_t child = fork();
    if (child == 0) {
        exit(0);
    }
    reap(child, 0);
}

static volatile int stop;
static void *writer(void *unused) {
    (void)unused;
    struct truth *truth = truth_new("write");
    int null = open("/dev/null", O_WRONLY);
    while (!stop) {
        truth_write(truth, null, "thread\n", 7);
    }
    return NULL;
}

static void do_fork_threads(void) {
    pthread_t thread[3];
    for (int i = 0; i < 3; i++) {
        must(pthread_create(&thread[i], NULL, writer, NULL) == 0);
    }
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        if (child == 0) {
            say("child\n", 3);
            exit(0);
        }
        reap(child, 0);
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        must(pthread_join(thread[i], NULL) == 0);
    }
}

// Buffered before the fork, flushed by both: the call happened once.
static void do_fork_buffered(void) {
    struct truth *truth = truth_new("fputs");
    truth_begin(truth);
    truth_end(truth, fputs("buffered before the fork\n", stdout) < 0 ? -1 : 25);
    pid_t child = fork();
    if (child == 0) {
        exit(0);
    }
    reap(child, 0);
}

static void do__Fork(void) {
    say("parent before\n", 2);
    pid_t child = _Fork();
    if (child == 0) {
        say("child\n", 4);
        _exit(0);
    }
    reap(child, 0);
    say("parent after\n", 1);
}

static int cloned(void *unused) {
    (void)unused;
    say("clone\n", 4);
    _exit(0);
}

static char stack[1 << 18] __attribute__((aligned(64)));

static void do_clone(void) {
    say("parent before\n", 2);
    reap(clone(cloned, stack + sizeof stack, SIGCHLD, NULL), 0);
    say("parent after\n", 1);
}

static void do___clone(void) {
    say("parent before\n", 2);
    reap(bare_clone(cloned, stack + sizeof stack, SIGCHLD, NULL), 0);
    say("parent after\n", 1);
}

static void do_syscall_fork(void) {
    say("parent before\n", 2);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        say("child\n", 4);
        _exit(0);
    }
    reap(child, 0);
    say("parent after\n", 1);
}

// The child of vfork lives in our memory: its truth is kept under another name.
#define VFORK(function)                                                                            \
    static void do_##function(void) {                                                              \
        say("parent before\n", 3);                                                                 \
        struct truth *child_truth = truth_new("child");                                            \
        for (int i = 0; i < 20; i++) {                                                             \
            pid_t child = CALL_##function();                                                       \
            if (child == 0) {                                                                      \
                truth_write(child_truth, 1, "vfork child\n", 12);                                  \
                truth_write(child_truth, 1, "vfork child again\n", 18);                            \
                _exit(i);                                                                          \
            }                                                                                      \
            reap(child, i << 8);                                                                   \
            say("parent between\n", 1);                                                            \
        }                                                                                          \
    }
#define CALL_vfork vfork
#define CALL___vfork bare_vfork
VFORK(vfork)
VFORK(__vfork)

// The first call of all comes from a vfork child.
static void do_vfork_first(void) {
    struct truth *child_truth = truth_new("child");
    pid_t child = vfork();
    if (child == 0) {
        truth_write(child_truth, 1, "vfork child\n", 12);
        _exit(0);
    }
    reap(child, 0);
    say("parent\n", 3);
}

static void do_vfork_exec(void) {
    say("parent before\n", 3);
    struct truth *child_truth = truth_new("child");
    char *arguments[] = {self, "tail", NULL};
    pid_t child = vfork();
    if (child == 0) {
        truth_write(child_truth, 1, "vfork child\n", 12);
        execv(self, arguments);
        _exit(127);
    }
    reap(child, 0);
    say("parent after\n", 2);
}

static void do_posix_spawn(void) {
    say("parent before\n", 3);
    char *arguments[] = {self, "tail", NULL};
    pid_t child;
    must(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
    reap(child, 0);
    say("parent after\n", 2);
}

static void do_system(void) {
    say("parent before\n", 3);
    char command[5000];
    snprintf(command, sizeof command, "exec '%s' tail", self);
    must(system(command) == 0);
    say("parent after\n", 2);
}

static void do_daemon(void) {
    say("before the daemon\n", 6);
    must(daemon(1, 1) == 0);
    say("the daemon\n", 4);
    exit(0);
}

// exec: `exec NAME` goes on as `tail`

static void do_exec(void) {
    char *arguments[] = {self, "tail", NULL};
    say("before exec\n", 5);
    if (strcmp(argument, "execve") == 0) {
        execve(self, arguments, environ);
    } else if (strcmp(argument, "execv") == 0) {
        execv(self, arguments);
    } else if (strcmp(argument, "execvp") == 0) {
        execvp(self, arguments);
    } else if (strcmp(argument, "execvpe") == 0) {
        execvpe(self, arguments, environ);
    } else if (strcmp(argument, "execl") == 0) {
        execl(self, self, "tail", "a", "b", "c", "d", "e", "f", "g", (char *)NULL);
    } else if (strcmp(argument, "execle") == 0) {
        execle(self, self, "tail", "a", "b", "c", "d", "e", "f", "g", (char *)NULL, environ);
    } else if (strcmp(argument, "execlp") == 0) {
        execlp(self, self, "tail", "a", "b", "c", "d", "e", "f", "g", (char *)NULL);
    } else if (strcmp(argument, "fexecve") == 0) {
        fexecve(open(self, O_RDONLY | O_CLOEXEC), arguments, environ);
    } else if (strcmp(argument, "execveat") == 0) {
        execveat(AT_FDCWD, self, arguments, environ, 0);
    }
    abort();
}

// Found at the second folder of PATH.
static void do_exec_path(void) {
    char path[5000];
    char *slash = strrchr(self, '/');
    snprintf(path, sizeof path, "/nonexistent:%.*s", (int)(slash - self), self);
    must(setenv("PATH", path, 1) == 0);
    say("before exec\n", 5);
    execlp(slash + 1, slash + 1, "tail", (char *)NULL);
    abort();
}

static void do_exec_empty(void) {
    char *arguments[] = {"true", NULL};
    char *nothing[] = {NULL};
    say("before exec\n", 5);
    execve("/bin/true", arguments, nothing);
    abort();
}

static void do_exec_fails(void) {
    char *arguments[] = {"nothing", NULL};
    say("before exec\n", 5);
    must(execv("/nonexistent/nothing", arguments) == -1 && errno == ENOENT);
    say("between\n", 2);
    must(setenv("PATH", "/nonexistent:/nowhere", 1) == 0);
    must(execvp("nothing", arguments) == -1 && errno == ENOENT);
    say("after\n", 4);
}

// Only the kernel finds out that it cannot be.
static void do_exec_refused(void) {
    char *arguments[] = {"nothing", NULL};
    say("before exec\n", 5);
    must(execv("/", arguments) == -1 && errno == EACCES);
    say("between\n", 2);
    // May be opened and executed, and is no program.
    char path[] = "/dev/shm/pf-no-program-XXXXXX";
    int fd = mkstemp(path);
    must(fd >= 0 && ftruncate(fd, 64) == 0 && fchmod(fd, 0700) == 0 && close(fd) == 0);
    must(execv(path, arguments) == -1 && errno == ENOEXEC);
    unlink(path);
    say("after\n", 4);
}

// Programs of several kinds, each started by the one before.
static char **runners;
static void do_relay(void) {
    say("relay\n", 3);
    if (runners[0] == NULL) {
        return;
    }
    char *arguments[16] = {runners[0], "relay"};
    for (int i = 1; i < 14 && runners[i] != NULL; i++) {
        arguments[i + 1] = runners[i];
    }
    pid_t child = fork();
    if (child == 0) {
        execv(runners[0], arguments);
        abort();
    }
    reap(child, 0);
    say("relay again\n", 2);
}

static void do_tail(void) { say("the new image\n", 4); }

// ends

static void late(void) { say("at exit\n", 2); }

static void do_end(void) {
    say("before the end\n", 6);
    if (strcmp(argument, "_exit") == 0) {
        _exit(11);
    } else if (strcmp(argument, "_Exit") == 0) {
        _Exit(12);
    } else if (strcmp(argument, "quick_exit") == 0) {
        quick_exit(13);
    } else if (strcmp(argument, "exit") == 0) {
        must(atexit(late) == 0);
        exit(14);
    } else if (strcmp(argument, "abort") == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        abort();
    } else if (strcmp(argument, "segv") == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        raise(SIGSEGV);
    } else if (strcmp(argument, "term") == 0) {
        raise(SIGTERM);
    } else if (strcmp(argument, "syscall") == 0) {
        syscall(SYS_exit_group, 15);
    }
    abort();
}

static int late_writes;
__attribute__((destructor)) static void in_destructor(void) {
    if (late_writes) {
        say("in a destructor\n", 2);
    }
}

static void do_destructor(void) {
    late_writes = 1;
    say("before the end\n", 3);
}

static void do_silent(void) {}

// As setproctitle of nginx and redis: the strings of arguments and environment become the title.
static void do_title(void) {
    say("before the title\n", 2);
    for (char **entry = environ; *entry != NULL; entry++) {
        memset(*entry, 0, strlen(*entry));
    }
    environ = NULL;
    say("after the title\n", 3);
}

// Everything closed, gnulib's way, before the summary is due.
static void close_streams(void) {
    fclose(stdout);
    fclose(stderr);
}

static void do_close_stdout(void) {
    struct truth *truth = truth_new("puts");
    must(atexit(close_streams) == 0);
    truth_begin(truth);
    truth_end(truth, puts("a line") < 0 ? -1 : 7);
}

// seccomp: only write, read and the ends are let through; anything else kills.
static void shut_door(void) {
#define ALLOW(number)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write),
        ALLOW(SYS_read),
        ALLOW(SYS_exit),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void do_seccomp(void) {
    struct truth *truth = truth_new("write");
    if (strcmp(argument, "late") == 0) {
        truth_write(truth, 1, "before the door\n", 16);
    }
    shut_door();
    for (int i = 0; i < 10; i++) {
        truth_write(truth, 1, "behind the door\n", 16);
    }
    _exit(0);
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"fork", do_fork},
    {"fork-many", do_fork_many},
    {"fork-silent", do_fork_silent},
    {"fork-threads", do_fork_threads},
    {"fork-buffered", do_fork_buffered},
    {"_Fork", do__Fork},
    {"clone", do_clone},
    {"__clone", do___clone},
    {"syscall-fork", do_syscall_fork},
    {"vfork", do_vfork},
    {"__vfork", do___vfork},
    {"vfork-first", do_vfork_first},
    {"vfork-exec", do_vfork_exec},
    {"posix_spawn", do_posix_spawn},
    {"system", do_system},
    {"daemon", do_daemon},
    {"exec", do_exec},
    {"exec-path", do_exec_path},
    {"exec-empty", do_exec_empty},
    {"exec-fails", do_exec_fails},
    {"exec-refused", do_exec_refused},
    {"relay", do_relay},
    {"tail", do_tail},
    {"end", do_end},
    {"destructor", do_destructor},
    {"silent", do_silent},
    {"title", do_title},
    {"close-stdout", do_close_stdout},
    {"seccomp", do_seccomp},
};

int main(int argc, char **argv) {
    argument = argc > 2 ? argv[2] : "";
    runners = argc > 2 ? argv + 2 : &argv[argc];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    must(length > 0);
    truth_open();
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (argc > 1 && strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    }
    return 2;
}
