// SPDX-License-Identifier: Apache-2.0
// The one place that chooses between arch/<cpu>/ folders.
#pragma once
#if defined(__x86_64__) && defined(__LP64__)
#include "arch/x86_64/pf-arch.h"
#else
#include "arch/generic/pf-arch.h"
#endif

#define PF_LIKELY(x) __builtin_expect(!!(x), 1)
#define PF_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PF_INLINE static inline __attribute__((always_inline))
#define PF_COLD __attribute__((noinline, cold))
