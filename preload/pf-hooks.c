// SPDX-License-Identifier: Apache-2.0
// Wrapped by hand: the ends of a process, new processes, raw system calls, rows without a v form.
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#pragma GCC diagnostic ignored "-Wmissing-prototypes" // names that libc exports undeclared
#pragma GCC diagnostic ignored "-Wvla"                // execl: as many arguments as the caller gave
#include "pf-print.h"
#include "pf-process.h"
#include "pf-wrap.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// --- the end

#define PF_ABSENT_never
typedef void never;
PF_REAL(_exit, never, (int status), (status))
PF_REAL(_Exit, never, (int status), (status))

PF_EXPORT void PF_WRAPPER(_exit)(int status) {
    pf_finish_with("_exit", status & 0xff);
    pf_real__exit(status);
    __builtin_unreachable();
}

PF_EXPORT void PF_WRAPPER(_Exit)(int status) {
    pf_finish_with("_Exit", status & 0xff);
    pf_real__Exit(status);
    __builtin_unreachable();
}

// --- exec: the new image starts from nothing, so this one's summary is written first.  When it is
// already plain that exec will fail (shells try each folder of PATH), nothing is.

static bool executable(const char *path) {
    return pf_process.shut || pf_sys(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0) == 0;
}

static bool found_in_path(const char *file) {
    const char *path = NULL;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        const char *at = *entry;
        if (at[0] == 'P' && at[1] == 'A' && at[2] == 'T' && at[3] == 'H' && at[4] == '=') {
            path = at + 5;
        }
    }
    path = path != NULL ? path : "/bin:/usr/bin";
    for (;;) {
        char name[512];
        struct pf_out out = {.text = name, .size = sizeof name - 1};
        size_t length = 0;
        while (path[length] && path[length] != ':') {
            length++;
        }
        pf_out_bytes(&out, path, length);
        pf_out(&out, length ? "/" : "");
        pf_out(&out, file);
        name[out.used] = 0;
        if (!out.cut && executable(name)) {
            return true;
        }
        if (path[length] == 0) {
            return false;
        }
        path += length + 1;
    }
}

static void before_exec(const char *file, bool search) {
    if (pf_mode != PF_MODE_ON || pf_thread.vfork_depth != 0 || file == NULL ||
        pf_process.segment == NULL) {
        return;
    }
    bool slash = false;
    for (const char *at = file; *at; at++) {
        slash |= *at == '/';
    }
    if (search && !slash ? found_in_path(file) : executable(file)) {
        pf_finish("exec");
    }
}

// exec came back: the process goes on, and so does its count.
static int after_exec(int result) {
    if (pf_thread.vfork_depth == 0) {
        pf_unfinish();
    }
    return result;
}

PF_REAL(execve, int, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
PF_REAL(execv, int, (const char *path, char *const argv[]), (path, argv))
PF_REAL(execvp, int, (const char *file, char *const argv[]), (file, argv))
PF_REAL(execvpe, int, (const char *file, char *const argv[], char *const envp[]),
        (file, argv, envp))
PF_REAL(fexecve, int, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))
PF_REAL(execveat, int,
        (int fd, const char *path, char *const argv[], char *const envp[], int flags),
        (fd, path, argv, envp, flags))

PF_EXPORT int PF_WRAPPER(execve)(const char *path, char *const argv[], char *const envp[]) {
    before_exec(path, false);
    return after_exec(pf_real_execve(path, argv, envp));
}

PF_EXPORT int PF_WRAPPER(execv)(const char *path, char *const argv[]) {
    before_exec(path, false);
    return after_exec(pf_real_execv(path, argv));
}

PF_EXPORT int PF_WRAPPER(execvp)(const char *file, char *const argv[]) {
    before_exec(file, true);
    return after_exec(pf_real_execvp(file, argv));
}

PF_EXPORT int PF_WRAPPER(execvpe)(const char *file, char *const argv[], char *const envp[]) {
    before_exec(file, true);
    return after_exec(pf_real_execvpe(file, argv, envp));
}

PF_EXPORT int PF_WRAPPER(fexecve)(int fd, char *const argv[], char *const envp[]) {
    before_exec("/", false);
    return after_exec(pf_real_fexecve(fd, argv, envp));
}

PF_EXPORT int PF_WRAPPER(execveat)(int fd, const char *path, char *const argv[], char *const envp[],
                                   int flags) {
    before_exec("/", false);
    return after_exec(pf_real_execveat(fd, path, argv, envp, flags));
}

// execl and its kin: the arguments become a vector, as in libc itself.
#define COUNT_ARGUMENTS(count, first)                                                              \
    size_t count = 1;                                                                              \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, first);                                                                       \
        while (va_arg(ap, char *) != NULL) {                                                       \
            count++;                                                                               \
        }                                                                                          \
        va_end(ap);                                                                                \
    }
#define TAKE_ARGUMENTS(argv, count, first)                                                         \
    char *argv[count + 1];                                                                         \
    va_list ap;                                                                                    \
    va_start(ap, first);                                                                           \
    argv[0] = (char *)first;                                                                       \
    for (size_t i = 1; i <= count; i++) {                                                          \
        argv[i] = va_arg(ap, char *);                                                              \
    }

PF_EXPORT int PF_WRAPPER(execl)(const char *path, const char *arg, ...) {
    COUNT_ARGUMENTS(count, arg)
    TAKE_ARGUMENTS(argv, count, arg)
    va_end(ap);
    return PF_WRAPPER(execv)(path, argv);
}

PF_EXPORT int PF_WRAPPER(execlp)(const char *file, const char *arg, ...) {
    COUNT_ARGUMENTS(count, arg)
    TAKE_ARGUMENTS(argv, count, arg)
    va_end(ap);
    return PF_WRAPPER(execvp)(file, argv);
}

PF_EXPORT int PF_WRAPPER(execle)(const char *path, const char *arg, ...) {
    COUNT_ARGUMENTS(count, arg)
    TAKE_ARGUMENTS(argv, count, arg)
    char *const *envp = va_arg(ap, char *const *);
    va_end(ap);
    return PF_WRAPPER(execve)(path, argv, envp);
}

// --- new processes.  fork and what libc builds on it (daemon, forkpty) come through atfork.

PF_REAL(_Fork, pid_t, (void), ())
PF_EXPORT pid_t PF_WRAPPER(_Fork)(void) {
    pid_t pid = pf_real__Fork();
    if (pid == 0) {
        pf_become_child();
    }
    return pid;
}

#define CLONE(name)                                                                                \
    PF_REAL(name, int,                                                                             \
            (int (*function)(void *), void *stack, int flags, void *arg, void *parent, void *tls,  \
             void *child),                                                                         \
            (function, stack, flags, arg, parent, tls, child))                                     \
    PF_EXPORT int PF_WRAPPER(name)(int (*function)(void *), void *stack, int flags, void *arg,     \
                                   ...) {                                                          \
        va_list ap;                                                                                \
        va_start(ap, arg);                                                                         \
        void *parent = va_arg(ap, void *);                                                         \
        void *tls = va_arg(ap, void *);                                                            \
        void *child = va_arg(ap, void *);                                                          \
        va_end(ap);                                                                                \
        pf_before_clone((unsigned)flags);                                                          \
        return pf_real_##name(function, stack, flags, arg, parent, tls, child);                    \
    }
CLONE(clone)
CLONE(__clone)

// Called by the vfork of arch/<cpu>/ in the child and in the parent, with the kernel's result.
__attribute__((used)) long pf_after_vfork(long result);
long pf_after_vfork(long result) {
    struct pf_thread *thread = &pf_thread;
    if (result == 0) {
        if (thread->vfork_depth++ == 0 && thread->slot != NULL) {
            thread->parked = thread->slot;
            thread->slot = NULL;
        }
        return 0;
    }
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    // An emulator (qemu-user, valgrind) makes a fork of it: then the child counted up its own copy.
    if (thread->vfork_depth != 0 && --thread->vfork_depth == 0 && thread->parked != NULL &&
        thread->inside == 0) {
        thread->slot = thread->parked;
        thread->parked = NULL;
    }
    return result;
}

#ifndef PF_ARCH_HAS_THUNKS
// Without the assembly a vfork is a fork: dearer, but nothing of the child lands in the parent.
PF_EXPORT pid_t PF_WRAPPER(vfork)(void) { return fork(); }
PF_EXPORT pid_t PF_WRAPPER(__vfork)(void) { return fork(); }
#endif

// --- the end of a module

uint32_t pf_closed_modules;

PF_REAL(dlclose, int, (void *handle), (handle))
PF_EXPORT int PF_WRAPPER(dlclose)(void *handle) {
    int result = pf_real_dlclose(handle);
    __atomic_fetch_add(&pf_closed_modules, 1, __ATOMIC_RELAXED);
    return result;
}

// --- a seccomp filter

PF_REAL(prctl, int,
        (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
        (option, a, b, c, d))
PF_EXPORT int PF_WRAPPER(prctl)(int option, ...) {
    va_list ap;
    va_start(ap, option);
    unsigned long a = va_arg(ap, unsigned long);
    unsigned long b = va_arg(ap, unsigned long);
    unsigned long c = va_arg(ap, unsigned long);
    unsigned long d = va_arg(ap, unsigned long);
    va_end(ap);
    if (PF_WRAPPER_IS_EARLY()) {
        return pf_early_prctl(option, a, b, c, d);
    }
    if (PF_UNLIKELY(option == PR_SET_SECCOMP)) {
        pf_shut();
    }
    return pf_real_prctl(option, a, b, c, d);
}

// --- raw system calls through libc's syscall()

PF_REAL(syscall, long, (long number, long a, long b, long c, long d, long e, long f),
        (number, a, b, c, d, e, f))

// The descriptor that an output call number writes to; -2 when it is not one.
static int output_descriptor(long number, long a, long b, long c) {
    switch (number) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendfile:
#ifdef SYS_sendfile64
    case SYS_sendfile64:
#endif
    case SYS_vmsplice: return (int)a;
    case SYS_tee: return (int)b;
    case SYS_splice:
    case SYS_copy_file_range: return (int)c;
    default: return -2;
    }
}

static void before_system_call(long number, long a) {
    switch (number) {
#ifdef SYS_fork
    case SYS_fork:
#endif
    case SYS_clone3: pf_before_clone(0); break;
    case SYS_clone: pf_before_clone((uint64_t)a); break;
    case SYS_seccomp: pf_shut(); break;
    case SYS_close: pf_stream_forget((unsigned)a, (unsigned)a); break;
    case SYS_exit_group: pf_finish("exit_group"); break;
    case SYS_execve: before_exec((const char *)a, false); break;
    default: break;
    }
}

PF_EXPORT long PF_WRAPPER(syscall)(long number, ...) {
    va_list ap;
    va_start(ap, number);
    long a = va_arg(ap, long);
    long b = va_arg(ap, long);
    long c = va_arg(ap, long);
    long d = va_arg(ap, long);
    long e = va_arg(ap, long);
    long f = va_arg(ap, long);
    va_end(ap);
    if (PF_WRAPPER_IS_EARLY()) {
        return pf_early_syscall(number, a, b, c, d, e, f);
    }
    int fd = output_descriptor(number, a, b, c);
    if (PF_LIKELY(fd == -2)) {
        if (pf_mode == PF_MODE_ON) {
            before_system_call(number, a);
        }
        return pf_real_syscall(number, a, b, c, d, e, f);
    }
    struct pf_entry *entry = pf_enter(PF_CALL_syscall, fd, PF_SITE, PF_FRAME);
    if (entry == NULL) {
        return pf_real_syscall(number, a, b, c, d, e, f);
    }
    struct pf_probe probe = {.detail = NULL};
    if (pf_due(entry)) {
        pf_begin(&probe, entry, NULL, false);
    }
    long result = pf_real_syscall(number, a, b, c, d, e, f);
    uint64_t bytes = result > 0 ? (uint64_t)result : 0;
    pf_end(&probe, bytes, result < 0);
    pf_account(entry, bytes, result < 0);
    return result;
}

// --- rows without a v form

#ifdef PF_ARCH_HAS_THUNKS
static const struct {
    enum pf_call call;
    const char *name;
    int format; // which integer argument is the format, when the row is layered; -1 when it is not
} tails[] = {
#define FORMAT_ERROR(name) -1
#define FORMAT_GLIB(name) FORMAT_OF_##name
#define FORMAT_OF_g_print 0
#define FORMAT_OF_g_printerr 0
#define FORMAT_OF_g_log_structured_standard 5
#define PF_CALL(name, ...)
#define PF_VCALL(name, ...)
#define PF_HOOK(name, ...)
#define PF_SCOPE(name, ...)
#define PF_TAIL(name, family, why) {PF_CALL_##name, #name, FORMAT_##family(name)},
#include "pf-calls.def"
};

static long absent(void) { return 0; }

// No more 8-byte words than this can a format consume: two for a long double, and two for each star,
// because what follows it may begin at a multiple of 16.
static unsigned most_words(const char *format) {
    unsigned words = 0;
    unsigned number = 0;
    for (; format != NULL && *format && words < 4096; format++) {
        if (*format >= '0' && *format <= '9') {
            number = number < 4096 ? number * 10 + (unsigned)(*format - '0') : number;
            continue;
        }
        words += *format == '%' || *format == '*' ? 2 : *format == '$' ? number * 2 : 0;
        number = 0;
    }
    return words;
}

#define MOST_WORDS 256u

// Counts the call.  Returns how many bytes of stack arguments to call the real function with (a
// multiple of 16), or -1 to jump to it.
__attribute__((used)) long pf_tail_enter(unsigned index, void *site, const long *arguments,
                                         void *frame, void **ret_real);
long pf_tail_enter(unsigned index, void *site, const long *arguments, void *frame,
                   void **ret_real) {
    static void *reals[sizeof tails / sizeof *tails];
    void *real = __atomic_load_n(&reals[index], __ATOMIC_RELAXED);
    if (real == NULL) {
        real = pf_next(tails[index].name);
        real = real != NULL ? real : (void *)absent;
        __atomic_store_n(&reals[index], real, __ATOMIC_RELAXED);
    }
    *ret_real = real;
    int fd = pf_calls[tails[index].call].family == PF_FAMILY_ERROR ? pf_stderr_fd() : -1;
    if (pf_enter(tails[index].call, fd, site, frame) == NULL || tails[index].format < 0) {
        return -1;
    }
    unsigned words = most_words((const char *)arguments[tails[index].format]);
    if (words > MOST_WORDS) {
        return -1; // counted, but what it calls in turn counts as well
    }
    pf_inside_begin(frame);
    return (long)((words * 8 + PF_TAIL_NAMED_BYTES + 15) & ~15u);
}

__attribute__((used)) void pf_tail_leave(void *frame);
void pf_tail_leave(void *frame) { pf_inside_end(frame); }
#endif

void pf_resolve_hooks(void) {
    PF_RESOLVE_EARLY(_exit);
    PF_RESOLVE_EARLY(execve);
    PF_RESOLVE_EARLY(execv);
}
