// SPDX-License-Identifier: Apache-2.0
// A library that writes before any constructor has run, and again in its own.
#include <stdio.h>
#include <unistd.h>

static int chosen(void) { return 7; }

// Runs while the loader relocates this library: those before it in the list are not yet.
static void *choose(void) {
    (void)!write(2, "resolver\n", 9);
    fprintf(stderr, "%s %d\n", "resolver", 2);
    return (void *)chosen;
}

static int choice(void) __attribute__((ifunc("choose")));

int early_choice(void) { return choice(); }

__attribute__((constructor)) static void start(void) {
    (void)!write(2, "constructor\n", 12);
    printf("constructor\n");
}
