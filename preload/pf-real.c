// SPDX-License-Identifier: Apache-2.0
// Finds the next definitions, and makes our own system calls without touching errno.
#include "pf-real.h"
#include "pf-arch.h"
#include "pf-image.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

// Holds its own address, but the one it was linked at until the loader has relocated us.
static void *volatile here = (void *)&here;

bool pf_relocated(void) { return here == (void *)&here; }

// What the loader has for debuggers.  `loader`: where it lies itself.
static const struct r_debug *list_of(const void *loader) {
    return loader != NULL ? pf_image_symbol(pf_image_at(loader), "_r_debug") : NULL;
}

// Our own place in the list of what is loaded.
static const struct link_map *own_place(const struct r_debug *debug) {
    // Another name, because <link.h> declares it as if another image had it.
    extern const ElfW(Dyn) own[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));
    const struct link_map *map = debug != NULL ? debug->r_map : NULL;
    while (map != NULL && map->l_ld != own) {
        map = map->l_next;
    }
    return map;
}

// The first definition after `map`, up to `last`; NULL: to the end of the list.
static struct pf_next find_after(const struct link_map *map, const struct link_map *last,
                                 const char *name) {
    while (map != NULL && map != last) {
        map = map->l_next;
        if (map != NULL) {
            void *found = pf_image_symbol((struct pf_image){map->l_addr, map->l_ld}, name);
            if (found != NULL) {
                return (struct pf_next){found, map->l_ld, map->l_addr};
            }
        }
    }
    return (struct pf_next){NULL, NULL, 0};
}

// Before that we cannot call libc by name; but the loader has a list of what is loaded, and has
// relocated what comes after us.
void *pf_next_unrelocated(const char *name) {
    ElfW(auxv_t) auxv[64];
    long size = pf_sys_slurp("/proc/self/auxv", (char *)auxv, sizeof auxv);
    const void *loader = NULL;
    for (long i = 0; i < size / (long)sizeof *auxv; i++) {
        if (auxv[i].a_type == AT_BASE) {
            loader = (const void *)auxv[i].a_un.a_val;
        }
    }
    return find_after(own_place(list_of(loader)), NULL, name).address;
}

#ifdef __GLIBC__
// Us, and the last that was loaded at start.  What lies between them is never unloaded, so this part of
// the list does not change.
static const struct link_map *own_map;
static const struct link_map *last_map;

// Started by its name (ld.so PROGRAM), the loader is no interpreter and AT_BASE is 0; then the program's
// own dynamic section has the address.  (An import of _r_debug would need the loader by its name.)
static const struct r_debug *loader_list(void) {
    const struct r_debug *found = list_of((const void *)getauxval(AT_BASE));
    const ElfW(Phdr) *segment = (const void *)getauxval(AT_PHDR);
    unsigned long count = found == NULL && segment != NULL ? getauxval(AT_PHNUM) : 0;
    uintptr_t bias = 0;
    for (unsigned long i = 0; i < count; i++) {
        if (segment[i].p_type == PT_PHDR) {
            bias = (uintptr_t)segment - segment[i].p_vaddr;
        } else if (segment[i].p_type == PT_DYNAMIC) {
            const ElfW(Dyn) *at = (const void *)(bias + segment[i].p_vaddr);
            for (; at->d_tag != DT_NULL; at++) {
                found = at->d_tag == DT_DEBUG ? (const void *)at->d_un.d_ptr : found;
            }
        }
    }
    return found;
}

void pf_next_init(void) {
    if (own_map != NULL) {
        return;
    }
    const struct link_map *map = own_place(loader_list());
    last_map = map;
    while (last_map != NULL && last_map->l_next != NULL) {
        last_map = last_map->l_next;
    }
    __atomic_store_n(&own_map, map, __ATOMIC_RELEASE);
}

// libc's own: a sanitizer's, which would be ours by name, may not work yet.
static void iterate(int (*look)(struct dl_phdr_info *, size_t, void *), void *data) {
    typedef int iterate_fn(int (*)(struct dl_phdr_info *, size_t, void *), void *);
    const struct link_map *map = own_map;
    iterate_fn *found = NULL;
    while (map != NULL && map != last_map && found == NULL) {
        map = map->l_next;
        struct pf_next here = {NULL, map->l_ld, map->l_addr};
        found = pf_next_has(&here, "gnu_get_libc_version")
                    ? (iterate_fn *)pf_image_symbol((struct pf_image){map->l_addr, map->l_ld},
                                                    "dl_iterate_phdr")
                    : NULL;
    }
    if (found != NULL) {
        found(look, data);
    }
}

const void *pf_next_program(void) {
    const struct link_map *map = own_map;
    while (map != NULL && map->l_prev != NULL) {
        map = map->l_prev;
    }
    return map;
}

bool pf_next_is_before(const char *name) {
    const struct link_map *map = own_map != NULL ? own_map->l_prev : NULL;
    for (; map != NULL; map = map->l_prev) {
        if (pf_image_symbol((struct pf_image){map->l_addr, map->l_ld}, name) != NULL) {
            return true;
        }
    }
    return false;
}

struct place {
    uintptr_t address;
    bool is_before_us;
};

static int is_of(struct dl_phdr_info *library, size_t size, void *data) {
    (void)size;
    struct place *place = data;
    for (unsigned i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        uintptr_t start = library->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_DYNAMIC && (const void *)start == own_map->l_ld) {
            return 1;
        }
        if (segment->p_type == PT_LOAD && place->address - start < segment->p_memsz) {
            place->is_before_us = true;
            return 1;
        }
    }
    return 0;
}

bool pf_next_stands_before(const void *address) {
    struct place place = {(uintptr_t)address, false};
    iterate(is_of, &place);
    return place.is_before_us;
}

struct search {
    const char *name;
    bool is_after_us;
    struct pf_next found;
};

static int look_into(struct dl_phdr_info *library, size_t size, void *data) {
    (void)size;
    struct search *search = data;
    const ElfW(Dyn) *dynamic = NULL;
    for (unsigned i = 0; i < library->dlpi_phnum; i++) {
        if (library->dlpi_phdr[i].p_type == PT_DYNAMIC) {
            dynamic = (const void *)(library->dlpi_addr + library->dlpi_phdr[i].p_vaddr);
        }
    }
    if (dynamic == own_map->l_ld) {
        search->is_after_us = true;
    } else if (search->is_after_us && dynamic != NULL) {
        void *found = pf_image_symbol((struct pf_image){library->dlpi_addr, dynamic}, search->name);
        search->found = (struct pf_next){found, dynamic, library->dlpi_addr};
        return found != NULL;
    }
    return 0;
}

struct pf_next pf_next_find(const char *name) {
    pf_next_init();
    struct pf_next found = find_after(own_map, last_map, name);
    if (found.address == NULL && own_map != NULL) {
        struct search search = {name, false, {NULL, NULL, 0}};
        iterate(look_into, &search);
        return search.found;
    }
    return found;
}
#else
void pf_next_init(void) {}

struct pf_next pf_next_find(const char *name) {
    int saved = errno;
    void *found = dlsym(RTLD_NEXT, name);
    errno = saved;
    return (struct pf_next){found, NULL, 0};
}
#endif

void *pf_next(const char *name) { return pf_next_find(name).address; }

bool pf_next_has(const struct pf_next *found, const char *name) {
    return pf_image_symbol((struct pf_image){found->bias, found->library}, name) != NULL;
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
