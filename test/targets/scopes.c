// SPDX-License-Identifier: Apache-2.0
// Profiled functions, in every way in which they may begin and end; also compiled as C++.
#include <errno.h>
#include <pf-profile.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void work(long us) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    long end = time.tv_nsec / 1000 + time.tv_sec * 1000000 + us;
    do {
        clock_gettime(CLOCK_MONOTONIC, &time);
    } while (time.tv_nsec / 1000 + time.tv_sec * 1000000 < end);
}

static int early(int i) {
    PF_PROFILE_FUNCTION();
    if (i % 2) {
        return i;
    }
    for (int n = 0; n < 3; n++) {
        PF_PROFILE_SCOPE("turn");
        if (n == 1) {
            break;
        }
    }
    return 0;
}

static int recurse(int depth) {
    PF_PROFILE_FUNCTION();
    return depth > 0 ? recurse(depth - 1) + 1 : 0;
}

static jmp_buf back;
static void jump(void) {
    PF_PROFILE_FUNCTION();
    longjmp(back, 1);
}
static void jumper(void) {
    PF_PROFILE_FUNCTION();
    if (setjmp(back) == 0) {
        jump();
    }
}

// Half of the time is output: a pipe that takes its time, and as much of computing.
static void checkout(int to) {
    PF_PROFILE_FUNCTION();
    char text[64] = "checkout\n";
    if (write(to, text, sizeof text) < 0) {
        abort();
    }
    work(50);
}
static void *reader(void *argument) {
    int from = *(int *)argument;
    char text[64];
    while (read(from, text, sizeof text) > 0) {
    }
    return NULL;
}

static struct pf_profile_span spans[10];
static void *ender(void *unused) {
    (void)unused;
    for (int i = 0; i < 7; i++) {
        PF_PROFILE_ASYNC_END(&spans[i]);
        PF_PROFILE_ASYNC_END(&spans[i]); // a second time: nothing
    }
    return NULL;
}

static void in_context(void) {
    PF_PROFILE_CONTEXT("user-7", "request-42", "pay");
    {
        PF_PROFILE_CONTEXT(NULL, "request-43", NULL);
        printf("inside\n");
    }
    fflush(stdout);
    const char *stop = getenv("STOP_IN_CONTEXT");
    if (stop != NULL) {
        if (strcmp(stop, "wait") == 0) {
            pause();
        }
        _exit(0);
    }
}

static void forks(void) {
    PF_PROFILE_FUNCTION();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        early(1);
        return; // leaves a scope of its parent's
    }
    waitpid(child, NULL, 0);
}

static void *ends_inside(void *unused) {
    PF_PROFILE_SCOPE("thread");
    pthread_exit(unused);
}

int main(int argc, char **argv) {
    int ends[2];
    pthread_t thread;
    pid_t self = getpid();
    int rounds = argc > 1 ? atoi(argv[1]) : 1000;
    errno = 7777;
    for (int i = 0; i < rounds; i++) {
        early(i);
        recurse(9);
        jumper();
    }
    for (volatile int i = 0; i < rounds; i++) { // never back to an outer scope
        if (setjmp(back) == 0) {
            jump();
        }
    }
    recurse(1000);
    if (errno != 7777) {
        return 9;
    }
    if (pipe(ends) < 0) {
        return 8;
    }
    pthread_create(&thread, NULL, reader, &ends[0]);
    for (int i = 0; i < rounds; i++) {
        checkout(ends[1]);
    }
    close(ends[1]);
    pthread_join(thread, NULL);
    for (int i = 0; i < 10; i++) {
        PF_PROFILE_ASYNC_BEGIN(&spans[i], "order");
    }
    pthread_create(&thread, NULL, ender, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, ends_inside, NULL);
    pthread_join(thread, NULL);
    in_context();
    forks();
    if (getpid() != self) {
        _exit(0);
    }
    return 0;
}
