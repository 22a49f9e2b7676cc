// SPDX-License-Identifier: Apache-2.0
// Any other machine: system calls through the next `syscall`, with errno put back.
#pragma once
#include "../../pf-real.h"
#include <errno.h>

static inline long pf_arch_sys(long number, long a, long b, long c, long d, long e, long f) {
    static long (*next)(long, ...);
    if (next == NULL) {
        next = (long (*)(long, ...))pf_next("syscall");
    }
    int saved = errno;
    long result = next(number, a, b, c, d, e, f);
    if (result == -1) {
        result = -errno;
    }
    errno = saved;
    return result;
}
