// SPDX-License-Identifier: Apache-2.0
// The clock and the switches that a script tells of: preload/pf-scripted.h, seen from the other side.
//
// Each thread has a clock of its own, which begins where the script says and stands still but for its
// timed calls.  A call in which others were timed (a stream's writer that writes) ends when its script
// says so, or when they have ended, if that is later.
#include "pf-process.h"
#include "pf-scripted.h"
#include "script.h"
#include <linux/perf_event.h>
#include <sys/mman.h>

#define PAGE 4096u

struct own {
    uint64_t now_ns; // 0: the thread has not looked yet
    uint64_t gap_ns; // passes after the next read
    long voluntary;
    long involuntary;
    volatile uint32_t *switches; // in a page as the kernel's; NULL: not asked for
};
static __thread struct own own __attribute__((tls_model("initial-exec")));

static uint64_t now_ns(void) {
    if (own.now_ns == 0) {
        own.now_ns = script()->start_ns;
    }
    return own.now_ns;
}

int pf_scripted_clock(clockid_t clock, struct pf_time *ret_time) {
    if (clock != CLOCK_MONOTONIC) {
        return (int)pf_sys_clock_gettime(clock, ret_time);
    }
    uint64_t now = now_ns();
    own.now_ns += own.gap_ns;
    own.gap_ns = 0;
    ret_time->seconds = (int64_t)(now / 1000000000u);
    ret_time->nanoseconds = (int64_t)(now % 1000000000u);
    return 0;
}

uint64_t pf_scripted_clock_cost(void) { return script()->clock_ns; }

uint64_t pf_scripted_seed(uint64_t otherwise) {
    static uint64_t threads;
    uint64_t before = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);
    return script()->has_seed ? (script()->seed + before) * PF_KEY_MULTIPLIER | 1 : otherwise;
}

// The slot on which the library measures itself at the end is none of the segment's.
static bool is_practice(const struct pf_slot *slot) {
    const char *segment = (const char *)pf_process.segment;
    const char *at = (const char *)slot;
    return at < segment || at >= segment + pf_process.segment->size;
}

void pf_scripted_begin(struct pf_probe *probe) {
    const struct pf_entry *entry = probe->entry;
    probe->step =
        is_practice(probe->slot) ? NULL : script_step(pf_key_call(entry->key), entry->calls);
}

bool pf_scripted_is_locked(const struct pf_probe *probe) {
    return probe->step != NULL && probe->step->locked;
}

void pf_scripted_wait(const struct pf_probe *probe) {
    if (probe->step != NULL) {
        own.now_ns = now_ns() + probe->step->lock_ns;
    }
}

void pf_scripted_end(const struct pf_probe *probe) {
    const struct step *step = probe->step;
    if (step == NULL) {
        return;
    }
    uint64_t end = probe->start_ns + step->ns;
    own.now_ns = end > now_ns() ? end : now_ns();
    own.gap_ns = step->gap_ns;
    own.voluntary += step->voluntary;
    own.involuntary += step->involuntary;
    if (own.switches != NULL && (step->voluntary || step->involuntary)) {
        *own.switches += 2; // the kernel's is odd while it writes
    }
}

const volatile uint32_t *pf_scripted_page(void) {
    struct perf_event_mmap_page *page =
        script()->rusage
            ? NULL
            : pf_sys_map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    own.switches = page != NULL ? &page->lock : NULL;
    return own.switches;
}

long pf_scripted_usage(struct rusage *ret_usage) {
    ret_usage->ru_nvcsw = own.voluntary;
    ret_usage->ru_nivcsw = own.involuntary;
    return 0;
}
