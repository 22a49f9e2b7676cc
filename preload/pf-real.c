// SPDX-License-Identifier: Apache-2.0
// Finds the next definitions, and makes our own system calls without touching errno.
#include "pf-real.h"
#include "pf-arch.h"
#include "pf-image.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

void *pf_next(const char *name) {
    int saved = errno;
    void *found = dlsym(RTLD_NEXT, name);
    errno = saved;
    return found;
}

// Holds its own address, but the one it was linked at until the loader has relocated us.
static void *volatile here = (void *)&here;

bool pf_relocated(void) { return here == (void *)&here; }

// Before that we cannot call libc by name; but the loader has a list of what is loaded, and has
// relocated what comes after us.
static void *find_after_us(const void *loader, const char *name);

void *pf_next_unrelocated(const char *name) {
    ElfW(auxv_t) auxv[64];
    long size = pf_sys_slurp("/proc/self/auxv", (char *)auxv, sizeof auxv);
    const void *loader = NULL;
    for (long i = 0; i < size / (long)sizeof *auxv; i++) {
        if (auxv[i].a_type == AT_BASE) {
            loader = (const void *)auxv[i].a_un.a_val;
        }
    }
    return find_after_us(loader, name);
}

void *pf_next_by_hand(const char *name) {
    return find_after_us((const void *)getauxval(AT_BASE), name);
}

static void *find_after_us(const void *loader, const char *name) {
    // Another name, because <link.h> declares it as if another image had it.
    extern const ElfW(Dyn) own[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));
    const struct r_debug *debug =
        loader != NULL ? pf_image_symbol(pf_image_at(loader), "_r_debug") : NULL;
    const struct link_map *map = debug != NULL ? debug->r_map : NULL;
    while (map != NULL && map->l_ld != own) {
        map = map->l_next;
    }
    void *found = NULL;
    while (map != NULL && found == NULL) {
        map = map->l_next;
        if (map != NULL) {
            found = pf_image_symbol((struct pf_image){map->l_addr, map->l_ld}, name);
        }
    }
    return found;
}

long pf_sys(long number, long a, long b, long c, long d, long e, long f) {
    return pf_arch_sys(number, a, b, c, d, e, f);
}

long pf_sys_open(const char *path, int flags, unsigned mode) {
    return pf_sys(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}

long pf_sys_close(int fd) { return pf_sys(SYS_close, fd, 0, 0, 0, 0, 0); }

long pf_sys_read(int fd, void *buffer, size_t size) {
    return pf_sys(SYS_read, fd, (long)buffer, (long)size, 0, 0, 0);
}

long pf_sys_write(int fd, const void *buffer, size_t size) {
    return pf_sys(SYS_write, fd, (long)buffer, (long)size, 0, 0, 0);
}

// On a 32-bit machine the plain number is often that of an older call, with narrower fields; a 64-bit
// argument takes two places there.
#ifdef __LP64__
#define WIDE(value) (long)(value), 0
#define CALL_mmap SYS_mmap
#define CALL_fstat SYS_fstat
#define CALL_ftruncate SYS_ftruncate
#define CALL_getuid SYS_getuid
#define CALL_geteuid SYS_geteuid
#define CALL_clock_gettime SYS_clock_gettime
#else
#define WIDE(value) (long)(value), (long)((uint64_t)(value) >> 32)
#define CALL_mmap SYS_mmap2
#define CALL_fstat SYS_fstat64
#define CALL_ftruncate SYS_ftruncate64
#define CALL_getuid SYS_getuid32
#define CALL_geteuid SYS_geteuid32
#define CALL_clock_gettime SYS_clock_gettime64
#endif
_Static_assert(sizeof(off_t) == 8, "struct stat and struct rlimit are the kernel's wide ones");

void *pf_sys_map(size_t size, int protection, int flags, int fd) {
    long result = pf_sys(CALL_mmap, 0, (long)size, protection, flags, fd, 0);
    return result < 0 && result > -4096 ? NULL : (void *)result;
}

void pf_sys_unmap(void *start, size_t size) {
    pf_sys(SYS_munmap, (long)start, (long)size, 0, 0, 0, 0);
}

long pf_sys_fstat(int fd, struct stat *ret_status) {
    return pf_sys(CALL_fstat, fd, (long)ret_status, 0, 0, 0, 0);
}

// As the kernel writes it; not every libc that we are built with has it.
struct kernel_statx {
    uint32_t before_mode[7];
    uint16_t mode;
    uint16_t spare;
    uint64_t inode;
    uint64_t before_device[11];
    uint32_t special_major;
    uint32_t special_minor;
    uint32_t device_major;
    uint32_t device_minor;
    uint64_t rest[14];
};
_Static_assert(offsetof(struct kernel_statx, inode) == 32 &&
                   offsetof(struct kernel_statx, special_major) == 128 &&
                   sizeof(struct kernel_statx) == 256,
               "as in linux/stat.h");
#define STATX_OF_TYPE_AND_INODE 0x101
#define STATX_EMPTY_PATH_DONT_SYNC (0x1000 | 0x4000)

long pf_sys_identify(int fd, struct pf_file *ret_file) {
    struct kernel_statx found;
    long result = pf_sys(SYS_statx, fd, (long)"", STATX_EMPTY_PATH_DONT_SYNC,
                         STATX_OF_TYPE_AND_INODE, (long)&found, 0);
    if (result == 0) {
        uint64_t device = (found.device_minor & 0xff) | (uint64_t)found.device_major << 8 |
                          (uint64_t)(found.device_minor & ~0xffu) << 12; // as stat has it
        *ret_file = (struct pf_file){device, found.inode, found.special_major, found.mode};
        return 0;
    }
    struct stat status; // a kernel or a filter without it
    result = pf_sys_fstat(fd, &status);
    if (result == 0) {
        *ret_file = (struct pf_file){status.st_dev, status.st_ino,
                                     (uint32_t)(status.st_rdev >> 8) & 0xfff, status.st_mode};
    }
    return result;
}

long pf_sys_fstatfs(int fd, struct statfs *ret_status) {
#ifdef __LP64__
    return pf_sys(SYS_fstatfs, fd, (long)ret_status, 0, 0, 0, 0);
#else
    return pf_sys(SYS_fstatfs64, fd, sizeof *ret_status, (long)ret_status, 0, 0, 0);
#endif
}

long pf_sys_ftruncate(int fd, uint64_t size) {
    return pf_sys(CALL_ftruncate, fd, WIDE(size), 0, 0, 0);
}

long pf_sys_fallocate(int fd, uint64_t from, uint64_t size) {
#ifdef __LP64__
    return pf_sys(SYS_fallocate, fd, 0, (long)from, (long)size, 0, 0);
#else
    return pf_sys(SYS_fallocate, fd, 0, WIDE(from), WIDE(size));
#endif
}

void pf_sys_pause(long nanoseconds) {
    struct timespec wait = {.tv_nsec = nanoseconds};
    pf_sys(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&wait, 0, 0, 0);
}

long pf_sys_clock_gettime(clockid_t clock, struct pf_time *ret_time) {
    long result = pf_sys(CALL_clock_gettime, clock, (long)ret_time, 0, 0, 0, 0);
#ifndef __LP64__
    if (result == -ENOSYS) { // before Linux 5.1
        long narrow[2];
        result = pf_sys(SYS_clock_gettime, clock, (long)narrow, 0, 0, 0, 0);
        *ret_time = (struct pf_time){narrow[0], narrow[1]};
    }
#endif
    return result;
}

long pf_sys_getpid(void) { return pf_sys(SYS_getpid, 0, 0, 0, 0, 0, 0); }
long pf_sys_gettid(void) { return pf_sys(SYS_gettid, 0, 0, 0, 0, 0, 0); }
long pf_sys_getuid(void) { return pf_sys(CALL_getuid, 0, 0, 0, 0, 0, 0); }
long pf_sys_geteuid(void) { return pf_sys(CALL_geteuid, 0, 0, 0, 0, 0, 0); }

long pf_sys_slurp(const char *path, char *buffer, size_t size) {
    long fd = pf_sys_open(path, O_RDONLY, 0);
    if (fd < 0) {
        buffer[0] = 0;
        return fd;
    }
    size_t done = 0;
    long count = 0;
    while (done + 1 < size) {
        count = pf_sys_read((int)fd, buffer + done, size - 1 - done);
        if (count <= 0) {
            break;
        }
        done += (size_t)count;
    }
    pf_sys_close((int)fd);
    buffer[done] = 0;
    return count < 0 ? count : (long)done;
}
