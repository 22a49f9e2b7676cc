// SPDX-License-Identifier: Apache-2.0
// Output calls that fail, fall short or look at the edge of memory.
//
// Reports one line for each call at the end, with a single write: function, label, result, errno,
// and `failed` when the library has to count an error.  errno is set to 4242 before every call, so
// that a change of it on success shows too.
#include "truth.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <wchar.h>

static char report[1 << 17];
static size_t used;

static void note(const char *function, const char *label, long result, int number, int failed) {
    used += (size_t)snprintf(report + used, sizeof report - used, "%s %s %ld %d %s\n", function,
                             label, result, number, failed ? "failed" : "fine");
    if (used >= sizeof report - 200) {
        abort();
    }
}

#define SENTINEL 4242
// CALL: a negative result is a failure.
#define CALL(function, label, call)                                                                \
    do {                                                                                           \
        errno = SENTINEL;                                                                          \
        long result_ = (long)(call);                                                               \
        int number_ = errno;                                                                       \
        note(#function, label, result_, number_, result_ < 0);                                     \
    } while (0)
// ITEMS: fewer than `want` is a failure.
#define ITEMS(function, label, want, call)                                                         \
    do {                                                                                           \
        errno = SENTINEL;                                                                          \
        long result_ = (long)(call);                                                               \
        int number_ = errno;                                                                       \
        note(#function, label, result_, number_, result_ < (long)(want));                          \
    } while (0)

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

static void on_alarm(int number) { (void)number; }

// `size` bytes of text that end where readable memory ends, with no NUL behind them.
static char *page_end(size_t size) {
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(pages != MAP_FAILED && mprotect(pages + 2 * 4096, 4096, PROT_NONE) == 0);
    for (int i = 0; i < 2 * 4096; i++) {
        pages[i] = "ab\xf0\x9f\x98\x80"[i % 6];
    }
    return pages + 2 * 4096 - size;
}

static void descriptors(int null, int file) {
    char *wild = (char *)(uintptr_t)0x10;
    char *high = (char *)(uintptr_t)0x00007ffffffff000;
    char *not_canonical = (char *)(uintptr_t)0x8000000000000000;
    CALL(write, "null", write(null, "text", 4));
    CALL(write, "file", write(file, "text", 4));
    CALL(write, "nothing", write(file, "text", 0));
    CALL(write, "nothing-wild", write(file, wild, 0));
    CALL(write, "closed", write(-1, "text", 4));
    CALL(write, "closed-high", write(9999, "text", 4));
    CALL(write, "wild-file", write(file, wild, 10));
    CALL(write, "wild-null", write(null, wild, 10));
    CALL(write, "wild-null-long", write(null, wild, 100000));
    CALL(write, "null-pointer-null", write(null, NULL, 10));
    CALL(write, "high-null", write(null, high, 10));
    CALL(write, "high-file", write(file, high, 10));
    CALL(write, "kernel-null", write(null, not_canonical, 10));
    CALL(write, "kernel-file", write(file, not_canonical, 10));
    for (size_t size = 0; size < 70; size++) {
        CALL(write, "page-end", write(null, page_end(size), size));
    }
    for (size_t size = 1; size < 70; size += 3) {
        CALL(write, "over-page-end-null", write(null, page_end(size), size + 100));
    }
    CALL(write, "over-page-end-file", write(file, page_end(30), 60));
    int full = open("/dev/full", O_WRONLY);
    CALL(write, "full", write(full, "text", 4));
    CALL(write, "read-only", write(open("/dev/null", O_RDONLY), "text", 4));
    CALL(pwrite, "file", pwrite(file, "text", 4, 3));
    CALL(pwrite, "negative", pwrite(file, "text", 4, -1));
    CALL(pwrite, "wild", pwrite(file, wild, 4, 0));
    CALL(dprintf, "closed", dprintf(-1, "%d\n", 1));
    CALL(dprintf, "full", dprintf(full, "%d\n", 1));
    CALL(dprintf, "null", dprintf(null, "%.5s\n", page_end(5)));
    CALL(sendfile, "closed", sendfile(-1, file, NULL, 4));
    CALL(copy_file_range, "closed", copy_file_range(file, NULL, -1, NULL, 4, 0));
    CALL(splice, "no-pipe", splice(file, NULL, null, NULL, 4, 0));
    CALL(syscall, "write-closed", syscall(SYS_write, -1, "text", 4));
    CALL(syscall, "write-wild-null", syscall(SYS_write, null, wild, 10));
}

static void vectors(int null, int file) {
    char *wild = (char *)(uintptr_t)0x10;
    struct iovec good[3] = {{"one", 3}, {NULL, 0}, {"three", 5}};
    struct iovec bad[3] = {{"one", 3}, {wild, 10}, {"three", 5}};
    static struct iovec many[1025];
    for (int i = 0; i < 1025; i++) {
        many[i] = (struct iovec){"m", 1};
    }
    CALL(writev, "file", writev(file, good, 3));
    CALL(writev, "none", writev(file, good, 0));
    CALL(writev, "none-wild", writev(file, (struct iovec *)wild, 0));
    CALL(writev, "negative", writev(file, good, -1));
    CALL(writev, "1024", writev(file, many, 1024));
    CALL(writev, "1025", writev(file, many, 1025));
    CALL(writev, "wild-vector", writev(file, (struct iovec *)wild, 2));
    CALL(writev, "wild-vector-null", writev(null, (struct iovec *)wild, 2));
    CALL(writev, "wild-base-first", writev(file, bad + 1, 1));
    CALL(writev, "wild-base-second", writev(file, bad, 3));
    CALL(writev, "wild-base-null", writev(null, bad, 3));
    CALL(writev, "closed", writev(-1, good, 3));
    CALL(pwritev, "negative", pwritev(file, good, 3, -1));
}

static void pipes(void) {
    int tube[2];
    static char block[8192];
    memset(block, 'p', sizeof block);
    must(pipe(tube) == 0);
    fcntl(tube[1], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 9; i++) {
        CALL(write, "pipe-fill", write(tube[1], block, sizeof block));
    }
    CALL(write, "pipe-full", write(tube[1], "text", 4));
    must(read(tube[0], block, 4096) == 4096);
    CALL(write, "pipe-short", write(tube[1], block, 8192));
    struct iovec two[2] = {{block, 4096}, {block, 4096}};
    must(read(tube[0], block, 4096) == 4096);
    CALL(writev, "pipe-short", writev(tube[1], two, 2));
    CALL(writev, "pipe-full", writev(tube[1], two, 2));
    CALL(dprintf, "pipe-full", dprintf(tube[1], "%d\n", 7));
    FILE *stream = fdopen(dup(tube[1]), "w");
    setvbuf(stream, NULL, _IONBF, 0);
    CALL(fputs, "pipe-full", fputs("text", stream));
    CALL(fprintf, "pipe-full", fprintf(stream, "%d", 7));
    CALL(fputc, "pipe-full", fputc('c', stream));

    // A blocked write, interrupted: fails with EINTR.
    fcntl(tube[1], F_SETFL, 0);
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    CALL(write, "pipe-interrupted", write(tube[1], "text", 4));
    soon = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &soon, NULL);

    close(tube[0]);
    CALL(write, "pipe-broken", write(tube[1], "text", 4));
    CALL(writev, "pipe-broken", writev(tube[1], two, 2));
    CALL(pwrite, "pipe", pwrite(tube[1], "text", 4, 0));
    CALL(fputs, "pipe-broken", fputs("text", stream));
    CALL(fsync, "pipe", fsync(tube[1]));
    CALL(fdatasync, "closed", fdatasync(-1));
}

static void sockets(int file) {
    int pair[2];
    char *wild = (char *)(uintptr_t)0x10;
    struct msghdr message = {0};
    struct mmsghdr messages[2];
    memset(messages, 0, sizeof messages);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CALL(send, "pair", send(pair[0], "text", 4, 0));
    CALL(send, "no-socket", send(file, "text", 4, 0));
    CALL(send, "wild", send(pair[0], wild, 4, 0));
    CALL(sendto, "closed", sendto(-1, "text", 4, 0, NULL, 0));
    CALL(sendmsg, "empty", sendmsg(pair[0], &message, 0));
#ifdef __GLIBC__ // musl looks into these itself, and crashes
    CALL(sendmsg, "wild", sendmsg(pair[0], (struct msghdr *)wild, 0));
    message.msg_iov = (struct iovec *)wild;
    message.msg_iovlen = 3;
    CALL(sendmsg, "wild-vector", sendmsg(pair[0], &message, 0));
    CALL(sendmmsg, "wild", sendmmsg(pair[0], (struct mmsghdr *)wild, 2, 0));
#endif
    CALL(sendmmsg, "none", sendmmsg(pair[0], messages, 0, 0));
    close(pair[1]);
    CALL(send, "broken", send(pair[0], "text", 4, MSG_NOSIGNAL));
}

static void streams(int file) {
    FILE *full = fopen("/dev/full", "w");
    FILE *reader = fopen("/dev/null", "r");
    FILE *fine = fopen("/dev/null", "w");
    setvbuf(full, NULL, _IONBF, 0);
    CALL(fputs, "full", fputs("text", full));
    CALL(fprintf, "full", fprintf(full, "%d", 5));
    CALL(fputc, "full", fputc('c', full));
    CALL(putc, "full", (putc)('c', full));
    ITEMS(fwrite, "full", 2, fwrite("text", 2, 2, full));
    ITEMS(fwrite, "nothing", 0, fwrite("text", 0, 2, full));
    ITEMS(fwrite, "no-items", 0, fwrite("text", 2, 0, fine));
    CALL(fputs, "reader", fputs("text", reader));
    CALL(fprintf, "reader", fprintf(reader, "%d", 5));
    ITEMS(fwrite, "reader", 4, fwrite("text", 1, 4, reader));
    CALL(fputs, "empty", fputs("", fine));
    ITEMS(fwrite, "page-end", 40, fwrite(page_end(40), 1, 40, fine));
    CALL(fprintf, "precision", fprintf(fine, "%.7s|%.*s", page_end(7), 3, page_end(3)));
    CALL(fprintf, "megabyte", fprintf(fine, "%1048576d", 1));
    CALL(fprintf, "overflow", fprintf(fine, "%2147483648d", 1));
    CALL(fprintf, "positional", fprintf(fine, "%3$s %1$d %2$g", 1, 2.0, "three"));
    CALL(fprintf, "long-double", fprintf(fine, "%Lg %d", 1.5L, 2));
    int so_far = 0;
    CALL(fprintf, "n", fprintf(fine, "abc%n", &so_far));
    must(so_far == 3);
    errno = ENOSPC;
    CALL(fprintf, "errno-text", fprintf(fine, "%m"));
    FILE *buffered = fopen("/dev/full", "w");
    CALL(fputs, "buffered", fputs("text", buffered));
    CALL(fflush, "buffered", fflush(buffered));
    CALL(fputs, "buffered-again", fputs("text", buffered));
    CALL(fclose, "buffered", fclose(buffered));
    FILE *wide = fopen("/dev/null", "w");
    CALL(fputws, "wide", fputws(L"text", wide));
    CALL(fputws, "no-such-byte", fputws(L"\u20ac", wide));
    CALL(fputs, "wrong-orientation", fputs("text", wide));
    CALL(fwprintf, "wide", fwprintf(wide, L"%d %ls", 3, L"text"));
    char *memory = NULL;
    size_t size = 0;
    FILE *in_memory = open_memstream(&memory, &size);
    CALL(fprintf, "memory", fprintf(in_memory, "%d", 12345));
    CALL(fclose, "memory", fclose(in_memory));
    must(size == 5);

    // Past the size limit: EFBIG, and SIGXFSZ only where the program's own write raises it.
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {16384, RLIM_INFINITY};
    must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CALL(pwrite, "too-far", pwrite(file, "text", 4, 20000));
    CALL(pwrite, "short", pwrite(file, "text", 4, 16382));
    limit.rlim_cur = RLIM_INFINITY;
    must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    int null = open("/dev/null", O_WRONLY);
    char name[4096];
    snprintf(name, sizeof name, "%s/errnos.out", getenv("PF_DIR") ? getenv("PF_DIR") : ".");
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(null >= 0 && file >= 0);
    descriptors(null, file);
    vectors(null, file);
    pipes();
    sockets(file);
    streams(file);
    must(write(1, report, used) == (long)used);
    return 0;
}
