// SPDX-License-Identifier: Apache-2.0
// The one place that chooses between arch/<cpu>/ folders.
#pragma once
// Who watches the memory of this build.  Older clang says so only by __has_feature.
#if defined(__SANITIZE_ADDRESS__)
#define PF_MEMORY_IS_WATCHED
#elif defined(__SANITIZE_THREAD__)
#define PF_THREADS_ARE_WATCHED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PF_MEMORY_IS_WATCHED
#elif __has_feature(thread_sanitizer)
#define PF_THREADS_ARE_WATCHED
#endif
#endif

// ThreadSanitizer sees what the compiler makes, and no assembly.
#if defined(PF_THREADS_ARE_WATCHED)
#include "arch/generic/pf-arch.h"
#elif defined(__x86_64__) && defined(__LP64__)
#include "arch/x86_64/pf-arch.h"
#elif defined(__i386__)
#include "arch/i386/pf-arch.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "arch/aarch64/pf-arch.h"
#else
#include "arch/generic/pf-arch.h"
#endif

// Entries under libc's own versions of the names (arch/<cpu>/pf-entry.S); the build says where they are.
#if defined(PF_HAS_ENTRIES) && !defined(PF_THREADS_ARE_WATCHED)
#define PF_ARCH_HAS_ENTRIES 1
#endif

// Each has pf_add and its kin, pf_arch_sys (a raw system call) and, where the vDSO has a clock with
// 64-bit fields, its name PF_VDSO_CLOCK.

#define PF_LIKELY(x) __builtin_expect(!!(x), 1)
#define PF_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PF_INLINE static inline __attribute__((always_inline))
#define PF_COLD __attribute__((noinline, cold))

// A return address in 48 bits.  On x86 user addresses have no more; elsewhere a signature or a tag may
// be on top.
#if defined(__x86_64__) || defined(__i386__)
#define PF_SITE_BITS(site) ((uint64_t)(uintptr_t)(site))
#else
#define PF_SITE_BITS(site) ((uint64_t)(uintptr_t)(site)&0xffffffffffffull)
#endif

#ifndef PF_ARCH_HAS_ADD_SHARED
// For counters that threads share.
PF_INLINE void pf_add_shared(uint64_t *counter, uint64_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_SEQ_CST);
}
#endif

// The square in 128 bits, low half first.
PF_INLINE void pf_square(uint64_t value, uint64_t ret_square[2]) {
#ifdef __SIZEOF_INT128__
    unsigned __int128 square = (unsigned __int128)value * value;
    ret_square[0] = (uint64_t)square;
    ret_square[1] = (uint64_t)(square >> 64);
#else
    uint64_t high = value >> 32;
    uint64_t low = value & 0xffffffff;
    uint64_t cross = high * low; // comes twice, 32 bits further up
    ret_square[0] = low * low + (cross << 33);
    ret_square[1] = high * high + (cross >> 31) + (ret_square[0] < cross << 33);
#endif
}
