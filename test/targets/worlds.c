// SPDX-License-Identifier: Apache-2.0
// Stacks, memory, users and limits that a library seldom meets.  Keeps its own account.
//
//   worlds MODE [ARGUMENT]; the modes are in the table at the end.
// link: -ldl
// needs: gnu/libc-version.h
#include "single-step.h"
#include "truth.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>

static const char *argument = "";
static struct truth *account;

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

static void say(int count) {
    for (int i = 0; i < count; i++) {
        must(truth_write(account, 1, "a line of words\n", 16) == 16);
    }
}

// ARGUMENT: in so many bytes of memory.
static void do_talk(void) {
    struct rlimit limit = {0, RLIM_INFINITY};
    limit.rlim_cur = strtoul(argument, NULL, 10);
    must(limit.rlim_cur == 0 || setrlimit(RLIMIT_AS, &limit) == 0);
    say(100);
}

static void speak(int flags, Lmid_t space) {
    void *plugin = space == LM_ID_BASE ? dlopen(argument, flags) : dlmopen(space, argument, flags);
    must(plugin != NULL);
    void (*plugin_speak)(void) = (void (*)(void))dlsym(plugin, "plugin_speak");
    must(plugin_speak != NULL);
    plugin_speak();
    must(dlclose(plugin) == 0);
}

// Where the plugin was, its return addresses and format strings are gone.
static void do_dlclose(void) {
    say(5);
    for (int i = 0; i < 20; i++) {
        speak(RTLD_NOW, LM_ID_BASE);
    }
    say(5);
}

static void do_deepbind(void) {
    say(5);
    speak(RTLD_NOW | RTLD_DEEPBIND, LM_ID_BASE);
    say(5);
}

static void do_dlmopen(void) {
    say(5);
    speak(RTLD_NOW, LM_ID_NEWLM);
    say(5);
}

static ucontext_t home, coroutine[50];

static void in_turn(int number) {
    say(1);
    must(swapcontext(&coroutine[number], &home) == 0);
    say(1);
}

static void do_coroutines(void) {
    for (int i = 0; i < 50; i++) {
        must(getcontext(&coroutine[i]) == 0);
        coroutine[i].uc_stack.ss_size = 16384;
        coroutine[i].uc_stack.ss_sp = malloc(16384);
        coroutine[i].uc_link = &home;
        makecontext(&coroutine[i], (void (*)(void))in_turn, 1, i);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50; i++) {
            must(swapcontext(&home, &coroutine[i]) == 0);
        }
    }
}

static void on_signal(int number) {
    (void)number;
    say(1);
}

// The smallest alternate stack there may be, with nothing below it.  ARGUMENT `first`: the handler
// makes the process's first call.
static void do_altstack(void) {
    if (strcmp(argument, "first") != 0) {
        say(1);
    }
    long size = sysconf(_SC_MINSIGSTKSZ);
    size = size > MINSIGSTKSZ ? size : MINSIGSTKSZ;
    char *memory = mmap(NULL, 3 * 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED && mprotect(memory + 65536, 65536, PROT_READ | PROT_WRITE) == 0);
    // Its lowest byte is the first of a page: one byte less is not there.
    stack_t stack = {.ss_sp = memory + 65536, .ss_size = (size_t)size};
    must(sigaltstack(&stack, NULL) == 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    must(sigaction(SIGUSR1, &action, NULL) == 0);
    for (int i = 0; i < 200; i++) {
        must(raise(SIGUSR1) == 0);
    }
}

static void fork_in_handler(int number) {
    (void)number;
    pid_t child = fork();
    if (child == 0) {
        account = truth_new("write");
        say(3);
        _exit(0);
    }
    int status = 1;
    must(waitpid(child, &status, 0) == child && status == 0);
}

static void do_fork_in_handler(void) {
    must(signal(SIGUSR1, fork_in_handler) != SIG_ERR);
    for (int i = 0; i < 5; i++) {
        say(1);
        must(raise(SIGUSR1) == 0);
    }
}

// Each child is the next one's parent.
static void do_fork_chain(void) {
    for (int left = atoi(argument); left > 0; left--) {
        account = truth_new("write");
        say(1);
        pid_t child = fork();
        must(child >= 0);
        if (child != 0) {
            int status = 1;
            must(waitpid(child, &status, 0) == child && status == 0);
            exit(0);
        }
    }
}

static int in_shared_memory(void *unused) {
    (void)unused;
    (void)!write(1, "from the other process\n", 23);
    return 0;
}

static void do_vm_clone(void) {
    say(5);
    for (int i = 0; i < 10; i++) {
        char *stack = malloc(65536);
        pid_t child = clone(in_shared_memory, stack + 65536, CLONE_VM | SIGCHLD, NULL);
        int status = 1;
        must(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        say(1);
    }
}

static pthread_barrier_t all;

static void *live(void *unused) {
    struct truth *own = truth_new("write");
    for (int i = 0; i < 10; i++) {
        truth_write(own, 1, "alive\n", 6);
    }
    pthread_barrier_wait(&all);
    for (int i = 0; i < 10; i++) {
        truth_write(own, 1, "alive\n", 6);
    }
    return unused;
}

static void do_live_threads(void) {
    int count = atoi(argument);
    pthread_t *thread = calloc((size_t)count, sizeof *thread);
    pthread_attr_t attributes;
    must(pthread_attr_init(&attributes) == 0);
    must(pthread_attr_setstacksize(&attributes, 65536) == 0);
    must(pthread_barrier_init(&all, NULL, (unsigned)count) == 0);
    for (int i = 0; i < count; i++) {
        must(pthread_create(&thread[i], &attributes, live, NULL) == 0);
    }
    for (int i = 0; i < count; i++) {
        must(pthread_join(thread[i], NULL) == 0);
    }
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t next_turn = PTHREAD_COND_INITIALIZER;
static int turn;
enum { TURNS = 20 };

static void *stay(void *unused) {
    struct truth *own = truth_new("write");
    pthread_barrier_wait(&all);
    for (int written = 0; written <= TURNS; written++) {
        pthread_mutex_lock(&mutex);
        while (turn < written) {
            pthread_cond_wait(&next_turn, &mutex);
        }
        pthread_mutex_unlock(&mutex);
        truth_write(own, 1, "staying\n", 8);
    }
    return unused;
}

static void *come_and_go(void *unused) {
    struct truth *own = truth_new("write");
    for (int i = 0; i < 3; i++) {
        truth_write(own, 1, "passing\n", 8);
    }
    return unused;
}

// A thousand threads print, at each turn once, while ten thousand others, dozens at once, come, print
// and go.
static void do_crowd(void) {
    enum { STAYING = 1024, PASSING = 10000, AT_ONCE = 50 };
    static pthread_t staying[STAYING], passing[AT_ONCE];
    pthread_attr_t attributes;
    must(pthread_attr_init(&attributes) == 0);
    must(pthread_attr_setstacksize(&attributes, 65536) == 0);
    must(pthread_barrier_init(&all, NULL, STAYING + 1) == 0);
    for (int i = 0; i < STAYING; i++) {
        must(pthread_create(&staying[i], &attributes, stay, NULL) == 0);
    }
    pthread_barrier_wait(&all);
    for (int i = 0; i < PASSING; i++) {
        if (i >= AT_ONCE) {
            must(pthread_join(passing[i % AT_ONCE], NULL) == 0);
        }
        must(pthread_create(&passing[i % AT_ONCE], &attributes, come_and_go, NULL) == 0);
        if ((i + 1) % (PASSING / TURNS) == 0) {
            pthread_mutex_lock(&mutex);
            turn++;
            pthread_cond_broadcast(&next_turn);
            pthread_mutex_unlock(&mutex);
        }
    }
    for (int i = 0; i < AT_ONCE; i++) {
        must(pthread_join(passing[i], NULL) == 0);
    }
    for (int i = 0; i < STAYING; i++) {
        must(pthread_join(staying[i], NULL) == 0);
    }
}

#ifdef STEP_ON
static long step_size, step_number, cancel_at;

static void on_step(int number) {
    (void)number;
    if (step_number++ == cancel_at) {
        must(pthread_cancel(pthread_self()) == 0);
    }
}

static void *is_cancelled(void *calls) {
    struct truth *own = truth_new("write");
    for (intptr_t i = 0; i < (intptr_t)calls; i++) {
        truth_write(own, 1, "x", 1);
    }
    must(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
    truth_begin(own);
    STEP_ON();
    long done = write(1, "x", 1);
    STEP_OFF();
    truth_end(own, done);
    must(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL) == 0);
    return NULL;
}

static void *only_waits(void *unused) {
    pause();
    return unused;
}

static void *end_of(pthread_t thread) {
    void *result = NULL;
    must(pthread_join(thread, &result) == 0);
    return result;
}

static void get_ready_to_cancel(void) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, only_waits, NULL) == 0); // loads what unwinds
    must(pthread_cancel(thread) == 0 && end_of(thread) == PTHREAD_CANCELED);
    struct sigaction action = {.sa_handler = on_step, .sa_flags = SA_NODEFER};
    must(sigaction(SIGTRAP, &action, NULL) == 0);
}

// A thread that is cancelled within a call after CALLS others; or that comes to its end.
static int cancels(long calls) {
    pthread_t thread;
    step_number = 0;
    must(pthread_create(&thread, NULL, is_cancelled, (void *)calls) == 0);
    return end_of(thread) == PTHREAD_CANCELED;
}

// cancel CALLS STEP: thread by thread, later by STEP instructions within a call each time, until a call
// comes to its end.  Each thread has made CALLS before it, and main one.
static void do_cancel_at_any_time(void) {
    get_ready_to_cancel();
    say(1);
    while (cancels(atol(argument))) {
        cancel_at += step_size;
    }
}

// cancel-first BEFORE STEP: the same in a thread's first call, each in a child of its own, which goes on.
// Its main thread has made BEFORE calls; with 0, it is the process's first too.
static void do_cancel_the_first(void) {
    get_ready_to_cancel();
    for (int status = 1 << 8; status == 1 << 8; cancel_at += step_size) {
        pid_t child = fork();
        if (child == 0) {
            account = truth_new("write");
            say(atoi(argument));
            int cancelled = cancels(0);
            say(3);
            _exit(cancelled);
        }
        must(waitpid(child, &status, 0) == child && (status == 0 || status == 1 << 8));
    }
}
#else
static long step_size;
static void do_cancel_at_any_time(void) { exit(77); }
static void do_cancel_the_first(void) { exit(77); }
#endif

static void do_setuid(void) {
    if (strcmp(argument, "late") == 0) {
        say(5);
    }
    must(setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0);
    must(setresuid(65534, 65534, 65534) == 0);
    say(10);
}

static void do_chroot(void) {
    say(5);
    must(chroot(argument) == 0 && chdir("/") == 0);
    say(10);
}

static void do_first_of_namespace(void) {
    say(5);
    must(unshare(CLONE_NEWPID) == 0);
    pid_t child = fork();
    if (child == 0) {
        must(getpid() == 1);
        account = truth_new("write");
        say(7);
        exit(0);
    }
    int status = 1;
    must(waitpid(child, &status, 0) == child && status == 0);
    say(5);
}

// A day's worth of calls at once: adds them to the counters of this process's own segment.
static void do_day(void) {
    say(1);
    char folder[512];
    snprintf(folder, sizeof folder, "%s/pfprof", getenv("XDG_RUNTIME_DIR"));
    DIR *list = opendir(folder);
    must(list != NULL);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (strstr(entry->d_name, ".pfseg") == NULL) {
            continue;
        }
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        uint64_t *word = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        must(fd >= 0 && word != MAP_FAILED);
        for (int i = 0; i < 65536 / 8 - 2; i++) {
            if (word[i] == 1 && word[i + 1] == 16 && word[i - 1] >> 56 == 2) {
                word[i] += UINT32_MAX - 3u;
                word[i + 1] += 16ull * (UINT32_MAX - 3u);
                __atomic_fetch_add(&account->begun, UINT32_MAX - 3u, __ATOMIC_SEQ_CST);
                __atomic_fetch_add(&account->bytes, 16ull * (UINT32_MAX - 3u), __ATOMIC_SEQ_CST);
            }
        }
        munmap(word, 65536);
        close(fd);
    }
    closedir(list);
    say(20);
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"talk", do_talk},
    {"dlclose", do_dlclose},
    {"deepbind", do_deepbind},
    {"dlmopen", do_dlmopen},
    {"coroutines", do_coroutines},
    {"altstack", do_altstack},
    {"fork-in-handler", do_fork_in_handler},
    {"fork-chain", do_fork_chain},
    {"vm-clone", do_vm_clone},
    {"live-threads", do_live_threads},
    {"crowd", do_crowd},
    {"cancel", do_cancel_at_any_time},
    {"cancel-first", do_cancel_the_first},
    {"setuid", do_setuid},
    {"chroot", do_chroot},
    {"first-of-namespace", do_first_of_namespace},
    {"day", do_day},
};

int main(int argc, char **argv) {
    truth_open();
    account = truth_new("write");
    argument = argc > 2 ? argv[2] : "";
    step_size = argc > 3 ? atol(argv[3]) : 1;
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (argc > 1 && strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    }
    return 2;
}
