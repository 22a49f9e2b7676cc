// SPDX-License-Identifier: Apache-2.0
// Whatever the cache, the frame pointer and the moment: pf_unwind does not fault or wait, nor call
// the kernel when it may not.
#include "../check-main.h"
#include "pf-process.h"
#include "pf-rule.h"
#include "pf-unwind.h"
#include "unwind-shapes.h"
#include <dlfcn.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

struct pf_process pf_process;

#define DEPTH 64
#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif
// Within their callers, whose frames are then the same.
#define INLINE static inline __attribute__((always_inline))

struct stack {
    uintptr_t frames[DEPTH];
    unsigned count;
};
static __thread struct pf_unwind_state state;
static __thread struct stack reference, seen;

static uint64_t random_state = 88172645463325252ull;
static uint64_t draw(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static NOINLINE void take_here(struct stack *stack) {
    stack->count = pf_unwind(&state, (uintptr_t)__builtin_return_address(0), stack->frames, DEPTH);
}

// From the second frame on, as the first is where each was taken.
static bool is_same(const struct stack *a, const struct stack *b) {
    return a->count == b->count &&
           memcmp(a->frames + 1, b->frames + 1, (a->count - 1) * sizeof *a->frames) == 0;
}

// Rules that say anything about the addresses of a stack, as another module at their place might.
static unsigned poisoned_right;
static void poisoned(void) {
    memset(pf_rules, 0, sizeof pf_rules);
    take_here(&reference);
    ck_assert_uint_gt(reference.count, 6);
    for (int i = 0; i < 60000; i++) {
        for (unsigned n = 1 + draw() % 3; n > 0; n--) {
            uint64_t rule = draw() & ((1ull << PF_RULE_TAG_SHIFT) - 1);
            if (draw() % 2) {
                rule &= 0xe00003ffull | PF_RULE_SLOT_MOST << PF_RULE_SLOT_SHIFT; // a likely one
            }
            pf_rule_keep(reference.frames[draw() % reference.count], rule);
        }
        take_here(&seen);
        poisoned_right += is_same(&reference, &seen);
    }
}

START_TEST(wrong_rules) {
    pf_unwind_init();
    shape_mutual(poisoned, 3);
    ck_assert_uint_gt(poisoned_right, 1000);
    memset(pf_rules, 0, sizeof pf_rules);
}
END_TEST

// A rule that leads astray is found out, and the stack comes right at once.
static void misled(void) {
    take_here(&reference);
    for (unsigned i = 1; i + 1 < reference.count; i++) {
        pf_rule_keep(reference.frames[i],
                     0x4000 | PF_RULE_FROM_SP); // 16 KiB further up: beyond main
        state.patience = 0;
        take_here(&seen);
        ck_assert(is_same(&reference, &seen));
        take_here(&seen);
        ck_assert(is_same(&reference, &seen));
    }
}

static void *run_misled(void *unused) {
    shape_mutual(misled, 3);
    return unused;
}

START_TEST(a_wrong_rule_is_corrected) {
    pf_unwind_init();
    pthread_t thread; // where 16 KiB up is beyond the stack
    ck_assert_int_eq(pthread_create(&thread, NULL, run_misled, NULL), 0);
    pthread_join(thread, NULL);
}
END_TEST

#ifdef __x86_64__
// Calls `leaf` with a frame pointer of one's choice, and says so.
void call_with_fp(uintptr_t fp, leaf_fn *leaf);
__asm__("call_with_fp:\n\t"
        ".cfi_startproc\n\t"
        "pushq %rbp\n\t"
        ".cfi_adjust_cfa_offset 8\n\t"
        ".cfi_rel_offset %rbp, 0\n\t"
        "movq %rdi, %rbp\n\t"
        "call *%rsi\n\t"
        "popq %rbp\n\t"
        ".cfi_adjust_cfa_offset -8\n\t"
        ".cfi_restore %rbp\n\t"
        "ret\n\t"
        ".cfi_endproc");

static enum pf_rule_kind wild_kind;
static void wild(void) {
    take_here(&reference);
    ck_assert_uint_gt(reference.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        for (int offset = 0; offset < 5; offset++) {
            pf_rule_keep(reference.frames[i],
                         (uint64_t)wild_kind | (uint64_t)offset * 8 | 2ul << PF_RULE_SLOT_SHIFT);
            state.patience = 0;
            take_here(&seen);
            ck_assert_uint_ge(seen.count, 1);
        }
        memset(pf_rules, 0, sizeof pf_rules);
    }
}

START_TEST(wild_frame_pointers) {
    pf_unwind_init();
    char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    munmap(page + 8192, 4096);
    uintptr_t at = (uintptr_t)page;
    const uintptr_t values[] = {
        0,       1,         8,         (uintptr_t)-1, (uintptr_t)-8, (uintptr_t)-16, 1ul << 63,
        1 << 30, at + 4096, at + 4088, at + 4092,     at + 4080,     at + 8184,      at + 8192,
    };
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        for (wild_kind = PF_RULE_FROM_SP; wild_kind <= PF_RULE_THROUGH_FP; wild_kind++) {
            call_with_fp(values[i], wild);
        }
    }
}
END_TEST

static ucontext_t here, there;
static unsigned on_coroutine;
static void count_coroutine(void) {
    take_here(&seen);
    on_coroutine = seen.count;
    swapcontext(&there, &here);
}

static void enter_coroutine(char *stack, size_t size) {
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = size;
    there.uc_link = NULL;
    makecontext(&there, count_coroutine, 0);
}

// The kernel kills for any call but read, write and exit.
static void after_the_door_is_shut(int number) {
    (void)number;
    pf_process.shut = true;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        syscall(SYS_exit, 77);
    }
    take_here(&seen);
    syscall(SYS_exit, seen.count);
}

static int status_of(pid_t child) {
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "killed by %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

START_TEST(no_system_call_when_shut) {
    pf_unwind_init();
    static char memory[1 << 16];
    for (int alternate = 0; alternate < 2; alternate++) {
        pid_t child = fork();
        if (child == 0) {
            stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
            sigaltstack(&stack, NULL);
            struct sigaction action = {.sa_handler = after_the_door_is_shut,
                                       .sa_flags = alternate ? SA_ONSTACK : 0};
            sigaction(SIGUSR1, &action, NULL);
            raise(SIGUSR1);
            _exit(99);
        }
        int count = status_of(child);
        if (count == 77) {
            fprintf(stderr, "skipped: no strict seccomp here\n");
        } else if (alternate) {
            ck_assert_int_eq(count, 0); // nobody may be asked about that stack
        } else {
            ck_assert_int_gt(count, 6); // all is known of the main stack
            ck_assert_int_lt(count, DEPTH);
        }
    }
}
END_TEST

START_TEST(coroutine_stacks_that_go) {
    pf_unwind_init();
    for (int i = 0; i < 50; i++) {
        size_t size = 4096u * (2 + draw() % 14);
        char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        enter_coroutine(stack, size);
        swapcontext(&here, &there);
        ck_assert_uint_ge(on_coroutine, 2);
        munmap(stack, size);
    }
}
END_TEST
#endif

// Between any two instructions of a walk, another one.
static volatile int signals, cut;
static volatile uintptr_t outermost;
static void on_timer(int number) {
    (void)number;
    struct stack stack;
    take_here(&stack);
    signals++;
    cut += stack.count == 0 || stack.frames[stack.count - 1] != outermost;
}

static void start_timer(long period_us) {
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, period_us}, {0, period_us}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_timer(void) {
    struct itimerval none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &none, NULL);
}

INLINE void note_outermost(void) {
    take_here(&reference);
    outermost = reference.frames[reference.count - 1];
}

INLINE void walk_once(void) {
    take_here(&seen);
    SURE(is_same(&reference, &seen));
}

static void interrupted(void) {
    note_outermost();
    start_timer(100);
    for (int i = 0; signals < 2000; i++) {
        if (i % 64 == 0) {
            memset(pf_rules, 0, sizeof pf_rules); // so that the slow way is interrupted too
        }
        walk_once();
    }
    stop_timer();
}

START_TEST(handlers_within_walks) {
    pf_unwind_init();
    shape_mutual(interrupted, 3);
    ck_assert_int_eq(cut, 0);
}
END_TEST

#ifdef __x86_64__
// The trap flag is set and cleared in what a handler returns to, so that no frame is pushed by hand.
static void toggle_steps(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] ^= 0x100;
}

INLINE void walk_stepped(void) {
    raise(SIGUSR2);
    take_here(&seen);
    raise(SIGUSR2);
    ck_assert(is_same(&reference, &seen));
}

static long step_number;
static bool forgets;
static void on_step(int number) {
    if (!forgets) {
        on_timer(number);
    } else if (step_number % 101 ==
               0) { // what the handler finds out is no help to what it interrupts
        on_timer(number);
        memset(pf_rules, 0, sizeof pf_rules);
    }
    step_number++;
}

static void stepped(void) {
    note_outermost();
    struct sigaction action = {.sa_handler = on_step, .sa_flags = SA_NODEFER};
    sigaction(SIGTRAP, &action, NULL);
    struct sigaction toggle = {.sa_sigaction = toggle_steps, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &toggle, NULL);
    for (int i = 0; i < 3; i++) { // the slow way once, then the quick one
        walk_stepped();
    }
    forgets = true;
    memset(pf_rules, 0, sizeof pf_rules);
    walk_stepped();
}

START_TEST(handlers_after_every_instruction_of_walks) {
    pf_unwind_init();
    memset(pf_rules, 0, sizeof pf_rules);
    shape_mutual(stepped, 3);
    ck_assert_int_gt(signals, 500);
    ck_assert_int_eq(cut, 0);
}
END_TEST
#endif

static void same_again(void) {
    take_here(&reference);
    for (int i = 0; i < 10000; i++) {
        walk_once();
    }
}

static void *run_shapes(void *argument) {
    for (int i = (int)(intptr_t)argument; i < shape_count; i += 4) {
        if (shapes[i] != shape_sorted &&
            shapes[i] != shape_noreturn) { // they keep things in one place
            shapes[i](same_again, i);
        }
    }
    return NULL;
}

START_TEST(threads_at_once) {
    pf_unwind_init();
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_shapes, (void *)i), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
}
END_TEST

// As slots do, a state goes from thread to thread, and to stacks of other sizes at the same place.
static struct pf_unwind_state handed_on;
static unsigned handed_count;
static NOINLINE void take_handed(void) {
    struct stack stack;
    handed_count =
        pf_unwind(&handed_on, (uintptr_t)__builtin_return_address(0), stack.frames, DEPTH);
}
static void *run_handed(void *deep) {
    (deep != NULL ? shape_huge : shape_mutual)(take_handed, 2);
    return NULL;
}

START_TEST(a_state_that_is_handed_on) {
    pf_unwind_init();
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        bool deep = i % 3 == 0;
        pthread_attr_setstacksize(&attributes, deep ? 4u << 20 : 65536u << i % 4);
        ck_assert_int_eq(
            pthread_create(&thread, &attributes, run_handed, deep ? &attributes : NULL), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_uint_ge(handed_count, 4);
        take_handed();
        ck_assert_uint_ge(handed_count, 4);
    }
}
END_TEST

// dlopen and dlclose hold the loader's locks most of the time; the handler runs in the same thread.
static void open_and_close(void) {
    static const char *const paths[] = {PLUGIN, OTHER_PLUGIN};
    note_outermost();
    start_timer(100);
    for (int i = 0; signals < 1000; i++) {
        void *plugin = dlopen(paths[i % 2], RTLD_NOW | RTLD_LOCAL);
        ck_assert(plugin != NULL);
        int (*call)(leaf_fn *, int) = (int (*)(leaf_fn *, int))dlsym(plugin, "plugin_call");
        call(tzset, 3);
        ck_assert_int_eq(dlclose(plugin), 0);
    }
    stop_timer();
}

START_TEST(handlers_within_dlopen) {
    pf_unwind_init();
    shape_mutual(open_and_close, 3);
    ck_assert_int_eq(cut, 0);
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {wrong_rules, 0},
        {a_wrong_rule_is_corrected, 0},
#ifdef __x86_64__
        {wild_frame_pointers, 0},
        {no_system_call_when_shut, 0},
        {coroutine_stacks_that_go, 0},
#endif
        {handlers_within_walks, 0},
#ifdef __x86_64__
        {handlers_after_every_instruction_of_walks, 0},
#endif
        {threads_at_once, 0},
        {a_state_that_is_handed_on, 0},
        {handlers_within_dlopen, 0},
        {NULL, 0},
    };
    return check_main("unwind-safety", tests);
}
