// SPDX-License-Identifier: Apache-2.0
// Starts the observer so that the target notices nothing: no child, no SIGCHLD, no descriptor, no copy
// of its memory.
//
// Two steps down, as daemons do: the first process is ours for a millisecond, and the kernel sends no
// signal when it ends (exit signal 0), nor does wait() or waitid() ever return it (only __WALL does, as
// we do); the second has lost its parent before it is the observer.  Both share our memory instead of
// copying it (CLONE_VM, as vfork), run on a stack of their own with every signal blocked, and make raw
// system calls only.  Started when there is a segment, not before: most processes of a shell script
// never print, and then nothing is started at all.
#include "pf-observer.h"
#include "pf-arch.h"
#include "pf-clock.h"
#include "pf-print.h"
#include "pf-process.h"
#include "pf-real.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PF_COMMAND
#define PF_COMMAND "/usr/local/bin/pfprof"
#endif

#define STACK 16384
#define MOST_ENVIRONMENT 1024
#define SIGNALS 64
#define LAST_DESCRIPTOR 65536 // closed one by one where there is no close_range

struct start {
    char *stack; // of the second process
    const char *command;
    char *argument[7];
    char *environment[MOST_ENVIRONMENT];
};

// The kernel's, which is not libc's.
struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static const char *command(void) {
    const char *text = pf_process.config.setting[PF_VAR_COMMAND].text;
    return text != NULL && *text != 0 ? text : PF_COMMAND;
}

// COMMAND=none: whoever set it sees to an observer.
static bool can_run(void) {
    const char *path = command();
    return *path == '/' && pf_sys(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0) == 0;
}

static void check(enum pf_variable variable, const char *name, const char *instead,
                  void (*complain)(const char *line, size_t length)) {
    struct pf_setting *setting = &pf_process.config.setting[variable];
    if (setting->number == 0 || can_run() ||
        (variable == PF_VAR_EXPORTERS && pf_same(command(), "none"))) {
        return;
    }
    char line[512];
    struct pf_out out = {.text = line, .size = sizeof line};
    pf_out(&out, "pfprof: PROVIDE_PROFILING_");
    pf_out(&out, name);
    pf_out(&out, "=\"");
    pf_out(&out, setting->text != NULL ? setting->text : "");
    pf_out(&out, "\" needs the command pfprof, and \"");
    pf_out(&out, command());
    pf_out(&out, "\" cannot be run; ");
    pf_out(&out, instead);
    pf_out(&out, "\n");
    complain(line, out.used);
    setting->number = 0;
}

void pf_observer_check(void (*complain)(const char *line, size_t length)) {
    check(PF_VAR_SAMPLER, "SAMPLER", "using \"fixed\"", complain);
    check(PF_VAR_EXPORTERS, "EXPORTERS", "nothing is exported", complain);
}

// --- one that runs already

// The folder of the segment, and a name in it; false when it does not fit.
static bool beside_segment(const char *name, char *path, size_t size) {
    const char *segment = pf_process.segment_path;
    size_t slash = 0;
    for (size_t i = 0; segment[i] != 0; i++) {
        slash = segment[i] == '/' ? i : slash;
    }
    size_t length = pf_length(name);
    if (slash + length + 1 >= size) {
        return false;
    }
    for (size_t i = 0; i < slash; i++) {
        path[i] = segment[i];
    }
    for (size_t i = 0; i <= length; i++) {
        path[slash + i] = name[i];
    }
    return true;
}

// An observer holds this lock while it runs.  Ours is a shared one, so that targets that look at the same
// time do not take each other for an observer; closing it lets go.  Our segment is there by now, and an
// observer that is about to end looks at the folder once more after it has let go of the lock.
static bool runs_already(const char *lock, struct pf_start *ret_starts, long *ret_got) {
    char path[160];
    if (!beside_segment(lock, path, sizeof path)) {
        return false;
    }
    long fd = pf_sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool locked = pf_sys(SYS_flock, fd, LOCK_SH | LOCK_NB, 0, 0, 0, 0) == -EWOULDBLOCK;
    if (ret_starts != NULL && locked) {
        *ret_got = pf_sys(SYS_read, fd, (long)ret_starts, PF_STARTS * sizeof *ret_starts, 0, 0, 0);
    }
    pf_sys_close((int)fd);
    return locked;
}

// No site has an entry yet: the first one takes this rate.  The certain calls that a sampler wants are for what
// it knows nothing of.
static void begin_as_others(const struct pf_start *starts, long got) {
    struct pf_segment *segment = pf_process.segment;
    uint64_t program = pf_program_hash(segment->program);
    for (long i = 0; (i + 1) * (long)sizeof *starts <= got; i++) {
        if (starts[i].program == program && starts[i].rate > 0 && starts[i].rate <= 1) {
            segment->control.rate = starts[i].rate;
            segment->control.certain = 1;
            segment->control.generation++;
            return;
        }
    }
}

// --- two steps down

#if defined(__x86_64__)
// Runs `function` in a new process that begins on `stack`.
static long run(int (*function)(void *), char *stack, unsigned long flags, void *argument) {
    long result = SYS_clone;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register void *r12 __asm__("r12") = (void *)function;
    register void *r13 __asm__("r13") = argument;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %[argument], %%rdi\n\t"
                     "call *%[function]\n\t"
                     "mov %%eax, %%edi\n\t"
                     "mov %[exit], %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n"
                     "1:"
                     : "+a"(result)
                     : "D"(flags | CLONE_VM | CLONE_VFORK), "S"(stack), "d"(0), "r"(r10),
                       "r"(r8), [function] "r"(r12), [argument] "r"(r13), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory");
    return result;
}
#else
// A fork: dearer, but nothing of the child lands in the parent.
static long run(int (*function)(void *), char *stack, unsigned long flags, void *argument) {
    (void)stack;
    long result = pf_sys(SYS_clone, (long)flags, 0, 0, 0, 0, 0);
    if (result == 0) {
        pf_sys(SYS_exit, function(argument), 0, 0, 0, 0, 0);
    }
    return result;
}
#endif

static long block(uint64_t mask, uint64_t *ret_old) {
    return pf_sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)ret_old, 8, 0, 0);
}

static int become(void *argument) {
    struct start *start = argument;
    block(0, NULL);
    pf_sys(SYS_execve, (long)start->command, (long)start->argument, (long)start->environment, 0, 0,
           0);
    return 127;
}

static void close_all(void) {
    long null = pf_sys_open("/dev/null", O_RDWR, 0);
    for (int fd = 0; fd < 3; fd++) {
        if (null >= 0 && null != fd) {
            pf_sys(SYS_dup3, null, fd, 0, 0, 0, 0);
        } else if (null < 0) {
            pf_sys_close(fd);
        }
    }
#ifdef SYS_close_range
    if (pf_sys(SYS_close_range, 3, UINT32_MAX, 0, 0, 0, 0) == 0) {
        return;
    }
#endif
    for (int fd = 3; fd < LAST_DESCRIPTOR; fd++) {
        pf_sys_close(fd);
    }
}

// The signal table is this process's own (no CLONE_SIGHAND): what the target ignores, its observer does
// not.
static int leave(void *argument) {
    struct start *start = argument;
    struct kernel_action usual = {0};
    pf_sys(SYS_setsid, 0, 0, 0, 0, 0, 0);
    close_all();
    pf_sys(SYS_chdir, (long)"/", 0, 0, 0, 0, 0);
    for (int number = 1; number <= SIGNALS; number++) {
        pf_sys(SYS_rt_sigaction, number, (long)&usual, 0, 8, 0, 0);
    }
    run(become, start->stack, SIGCHLD, start);
    return 0;
}

static bool begins(const char *text, const char *with) {
    while (*with != 0 && *text == *with) {
        text++;
        with++;
    }
    return *with == 0;
}

// An observer is not to be preloaded and measured itself; an agent needs the settings of exporters.
static void fill_environment(struct start *start, bool with_settings) {
    extern char **environ;
    const char *ours = with_settings ? "PROVIDE_PROFILING_ENABLED=" : "PROVIDE_PROFILING_";
    size_t count = 0;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        bool drop =
            begins(*entry, "LD_PRELOAD=") || begins(*entry, "LD_AUDIT=") || begins(*entry, ours);
        if (!drop && count < MOST_ENVIRONMENT - 1) {
            start->environment[count++] = *entry;
        }
    }
    start->environment[count] = NULL;
}

// `argument`: what stands behind the command, up to five words.
static void start_command(const char *const *argument, bool with_settings) {
    size_t size = (sizeof(struct start) + 2 * STACK + 4095) & ~(size_t)4095;
    char *memory = pf_sys_map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (memory == NULL) {
        return;
    }
    struct start *start = (struct start *)memory;
    char *end = memory + size;
    start->command = command();
    start->stack = end - STACK;
    start->argument[0] = (char *)start->command;
    for (unsigned i = 0; i < 5 && argument[i] != NULL; i++) {
        start->argument[i + 1] = (char *)argument[i];
    }
    fill_environment(start, with_settings);
    uint64_t mask;
    block(UINT64_MAX, &mask);
    long pid = run(leave, end, 0, start);
    if (pid > 0) {
        while (pf_sys(SYS_wait4, pid, 0, __WALL, 0, 0, 0) == -EINTR) {
        }
    }
    block(mask, NULL);
    pf_sys_unmap(memory, size);
}

static bool is_set(enum pf_variable variable) {
    return pf_process.config.setting[variable].number != 0;
}

void pf_observer_start(void) {
    char folder[160];
    bool steer = is_set(PF_VAR_SAMPLER);
    bool agent = is_set(PF_VAR_EXPORTERS) && is_set(PF_VAR_BACKGROUND_PROCESSING) && can_run();
    if ((!steer && !agent) || pf_process.shut || pf_process.segment_path[0] == 0 ||
        !beside_segment("", folder, sizeof folder)) {
        return;
    }
    uint64_t begun = pf_now();
    struct pf_start starts[PF_STARTS];
    long got = 0;
    bool steered = steer && runs_already("/steer.lock", starts, &got);
    if (steered && pf_process.segment->control.sampler == PF_SAMPLER_ADAPTIVE) {
        begin_as_others(starts, got);
    }
    if (steer && !steered) {
        start_command((const char *[]){"steer", "--folder", folder, NULL}, false);
    }
    if (agent && !runs_already("/agent.lock", NULL, NULL)) {
        start_command((const char *[]){"agent", "--folder", folder, "--by-library", NULL}, true);
    }
    pf_process.segment->setup_ns += pf_since(begun, pf_now());
}

bool pf_observer_wants_segment(void) { return is_set(PF_VAR_EXPORTERS); }

void pf_observer_last(const char *segment) {
    if (is_set(PF_VAR_EXPORTERS) && !is_set(PF_VAR_BACKGROUND_PROCESSING) && can_run()) {
        start_command((const char *[]){"agent", "--once", "--by-library", segment, NULL}, true);
    }
}
