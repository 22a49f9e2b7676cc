// SPDX-License-Identifier: Apache-2.0
// pf_unwind sees the frames that libunwind and glibc see.
#include "../check-main.h"
#include "unwind-judge.h"
#include "unwind-shapes.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "pf-process.h"

struct pf_process pf_process;

START_TEST(all_shapes_of_frames) {
    judge_begin();
    for (int n = 1; n < 4; n++) {
        for (int i = 0; i < shape_count; i++) {
            int before = judge_wrong;
            shapes[i](compare, n);
            ck_assert_msg(judge_wrong == before, "%s, %d", shape_names[i], n);
        }
    }
    JUDGED(3 * shape_count * 4);
}
END_TEST

START_TEST(exceptions) {
#ifdef HAVE_CXX
    judge_begin();
    ck_assert_int_gt(cxx_shape(compare), 0);
    JUDGED(4);
#endif
}
END_TEST

START_TEST(depth_is_kept) {
    judge_begin();
    uintptr_t site = 0;
    uintptr_t frames[4] = {0, 0, 0, 77};
    ck_assert_uint_eq(pf_unwind(&judge_state, site, frames, 3), 0); // nobody returns to there
    ck_assert_uint_eq(pf_unwind(&judge_state, site, frames, 0), 0);
    site = (uintptr_t)__builtin_return_address(0);
    ck_assert_uint_eq(pf_unwind(&judge_state, site, frames, 3), 3);
    ck_assert_uint_eq(frames[0], site);
    ck_assert_uint_eq(frames[3], 77);
    ck_assert_uint_eq(pf_unwind(&judge_state, site, frames, 1), 1);
}
END_TEST

START_TEST(nothing_before_the_start) {
    uintptr_t frames[4];
    uintptr_t site = (uintptr_t)__builtin_return_address(0);
    ck_assert_uint_eq(pf_unwind(&judge_state, site, frames, 4), 0);
}
END_TEST

static void on_signal(int number) {
    (void)number;
    compare();
}

static void handle(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

static void raise_it(void) { ck_assert_int_eq(raise(SIGUSR1), 0); }

START_TEST(a_signal_handler) {
    judge_begin();
    handle(SIGUSR1, on_signal, 0);
    for (int i = 0; i < shape_count; i++) {
        shapes[i](raise_it, 2);
    }
    JUDGED(shape_count * 4);
}
END_TEST

START_TEST(a_signal_stack) {
    judge_begin();
    static char memory[1 << 16];
    // Above the stack that was interrupted, below it, and in a frame of it.
    char *places[3] = {
        memory,
        mmap(NULL, sizeof memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        __builtin_alloca(sizeof memory)};
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    for (int i = 0; i < 3; i++) {
        stack_t stack = {.ss_sp = places[i], .ss_size = sizeof memory};
        ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
        shape_mutual(raise_it, 2);
        shape_aligned(raise_it, 2);
    }
    JUDGED(3 * 2 * 4);
}
END_TEST

// From the smallest there may be to one with room enough; one byte below its lowest is not there.
static uintptr_t small_frames[DEPTH];
static volatile unsigned small_count;
static void on_small(int number) {
    (void)number;
    small_count =
        pf_unwind(&judge_state, (uintptr_t)__builtin_return_address(0), small_frames, DEPTH);
}

static void on_small_stacks(void) {
    uintptr_t frames[DEPTH];
    unsigned count = 0;
    char *memory = mmap(NULL, 3 * 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(mprotect(memory + 65536, 65536, PROT_READ | PROT_WRITE), 0);
    size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ);
    stack_t stack = {.ss_flags = SS_DISABLE}; // first on the stack that there is
    for (size_t more = 0; more < 4096; more += 64) {
        ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
        raise(SIGUSR1);
        if (count == 0) {
            count = small_count;
            memcpy(frames, small_frames, sizeof frames);
        } else if (small_count != 0 || more > PF_UNWIND_ROOM + 1024) {
            ck_assert_uint_eq(small_count, count);
            ck_assert_int_eq(memcmp(frames, small_frames, count * sizeof *frames), 0);
        }
        stack = (stack_t){.ss_sp = memory + 65536, .ss_size = size + more};
    }
}

START_TEST(small_signal_stacks) {
    judge_begin();
    handle(SIGUSR1, on_small, SA_ONSTACK);
    shape_mutual(on_small_stacks, 2);
    ck_assert_uint_gt(small_count, 6);
}
END_TEST

static void *thread_main(void *unused) {
    (void)unused;
    judge_least = 3;
    for (int i = 0; i < 8; i++) { // shapes that fit into a small stack
        if (shapes[i] != shape_huge && shapes[i] != shape_large) {
            shapes[i](compare, 2);
        }
    }
    compare();
    return NULL;
}

START_TEST(threads) {
    judge_begin();
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        if (i % 2) {
            pthread_attr_setstacksize(&attributes, 40960); // the judges need 20 KiB of it
        }
        ck_assert_int_eq(pthread_create(&thread, &attributes, thread_main, NULL), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    JUDGED(4 * 7 * 4);
}
END_TEST

static uintptr_t thread_frames[8];
static unsigned thread_count;
static void small_leaf(void) {
    thread_count =
        pf_unwind(&judge_state, (uintptr_t)__builtin_return_address(0), thread_frames, 8);
}
static void *small_main(void *unused) {
    shape_plain(small_leaf, 1);
    return unused;
}

START_TEST(the_smallest_thread_stack) {
    judge_begin();
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 16384), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, small_main, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_ge(thread_count, 4); // shape_plain, small_main, start_thread, clone
}
END_TEST

static ucontext_t here, there;
static int rounds;
static void coroutine(void) {
    judge_least = 2;
    for (;;) {
        compare();
        shape_mutual(compare, 3);
        rounds++;
        swapcontext(&there, &here);
    }
}

START_TEST(coroutines) {
    judge_begin();
    for (int i = 0; i < 3; i++) {
        // Ends where nothing is mapped any more, and the next one is smaller and at the same place.
        size_t size = i == 2 ? 32768 : 65536;
        char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ck_assert_int_eq(getcontext(&there), 0);
        there.uc_stack.ss_sp = stack;
        there.uc_stack.ss_size = size;
        there.uc_link = NULL;
        makecontext(&there, coroutine, 0);
        swapcontext(&here, &there);
        swapcontext(&here, &there);
        munmap(stack, size);
    }
    ck_assert_int_eq(rounds, 6);
    JUDGED(6 * 2 * 4);
}
END_TEST

// The second plugin lies where the first was, with other frames.
START_TEST(plugins) {
    judge_begin();
    static const char *const paths[] = {PLUGIN, OTHER_PLUGIN};
    void *before = NULL;
    int again = 0;
    for (int i = 0; i < 12; i++) {
        void *plugin = dlopen(paths[i % 2], RTLD_NOW | RTLD_LOCAL);
        ck_assert_msg(plugin != NULL, "%s", dlerror());
        int (*call)(leaf_fn *, int) = (int (*)(leaf_fn *, int))dlsym(plugin, "plugin_call");
        again += (void *)call == before;
        before = (void *)call;
        ck_assert_int_ge(call(compare, 5), 0);
        ck_assert_int_eq(dlclose(plugin), 0);
    }
    fprintf(stderr, "%d of 11 plugins at the place of the one before\n", again);
    JUDGED(12 * 4);
}
END_TEST

#ifdef __x86_64__
// Its frame is found by a register that the cache's rules do not follow.
void call_by_r12(leaf_fn *leaf);
__asm__("call_by_r12:\n\t"
        ".cfi_startproc\n\t"
        "pushq %r12\n\t"
        ".cfi_adjust_cfa_offset 8\n\t"
        ".cfi_rel_offset %r12, 0\n\t"
        "movq %rsp, %r12\n\t"
        ".cfi_def_cfa_register %r12\n\t"
        "subq $4096, %rsp\n\t"
        "call *%rdi\n\t"
        "movq %r12, %rsp\n\t"
        ".cfi_def_cfa_register %rsp\n\t"
        "popq %r12\n\t"
        ".cfi_adjust_cfa_offset -8\n\t"
        ".cfi_restore %r12\n\t"
        "ret\n\t"
        ".cfi_endproc");

static void through_shapes(void) {
    shape_registers(compare, 1); // which keeps %r12 somewhere
    shape_aligned(compare, 1);
}

START_TEST(another_register) {
    judge_begin();
    call_by_r12(compare);
    call_by_r12(through_shapes);
    JUDGED(4 * 4);
}
END_TEST

// Every instruction: a trap after each, and the handler compares.
static volatile int stepping;
static volatile int steps;
static void on_step(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ucontext_t *interrupted = context;
    steps++;
    if (!stepping) {
        interrupted->uc_mcontext.gregs[REG_EFL] &= ~0x100;
        return;
    }
    compare_with(GLIBC);
}

static void nothing(void) { __asm__ volatile(""); }

START_TEST(every_instruction) {
    judge_begin();
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    ck_assert_int_eq(sigaction(SIGTRAP, &action, NULL), 0);
    stepping = 1;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "cc", "memory");
    for (int i = 0; i < shape_count; i++) {
        shapes[i](nothing, 1);
    }
    // Through the procedure linkage table and the loader's resolver, as nobody called it before.
    int value = abs(rand_r(&(unsigned){1}));
    stepping = 0;
    __asm__ volatile("nop");
    ck_assert_int_ge(value, 0);
    ck_assert_int_gt(steps, 1000);
    fprintf(stderr, "%d instructions\n", steps);
    JUDGED(2000);
}
END_TEST
#endif

int main(void) {
    const struct check_test tests[] = {
        {all_shapes_of_frames, 0},
        {exceptions, 0},
        {depth_is_kept, 0},
        {nothing_before_the_start, 0},
        {a_signal_handler, 0},
        {a_signal_stack, 0},
        {small_signal_stacks, 0},
        {threads, 0},
        {the_smallest_thread_stack, 0},
        {coroutines, 0},
        {plugins, 0},
#ifdef __x86_64__
        {another_register, 0},
        {every_instruction, 0},
#endif
        {NULL, 0},
    };
    return check_main("unwind", tests);
}
