// SPDX-License-Identifier: Apache-2.0
// Empty output calls: placed after libpfprof.so in LD_PRELOAD, they leave its cost only.
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

ssize_t write(int fd, const void *data, size_t size) {
    (void)fd;
    (void)data;
    return (ssize_t)size;
}

int fputs(const char *text, FILE *file) {
    (void)text;
    (void)file;
    return 1;
}

int vfprintf(FILE *file, const char *format, va_list arguments) {
    (void)file;
    (void)format;
    (void)arguments;
    return 1;
}

int vprintf(const char *format, va_list arguments) {
    (void)format;
    (void)arguments;
    return 1;
}

// Without an interposer fprintf must not reach libc's formatting either: the same step from "..."
// to va_list that libc's own fprintf takes, so that the difference is what the interposer adds.
int fprintf(FILE *file, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int result = vfprintf(file, format, arguments);
    va_end(arguments);
    return result;
}

int printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int result = vprintf(format, arguments);
    va_end(arguments);
    return result;
}
