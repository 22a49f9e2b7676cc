// SPDX-License-Identifier: Apache-2.0
// Makes the segment: a file in tmpfs that observers can map, or else private memory.
//
// Never a disk file: the first store into a page after write-back costs 1,500 ns there, 11 in tmpfs.
// Every byte has memory behind it before it is touched, so a full tmpfs is an error here and not a
// SIGBUS in the target.  One mapping of MAX_MEMORY_MB is made at once (addresses never move); memory is put
// behind it chunk by chunk.
#include "pf-clock.h"
#include "pf-observer.h"
#include "pf-print.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-unwind.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// SAMPLER=statistical and adaptive: every site is represented, however low its rate is.  The adaptive one is to know
// rare sites exactly, also in processes that end before an observer has looked at them.
#define FIRST_OF_STRATA 3u
#define CERTAIN_OF_STRATA 8u
#define CERTAIN_OF_ADAPTIVE 32u

#define FIRST_CHUNK (32u << 10)
#define MOST_CHUNK (4u << 20)
#define FOLDER_MOST 92u // with a file name behind it, it fits pf_process.segment_path

extern char *program_invocation_short_name;

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define NO_ADVICE 0x7fff // no kernel knows it

static bool file_backed;

// What was made, in case that it has to be opened again.
static dev_t file_device;
static ino_t file_inode;

// RLIMIT_FSIZE counts for tmpfs too, and going past it sends SIGXFSZ to the target.
static bool fits_file_limit(uint64_t size) {
    struct rlimit limit;
    long failed = pf_sys(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0);
    return failed == 0 && (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= size);
}

static uid_t user(void) { return (uid_t)pf_sys_geteuid(); }

// Opens a folder that nobody else can change the entries of, in memory and not on a disk; `forbidden`
// are the mode bits that it must not have.
static long open_folder(long parent, const char *path, mode_t forbidden) {
    long fd = pf_sys(SYS_openat, parent, (long)path,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
    if (fd < 0) {
        return fd;
    }
    struct stat status;
    struct statfs system;
    if (pf_sys_fstat((int)fd, &status) < 0 || status.st_uid != user() ||
        (status.st_mode & forbidden) != 0 || pf_sys_fstatfs((int)fd, &system) < 0 ||
        ((uint32_t)system.f_type != TMPFS_MAGIC && (uint32_t)system.f_type != RAMFS_MAGIC)) {
        pf_sys_close((int)fd);
        return -1;
    }
    return fd;
}

// The folder for segments, closed to others.
static long make_folder(long parent, const char *path) {
    pf_sys(SYS_mkdirat, parent, (long)path, 0700, 0, 0, 0);
    return open_folder(parent, path, 077);
}

// $XDG_RUNTIME_DIR/pfprof.  After su or sudo the variable may name another user's folder, who could
// then put anything in our folder's place: not used.
static long make_runtime_folder(const char *runtime) {
    long parent = open_folder(AT_FDCWD, runtime, 022);
    if (parent < 0) {
        return parent;
    }
    long fd = make_folder(parent, "pfprof");
    pf_sys_close((int)parent);
    return fd;
}

// /dev/shm/pfprof-UID.
static long make_own_folder(struct pf_out *ret_path) {
    char path[32];
    struct pf_out out = {.text = path, .size = sizeof path - 1};
    pf_out(&out, "/dev/shm/pfprof-");
    pf_out_uint(&out, user());
    path[out.used] = 0;
    pf_out(ret_path, path);
    return make_folder(AT_FDCWD, path);
}

// At start, because later another thread may be in setenv, which frees what `environ` was.
void pf_segment_note_environment(void) {
    static const char name[] = "XDG_RUNTIME_DIR=";
    extern char **environ;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        size_t i = 0;
        while (i < sizeof name - 1 && (*entry)[i] == name[i]) {
            i++;
        }
        const char *value = *entry + i;
        if (i == sizeof name - 1 && *value == '/' &&
            pf_length(value) < sizeof pf_process.runtime_dir) {
            for (size_t at = 0; value[at]; at++) {
                pf_process.runtime_dir[at] = value[at];
            }
            return;
        }
    }
}

// A regular file of our user, with no second name by which somebody else could reach it.
static bool is_ours(long fd, struct stat *ret_status) {
    return pf_sys_fstat((int)fd, ret_status) == 0 && S_ISREG(ret_status->st_mode) &&
           ret_status->st_uid == user() && ret_status->st_nlink == 1;
}

// The last part of a path, when it is the name of a session: `run-` and letters, digits, - or _.
static const char *session_name(const char *path) {
    const char *name = path;
    for (const char *at = path; *at; at++) {
        name = *at == '/' ? at + 1 : name;
    }
    bool good = name[0] == 'r' && name[1] == 'u' && name[2] == 'n' && name[3] == '-';
    for (const char *at = name; *at; at++) {
        char low = (char)(*at | 0x20);
        good &=
            (low >= 'a' && low <= 'z') || (*at >= '0' && *at <= '9') || *at == '-' || *at == '_';
    }
    return good ? name : NULL;
}

static long open_given_folder(const char *given) {
    return *given == '/' && pf_length(given) < FOLDER_MOST ? open_folder(AT_FDCWD, given, 077) : -1;
}

// The folder of a session (`pfprof run`) may be gone when a daemon of its tree starts another program, and
// is closed to a process that has become another user: no fault of anybody's.
void pf_segment_check_folder(void (*complain)(const char *line, size_t length)) {
    const char *given = pf_process.config.setting[PF_VAR_SEGMENT_DIR].text;
    if (*given == 0 || session_name(given) != NULL) {
        return;
    }
    long fd = open_given_folder(given);
    if (fd >= 0) {
        pf_sys_close((int)fd);
        return;
    }
    char line[512];
    struct pf_out out = {.text = line, .size = sizeof line - 1};
    pf_out(&out, "pfprof: PROVIDE_PROFILING_SEGMENT_DIR=\"");
    pf_out(&out, given);
    pf_out(&out,
           "\" is not the absolute path (91 bytes at most) of a folder of your own, mode 0700, in "
           "a tmpfs; the segment is private memory");
    out.size = sizeof line;
    pf_out(&out, "\n");
    complain(line, out.used);
}

// SEGMENT_DIR.  A process that has become another user (nginx's workers) cannot enter it: it uses
// a folder of the same name of its own, where a session of root's finds it.  Else nothing but
// private memory will do: in the usual folders nobody would look for it.
static long make_given_folder(const char *given, struct pf_out *ret_path) {
    long fd = open_given_folder(given);
    if (fd >= 0) {
        pf_out(ret_path, given);
        return fd;
    }
    const char *session = session_name(given);
    if (fd != -EACCES || session == NULL) {
        return -1;
    }
    long parent = make_own_folder(ret_path);
    if (parent < 0 || ret_path->used + 1 + pf_length(session) >= FOLDER_MOST) {
        pf_sys_close((int)parent);
        return -1;
    }
    fd = make_folder(parent, session);
    pf_sys_close((int)parent);
    pf_out(ret_path, "/");
    pf_out(ret_path, session);
    return fd;
}

// The usual places.
static long make_usual_folder(struct pf_out *ret_path) {
    const char *runtime = pf_process.runtime_dir;
    if (*runtime) {
        long fd = make_runtime_folder(runtime);
        if (fd >= 0) {
            pf_out(ret_path, runtime);
            pf_out(ret_path, "/pfprof");
            return fd;
        }
    }
    return make_own_folder(ret_path);
}

// Creates the file and keeps its path; -1 when there is no safe place.
static long make_file(void) {
    char folder[FOLDER_MOST];
    struct pf_out out = {.text = folder, .size = sizeof folder - 1};
    const char *given = pf_process.config.setting[PF_VAR_SEGMENT_DIR].text;
    long fd = *given ? make_given_folder(given, &out) : make_usual_folder(&out);
    if (fd < 0) {
        return -1;
    }
    folder[out.used] = 0;
    // The start time tells two lives of one pid apart; O_EXCL so that nobody's file is reused.
    char name[48];
    struct pf_out file = {.text = name, .size = sizeof name - 1};
    pf_out_uint(&file, pf_process.pid);
    pf_out(&file, "-");
    pf_out_uint(&file, pf_process.start_unix_ns / 1000);
    pf_out(&file, ".pfseg");
    name[file.used] = 0;
    long segment = pf_sys(SYS_openat, fd, (long)name,
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600, 0, 0);
    pf_sys_close((int)fd);
    if (segment >= 0) {
        struct pf_out path = {.text = pf_process.segment_path,
                              .size = sizeof pf_process.segment_path - 1};
        pf_out(&path, folder);
        pf_out(&path, "/");
        pf_out(&path, name);
        pf_process.segment_path[path.used] = 0;
    }
    return segment;
}

// Does the name still lead to the file that was made?
static bool is_the_segment(long fd) {
    struct stat status;
    return is_ours(fd, &status) && status.st_dev == file_device && status.st_ino == file_inode;
}

// Somebody else's file, that has the name by now, stays.  With no descriptor left to look with, the
// name has to do.
static bool name_is_ours(void) {
    if (pf_process.segment_path[0] == 0) {
        return false;
    }
    long fd = pf_sys_open(pf_process.segment_path, O_PATH | O_NOFOLLOW, 0);
    bool is_ours = fd >= 0 ? is_the_segment(fd) : fd == -EMFILE || fd == -ENFILE;
    if (fd >= 0) {
        pf_sys_close((int)fd);
    }
    return is_ours;
}

void pf_segment_unlink(void) {
    if (name_is_ours()) {
        pf_sys(SYS_unlinkat, AT_FDCWD, (long)pf_process.segment_path, 0, 0, 0, 0);
    }
    pf_process.segment_path[0] = 0;
}

// The other name: by it an agent knows that the process has ended, and that the file is its to remove.
static void rename_to(const char *ending) {
    char before[sizeof pf_process.segment_path];
    size_t length = pf_length(pf_process.segment_path);
    size_t start = length - pf_length(ending);
    if (!name_is_ours() || pf_same(pf_process.segment_path + start, ending)) {
        return;
    }
    for (size_t i = 0; i <= length; i++) {
        before[i] = pf_process.segment_path[i];
    }
    for (size_t i = start; i < length; i++) {
        pf_process.segment_path[i] = ending[i - start];
    }
    if (pf_sys(SYS_renameat, AT_FDCWD, (long)before, AT_FDCWD, (long)pf_process.segment_path, 0,
               0) != 0) {
        for (size_t i = start; i < length; i++) {
            pf_process.segment_path[i] = before[i];
        }
    }
}

void pf_segment_leave(void) { rename_to(".ended"); }

void pf_segment_return(void) { rename_to(".pfseg"); }

static struct pf_segment *map_file(uint64_t size) {
    if (!fits_file_limit(size)) {
        return NULL;
    }
    long fd = make_file();
    if (fd < 0) {
        return NULL;
    }
    struct pf_segment *segment = NULL;
    struct stat status;
    if (is_ours(fd, &status)) {
        file_device = status.st_dev;
        file_inode = status.st_ino;
    }
    if (is_the_segment(fd) && pf_sys_fallocate((int)fd, 0, FIRST_CHUNK) == 0 &&
        pf_sys_ftruncate((int)fd, size) == 0) {
        segment = pf_sys_map(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, (int)fd);
    }
    pf_sys_close((int)fd);
    if (segment == NULL) {
        pf_segment_unlink();
    }
    return segment;
}

// The links of a process's task folder are its threads and two more.  Asked at a child's first output, so
// that other forks cost nothing; a parent that is gone by then is taken for one of a single thread.
static uint32_t forked_from(uint32_t parent) {
    char path[40];
    struct pf_out out = {.text = path, .size = sizeof path - 1};
    pf_out(&out, "/proc/");
    pf_out_uint(&out, parent);
    pf_out(&out, "/task");
    path[out.used] = 0;
    struct stat status;
    long fd = pf_sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) {
        return PF_FORKED;
    }
    bool threads = pf_sys_fstat((int)fd, &status) == 0 && status.st_nlink > 3;
    pf_sys_close((int)fd);
    return threads ? PF_FORKED_FROM_THREADS : PF_FORKED;
}

// The magic comes last: who reads the file before has nothing yet.  Of half a header a reader would say that
// its process had ended, and might remove it.
static void describe(struct pf_segment *segment, uint64_t size) {
    segment->version = PF_SEGMENT_VERSION;
    segment->header_size = sizeof *segment;
    segment->size = size;
    segment->backed = file_backed ? FIRST_CHUNK : size;
    segment->used = sizeof *segment;
    segment->call_count = PF_CALL_COUNT;
    segment->state = PF_STATE_ACTIVE;
    segment->pid = pf_process.pid;
    segment->uid = (uint32_t)pf_sys_getuid();
    segment->start_unix_ns = pf_process.start_unix_ns;
    segment->start_monotonic_ns = pf_process.start_monotonic_ns;
    segment->clock_cost_ns = pf_clock_cost_ns;
    segment->kernel_bytes_base = pf_process.kernel_bytes_base;
    segment->rate = pf_process.config.setting[PF_VAR_SAMPLE_RATE].real;
    segment->control.rate = segment->rate;
    segment->control.sampler = (uint32_t)pf_process.config.setting[PF_VAR_SAMPLER].number;
    if (segment->control.sampler >= FIRST_OF_STRATA) {
        segment->control.certain = segment->control.sampler == PF_SAMPLER_ADAPTIVE
                                       ? CERTAIN_OF_ADAPTIVE
                                       : CERTAIN_OF_STRATA;
    }
    segment->exit_status = -1;
    segment->parent_pid = (uint32_t)pf_sys(SYS_getppid, 0, 0, 0, 0, 0, 0);
    segment->forked = pf_process.child ? forked_from(segment->parent_pid) : PF_FORKED_NOT;
    struct pf_out out = {.text = segment->program, .size = sizeof segment->program - 1};
    pf_out(&out, program_invocation_short_name);
    uint64_t magic;
    for (unsigned i = 0; i < sizeof magic; i++) {
        ((char *)&magic)[i] = PF_SEGMENT_MAGIC[i];
    }
    __atomic_store_n((uint64_t *)segment->magic, magic, __ATOMIC_RELEASE);
}

static void note_command(struct pf_segment *segment) {
    long length = pf_sys_slurp("/proc/self/cmdline", segment->command, sizeof segment->command);
    for (long i = 0; i < length - 1; i++) {
        segment->command[i] = segment->command[i] ? segment->command[i] : ' ';
    }
}

void pf_segment_make(void) {
    if (pf_process.shut || __atomic_load_n(&pf_process.making, __ATOMIC_ACQUIRE)) {
        return; // another thread is at it: this call is counted in pf_process.early
    }
    // Whatever does no harm when two threads do it comes before: calls of other threads have no site of
    // their own from here on, until it is made.
    pf_clock_init();
    pf_unwind_init();
    uint64_t begun = pf_now();
    pf_note_kernel_bytes();
    int none = PF_MAKING_NOT_BEGUN;
    if (!__atomic_compare_exchange_n(&pf_process.making, &none, PF_MAKING_NOW, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
    }
    if (pf_process.stale != NULL) {
        pf_sys_unmap(pf_process.stale, pf_process.stale_size);
        pf_process.stale = NULL;
    }
    pf_stream_begin();
    uint64_t size = pf_process.config.setting[PF_VAR_MAX_MEMORY_MB].number << 20;
    struct pf_segment *segment = NULL;
    file_backed = false;
    pf_process.segment_path[0] = 0;
    if (pf_process.config.setting[PF_VAR_CLI_ENABLED].number) {
        segment = map_file(size);
        file_backed = segment != NULL;
    }
    // Smaller and smaller private memory, because RLIMIT_AS may be tight.
    for (; segment == NULL && size >= FIRST_CHUNK; size = size / 16 & ~4095ull) {
        segment = pf_sys_map(size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
        if (segment != NULL) {
            break;
        }
    }
    if (segment == NULL) {
        // Not tried again: counted per function in this process's own memory.
        __atomic_store_n(&pf_process.making, PF_MAKING_ENDED, __ATOMIC_RELEASE);
        return;
    }
    describe(segment, size);
    __atomic_store_n(&pf_process.segment, segment, __ATOMIC_SEQ_CST);
    pf_bring_home();
    note_command(segment);
    segment->setup_ns = pf_since(begun, pf_now());
    __atomic_store_n(&pf_process.making, PF_MAKING_ENDED, __ATOMIC_RELEASE);
    pf_observer_start();
}

// A process may end, or close itself off, while one of its threads is anywhere in pf_segment_make(): the
// file has its name then and is mapped nowhere.  Not for ourselves, when a handler came in between.
void pf_segment_await(void) {
    for (unsigned patience = 200;
         patience > 0 && !pf_thread.busy && !pf_process.shut &&
         __atomic_load_n(&pf_process.making, __ATOMIC_ACQUIRE) == PF_MAKING_NOW;
         patience--) {
        pf_sys_pause(1000000);
    }
}

// Through the file's name, for kernels before 5.14: only if it is still the file that was mapped.
static bool back_by_name(uint64_t start, uint64_t size) {
    long fd = pf_sys_open(pf_process.segment_path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool done = is_the_segment(fd) && pf_sys_fallocate((int)fd, start, size) == 0;
    pf_sys_close((int)fd);
    return done;
}

// Puts memory behind a piece of the mapping.  The kernel is asked by address: that works after
// chroot and setuid and without a descriptor, and no name can lead astray.  A full tmpfs is an error,
// as with fallocate.  qemu-user says yes to any advice and does nothing: it is asked for nonsense too.
static bool back_piece(char *start, uint64_t offset, uint64_t size) {
    long refused = pf_sys(SYS_madvise, (long)start, 4096, NO_ADVICE, 0, 0, 0);
    long failed = refused == 0
                      ? -EINVAL
                      : pf_sys(SYS_madvise, (long)start, (long)size, MADV_POPULATE_WRITE, 0, 0, 0);
    return failed == 0 || (failed == -EINVAL && back_by_name(offset, size));
}

// Puts memory behind more of the mapping: doubling, at most 4 MiB at a time.
static bool back(struct pf_segment *segment, uint64_t need) {
    uint64_t backed = __atomic_load_n(&segment->backed, __ATOMIC_ACQUIRE);
    while (need > backed) {
        uint64_t chunk = backed < MOST_CHUNK ? backed : MOST_CHUNK;
        uint64_t end = backed + chunk > need ? backed + chunk : need;
        end = end < segment->size ? end : segment->size;
        if (need > end || pf_process.shut || pf_process.segment_path[0] == 0) {
            return false;
        }
        if (!back_piece((char *)segment + backed, backed, end - backed)) {
            return false;
        }
        // Two threads may both have grown it; the larger end wins, and either way is idempotent.
        while (end > backed && !__atomic_compare_exchange_n(&segment->backed, &backed, end, false,
                                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        }
        backed = __atomic_load_n(&segment->backed, __ATOMIC_ACQUIRE);
    }
    return true;
}

void *pf_segment_take(uint64_t size, uint64_t alignment) {
    struct pf_segment *segment = pf_process.segment;
    uint64_t used = __atomic_load_n(&segment->used, __ATOMIC_RELAXED);
    uint64_t start;
    do {
        start = (used + alignment - 1) & ~(alignment - 1);
        if (start + size > segment->size || !back(segment, start + size)) {
            __atomic_store_n(&segment->partial, 1, __ATOMIC_RELAXED);
            return NULL;
        }
    } while (!__atomic_compare_exchange_n(&segment->used, &used, start + size, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return (char *)segment + start;
}
