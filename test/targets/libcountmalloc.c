// SPDX-License-Identifier: Apache-2.0
// A library to preload beside ours: a malloc that counts.
//
// Memory comes from one static block and is never given back.  The counts are kept in the shared
// file named by PF_MALLOC_COUNT: calls of malloc, calloc, realloc, the aligned ones, and free.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA (256ul << 20)
static char arena[ARENA] __attribute__((aligned(64)));
static size_t arena_used;
static uint64_t early[8];
static uint64_t *counts = early;

static void count(int what) { __atomic_fetch_add(&counts[what], 1, __ATOMIC_RELAXED); }

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("PF_MALLOC_COUNT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    uint64_t *shared = mmap(NULL, sizeof early, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared != MAP_FAILED) {
        for (int i = 0; i < 8; i++) {
            shared[i] += early[i];
        }
        counts = shared;
    }
}

static void *take(size_t size, size_t alignment) {
    alignment = alignment < 16 ? 16 : alignment;
    size_t at = __atomic_fetch_add(&arena_used, size + alignment + 16, __ATOMIC_RELAXED);
    if (size > ARENA || at + size + alignment + 16 > ARENA) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t start = ((uintptr_t)arena + at + 16 + alignment - 1) & ~(uintptr_t)(alignment - 1);
    ((size_t *)start)[-1] = size;
    return (void *)start;
}

void *malloc(size_t size) {
    count(0);
    return take(size, 16);
}

void *calloc(size_t items, size_t size) {
    count(1);
    return take(items * size, 16); // static memory is zero, and is handed out once
}

void *realloc(void *old, size_t size) {
    count(2);
    void *fresh = take(size, 16);
    if (fresh != NULL && old != NULL) {
        size_t had = ((size_t *)old)[-1];
        memcpy(fresh, old, had < size ? had : size);
    }
    return fresh;
}

int posix_memalign(void **ret, size_t alignment, size_t size) {
    count(3);
    *ret = take(size, alignment);
    return *ret == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(3);
    return take(size, alignment);
}

void *memalign(size_t alignment, size_t size) {
    count(3);
    return take(size, alignment);
}

void free(void *memory) {
    if (memory != NULL) {
        count(4);
    }
}
