// SPDX-License-Identifier: Apache-2.0
// Empty output calls: placed after libpfprof.so in LD_PRELOAD, they leave the cost of that alone.
//
// The variadic ones take the step from "..." to va_list before they do nothing, as libc's own do:
// a wrapper that forwards to the v form takes that step in libc's place, not on top of it.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#undef fwrite_unlocked // a macro of stdio.h

#define UNUSED __attribute__((unused))
#define FORMATTED 20 // what a formatting call says that it wrote

// Out of line, like the formatter of libc.
__attribute__((noinline)) static int format(void *stream UNUSED, const char *text UNUSED,
                                            va_list ap UNUSED) {
    __asm__ volatile("");
    return FORMATTED;
}

static ssize_t total(const struct iovec *iov, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bytes += iov[i].iov_len;
    }
    return (ssize_t)bytes;
}

#define WRITES(name, ...)                                                                          \
    ssize_t name(int fd UNUSED, const void *buf UNUSED, size_t count, ##__VA_ARGS__);              \
    ssize_t name(int fd UNUSED, const void *buf UNUSED, size_t count, ##__VA_ARGS__) {             \
        return (ssize_t)count;                                                                     \
    }
#define ITEMS(name)                                                                                \
    size_t name(const void *restrict buf UNUSED, size_t size UNUSED, size_t items,                 \
                FILE *restrict stream UNUSED) {                                                    \
        return items;                                                                              \
    }
#define TEXT(name)                                                                                 \
    int name(const char *restrict text UNUSED, FILE *restrict stream UNUSED) { return 1; }
#define CHARACTER(name)                                                                            \
    int name(int c, FILE *stream UNUSED) { return (unsigned char)c; }

// A formatting function and its v form.
#define FORMATS(name, vname, stream, ...)                                                          \
    int vname(__VA_ARGS__, const char *text, va_list ap);                                          \
    int vname(__VA_ARGS__, const char *text, va_list ap) { return format(stream, text, ap); }      \
    int name(__VA_ARGS__, const char *text, ...);                                                  \
    int name(__VA_ARGS__, const char *text, ...) {                                                 \
        va_list ap;                                                                                \
        va_start(ap, text);                                                                        \
        int result = format(stream, text, ap);                                                     \
        va_end(ap);                                                                                \
        return result;                                                                             \
    }

WRITES(write)
WRITES(__write)
WRITES(pwrite, off_t offset UNUSED)
WRITES(pwrite64, off64_t offset UNUSED)
WRITES(send, int flags UNUSED)

ssize_t writev(int fd UNUSED, const struct iovec *iov, int count) { return total(iov, count); }
ssize_t sendmsg(int fd UNUSED, const struct msghdr *message, int flags UNUSED) {
    return total(message->msg_iov, (int)message->msg_iovlen);
}

ITEMS(fwrite)
ITEMS(fwrite_unlocked)
TEXT(fputs)
TEXT(fputs_unlocked)
CHARACTER(fputc)
CHARACTER(fputc_unlocked)
CHARACTER(putc)
int putchar(int c) { return (unsigned char)c; }
int puts(const char *text UNUSED) { return 1; }

FORMATS(fprintf, vfprintf, stream, FILE *restrict stream)
FORMATS(dprintf, vdprintf, NULL, int fd UNUSED)
FORMATS(__fprintf_chk, __vfprintf_chk, stream, FILE *restrict stream, int flag UNUSED)
FORMATS(__dprintf_chk, __vdprintf_chk, NULL, int fd UNUSED, int flag UNUSED)
FORMATS(__printf_chk, __vprintf_chk, NULL, int flag UNUSED)

int vprintf(const char *restrict text, va_list ap) { return format(NULL, text, ap); }
int printf(const char *restrict text, ...) {
    va_list ap;
    va_start(ap, text);
    int result = format(NULL, text, ap);
    va_end(ap);
    return result;
}
