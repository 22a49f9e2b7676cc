// SPDX-License-Identifier: Apache-2.0
// The constructor, and what becomes of us at fork and before seccomp.
#include "pf-clock.h"
#include "pf-libc.h"
#include "pf-observer.h"
#include "pf-print.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-rest.h"
#include "pf-skip.h"
#include "pf-summary.h"
#include "pf-switch.h"
#include "pf-unwind.h"
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void complain(const char *line, size_t length) { pf_sys_write(2, line, length); }

static bool written_by(const char *path, uint64_t *ret_bytes) {
    char text[96]; // rchar and wchar are its first two lines, and small stacks are many
    if (pf_sys_slurp(path, text, sizeof text) <= 0) {
        return false;
    }
    // Its second line.  (Not by strstr, which takes 1.5 KiB of stack in musl.)
    const char *at = text;
    while (*at && *at != 'w') {
        at++;
    }
    uint64_t bytes = 0;
    if (*at == 0 || pf_length(at) < 7) {
        return false;
    }
    for (at += 7; *at >= '0' && *at <= '9'; at++) {
        bytes = bytes * 10 + (uint64_t)(*at - '0');
    }
    *ret_bytes = bytes;
    return true;
}

// The names of a folder that getdents64 returns are followed by each other without a gap.
struct dirent64_raw {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static bool written_by_threads(uint64_t *ret_bytes) {
    long fd = pf_sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
    _Alignas(8) char names[2048];
    uint64_t bytes = 0;
    long size = fd;
    while (fd >= 0 && (size = pf_sys(SYS_getdents64, fd, (long)names, sizeof names, 0, 0, 0)) > 0) {
        for (long at = 0; at < size;) {
            const struct dirent64_raw *entry = (const void *)(names + at);
            char path[64];
            uint64_t part;
            struct pf_out out = {.text = path, .size = sizeof path - 1};
            at += entry->length;
            if (entry->name[0] == '.') {
                continue;
            }
            pf_out(&out, "/proc/self/task/");
            pf_out(&out, entry->name);
            pf_out(&out, "/io");
            path[out.used] = 0;
            bytes += written_by(path, &part) ? part : 0;
        }
    }
    if (fd >= 0) {
        pf_sys_close((int)fd);
    }
    *ret_bytes = bytes;
    return size == 0;
}

// Here and not in the constructor: the first look into /proc costs a process 20 us, and most of those
// that live shortly write nothing.  What was written before the first call that we see is not counted.
void pf_note_kernel_bytes(void) {
    if (!pf_process.child) { // the kernel counts each process from 0
        pf_process.kernel_bytes_known =
            written_by("/proc/thread-self/io", &pf_process.kernel_bytes_base);
    }
}

bool pf_kernel_bytes(uint64_t *ret_whole, uint64_t *ret_living) {
    return !pf_process.shut && (ret_whole == NULL || written_by("/proc/self/io", ret_whole)) &&
           written_by_threads(ret_living);
}

static void note_start(void) {
    pf_process.pid = (uint32_t)pf_sys_getpid();
    pf_process.start_unix_ns = pf_time_ns(CLOCK_REALTIME);
    pf_process.start_monotonic_ns = pf_now();
}

static void note_stderr(void) {
    struct stat status;
    pf_process.stderr_known = pf_sys_fstat(2, &status) == 0;
    if (pf_process.stderr_known) {
        pf_process.stderr_device = status.st_dev;
        pf_process.stderr_inode = status.st_ino;
    }
}

// STACKS=auto: the first timed calls of each site, and then one in STACK_EVERY; on: every timed call.
static void choose_stacks(void) {
    const struct pf_setting *setting = pf_process.config.setting;
    enum { AUTO, ON, OFF };
    uint64_t how = setting[PF_VAR_STACKS].number;
    pf_process.stack_every = how == AUTO ? (uint32_t)setting[PF_VAR_STACK_EVERY].number : how == ON;
    pf_process.stack_depth = (uint32_t)setting[PF_VAR_STACK_DEPTH].number;
    pf_process.stack_factor =
        pf_process.stack_every > 1 ? pf_skip_factor(1.0 / pf_process.stack_every) : 0;
}

// ThreadSanitizer's runtime stands in between and hands over nothing: without our own argument the
// status is not one either.
static char exit_word[] = "exit";
static void at_exit(void *how, int status) {
    pf_finish_with(exit_word, PF_LIBC_TELLS_STATUS && how == exit_word ? status & 0xff : -1);
}
static void at_quick_exit_of(void *unused) {
    (void)unused;
    pf_finish("quick_exit");
}

// Runs once: in the constructor, or at the first call if some other constructor prints before.
void pf_init(void) {
    static int begun;
    if (__atomic_exchange_n(&begun, 1, __ATOMIC_ACQ_REL)) {
        return; // another thread or a handler came in between: this call runs unmeasured
    }
    pf_next_init();
    pf_resolve_early();
    if (getauxval(AT_SECURE)) {
        pf_mode = PF_MODE_OFF; // a privileged program does not listen to its caller's environment
        return;
    }
    extern char **environ;
    pf_config_read(&pf_process.config, environ, complain);
    if (!pf_process.config.setting[PF_VAR_ENABLED].number) {
        pf_mode = PF_MODE_OFF;
        return;
    }
    if (pf_libc_is_foreign()) {
        static const char line[] = "pfprof: the library was built for another libc than this "
                                   "program's, which runs unmeasured\n";
        complain(line, sizeof line - 1);
        pf_mode = PF_MODE_OFF;
        return;
    }
    pf_observer_check(complain);
    pf_segment_note_environment();
    pf_segment_check_folder(complain);
    pf_unwind_note_main();
    choose_stacks();
    pf_process.why = (uint32_t)pf_process.config.setting[PF_VAR_WHY].number;
    note_start();
    note_stderr();
    pf_libc_init();
    pf_slot_make_key();
    pf_libc_ask(pf_rest_forget, pf_become_child, at_exit, exit_word, at_quick_exit_of);
    __atomic_store_n(&pf_mode, PF_MODE_ON, __ATOMIC_RELEASE);
}

__attribute__((constructor)) static void start(void) {
    if (pf_mode == PF_MODE_NEW) {
        pf_init();
    }
}

void pf_become_child(void) {
    if (pf_mode != PF_MODE_ON) {
        return;
    }
    struct pf_thread *thread = &pf_thread;
    thread->slot = NULL;
    thread->scopes = NULL;
    thread->parked = NULL;
    thread->inside = 0;
    thread->vfork_depth = 0;
    thread->busy = false;
    thread->check_pid = false;
    pf_switches_forget();
    thread->held = NULL;
    thread->rest.busy = false;
    if (pf_process.segment != NULL) {
        pf_process.stale = pf_process.segment;
        pf_process.stale_size = pf_process.segment->size;
    }
    pf_process.segment = NULL;
    pf_process.segment_path[0] = 0;
    pf_process.making = PF_MAKING_NOT_BEGUN;
    pf_process.finished = false;
    pf_process.said = false;
    for (unsigned i = 0; i < PF_CALL_COUNT; i++) {
        // Reading does not copy the page.  Either may be 0 alone: a thread of the parent's was on its
        // way to bring them to the segment.
        if (pf_process.early[i].calls != 0 || pf_process.early[i].bytes != 0) {
            pf_process.early[i] = (struct pf_spill){0, 0};
        }
    }
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        pf_process.early_lost[i] = 0;
    }
    pf_process.child = true;
    pf_process.kernel_bytes_base = 0;
    pf_process.kernel_bytes_known = true;
    note_start();
}

void pf_before_clone(uint64_t flags) {
    if (pf_mode != PF_MODE_ON) {
        return;
    }
    if ((flags & CLONE_VM) && !(flags & CLONE_THREAD)) {
        pf_process.vm_children = true;
    }
    if (pf_thread.slot != NULL) {
        pf_thread.parked = pf_thread.slot;
        pf_thread.slot = NULL;
    }
    pf_thread.check_pid = true;
}

void pf_shut(void) {
    if (pf_mode != PF_MODE_ON || pf_process.shut) {
        return;
    }
    if (pf_process.segment == NULL) {
        pf_segment_make();
        pf_segment_await();
    }
    if (pf_process.segment != NULL && pf_thread.slot == NULL && pf_thread.inside == 0) {
        pf_thread.slot = pf_slot_attach();
    }
    pf_process.scratch = pf_map_scratch(&pf_process.scratch_size);
    pf_process.shut = true;
}
