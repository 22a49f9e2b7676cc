// SPDX-License-Identifier: Apache-2.0
// The real functions behind ours, and the system calls that we make ourselves.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#pragma GCC visibility push(hidden)

// The next definition of a name after our library, and which library has it.
struct pf_next {
    void *address;       // NULL: there is none
    const void *library; // its dynamic section
    uintptr_t bias;
};

// Looks without dlsym, which would forget the error that the program's next dlerror() is to tell.  What was
// loaded at start, or by then, is looked through without a lock; only for a name that it lacks, the
// loader's is taken, so signal-safe functions are resolved early (pf_resolve_early).
struct pf_next pf_next_find(const char *name);
void *pf_next(const char *name);

// Whether the library that has it defines another name, too.
bool pf_next_has(const struct pf_next *found, const char *name);

// What stands before us, among all that was loaded at start: the program itself (as dlopen(NULL) calls it), whether
// something there defines a name, whether an address is of something there.
const void *pf_next_program(void);
bool pf_next_is_before(const char *name);
bool pf_next_stands_before(const void *address);

// Notes what is loaded by now: it is there for good.  In the constructor.
void pf_next_init(void);

// An IFUNC resolver of another library can call us before the loader has relocated us, and then only
// what needs no relocation works: no libc, no errno, no thread variables.
bool pf_relocated(void);
void *pf_next_unrelocated(const char *name);

// Resolves the rows that POSIX calls async-signal-safe; pf_resolve_hooks those wrapped by hand.
void pf_resolve_early(void);
void pf_resolve_hooks(void);

// What we ask of the kernel, all in one place: raw system calls that leave errno alone and return
// -errno, so that nothing of ours passes through an interposed name.
long pf_sys(long number, long a, long b, long c, long d, long e, long f);
long pf_sys_open(const char *path, int flags, unsigned mode);
long pf_sys_close(int fd);
long pf_sys_read(int fd, void *buffer, size_t size);
long pf_sys_write(int fd, const void *buffer, size_t size);
void *pf_sys_map(size_t size, int protection, int flags, int fd); // NULL on failure
void pf_sys_unmap(void *start, size_t size);
struct stat; // with 64-bit fields, both: not after `#undef _FILE_OFFSET_BITS`
struct statfs;
long pf_sys_fstat(int fd, struct stat *ret_status);
long pf_sys_fstatfs(int fd, struct statfs *ret_status);
// What a file is, and nothing of it that changes: whoever asks for its times makes the next write to it dearer
// (Linux 6.13), and may wait for a server.
struct pf_file {
    uint64_t device;
    uint64_t inode;
    uint32_t device_major; // of a device file
    uint32_t mode;
};
long pf_sys_identify(int fd, struct pf_file *ret_file);
long pf_sys_ftruncate(int fd, uint64_t size);
long pf_sys_fallocate(int fd, uint64_t from, uint64_t size);
long pf_sys_getpid(void);
long pf_sys_gettid(void);
long pf_sys_getuid(void);
long pf_sys_geteuid(void);
// The kernel's own, 64 bits wide on every machine; libc's struct timespec may not be.
struct pf_time {
    int64_t seconds;
    int64_t nanoseconds;
};
void pf_sys_pause(long nanoseconds); // less than a second
long pf_sys_clock_gettime(clockid_t clock, struct pf_time *ret_time);
// Reads a small file whole into `buffer`, terminates it with NUL; the bytes read or -errno.
long pf_sys_slurp(const char *path, char *buffer, size_t size);
#pragma GCC visibility pop
