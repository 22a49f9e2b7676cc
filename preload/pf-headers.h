// SPDX-License-Identifier: Apache-2.0
// The headers of libc as the wrappers need them: every name of the table is a name of its own, declared
// as the table has it.
#pragma once
#undef _FILE_OFFSET_BITS // with 64, the headers would rename pwrite to pwrite64
#undef _FORTIFY_SOURCE
#pragma GCC diagnostic ignored "-Wmissing-prototypes" // names that libc exports undeclared
#pragma GCC diagnostic ignored "-Wstrict-prototypes"  // rows without parameters
// Declared with other types by musl: those declarations go under another name.
#define sendmmsg declared_sendmmsg
#define __assert_fail declared_assert_fail
#include <assert.h>
#include <sys/socket.h>
#undef sendmmsg
#undef __assert_fail
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <shadow.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>
#include <wchar.h>

#undef putc
#undef putchar
#undef fputc
#undef putc_unlocked
#undef putchar_unlocked
#undef fputc_unlocked
// In musl one is a macro for the other.
#undef pwrite64
#undef pwritev64
#undef sendfile64
#undef freopen64

#ifdef __GLIBC__
// As fileno() does: only a stream of a file has a number; in one of memory there is whatever lay there.
#define IS_FILEBUF 0x2000
static inline __attribute__((always_inline)) int stream_fd(const FILE *stream) {
    return __builtin_expect(stream->_flags & IS_FILEBUF, 1) ? stream->_fileno : -1;
}
#else
// Takes the stream's own lock for a moment, as the call itself is going to.
static inline int stream_fd(FILE *stream) {
    int saved = errno;
    int fd = fileno(stream);
    errno = saved;
    return fd;
}
#endif
