// SPDX-License-Identifier: Apache-2.0
// The shapes of wrappers and the self-replacing pointers to the real functions.
#pragma once
#include "pf-probe.h"
#include "pf-real.h"
#include <errno.h>

// The program calls an entry (pf-entry.h) that jumps to one of these; where there are none, it calls these.
#ifdef PF_ARCH_HAS_ENTRIES
#define PF_EXPORT __attribute__((visibility("hidden"), used))
#define PF_WRAPPER(name) pf_on_##name
#define PF_WRAPPER_IS_EARLY() false // the entry has seen to that
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#else
#define PF_EXPORT __attribute__((visibility("default")))
#define PF_WRAPPER(name) name
#define PF_WRAPPER_IS_EARLY() PF_IS_EARLY()
#endif
#define PF_SITE __builtin_return_address(0)
// Where the caller's frame ends: what we call in turn lies below, the caller's next calls do not.
#define PF_FRAME __builtin_dwarf_cfa()

// pf_real_NAME starts as a resolver that finds the next definition, puts it in its own place and
// calls it: the hot path has no test for NULL.  Where there is none (g_log without GLib), the call
// fails with ENOSYS.
#define PF_REAL(name, ret, params, args)                                                           \
    static ret pf_resolve_##name params;                                                           \
    static ret(*pf_real_##name) params = pf_resolve_##name;                                        \
    static PF_COLD ret pf_resolve_##name params {                                                  \
        ret(*next) params = (ret(*) params)pf_next(#name);                                         \
        if (next == NULL) {                                                                        \
            errno = ENOSYS;                                                                        \
            return PF_ABSENT_##ret;                                                                \
        }                                                                                          \
        __atomic_store_n(&pf_real_##name, next, __ATOMIC_RELAXED);                                 \
        return next args;                                                                          \
    }                                                                                              \
    __attribute__((unused)) static PF_COLD ret pf_early_##name params {                            \
        ret(*next) params = (ret(*) params)pf_next_unrelocated(#name);                             \
        if (next == NULL) {                                                                        \
            return PF_ABSENT_##ret;                                                                \
        }                                                                                          \
        return next args;                                                                          \
    }
#define PF_ABSENT_int -1
#define PF_ABSENT_long -1
#define PF_ABSENT_pid_t -1
#define PF_ABSENT_ssize_t -1
#define PF_ABSENT_size_t 0
#define PF_ABSENT_wint_t WEOF
#define PF_ABSENT_void
#define PF_ABSENT_pf_pointer NULL
typedef void *pf_pointer;

// For rows that must work inside a signal handler: resolved before any handler can run.
#define PF_RESOLVE_EARLY(name)                                                                     \
    do {                                                                                           \
        void *next_ = pf_next(#name);                                                              \
        if (next_ != NULL) {                                                                       \
            pf_real_##name = (__typeof__(pf_real_##name))next_;                                    \
        }                                                                                          \
    } while (0)

// Modules closed so far: what was known of their memory may be wrong since.
extern uint32_t pf_closed_modules __attribute__((visibility("hidden")));

// Where perror and its like write; -1: nowhere that has a descriptor.
int pf_stderr_fd(void) __attribute__((visibility("hidden")));

// Resolvers of pf-wrap.c's and pf-descriptors.c's own signal-safe rows.
void pf_resolve_descriptors(void);

// Counts what a call that returned did.
PF_INLINE void pf_account_entry(struct pf_entry *entry, uint64_t bytes, bool failed) {
    pf_add(&entry->bytes, bytes);
    if (PF_UNLIKELY(failed)) {
        pf_failed(entry);
    }
}

// A failed call's, which hands its result on, so that no register is kept for it over the call.
PF_COLD __attribute__((unused)) static uint64_t pf_account_failed(struct pf_entry *entry,
                                                                  uint64_t bytes, uint64_t result) {
    pf_account_entry(entry, bytes, true);
    return result;
}

// The same where `entry` may be a stand-in.
PF_INLINE void pf_account(struct pf_entry *entry, uint64_t bytes, bool failed) {
    if (PF_LIKELY(entry->key != 0)) {
        pf_add(&entry->bytes, bytes);
    } else {
        pf_spill_bytes(entry, bytes);
    }
    if (PF_UNLIKELY(failed)) {
        pf_failed(entry);
    }
}
