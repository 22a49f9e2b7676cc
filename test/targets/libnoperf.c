// SPDX-License-Identifier: Apache-2.0
// Preloaded: a seccomp filter that refuses perf_event_open, installed before anybody looks.
#include "../../preload/pf-arch.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// Through the raw call: the wrapped prctl tells the library that a filter is on, and then it asks
// nothing at all.
__attribute__((constructor)) static void refuse(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    pf_arch_sys(SYS_prctl, 38, 1, 0, 0, 0, 0); // PR_SET_NO_NEW_PRIVS
    // PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    if (pf_arch_sys(SYS_prctl, 22, 2, (long)&program, 0, 0, 0) != 0) {
        abort();
    }
}
