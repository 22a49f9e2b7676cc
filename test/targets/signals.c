// SPDX-License-Identifier: Apache-2.0
// Signal handlers that write in the middle of other people's writes.
//
//   signals timer CALLS         a timer at a high rate; the handler writes while main writes, until
//                               both have written CALLS times
//   signals step N              the handler writes after every instruction of N calls
//   signals full N              the same in a thread that comes after 300 others
//   signals attach STEP MOST    a child for each k = 0, STEP, 2 STEP ...: its handler writes once,
//                               after the k-th instruction of the very first call
//   signals jump STEP MOST      a child for each k: siglongjmp out of the k-th instruction of a
//                               call, then a hundred more calls
// Single steps need x86.
// link: -pthread
#include "single-step.h"
#include "truth.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>

static int null;
static FILE *stream;
static struct truth *in_handler, *in_handler_v, *in_main, *in_main_f;
static long trap_number, act_at;
static sigjmp_buf back;

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

// One place for the handler and what it interrupts: both are counted by the same counters.
static __attribute__((noinline)) long write_here(const char *text, size_t size) {
    return write(null, text, size);
}

static void handler_writes(void) {
    struct iovec iov[2] = {{"hand", 4}, {"ler\n", 4}};
    int number = errno;
    truth_begin(in_handler);
    truth_end(in_handler, write_here("handler\n", 8));
    truth_begin(in_handler_v);
    truth_end(in_handler_v, writev(null, iov, 2));
    errno = number;
}

static void on_timer(int number) {
    (void)number;
    handler_writes();
}

static void print_main(void) {
    truth_begin(in_main_f);
    truth_end(in_main_f, fprintf(stream, "main prints %d\n", 7));
}

static uint64_t ended(struct truth *truth) {
    return __atomic_load_n(&truth->ended, __ATOMIC_RELAXED);
}

// Under an emulator the signals leave main little time, or main them.
static void do_timer(uint64_t calls) {
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    must(sigaction(SIGALRM, &action, NULL) == 0);
    // The kernel rearms this from the last expiry, so a slow handler cannot starve main for ever.
    struct itimerval often = {{0, 40}, {0, 40}};
    must(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (ended(in_main) < calls || ended(in_handler) < calls) {
        truth_write(in_main, null, "main writes\n", 12);
        print_main();
    }
    often = (struct itimerval){{0, 0}, {0, 0}};
    must(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

// The records are made in each child, because they carry its pid.
static void records(void) {
    in_handler = truth_new("write");
    in_handler_v = truth_new("writev");
    in_main = truth_new("write");
}

#ifdef STEP_ON

static void on_every_trap(int number) {
    (void)number;
    trap_number++;
    handler_writes();
}

static void on_one_trap(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    if (trap_number++ == act_at) {
        handler_writes();
        // Done: go on at full speed.
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    }
}

static void on_jump_trap(int number) {
    (void)number;
    if (trap_number++ == act_at) {
        siglongjmp(back, 1);
    }
}

static void catch_traps(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    must(sigaction(SIGTRAP, &action, NULL) == 0);
}

static void do_step(int count) {
    catch_traps(on_every_trap);
    for (int i = 0; i < count; i++) {
        truth_begin(in_main);
        STEP_ON();
        long done = write_here("main writes\n", 12);
        STEP_OFF();
        truth_end(in_main, done);
        truth_begin(in_main_f);
        STEP_ON();
        done = fputs("main\n", stream) < 0 ? -1 : 5;
        STEP_OFF();
        truth_end(in_main_f, done);
    }
}

static pthread_barrier_t met, done;

static void *holder(void *unused) {
    struct truth *truth = truth_new("write");
    truth_write(truth, null, "holder\n", 7);
    pthread_barrier_wait(&met);
    pthread_barrier_wait(&done);
    return unused;
}

static void *stepper(void *count) {
    do_step((int)(intptr_t)count);
    return NULL;
}

static void do_full(long count) {
    pthread_t thread[300], last;
    must(pthread_barrier_init(&met, NULL, 301) == 0 && pthread_barrier_init(&done, NULL, 301) == 0);
    for (int i = 0; i < 300; i++) {
        must(pthread_create(&thread[i], NULL, holder, NULL) == 0);
    }
    pthread_barrier_wait(&met);
    must(pthread_create(&last, NULL, stepper, (void *)(intptr_t)count) == 0);
    must(pthread_join(last, NULL) == 0);
    pthread_barrier_wait(&done);
    for (int i = 0; i < 300; i++) {
        must(pthread_join(thread[i], NULL) == 0);
    }
}

static void end_child(pid_t child) {
    int status = 0;
    must(waitpid(child, &status, 0) == child && status == 0);
}

static void do_attach(long step, long most) {
    for (act_at = 0; act_at < most; act_at += step) {
        pid_t child = fork();
        if (child == 0) {
            records();
            struct sigaction action = {.sa_sigaction = on_one_trap,
                                       .sa_flags = SA_NODEFER | SA_SIGINFO};
            must(sigaction(SIGTRAP, &action, NULL) == 0);
            truth_begin(in_main);
            STEP_ON();
            long done = write_here("main writes\n", 12);
            STEP_OFF();
            truth_end(in_main, done);
            _exit(0);
        }
        end_child(child);
    }
}

static void do_jump(long step, long most) {
    for (act_at = 0; act_at < most; act_at += step) {
        pid_t child = fork();
        if (child == 0) {
            records();
            truth_write(in_main, null, "main writes\n", 12);
            catch_traps(on_jump_trap);
            truth_begin(in_main);
            if (sigsetjmp(back, 1) == 0) {
                STEP_ON();
                long done = write_here("main writes\n", 12);
                STEP_OFF();
                truth_end(in_main, done);
            }
            for (int i = 0; i < 100; i++) {
                truth_write(in_main, null, "main writes\n", 12);
            }
            _exit(0);
        }
        end_child(child);
    }
}
#endif

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    long first = argc > 2 ? atol(argv[2]) : 1;
    long second = argc > 3 ? atol(argv[3]) : 1;
    truth_open();
    null = open("/dev/null", O_WRONLY);
    stream = fopen("/dev/null", "w");
    must(null >= 0 && stream != NULL);
    if (strcmp(mode, "timer") == 0 || strcmp(mode, "step") == 0 || strcmp(mode, "full") == 0) {
        records();
        in_main_f = truth_new(strcmp(mode, "timer") == 0 ? "fprintf" : "fputs");
    }
    if (strcmp(mode, "timer") == 0) {
        do_timer((uint64_t)first);
#ifdef STEP_ON
    } else if (strcmp(mode, "step") == 0) {
        do_step((int)first);
    } else if (strcmp(mode, "full") == 0) {
        do_full(first);
    } else if (strcmp(mode, "attach") == 0) {
        do_attach(first, second);
    } else if (strcmp(mode, "jump") == 0) {
        do_jump(first, second);
#endif
    } else {
        (void)second;
        return 77;
    }
    return 0;
}
