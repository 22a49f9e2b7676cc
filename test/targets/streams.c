// SPDX-License-Identifier: Apache-2.0
// Unusual streams and formats; what comes out must be the same bare and profiled.
//
//   streams MODE; the modes are in the table at the end.
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <wchar.h>

#ifdef __GLIBC__
#include <error.h>
#include <printf.h>
int __printf_chk(int flag, const char *format, ...);
#endif

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

// A stream whose callback prints itself.
static ssize_t talking_write(void *cookie, const char *text, size_t size) {
    (void)cookie;
    dprintf(1, "callback has %zu bytes\n", size);
    return write(1, text, size);
}

#ifdef __GLIBC__
// What libc writes to stderr on its own, and where that then is.
static void do_complaints(void) {
    char *text = NULL;
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        errno = ENOENT;
        perror("complaint");
        warn("complaint %d", i);
        warnx("complaint %d", i);
        error(0, ENOENT, "complaint %d", i);
        psignal(SIGTERM, "complaint");
    }
    FILE *kept = stderr;
    stderr = open_memstream(&text, &size);
    warnx("a complaint that nobody hears");
    fclose(stderr);
    stderr = kept;
    printf("kept: %s", text);
    errx(7, "the last complaint");
}
#endif

static void do_cookie(void) {
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = talking_write});
    must(stream != NULL && setvbuf(stream, NULL, _IOLBF, 100) == 0);
    for (int i = 0; i < 20; i++) {
        must(fprintf(stream, "line %d\n", i) > 0 && fputs("text\n", stream) >= 0);
    }
    must(fclose(stream) == 0);
}

// A callback that ends its thread unwinds through printf and whoever wraps it.
static ssize_t leaving_write(void *cookie, const char *text, size_t size) {
    (void)text;
    (void)size;
    pthread_exit(cookie);
}

static void *leave(void *result) {
    FILE *stream = fopencookie(result, "w", (cookie_io_functions_t){.write = leaving_write});
    must(stream != NULL && setvbuf(stream, NULL, _IONBF, 0) == 0);
    fprintf(stream, "unwound\n");
    abort();
}

static void do_unwind(void) {
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        void *result = NULL;
        must(pthread_create(&thread, NULL, leave, &thread) == 0);
        must(pthread_join(thread, &result) == 0 && result == &thread);
        printf("thread %d left\n", i);
    }
}

static void do_memory(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    must(stream != NULL);
    fprintf(stream, "%s %d", "memory", 1);
    fwrite(" more", 1, 5, stream);
    must(fclose(stream) == 0);
    printf("[%s] %zu\n", text, size);
    free(text);
    char fixed[8] = "";
    stream = fmemopen(fixed, sizeof fixed, "w");
    must(stream != NULL && setvbuf(stream, NULL, _IONBF, 0) == 0);
    printf("%d", fprintf(stream, "too long for it"));
    printf(" %d\n", ferror(stream) != 0);
    fclose(stream);
}

static void do_pipes(void) {
    FILE *stream = popen("cat", "w");
    must(stream != NULL);
    fprintf(stream, "through cat %d\n", 5);
    fputs("and more\n", stream);
    printf("pclose %d\n", pclose(stream));
    fflush(stdout);
    must(freopen("reopened", "w", stdout) == stdout);
    printf("into the file\n");
    setvbuf(stdout, NULL, _IONBF, 0);
    putchar('x');
    flockfile(stdout);
    putchar_unlocked('y');
    fputs_unlocked("locked\n", stdout);
    fprintf(stdout, "own lock\n");
    funlockfile(stdout);
}

static void do_wide(void) {
    must(setlocale(LC_ALL, "C.UTF-8") != NULL);
    FILE *stream = fopen("wide", "w");
    must(stream != NULL && fwide(stream, 1) > 0);
    fwprintf(stream, L"%ls %s %lc\n", L"w\u00efde", "narrow", L'\u2713');
    // A byte call on a wide stream fails in its own way.
    printf("%d %d\n", fprintf(stream, "bytes"), fputs("bytes", stream));
    fclose(stream);
    char open_end[4] = {'f', 'o', 'u', 'r'};
    printf("[%.*s] [%.2s] [%ls] [%.3ls]\n", 4, open_end, "\xc3\xa9t\xc3\xa9", L"\u00e9t\u00e9",
           L"\u00e9t\u00e9");
    printf("%2$s %1$d %3$Lf %m\n", 1, "positional", 2.5L);
    int count = -1;
    printf("12345%n\n", &count);
    printf("count %d\n", count);
}

#ifdef __GLIBC__
static int print_pair(FILE *stream, const struct printf_info *info, const void *const *arguments) {
    (void)info;
    const int *pair = *(const int *const *)arguments[0];
    return fprintf(stream, "<%d,%d>", pair[0], pair[1]);
}

static int pair_size(const struct printf_info *info, size_t room, int *types, int *sizes) {
    (void)info;
    (void)sizes;
    if (room > 0) {
        types[0] = PA_POINTER;
    }
    return 1;
}

static void do_registered(void) {
    must(register_printf_specifier('P', print_pair, pair_size) == 0);
    int pair[2] = {3, 4};
    for (int i = 0; i < 5; i++) {
        printf("%d %P %s\n", i, pair, "after");
    }
}

static void do_fortified(void) {
    char format[] = "no%n\n";
    int count = 0;
    __printf_chk(1, "fine %d\n", 1);
    fflush(stdout);
    __printf_chk(1, format, &count); // libc ends the program
}
#endif

static void do_big(void) {
    printf("%*d\n", 1 << 20, 1);
    char *text = malloc((1 << 20) + 1);
    must(text != NULL);
    memset(text, 'x', 1 << 20);
    text[1 << 20] = 0;
    printf("%s\n", text);
    fputs(text, stdout);
    free(text);
}

static volatile int stop;

static void *switch_locale(void *unused) {
    while (!stop) {
        setlocale(LC_ALL, "C");
        setlocale(LC_ALL, "C.UTF-8");
    }
    return unused;
}

static void do_locale(void) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, switch_locale, NULL) == 0);
    for (int i = 0; i < 20000; i++) {
        must(printf("%d %s %.1f\n", i, "text", 1.5) > 0);
    }
    stop = 1;
    must(pthread_join(thread, NULL) == 0);
}

static void *open_and_close(void *unused) {
    while (!stop) {
        openlog("race", LOG_PERROR, LOG_USER);
        closelog();
    }
    return unused;
}

// Without a daemon behind /dev/log the lines go to stderr alone.
static void do_syslog(void) {
    openlog("streams", LOG_PERROR, LOG_USER);
    for (int i = 0; i < 10; i++) {
        syslog(LOG_INFO, "line %d %m", i);
    }
    closelog();
}

static void do_syslog_race(void) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, open_and_close, NULL) == 0);
    for (int i = 0; i < 500; i++) {
        syslog(LOG_DEBUG, "line %d", i);
    }
    stop = 1;
    must(pthread_join(thread, NULL) == 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"cookie", do_cookie},
    {"unwind", do_unwind},
    {"memory", do_memory},
    {"pipes", do_pipes},
    {"wide", do_wide},
#ifdef __GLIBC__
    {"complaints", do_complaints},
    {"registered", do_registered},
    {"fortified", do_fortified},
#endif
    {"big", do_big},
    {"locale", do_locale},
    {"syslog", do_syslog},
    {"syslog-race", do_syslog_race},
};

int main(int argc, char **argv) {
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (argc > 1 && strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    }
    return 2;
}
