// SPDX-License-Identifier: Apache-2.0
// Preloaded, it leaves out what a program writes by $PF_OFF (write, fwrite_unlocked or fprintf) to other
// streams than stdin and stdout: the site is off, all else is as before.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_off[3];
static __typeof__(&write) real_write;
static __typeof__(&fwrite_unlocked) real_fwrite_unlocked;
static __typeof__(&vfprintf) real_vfprintf;

__attribute__((constructor)) static void start(void) {
    static const char *const names[] = {"write", "fwrite_unlocked", "fprintf"};
    const char *off = getenv("PF_OFF");
    for (int i = 0; i < 3; i++) {
        is_off[i] = off != NULL && strcmp(off, names[i]) == 0;
    }
    real_write = (__typeof__(real_write))dlsym(RTLD_NEXT, "write");
    real_fwrite_unlocked = (__typeof__(real_fwrite_unlocked))dlsym(RTLD_NEXT, "fwrite_unlocked");
    real_vfprintf = (__typeof__(real_vfprintf))dlsym(RTLD_NEXT, "vfprintf");
}

ssize_t write(int fd, const void *data, size_t size) {
    return is_off[0] && fd > 1 ? (ssize_t)size : real_write(fd, data, size);
}

size_t fwrite_unlocked(const void *data, size_t size, size_t count, FILE *file) {
    return is_off[1] && file != stdout ? count : real_fwrite_unlocked(data, size, count, file);
}

static int print(FILE *file, const char *format, va_list arguments) {
    return is_off[2] && file != stdout ? 0 : real_vfprintf(file, format, arguments);
}

int fprintf(FILE *file, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int result = print(file, format, arguments);
    va_end(arguments);
    return result;
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    int result = print(file, format, arguments);
    va_end(arguments);
    return result;
}
