// SPDX-License-Identifier: Apache-2.0
// loop MODE ITERATIONS BLOCKS: prints the median ns per call of BLOCKS blocks to descriptor 3.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BLOCKS = 1001, MAX_THREADS = 2 };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// The result must not pass through a call that a profiler or libnull.so has replaced.
static long raw_write(int fd, const char *data, size_t size) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_write), "D"((long)fd), "S"(data), "d"(size)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = SYS_write;
    register long x0 __asm__("x0") = fd;
    register const char *x1 __asm__("x1") = data;
    register size_t x2 __asm__("x2") = size;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
    return syscall(SYS_write, fd, data, size);
#endif
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double block_write(long iterations) {
    double start = now_ns();
    for (long i = 0; i < iterations; i++) {
        (void)!write(1, "hello, world\n", 13);
    }
    return now_ns() - start;
}

static double block_fputs(long iterations) {
    FILE *file = stdout;
    double start = now_ns();
    for (long i = 0; i < iterations; i++) {
        fputs("hello, world\n", file);
    }
    return now_ns() - start;
}

static double block_fprintf(long iterations) {
    FILE *file = stdout;
    double start = now_ns();
    for (long i = 0; i < iterations; i++) {
        fprintf(file, "hello, %s %ld\n", "world", i);
    }
    return now_ns() - start;
}

// Two clock reads a turn: the least that timing one call can cost through this clock.
static double block_clock(long iterations) {
    struct timespec a;
    struct timespec b;
    double start = now_ns();
    for (long i = 0; i < iterations; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        clock_gettime(CLOCK_MONOTONIC, &b);
        __asm__ volatile("" : : "r"(&a), "r"(&b) : "memory");
    }
    return now_ns() - start;
}

struct worker {
    pthread_t thread;
    pthread_barrier_t *barrier;
    long iterations;
    int blocks;
    double ns[MAX_BLOCKS];
};

static void *work(void *argument) {
    struct worker *self = argument;
    FILE *file = fopen("/dev/null", "w");
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (file == NULL || fd < 0) {
        _exit(1);
    }
    for (int block = -1; block < self->blocks; block++) { // block -1 warms up
        pthread_barrier_wait(self->barrier);
        double start = now_ns();
        for (long i = 0; i < self->iterations; i += 2) {
            fprintf(file, "hello, %s %ld\n", "world", i);
            (void)!write(fd, "hello, world\n", 13);
        }
        if (block >= 0) {
            self->ns[block] = now_ns() - start;
        }
    }
    fclose(file);
    close(fd);
    return NULL;
}

// One thread too is a started one, so that libc takes its threaded paths in both modes.
static int run_threads(int threads, long iterations, int blocks, double *ns) {
    static struct worker workers[MAX_THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        workers[i].barrier = &barrier;
        workers[i].iterations = iterations;
        workers[i].blocks = blocks;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            return -1;
        }
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    for (int block = 0; block < blocks; block++) {
        ns[block] = 0;
        for (int i = 0; i < threads; i++) {
            ns[block] += workers[i].ns[block] / threads;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static double ns[MAX_BLOCKS];
    long iterations = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    long blocks = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    if (iterations < 2 || iterations % 2 || blocks < 1 || blocks > MAX_BLOCKS) {
        return 2;
    }
    const char *mode = argv[1];
    double (*run)(long) = NULL;
    if (strcmp(mode, "write") == 0) {
        run = block_write;
    } else if (strcmp(mode, "fputs") == 0) {
        run = block_fputs;
    } else if (strcmp(mode, "fprintf") == 0) {
        run = block_fprintf;
    } else if (strcmp(mode, "clock") == 0) {
        run = block_clock;
    }
    if (run != NULL) {
        run(iterations / 4 + 1); // warm up
        for (long block = 0; block < blocks; block++) {
            ns[block] = run(iterations);
        }
    } else if (strcmp(mode, "mt1") == 0 || strcmp(mode, "mt2") == 0) {
        if (run_threads(mode[2] - '0', iterations, (int)blocks, ns) != 0) {
            return 1;
        }
    } else {
        return 2;
    }
    char text[64];
    int size = snprintf(text, sizeof text, "%.4f\n", median(ns, (int)blocks) / (double)iterations);
    return raw_write(3, text, (size_t)size) == size ? 0 : 1;
}
