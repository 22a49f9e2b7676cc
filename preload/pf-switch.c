// SPDX-License-Identifier: Apache-2.0
// Asks the kernel for a page that tells of context switches, or getrusage where there is none.
#include "pf-switch.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-scripted.h"
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE 4096u
#define FIRST_CALLS 16u // of a thread: too early to spend a page on it
#define EVERY 16u       // timed calls from one to the next that asks getrusage

static const uint32_t another_process;
const volatile uint32_t *pf_same_process = &another_process;

// One page for the whole process; two threads may make one each, and one of them is lost.
static bool make_same_process(void) {
    if (pf_is_same_process()) {
        return true;
    }
    uint32_t *page = pf_sys_map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (page == NULL) {
        return false;
    }
    if (pf_sys(SYS_madvise, (long)page, PAGE, MADV_WIPEONFORK, 0, 0, 0) < 0) {
        pf_sys_unmap(page, PAGE);
        return false;
    }
    *page = 1;
    __atomic_store_n(&pf_same_process, page, __ATOMIC_RELEASE);
    return true;
}

// A filter that came with exec may end a process that asks for a perf event: systemd's @system-service does
// not let that through.  Everything else that we ask for it does.
static bool is_filtered(void) {
    if (PF_IS_SCRIPTED) {
        return false;
    }
    static const char wanted[] = "\nSeccomp:\t";
    char piece[256];
    unsigned matched = 0;
    long fd = pf_sys_open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC, 0);
    bool filtered = fd < 0;
    long size;
    while (fd >= 0 && (size = pf_sys_read((int)fd, piece, sizeof piece)) > 0) {
        for (long i = 0; i < size; i++) {
            if (matched == sizeof wanted - 1) {
                filtered = piece[i] != '0';
            }
            matched = piece[i] == wanted[matched] ? matched + 1 : piece[i] == '\n';
        }
    }
    if (fd >= 0) {
        pf_sys_close((int)fd);
    }
    return filtered;
}

// Some 80 us, so only threads that have a number of timed calls get one.  The descriptor is closed
// at once: the mapping keeps the event alive.
static const volatile uint32_t *open_page(void) {
    if (PF_IS_SCRIPTED) {
        return pf_scripted_page();
    }
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attributes,
        .config = PERF_COUNT_SW_CONTEXT_SWITCHES,
        .exclude_hv = 1,
    };
    long fd = pf_sys(SYS_perf_event_open, (long)&attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC, 0);
    if (fd < 0) {
        return NULL;
    }
    struct perf_event_mmap_page *page = pf_sys_map(PAGE, PROT_READ, MAP_SHARED, (int)fd);
    pf_sys_close((int)fd);
    if (page == NULL) {
        return NULL;
    }
    return &page->lock;
}

static long ask_usage(struct rusage *ret_usage) {
    return PF_IS_SCRIPTED ? pf_scripted_usage(ret_usage)
                          : pf_sys(SYS_getrusage, RUSAGE_THREAD, (long)ret_usage, 0, 0, 0, 0);
}

static bool count_switches(uint64_t *ret_count) {
    struct rusage usage;
    if (pf_process.shut || ask_usage(&usage) < 0) {
        return false;
    }
    *ret_count = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
    return true;
}

PF_COLD uint8_t pf_switches_begin_slow(uint64_t *ret_switches) {
    struct pf_thread *thread = &pf_thread;
    uint32_t timed = thread->timed++;
    if (timed >= FIRST_CALLS && !thread->switches_tried && !pf_process.shut) {
        thread->switches_tried = true;
        thread->switches = !is_filtered() && make_same_process() ? open_page() : NULL;
        if (thread->switches != NULL) {
            *ret_switches = *thread->switches;
            return PF_SWITCHES_BY_PAGE;
        }
    }
    if ((timed < FIRST_CALLS || timed % EVERY == 0) && count_switches(ret_switches)) {
        return PF_SWITCHES_BY_RUSAGE;
    }
    return PF_SWITCHES_UNKNOWN;
}

PF_COLD bool pf_switches_changed_slow(const struct pf_probe *probe) {
    uint64_t now;
    return probe->switches_by == PF_SWITCHES_BY_RUSAGE && count_switches(&now) &&
           now != probe->switches;
}

void pf_switches_end(void) {
    struct pf_thread *thread = &pf_thread;
    if (thread->switches != NULL && pf_is_same_process()) {
        char *page = (char *)thread->switches - offsetof(struct perf_event_mmap_page, lock);
        thread->switches = NULL;
        pf_sys_unmap(page, PAGE);
    }
    pf_switches_forget();
}

void pf_switches_forget(void) {
    struct pf_thread *thread = &pf_thread;
    thread->switches = NULL;
    thread->switches_tried = false;
    thread->timed = 0;
}
