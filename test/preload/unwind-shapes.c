// SPDX-License-Identifier: Apache-2.0
// Compiled with -O2 -fomit-frame-pointer: no frame can be found by frame pointer alone.
#include "unwind-shapes.h"
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

static volatile int sink;

// What keeps a buffer in memory and the call from being the last thing that is done.
static void use(volatile void *memory) { __asm__ volatile("" ::"r"(memory) : "memory"); }

NOINLINE int shape_plain(leaf_fn *leaf, int n) {
    leaf();
    return sink + n;
}

NOINLINE int shape_deep(leaf_fn *leaf, int n) {
    int result = n > 60 ? 1 : shape_deep(leaf, n + 1) + sink;
    if (n > 60) {
        leaf();
    }
    return result + sink;
}

static int odd(leaf_fn *leaf, int n);
static NOINLINE int even(leaf_fn *leaf, int n) {
    char buffer[40];
    use(buffer);
    return n == 0 ? shape_plain(leaf, n) + buffer[0] * 0 : odd(leaf, n - 1) + sink;
}
static NOINLINE int odd(leaf_fn *leaf, int n) {
    char buffer[400];
    use(buffer);
    return n == 0 ? shape_plain(leaf, n) + 1 : even(leaf, n - 1) + sink;
}
NOINLINE int shape_mutual(leaf_fn *leaf, int n) { return even(leaf, n + 17) + sink; }

NOINLINE int shape_alloca(leaf_fn *leaf, int n) {
    char *memory = __builtin_alloca((size_t)n * 100 + 24);
    use(memory);
    leaf();
    use(memory);
    return sink;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvla"
NOINLINE int shape_vla(leaf_fn *leaf, int n) {
    int sum = 0;
    for (int i = 1; i < 3; i++) {
        char memory[n * i + 100];
        use(memory);
        sum += shape_plain(leaf, i);
        use(memory);
    }
    return sum;
}
#pragma GCC diagnostic pop

NOINLINE int shape_aligned(leaf_fn *leaf, int n) {
    char memory[100] __attribute__((aligned(64)));
    use(memory);
    leaf();
    use(memory);
    return sink + n;
}

// The arguments on the stack are found by a register of their own (DRAP).
NOINLINE static int aligned_more(int a, int b, int c, int d, int e, int f, int g, int h,
                                 leaf_fn *leaf, int n) {
    char memory[100] __attribute__((aligned(128)));
    char *more = __builtin_alloca((size_t)n + 1);
    use(memory);
    use(more);
    leaf();
    return a + b + c + d + e + f + g + h + sink;
}
NOINLINE int shape_aligned_alloca(leaf_fn *leaf, int n) {
    return aligned_more(1, 2, 3, 4, 5, 6, 7, 8, leaf, n) + sink;
}

// More values over the call than there are registers.
NOINLINE int shape_registers(leaf_fn *leaf, int n) {
    int a = sink, b = sink, c = sink, d = sink, e = sink, f = sink, g = sink;
    leaf();
    sink = a + b;
    leaf();
    return a * b + c * d + e * f + g * n;
}

NOINLINE int shape_large(leaf_fn *leaf, int n) {
    char memory[30000];
    use(memory);
    leaf();
    return sink + n;
}

NOINLINE int shape_huge(leaf_fn *leaf, int n) {
    char memory[1500000];
    use(memory);
    leaf();
    return sink + n;
}

NOINLINE static int with_arguments(int a, int b, int c, int d, int e, int f, int64_t g, int64_t h,
                                   int64_t i, leaf_fn *leaf) {
    leaf();
    return (int)(a + b + c + d + e + f + g + h + i);
}
NOINLINE int shape_arguments(leaf_fn *leaf, int n) {
    return with_arguments(n, 2, 3, 4, 5, 6, 7, 8, 9, leaf) +
           with_arguments(n, 2, 3, 4, 5, 6, 7, 8, 9, leaf);
}

// Several ways out, between which the frame is taken down and set up again.
NOINLINE int shape_switch(leaf_fn *leaf, int n) {
    if (n < 0) {
        return sink;
    }
    char memory[200];
    use(memory);
    switch (n % 3) {
    case 0: leaf(); return memory[0] * 0 + 1;
    case 1: return shape_plain(leaf, n) + 2;
    default:
        leaf();
        leaf();
        return sink;
    }
}

// The frame is set up on the slow way only.
NOINLINE int shape_wrapped(leaf_fn *leaf, int n) {
    if (sink != 0) {
        return n;
    }
    int a = sink, b = sink, c = sink;
    for (int i = 0; i < 3; i++) {
        leaf();
        a += b * c;
    }
    return a + n;
}

// The call is the function's last instruction: what it returns to belongs to the next function.
static jmp_buf out;
static NOINLINE __attribute__((noreturn)) void leave(leaf_fn *leaf) {
    leaf();
    longjmp(out, 1);
}
static NOINLINE void last_is_a_call(leaf_fn *leaf) {
    char memory[56];
    use(memory);
    leave(leaf);
}
NOINLINE int shape_noreturn(leaf_fn *leaf, int n) {
    if (setjmp(out) == 0) {
        last_is_a_call(leaf);
    }
    return n;
}

static leaf_fn *sort_leaf;
static int order(const void *a, const void *b) {
    sort_leaf();
    return *(const int *)a - *(const int *)b;
}
NOINLINE int shape_sorted(leaf_fn *leaf, int n) {
    int values[5] = {5, 3, 4, 1, n};
    sort_leaf = leaf;
    qsort(values, 5, sizeof *values, order);
    return values[0];
}

shape_fn *const shapes[] = {
    shape_plain,     shape_deep,   shape_mutual,  shape_alloca,    shape_vla,
    shape_aligned,   shape_large,  shape_huge,    shape_arguments, shape_aligned_alloca,
    shape_registers, shape_switch, shape_wrapped, shape_noreturn,  shape_sorted,
};
const char *const shape_names[] = {
    "plain",     "deep",   "mutual",  "alloca",    "vla",
    "aligned",   "large",  "huge",    "arguments", "aligned, with alloca",
    "registers", "switch", "wrapped", "noreturn",  "sorted",
};
const int shape_count = sizeof shapes / sizeof *shapes;
