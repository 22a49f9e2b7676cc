// SPDX-License-Identifier: Apache-2.0
// Calls as slow as a shared word says, and what all of them took by the target's own clock.
//
//   regimes FILE CALLS   FILE: 16 bytes, mapped: how many microseconds a call takes; how many calls may
//                        be made so far; how many have been
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile uint32_t *word;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static ssize_t slow_write(void *cookie, const char *text, size_t size) {
    uint64_t end = now() + 1000ull * word[0];
    while (now() < end) {
    }
    return (ssize_t)size;
}

int main(int argc, char **argv) {
    int fd = open(argv[1], O_RDWR);
    word = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    FILE *slow = fopencookie(NULL, "w", (cookie_io_functions_t){.write = slow_write});
    setvbuf(slow, NULL, _IONBF, 0);
    uint64_t truth = 0;
    uint32_t calls = (uint32_t)atol(argv[2]);
    for (uint32_t made = 0; made < calls; word[2] = ++made) {
        while (made == word[1]) {
            usleep(100);
        }
        uint64_t begun = now();
        fputs("hello", slow);
        truth += now() - begun;
    }
    printf("%llu\n", (unsigned long long)truth);
    fflush(stdout);
    return 0;
}
