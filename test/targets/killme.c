// SPDX-License-Identifier: Apache-2.0
// Writes until it is killed; its account of begun and ended calls survives in the shared file.
//
//   killme T [stdio|leave]   T threads; stdio: fputs and fprintf beside write; leave: main ends, they go on
// link: -pthread
#include "truth.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int with_stdio;
static pthread_barrier_t ready;

static void *body(void *unused) {
    (void)unused;
    struct truth *w = truth_new("write");
    struct truth *s = with_stdio ? truth_new("fputs") : NULL;
    struct truth *p = with_stdio ? truth_new("fprintf") : NULL;
    int null = open("/dev/null", O_WRONLY);
    FILE *stream = fopen("/dev/null", "w");
    pthread_barrier_wait(&ready); // all make their first call at once
    for (unsigned i = 0;; i++) {
        truth_write(w, null, "a line that may be the last\n", 28);
        if (with_stdio) {
            truth_begin(s);
            truth_end(s, fputs("buffered, may never arrive\n", stream) < 0 ? -1 : 27);
            truth_begin(p);
            truth_end(p, fprintf(stream, "round %u\n", i));
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    int leaves = argc > 2 && strcmp(argv[2], "leave") == 0;
    with_stdio = argc > 2 && !leaves;
    truth_open();
    if (pthread_barrier_init(&ready, NULL, (unsigned)threads) != 0) {
        abort();
    }
    for (int i = leaves ? 0 : 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, body, NULL) != 0) {
            abort();
        }
    }
    if (leaves) {
        pthread_exit(NULL);
    }
    body(NULL);
    return 0;
}
