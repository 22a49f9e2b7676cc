// SPDX-License-Identifier: Apache-2.0
// What a target says that it did, kept in a shared file without a single output call.
//
// The file named by PF_TRUTH is mapped; each (process, thread, name) has a record.  A target counts
// a call before it makes it (`truth_begin`) and again when it has returned (`truth_end`), so that a
// target killed between the two leaves both numbers.  Nothing here calls a function of the table.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRUTH_RECORDS 16384

struct truth {
    uint32_t pid;
    uint32_t tid;
    char name[40];
    uint64_t begun;
    uint64_t ended;
    uint64_t bytes;
    uint64_t errors;
};

struct truth_file {
    uint64_t used;
    uint64_t pad[7];
    struct truth record[TRUTH_RECORDS];
};

static struct truth_file *truth_file;

__attribute__((unused)) static void truth_open(void) {
    const char *path = getenv("PF_TRUTH");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        abort();
    }
    truth_file = mmap(NULL, sizeof *truth_file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (truth_file == MAP_FAILED) {
        abort();
    }
    close(fd);
}

// A record of the calling thread's own.  gettid and getpid are not output.
__attribute__((unused)) static struct truth *truth_new(const char *name) {
    uint64_t at = __atomic_fetch_add(&truth_file->used, 1, __ATOMIC_RELAXED);
    if (at >= TRUTH_RECORDS) {
        abort();
    }
    struct truth *truth = &truth_file->record[at];
    truth->pid = (uint32_t)getpid();
    truth->tid = (uint32_t)gettid();
    for (unsigned i = 0; i < sizeof truth->name - 1 && name[i]; i++) {
        truth->name[i] = name[i];
    }
    return truth;
}

// One read-modify-write instruction each on x86: a signal handler may share a record.
__attribute__((unused)) static inline void truth_begin(struct truth *truth) {
    __atomic_fetch_add(&truth->begun, 1, __ATOMIC_SEQ_CST);
}

__attribute__((unused)) static inline void truth_end(struct truth *truth, long bytes) {
    if (bytes >= 0) {
        __atomic_fetch_add(&truth->bytes, (uint64_t)bytes, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_add(&truth->errors, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&truth->ended, 1, __ATOMIC_SEQ_CST);
}

// A counted write; the return value is write's.
__attribute__((unused)) static long truth_write(struct truth *truth, int fd, const void *text,
                                                size_t length) {
    truth_begin(truth);
    long done = write(fd, text, length);
    truth_end(truth, done);
    return done;
}
