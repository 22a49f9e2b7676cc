// SPDX-License-Identifier: Apache-2.0
// To be compiled with -finstrument-functions: nesting, longjmp, and more depth than there is room for.
#include <setjmp.h>
#include <unistd.h>

#define PLAIN __attribute__((noinline, noclone))

static jmp_buf back;

PLAIN void inner(void);
PLAIN void outer(void);
PLAIN void thrower(void);
PLAIN int deep(int left);

PLAIN void inner(void) {
    if (write(1, "i\n", 2) < 0) {
        _exit(1);
    }
}

PLAIN void outer(void) {
    for (int i = 0; i < 10; i++) {
        inner();
    }
}

PLAIN void thrower(void) { longjmp(back, 1); }

// A function left by longjmp ends at the latest with the one that it came back to.
PLAIN void catcher(void);
PLAIN void catcher(void) {
    if (setjmp(back) == 0) {
        thrower();
    }
}

PLAIN int deep(int left) {
    int below = left > 0 ? deep(left - 1) : 0;
    __asm__ volatile("" : "+r"(below));
    return below + 1;
}

int main(void) {
    for (int i = 0; i < 50; i++) {
        catcher();
    }
    int depth = deep(1000);
    for (int i = 0; i < 100; i++) {
        outer();
    }
    return depth == 1001 ? 0 : 1;
}
