// SPDX-License-Identifier: Apache-2.0
// Calls every output function of libc that the table names, a known number of times each.
//
//   everycall list          names of all rows, one a line; `NAME noreturn` for those that end us,
//                           `NAME absent` for those that this libc does not have
//   everycall all N         every row that returns, N times (row number i: N + i % 5 times)
//   everycall ROW N         one row only; a row that does not return is called once
// Files are made in $PF_DIR.  Functions are declared under other names, so that the compiler
// neither turns one into another nor inlines it: what the source says is what is called.
#include "truth.h"
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <shadow.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <syslog.h>
#include <wchar.h>

// Weak: no libc has all of them.
#define REAL(name) __asm__(#name) __attribute__((weak))

#ifdef __GLIBC__
#define LIBC "libc.so.6"
#else
#define LIBC "libc.so"
#endif

typedef const struct iovec *iovec_in;
extern ssize_t r_write(int, const void *, size_t) REAL(write);
extern ssize_t r___write(int, const void *, size_t) REAL(__write);
extern ssize_t r_pwrite(int, const void *, size_t, long) REAL(pwrite);
extern ssize_t r_pwrite64(int, const void *, size_t, int64_t) REAL(pwrite64);
extern ssize_t r___pwrite64(int, const void *, size_t, int64_t) REAL(__pwrite64);
extern ssize_t r_writev(int, iovec_in, int) REAL(writev);
extern ssize_t r_pwritev(int, iovec_in, int, long) REAL(pwritev);
extern ssize_t r_pwritev64(int, iovec_in, int, int64_t) REAL(pwritev64);
extern ssize_t r_pwritev2(int, iovec_in, int, long, int) REAL(pwritev2);
extern ssize_t r_pwritev64v2(int, iovec_in, int, int64_t, int) REAL(pwritev64v2);
extern long r_syscall(long, ...) REAL(syscall);
extern ssize_t r_send(int, const void *, size_t, int) REAL(send);
extern ssize_t r___send(int, const void *, size_t, int) REAL(__send);
extern ssize_t r_sendto(int, const void *, size_t, int, const void *, socklen_t) REAL(sendto);
extern ssize_t r_sendmsg(int, const struct msghdr *, int) REAL(sendmsg);
extern int r_sendmmsg(int, struct mmsghdr *, unsigned, int) REAL(sendmmsg);
extern ssize_t r___sendmsg64(int, const struct msghdr *, int) REAL(__sendmsg64);
extern int r___sendmmsg64(int, struct mmsghdr *, unsigned, int) REAL(__sendmmsg64);
extern ssize_t r_sendfile(int, int, long *, size_t) REAL(sendfile);
extern ssize_t r_sendfile64(int, int, int64_t *, size_t) REAL(sendfile64);
extern ssize_t r_copy_file_range(int, int64_t *, int, int64_t *, size_t, unsigned)
    REAL(copy_file_range);
extern ssize_t r_splice(int, int64_t *, int, int64_t *, size_t, unsigned) REAL(splice);
extern ssize_t r_tee(int, int, size_t, unsigned) REAL(tee);
extern ssize_t r_vmsplice(int, iovec_in, size_t, unsigned) REAL(vmsplice);
extern size_t r_fwrite(const void *, size_t, size_t, FILE *) REAL(fwrite);
extern size_t r_fwrite_unlocked(const void *, size_t, size_t, FILE *) REAL(fwrite_unlocked);
extern size_t r__IO_fwrite(const void *, size_t, size_t, FILE *) REAL(_IO_fwrite);
extern int r_fputs(const char *, FILE *) REAL(fputs);
extern int r_fputs_unlocked(const char *, FILE *) REAL(fputs_unlocked);
extern int r__IO_fputs(const char *, FILE *) REAL(_IO_fputs);
extern int r_puts(const char *) REAL(puts);
extern int r__IO_puts(const char *) REAL(_IO_puts);
extern int r_fputc(int, FILE *) REAL(fputc);
extern int r_fputc_unlocked(int, FILE *) REAL(fputc_unlocked);
extern int r_putc(int, FILE *) REAL(putc);
extern int r_putc_unlocked(int, FILE *) REAL(putc_unlocked);
extern int r__IO_putc(int, FILE *) REAL(_IO_putc);
extern int r_putchar(int) REAL(putchar);
extern int r_putchar_unlocked(int) REAL(putchar_unlocked);
extern int r_putw(int, FILE *) REAL(putw);
extern int r___overflow(FILE *, int) REAL(__overflow);
extern int r_printf(const char *, ...) REAL(printf);
extern int r__IO_printf(const char *, ...) REAL(_IO_printf);
extern int r_fprintf(FILE *, const char *, ...) REAL(fprintf);
extern int r__IO_fprintf(FILE *, const char *, ...) REAL(_IO_fprintf);
extern int r_dprintf(int, const char *, ...) REAL(dprintf);
extern int r_vprintf(const char *, va_list) REAL(vprintf);
extern int r_vfprintf(FILE *, const char *, va_list) REAL(vfprintf);
extern int r__IO_vfprintf(FILE *, const char *, va_list) REAL(_IO_vfprintf);
extern int r_vdprintf(int, const char *, va_list) REAL(vdprintf);
extern int r___printf_chk(int, const char *, ...) REAL(__printf_chk);
extern int r___fprintf_chk(FILE *, int, const char *, ...) REAL(__fprintf_chk);
extern int r___dprintf_chk(int, int, const char *, ...) REAL(__dprintf_chk);
extern int r___vprintf_chk(int, const char *, va_list) REAL(__vprintf_chk);
extern int r___vfprintf_chk(FILE *, int, const char *, va_list) REAL(__vfprintf_chk);
extern int r___vdprintf_chk(int, int, const char *, va_list) REAL(__vdprintf_chk);
extern int r_putpwent(const struct passwd *, FILE *) REAL(putpwent);
extern int r_putspent(const struct spwd *, FILE *) REAL(putspent);
extern int r_putgrent(const struct group *, FILE *) REAL(putgrent);
extern wint_t r_fputwc(wchar_t, FILE *) REAL(fputwc);
extern wint_t r_fputwc_unlocked(wchar_t, FILE *) REAL(fputwc_unlocked);
extern wint_t r_putwc(wchar_t, FILE *) REAL(putwc);
extern wint_t r_putwc_unlocked(wchar_t, FILE *) REAL(putwc_unlocked);
extern wint_t r_putwchar(wchar_t) REAL(putwchar);
extern wint_t r_putwchar_unlocked(wchar_t) REAL(putwchar_unlocked);
extern wint_t r___woverflow(FILE *, wint_t) REAL(__woverflow);
extern int r_fputws(const wchar_t *, FILE *) REAL(fputws);
extern int r_fputws_unlocked(const wchar_t *, FILE *) REAL(fputws_unlocked);
extern int r_wprintf(const wchar_t *, ...) REAL(wprintf);
extern int r_fwprintf(FILE *, const wchar_t *, ...) REAL(fwprintf);
extern int r_vwprintf(const wchar_t *, va_list) REAL(vwprintf);
extern int r_vfwprintf(FILE *, const wchar_t *, va_list) REAL(vfwprintf);
extern int r___wprintf_chk(int, const wchar_t *, ...) REAL(__wprintf_chk);
extern int r___fwprintf_chk(FILE *, int, const wchar_t *, ...) REAL(__fwprintf_chk);
extern int r___vwprintf_chk(int, const wchar_t *, va_list) REAL(__vwprintf_chk);
extern int r___vfwprintf_chk(FILE *, int, const wchar_t *, va_list) REAL(__vfwprintf_chk);
extern void r_syslog(int, const char *, ...) REAL(syslog);
extern void r_vsyslog(int, const char *, va_list) REAL(vsyslog);
extern void r___syslog_chk(int, int, const char *, ...) REAL(__syslog_chk);
extern void r___vsyslog_chk(int, int, const char *, va_list) REAL(__vsyslog_chk);
extern void r_perror(const char *) REAL(perror);
extern void r_psignal(int, const char *) REAL(psignal);
extern void r_psiginfo(const siginfo_t *, const char *) REAL(psiginfo);
extern void r_herror(const char *) REAL(herror);
extern void r_warn(const char *, ...) REAL(warn);
extern void r_warnx(const char *, ...) REAL(warnx);
extern void r_vwarn(const char *, va_list) REAL(vwarn);
extern void r_vwarnx(const char *, va_list) REAL(vwarnx);
extern void r_err(int, const char *, ...) REAL(err);
extern void r_errx(int, const char *, ...) REAL(errx);
extern void r_verr(int, const char *, va_list) REAL(verr);
extern void r_verrx(int, const char *, va_list) REAL(verrx);
extern void r___assert_fail(const char *, const char *, unsigned, const char *) REAL(__assert_fail);
extern void r___assert_perror_fail(int, const char *, unsigned, const char *)
    REAL(__assert_perror_fail);
extern void r___assert(const char *, const char *, int) REAL(__assert);
extern void r_error(int, int, const char *, ...) REAL(error);
extern void r_error_at_line(int, int, const char *, unsigned, const char *, ...)
    REAL(error_at_line);
extern int r_fflush(FILE *) REAL(fflush);
extern int r_fflush_unlocked(FILE *) REAL(fflush_unlocked);
extern int r__IO_fflush(FILE *) REAL(_IO_fflush);
extern int r_fclose(FILE *) REAL(fclose);
extern int r_fcloseall(void) REAL(fcloseall);
extern int r_fsync(int) REAL(fsync);
extern int r_fdatasync(int) REAL(fdatasync);
extern int r_sync_file_range(int, int64_t, int64_t, unsigned) REAL(sync_file_range);
extern int r_syncfs(int) REAL(syncfs);

static FILE *out;  // byte-oriented
static FILE *wide; // wide-oriented
static int file, source, datagram[2], stream[2], tube[2], tube2[2];
static unsigned turn;

static const char *text(void) {
    static const char *const texts[] = {"a line\n", "another line, longer than the first one\n",
                                        "\n", "x\n",
                                        "0123456789012345678901234567890123456789 0123456789\n"};
    return texts[turn++ % 5];
}

static long ok(long result) { return result < 0 ? -1 : 0; }
static long one(int result) { return result == EOF ? -1 : 1; }

static int vector(struct iovec *iov, long *ret_size) {
    const char *a = text();
    iov[0] = (struct iovec){(void *)a, strlen(a)};
    iov[1] = (struct iovec){(void *)"", 0};
    iov[2] = (struct iovec){(void *)"tail\n", 5};
    *ret_size = (long)strlen(a) + 5;
    return 3;
}

static void drain(int fd) {
    char sink[4096];
    while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0) {
    }
}

static void drain_pipe(int fd) {
    char sink[4096];
    while (read(fd, sink, sizeof sink) > 0) {
    }
}

#define BYTES(name, expression)                                                                    \
    static long do_##name(void) {                                                                  \
        const char *t = text();                                                                    \
        size_t n = strlen(t);                                                                      \
        (void)n;                                                                                   \
        return (long)(expression);                                                                 \
    }
#define VECTORED(name, call)                                                                       \
    static long do_##name(void) {                                                                  \
        struct iovec v[3];                                                                         \
        long size;                                                                                 \
        int n = vector(v, &size);                                                                  \
        long done = (long)(call);                                                                  \
        return done == size ? done : -1;                                                           \
    }
// A variadic helper for a v form.
#define FORWARD(name, ret, first, call)                                                            \
    static ret f_##name first {                                                                    \
        va_list ap;                                                                                \
        va_start(ap, format);                                                                      \
        ret done = (ret)(call);                                                                    \
        va_end(ap);                                                                                \
        return done;                                                                               \
    }

BYTES(write, r_write(file, t, n))
BYTES(__write, r___write(file, t, n))
BYTES(pwrite, r_pwrite(file, t, n, 100))
BYTES(pwrite64, r_pwrite64(file, t, n, 10))
BYTES(__pwrite64, r___pwrite64(file, t, n, 0))
VECTORED(writev, r_writev(file, v, n))
VECTORED(pwritev, r_pwritev(file, v, n, 20))
VECTORED(pwritev64, r_pwritev64(file, v, n, 30))
VECTORED(pwritev2, r_pwritev2(file, v, n, 40, 0))
VECTORED(pwritev64v2, r_pwritev64v2(file, v, n, 50, 0))

static long do_syscall(void) {
    const char *t = text();
    struct iovec v[3];
    long size;
    int n = vector(v, &size);
    // Raw calls that are no output are not messages.
    r_syscall(SYS_getppid);
    r_syscall(SYS_lseek, file, 0L, SEEK_END);
    switch (turn % 4) {
    case 0: return r_syscall(SYS_write, file, t, strlen(t));
    case 1: return r_syscall(SYS_writev, file, v, n);
    case 2: return r_syscall(SYS_pwrite64, file, t, strlen(t), 7L, 0L); // 32 bits: two halves
    default: size = r_syscall(SYS_sendto, datagram[0], t, strlen(t), 0, NULL, 0);
    }
    drain(datagram[1]);
    return size;
}

#define SENT(name, call)                                                                           \
    static long do_##name(void) {                                                                  \
        const char *t = text();                                                                    \
        long done = (long)(call);                                                                  \
        drain(datagram[1]);                                                                        \
        return done;                                                                               \
    }
SENT(send, r_send(datagram[0], t, strlen(t), 0))
SENT(__send, r___send(datagram[0], t, strlen(t), MSG_NOSIGNAL))
SENT(sendto, r_sendto(datagram[0], t, strlen(t), 0, NULL, 0))

#define SENT_MESSAGE(name)                                                                         \
    static long do_##name(void) {                                                                  \
        struct iovec v[3];                                                                         \
        long size;                                                                                 \
        struct msghdr message = {.msg_iov = v, .msg_iovlen = (size_t)vector(v, &size)};            \
        long done = r_##name(datagram[0], &message, 0);                                            \
        drain(datagram[1]);                                                                        \
        return done == size ? done : -1;                                                           \
    }
SENT_MESSAGE(sendmsg)
SENT_MESSAGE(__sendmsg64)

#define SENT_MESSAGES(name)                                                                        \
    static long do_##name(void) {                                                                  \
        struct iovec v[2][3];                                                                      \
        long size[2];                                                                              \
        struct mmsghdr messages[2];                                                                \
        memset(messages, 0, sizeof messages);                                                      \
        for (int i = 0; i < 2; i++) {                                                              \
            messages[i].msg_hdr.msg_iov = v[i];                                                    \
            messages[i].msg_hdr.msg_iovlen = (size_t)vector(v[i], &size[i]);                       \
        }                                                                                          \
        int done = r_##name(datagram[0], messages, 2, 0);                                          \
        drain(datagram[1]);                                                                        \
        return done == 2 ? size[0] + size[1] : -1;                                                 \
    }
SENT_MESSAGES(sendmmsg)
SENT_MESSAGES(__sendmmsg64)

static long do_sendfile(void) {
    long from = 3;
    return r_sendfile(file, source, &from, 100 + turn++ % 7);
}

static long do_sendfile64(void) {
    int64_t from = 4;
    return r_sendfile64(file, source, &from, 200 + turn++ % 7);
}

static long do_copy_file_range(void) {
    int64_t from = 5;
    int64_t to = 1000;
    return r_copy_file_range(source, &from, file, &to, 300 + turn++ % 7, 0);
}

static long do_splice(void) {
    int64_t from = 6;
    long done = r_splice(source, &from, tube[1], NULL, 50 + turn++ % 7, 0);
    drain_pipe(tube[0]);
    return done;
}

// Fills the pipe below every function that is counted.
static long fill_tube(const char *bytes, size_t size) {
    long done;
#if defined(__x86_64__)
    __asm__ volatile("syscall"
                     : "=a"(done)
                     : "a"(SYS_write), "D"(tube[1]), "S"(bytes), "d"(size)
                     : "rcx", "r11", "memory");
#elif defined(__i386__)
    __asm__ volatile("int $0x80"
                     : "=a"(done)
                     : "a"(SYS_write), "b"(tube[1]), "c"(bytes), "d"(size)
                     : "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = SYS_write;
    register long x0 __asm__("x0") = tube[1];
    register const char *x1 __asm__("x1") = bytes;
    register size_t x2 __asm__("x2") = size;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    done = x0;
#endif
    return done;
}

static long do_tee(void) {
    long done = fill_tube("filled for tee", 14) == 14 ? r_tee(tube[0], tube2[1], 14, 0) : -1;
    drain_pipe(tube[0]);
    drain_pipe(tube2[0]);
    return done;
}

static long do_vmsplice(void) {
    struct iovec v[3];
    long size;
    int n = vector(v, &size);
    long done = r_vmsplice(tube[1], v, (size_t)n, 0);
    drain_pipe(tube[0]);
    return done == size ? done : -1;
}

BYTES(fwrite, (r_fwrite(t, n, 1, out) == 1 ? (long)n : -1))
BYTES(fwrite_unlocked, r_fwrite_unlocked(t, 1, n, out))
BYTES(_IO_fwrite, r__IO_fwrite(t, 1, n, out))
BYTES(fputs, r_fputs(t, out) < 0 ? -1 : (long)n)
BYTES(fputs_unlocked, r_fputs_unlocked(t, out) < 0 ? -1 : (long)n)
BYTES(_IO_fputs, r__IO_fputs(t, out) < 0 ? -1 : (long)n)
BYTES(puts, r_puts(t) < 0 ? -1 : (long)n + 1)
BYTES(_IO_puts, r__IO_puts(t) < 0 ? -1 : (long)n + 1)
BYTES(fputc, one(r_fputc('a', out)))
BYTES(fputc_unlocked, one(r_fputc_unlocked('b', out)))
BYTES(putc, one(r_putc('c', out)))
BYTES(putc_unlocked, one(r_putc_unlocked('\n', out)))
BYTES(_IO_putc, one(r__IO_putc('d', out)))
BYTES(putchar, one(r_putchar('e')))
BYTES(putchar_unlocked, one(r_putchar_unlocked('\n')))
BYTES(putw, r_putw(0x0a656667, out) == 0 ? 4 : -1)
BYTES(__overflow, one(r___overflow(out, 'h')))

BYTES(printf, r_printf("printf %d %s", (int)n, t))
BYTES(fprintf, r_fprintf(out, "fprintf %d %5.2f %s", (int)n, 1.5, t))
BYTES(dprintf, r_dprintf(file, "dprintf %ld %c %s", (long)n, 'c', t))
BYTES(_IO_printf, r__IO_printf("_IO_printf %d %s", (int)n, t))
BYTES(_IO_fprintf, r__IO_fprintf(out, "_IO_fprintf %d %s", (int)n, t))
BYTES(__printf_chk, r___printf_chk(1, "chk %d %s", (int)n, t))
BYTES(__fprintf_chk, r___fprintf_chk(out, 1, "chk %2$s %1$d\n", (int)n, t))
BYTES(__dprintf_chk, r___dprintf_chk(file, 1, "chk %d %s", (int)n, t))
FORWARD(vprintf, int, (const char *format, ...), r_vprintf(format, ap))
BYTES(vprintf, f_vprintf("vprintf %d %s", (int)n, t))
FORWARD(vfprintf, int, (const char *format, ...), r_vfprintf(out, format, ap))
BYTES(vfprintf, f_vfprintf("vfprintf %d %s", (int)n, t))
FORWARD(_IO_vfprintf, int, (const char *format, ...), r__IO_vfprintf(out, format, ap))
BYTES(_IO_vfprintf, f__IO_vfprintf("_IO_vfprintf %d %s", (int)n, t))
FORWARD(vdprintf, int, (const char *format, ...), r_vdprintf(file, format, ap))
BYTES(vdprintf, f_vdprintf("vdprintf %d %s", (int)n, t))
FORWARD(__vprintf_chk, int, (const char *format, ...), r___vprintf_chk(1, format, ap))
BYTES(__vprintf_chk, f___vprintf_chk("__vprintf_chk %d %s", (int)n, t))
FORWARD(__vfprintf_chk, int, (const char *format, ...), r___vfprintf_chk(out, 1, format, ap))
BYTES(__vfprintf_chk, f___vfprintf_chk("__vfprintf_chk %d %s", (int)n, t))
FORWARD(__vdprintf_chk, int, (const char *format, ...), r___vdprintf_chk(file, 1, format, ap))
BYTES(__vdprintf_chk, f___vdprintf_chk("__vdprintf_chk %d %s", (int)n, t))

static const struct passwd user = {"user", "x", 1, 2, "A User", "/home/user", "/bin/sh"};
static const struct spwd shadow = {.sp_namp = "user", .sp_pwdp = "!", .sp_lstchg = 1};
static char *members[] = {"user", "other", NULL};
static const struct group group = {"group", "x", 3, members};
BYTES(putpwent, r_putpwent(&user, out))
BYTES(putspent, r_putspent(&shadow, out))
BYTES(putgrent, r_putgrent(&group, out))

#define WIDE(name, call)                                                                           \
    static long do_##name(void) { return (call) == WEOF ? -1 : 0; }
#define WIDE_INT(name, call)                                                                       \
    static long do_##name(void) { return ok(call); }
WIDE(fputwc, r_fputwc(L'a', wide))
WIDE(fputwc_unlocked, r_fputwc_unlocked(L'\u00e9', wide))
WIDE(putwc, r_putwc(L'b', wide))
WIDE(putwc_unlocked, r_putwc_unlocked(L'\n', wide))
WIDE(putwchar, r_putwchar(L'\u20ac'))
WIDE(putwchar_unlocked, r_putwchar_unlocked(L'\n'))
WIDE(__woverflow, r___woverflow(wide, L'x'))
WIDE_INT(fputws, r_fputws(L"wide line \u00e9\n", wide))
WIDE_INT(fputws_unlocked, r_fputws_unlocked(L"wide\n", wide))
WIDE_INT(wprintf, r_wprintf(L"wprintf %d %ls\n", 1, L"wide"))
WIDE_INT(fwprintf, r_fwprintf(wide, L"fwprintf %d %s\n", 2, "narrow"))
WIDE_INT(__wprintf_chk, r___wprintf_chk(1, L"chk %d\n", 3))
WIDE_INT(__fwprintf_chk, r___fwprintf_chk(wide, 1, L"chk %d\n", 4))
FORWARD(vwprintf, int, (const wchar_t *format, ...), r_vwprintf(format, ap))
WIDE_INT(vwprintf, f_vwprintf(L"vwprintf %d\n", 5))
FORWARD(vfwprintf, int, (const wchar_t *format, ...), r_vfwprintf(wide, format, ap))
WIDE_INT(vfwprintf, f_vfwprintf(L"vfwprintf %d\n", 6))
FORWARD(__vwprintf_chk, int, (const wchar_t *format, ...), r___vwprintf_chk(1, format, ap))
WIDE_INT(__vwprintf_chk, f___vwprintf_chk(L"__vwprintf_chk %d\n", 7))
FORWARD(__vfwprintf_chk, int, (const wchar_t *format, ...), r___vfwprintf_chk(wide, 1, format, ap))
WIDE_INT(__vfwprintf_chk, f___vfwprintf_chk(L"__vfwprintf_chk %d\n", 8))

#define QUIET(name, call)                                                                          \
    static long do_##name(void) {                                                                  \
        errno = ENOENT;                                                                            \
        h_errno = HOST_NOT_FOUND;                                                                  \
        call;                                                                                      \
        return 0;                                                                                  \
    }
QUIET(syslog, r_syslog(LOG_DEBUG, "syslog %d %s %m", 1, "text"))
QUIET(__syslog_chk, r___syslog_chk(LOG_DEBUG, 1, "__syslog_chk %d", 2))
FORWARD(vsyslog, int, (const char *format, ...), (r_vsyslog(LOG_DEBUG, format, ap), 0))
QUIET(vsyslog, f_vsyslog("vsyslog %d", 3))
FORWARD(__vsyslog_chk, int, (const char *format, ...),
        (r___vsyslog_chk(LOG_DEBUG, 1, format, ap), 0))
QUIET(__vsyslog_chk, f___vsyslog_chk("__vsyslog_chk %d", 4))
QUIET(perror, r_perror("perror"))
QUIET(psignal, r_psignal(SIGUSR1, "psignal"))
static siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
QUIET(psiginfo, r_psiginfo(&info, "psiginfo"))
QUIET(herror, r_herror("herror"))
QUIET(warn, r_warn("warn %d", 1))
QUIET(warnx, r_warnx("warnx %s", "two"))
FORWARD(vwarn, int, (const char *format, ...), (r_vwarn(format, ap), 0))
QUIET(vwarn, f_vwarn("vwarn %d", 3))
FORWARD(vwarnx, int, (const char *format, ...), (r_vwarnx(format, ap), 0))
QUIET(vwarnx, f_vwarnx("vwarnx %d", 4))
// Nine values, so that some of them travel on the stack.
QUIET(error, r_error(0, ENOENT, "error %d %d %d %d %d %d %s", 1, 2, 3, 4, 5, 6, "last"))
QUIET(error_at_line, r_error_at_line(0, 0, "file.c", 12, "at %d %d %d %d %g", 1, 2, 3, 4, 2.5))

QUIET(err, r_err(3, "err %d", 1))
QUIET(errx, r_errx(4, "errx %d", 2))
FORWARD(verr, int, (const char *format, ...), (r_verr(5, format, ap), 0))
QUIET(verr, f_verr("verr %d", 3))
FORWARD(verrx, int, (const char *format, ...), (r_verrx(6, format, ap), 0))
QUIET(verrx, f_verrx("verrx %d", 4))
QUIET(error_exit, r_error(7, 0, "error ends it: %s", "bye"))
QUIET(error_at_line_exit, r_error_at_line(8, 0, "file.c", 13, "ends it: %s", "bye"))
QUIET(__assert_fail, r___assert_fail("0 == 1", "everycall.c", 1, "main"))
QUIET(__assert_perror_fail, r___assert_perror_fail(ENOENT, "everycall.c", 2, "main"))
QUIET(__assert, r___assert("0 == 1", "everycall.c", 3))

BYTES(fflush, r_fflush(out))
BYTES(fflush_unlocked, r_fflush_unlocked(out))
BYTES(_IO_fflush, r__IO_fflush(NULL))
BYTES(fcloseall, r_fcloseall())
BYTES(fsync, r_fsync(file))
BYTES(fdatasync, r_fdatasync(file))
BYTES(sync_file_range, r_sync_file_range(file, 0, 0, 0))
BYTES(syncfs, r_syncfs(file))

static long do_fclose(void) {
    FILE *closing = fopen("/dev/null", "w");
    return closing ? r_fclose(closing) : -1;
}

enum kind { PLAIN, WIDER, ENDS, LAST };

static const struct row {
    const char *name;
    enum kind kind;
    long (*call)(void);
} rows[] = {
#define R(name)                                                                                    \
    { #name, PLAIN, do_##name }
#define W(name)                                                                                    \
    { #name, WIDER, do_##name }
#define E(name)                                                                                    \
    { #name, ENDS, do_##name }
    R(write),
    R(__write),
    R(pwrite),
    R(pwrite64),
    R(__pwrite64),
    R(writev),
    R(pwritev),
    R(pwritev64),
    R(pwritev2),
    R(pwritev64v2),
    R(syscall),
    R(send),
    R(__send),
    R(sendto),
    R(sendmsg),
    R(sendmmsg),
    R(__sendmsg64),
    R(__sendmmsg64),
    R(sendfile),
    R(sendfile64),
    R(copy_file_range),
    R(splice),
    R(tee),
    R(vmsplice),
    R(fwrite),
    R(fwrite_unlocked),
    R(_IO_fwrite),
    R(fputs),
    R(fputs_unlocked),
    R(_IO_fputs),
    R(puts),
    R(_IO_puts),
    R(fputc),
    R(fputc_unlocked),
    R(putc),
    R(putc_unlocked),
    R(_IO_putc),
    R(putchar),
    R(putchar_unlocked),
    R(putw),
    R(__overflow),
    R(printf),
    R(fprintf),
    R(dprintf),
    R(_IO_printf),
    R(_IO_fprintf),
    R(__printf_chk),
    R(__fprintf_chk),
    R(__dprintf_chk),
    R(vprintf),
    R(vfprintf),
    R(_IO_vfprintf),
    R(vdprintf),
    R(__vprintf_chk),
    R(__vfprintf_chk),
    R(__vdprintf_chk),
    R(putpwent),
    R(putspent),
    R(putgrent),
    R(syslog),
    R(__syslog_chk),
    R(vsyslog),
    R(__vsyslog_chk),
    R(perror),
    R(psignal),
    R(psiginfo),
    R(herror),
    R(warn),
    R(warnx),
    R(vwarn),
    R(vwarnx),
    R(error),
    R(error_at_line),
    R(fflush),
    R(fflush_unlocked),
    R(_IO_fflush),
    R(fclose),
    R(fsync),
    R(fdatasync),
    R(sync_file_range),
    R(syncfs),
    W(fputwc),
    W(fputwc_unlocked),
    W(putwc),
    W(putwc_unlocked),
    W(putwchar),
    W(putwchar_unlocked),
    W(__woverflow),
    W(fputws),
    W(fputws_unlocked),
    W(wprintf),
    W(fwprintf),
    W(__wprintf_chk),
    W(__fwprintf_chk),
    W(vwprintf),
    W(vfwprintf),
    W(__vwprintf_chk),
    W(__vfwprintf_chk),
    E(err),
    E(errx),
    E(verr),
    E(verrx),
    {"error:exit", ENDS, do_error_exit},
    {"error_at_line:exit", ENDS, do_error_at_line_exit},
    E(__assert_fail),
    E(__assert_perror_fail),
    E(__assert),
    {"fcloseall", LAST, do_fcloseall},
};
#define ROWS (sizeof rows / sizeof *rows)

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

static void prepare(void) {
    const char *folder = getenv("PF_DIR");
    must(folder != NULL && chdir(folder) == 0);
    must(setlocale(LC_ALL, "C.UTF-8") != NULL);
    out = fopen("bytes.out", "w");
    wide = fopen("wide.out", "w");
    file = open("fd.out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    source = open("/proc/self/exe", O_RDONLY);
    must(out && wide && file >= 0 && source >= 0);
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram) == 0);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0);
    must(pipe(tube) == 0 && pipe(tube2) == 0);
    fcntl(tube[0], F_SETFL, O_NONBLOCK);
    fcntl(tube2[0], F_SETFL, O_NONBLOCK);
    openlog("everycall", LOG_PERROR, LOG_USER);
}

// Does libc have it?  A weak reference does not tell: the library in front of libc has every row.
static int present(const struct row *row) {
    static void *libc;
    const char *colon = strchr(row->name, ':');
    char name[40] = {0};
    memcpy(name, row->name, colon ? (size_t)(colon - row->name) : strlen(row->name));
    if (libc == NULL) {
        libc = dlopen(LIBC, RTLD_LAZY | RTLD_NOLOAD);
        must(libc != NULL);
    }
    return dlsym(libc, name) != NULL;
}

static void run(const struct row *row, unsigned count) {
    const char *colon = strchr(row->name, ':');
    char name[40] = {0};
    memcpy(name, row->name, colon ? (size_t)(colon - row->name) : strlen(row->name));
    if (row->kind == WIDER && fwide(stdout, 0) <= 0) {
        must(freopen("wide-stdout.out", "w", stdout) != NULL);
#ifdef __GLIBC__ // elsewhere a reopened stream keeps its orientation, and wide calls do not mind
        must(fwide(stdout, 1) > 0 && fwide(wide, 1) > 0);
#endif
    }
    struct truth *truth = truth_new(name);
    for (unsigned i = 0; i < count; i++) {
        truth_begin(truth);
        truth_end(truth, row->call());
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "list") == 0) {
        for (unsigned i = 0; i < ROWS; i++) {
            r_printf("%s%s\n", rows[i].name,
                     !present(&rows[i])     ? " absent"
                     : rows[i].kind == ENDS ? " noreturn"
                                            : "");
        }
        return 0;
    }
    truth_open();
    prepare();
    unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    for (unsigned i = 0; i < ROWS; i++) {
        if (strcmp(what, rows[i].name) == 0) {
            if (rows[i].kind == LAST) {
                run(&rows[0], 1); // without a message there would be no summary
            }
            run(&rows[i], rows[i].kind == ENDS ? 1 : count);
            return 0;
        }
        if (strcmp(what, "all") == 0 && rows[i].kind != ENDS && rows[i].kind != LAST &&
            present(&rows[i])) {
            run(&rows[i], count + i % 5);
        }
    }
    return strcmp(what, "all") == 0 ? 0 : 2;
}
