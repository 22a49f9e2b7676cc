// SPDX-License-Identifier: Apache-2.0
// Finds the next definitions, and makes our own system calls without touching errno.
#include "pf-real.h"
#include "pf-image.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
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
void *pf_next_unrelocated(const char *name) {
    // Another name, because <link.h> declares it as if another image had it.
    extern const ElfW(Dyn) own[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));
    ElfW(auxv_t) auxv[64];
    long size = pf_sys_slurp("/proc/self/auxv", (char *)auxv, sizeof auxv);
    const void *loader = NULL;
    for (long i = 0; i < size / (long)sizeof *auxv; i++) {
        if (auxv[i].a_type == AT_BASE) {
            loader = (const void *)auxv[i].a_un.a_val;
        }
    }
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

#if defined(__x86_64__)
long pf_sys(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
long pf_sys(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
// Elsewhere through the next `syscall`, with errno put back.
long pf_sys(long number, long a, long b, long c, long d, long e, long f) {
    static long (*next)(long, ...);
    if (next == NULL) {
        next = (long (*)(long, ...))pf_next("syscall");
    }
    int saved = errno;
    long result = next(number, a, b, c, d, e, f);
    if (result == -1) {
        result = -errno;
    }
    errno = saved;
    return result;
}
#endif

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

void *pf_sys_map(size_t size, int protection, int flags, int fd) {
#ifdef SYS_mmap
    long result = pf_sys(SYS_mmap, 0, (long)size, protection, flags, fd, 0);
#else
    long result = pf_sys(SYS_mmap2, 0, (long)size, protection, flags, fd, 0);
#endif
    return result < 0 && result > -4096 ? NULL : (void *)result;
}

void pf_sys_unmap(void *start, size_t size) {
    pf_sys(SYS_munmap, (long)start, (long)size, 0, 0, 0, 0);
}

long pf_sys_clock_gettime(clockid_t clock, struct timespec *ret_time) {
    return pf_sys(SYS_clock_gettime, clock, (long)ret_time, 0, 0, 0, 0);
}

long pf_sys_getpid(void) { return pf_sys(SYS_getpid, 0, 0, 0, 0, 0, 0); }
long pf_sys_gettid(void) { return pf_sys(SYS_gettid, 0, 0, 0, 0, 0, 0); }
long pf_sys_getuid(void) { return pf_sys(SYS_getuid, 0, 0, 0, 0, 0, 0); }

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
