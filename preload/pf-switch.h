// SPDX-License-Identifier: Apache-2.0
// Was this thread switched out between two points?
//
// Where the kernel allows it, the sequence word of a software perf event's page tells for half a
// nanosecond: the kernel changes it whenever it switches the thread in.  Elsewhere getrusage tells
// for two system calls, so only some of the timed calls ask it.
#pragma once
#include "pf-probe.h"
#pragma GCC visibility push(hidden)

enum pf_switches_by {
    PF_SWITCHES_UNKNOWN,
    PF_SWITCHES_BY_PAGE,
    PF_SWITCHES_BY_RUSAGE,
    PF_SWITCHES_NOT_ASKED // WHY lacks it: nothing counts as blocked
};

// A page that the kernel wipes in the child of a fork, where a perf event's page is missing: so even a
// child of a fork that we did not see knows that it must not look.
extern const volatile uint32_t *pf_same_process;

PF_INLINE bool pf_is_same_process(void) {
    return *__atomic_load_n(&pf_same_process, __ATOMIC_ACQUIRE) != 0;
}

uint8_t pf_switches_begin_slow(uint64_t *ret_switches);
bool pf_switches_changed_slow(const struct pf_probe *probe);

PF_INLINE void pf_switches_begin(struct pf_probe *probe) {
    const volatile uint32_t *word = pf_thread.switches;
    if (PF_LIKELY(word != NULL) && PF_LIKELY(pf_is_same_process())) {
        probe->switches = *word;
        probe->switches_by = PF_SWITCHES_BY_PAGE;
    } else {
        probe->switches_by = pf_switches_begin_slow(&probe->switches);
    }
}

// False as well when nobody knows (`switches_by` unknown).
PF_INLINE bool pf_switches_changed(const struct pf_probe *probe) {
    if (PF_LIKELY(probe->switches_by == PF_SWITCHES_BY_PAGE)) {
        const volatile uint32_t *word = pf_thread.switches;
        return word != NULL && pf_is_same_process() && *word != (uint32_t)probe->switches;
    }
    return pf_switches_changed_slow(probe);
}

// The thread ends; or this is the child of a fork, where the page counts for the parent.
void pf_switches_end(void);
void pf_switches_forget(void);
#pragma GCC visibility pop
