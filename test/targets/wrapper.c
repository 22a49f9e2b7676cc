// SPDX-License-Identifier: Apache-2.0
// Logs through wrappers, from lines that test_reader.py finds by their comments and counts.
// link: -lpthread
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *out;

static void log_va(const char *level, const char *format, va_list arguments) {
    fprintf(out, "[%s] ", level);     // site: prefix
    vfprintf(out, format, arguments); // site: text
}

static void log_info(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_va("INFO", format, arguments); // site: log_info
    va_end(arguments);
}

static void order(int i) { log_info("order %d\n", i); }   // site: order
static void audit(int i) { log_info("audited %d\n", i); } // site: audit
static void user(int i) { log_info("user %d\n", i); }     // site: user

// Does its work and reports on it in one line; three lines call it, so it has three callers and no
// more: still a function that the program would call its own.
static void report(int i) {
    fputs("step 1\n", out); // site: step 1
    fputs("step 2\n", out); // site: step 2
    fputs("step 3\n", out); // site: step 3
}

static void *work(void *rounds) {
    for (int i = 0; i < *(int *)rounds; i++) {
        order(i);
        if (i % 2 == 0) {
            audit(i);
        }
        if (i % 10 == 0) {
            user(i);
        }
        if (i % 3 == 0) {
            report(i);
        } else if (i % 3 == 1) {
            report(i);
        } else {
            report(i);
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    int rounds = count > 1 ? atoi(arguments[1]) : 1000;
    out = fopen("/dev/null", "w");
    fputs("begin\n", out); // so that no thread calls while the segment is made
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, work, &rounds);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    if (count > 2) {
        // Says that all is done, and waits to be killed or told to go on.
        (void)!write(1, "ready\n", 6);
        char go;
        while (read(0, &go, 1) == 1) {
            order(1);
            (void)!write(1, "again\n", 6);
        }
    }
    return 0;
}
