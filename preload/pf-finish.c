// SPDX-License-Identifier: Apache-2.0
// Writes the summary, once, when a process ends or its image is replaced.
#include "pf-clock.h"
#include "pf-end.h"
#include "pf-observer.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#include "pf-summary.h"
#include "pf-symbol.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MOST_TEXT (1u << 20)

extern char *program_invocation_short_name;

// Is descriptor 2 still what it was at start?  A program may have closed it and opened its own data.
static bool stderr_is_ours(void) {
    struct stat status;
    if (pf_process.shut) {
        return true; // fstat may be forbidden now, and so is most of what could have changed it
    }
    return pf_process.stderr_known && pf_sys_fstat(2, &status) == 0 &&
           status.st_dev == pf_process.stderr_device && status.st_ino == pf_process.stderr_inode;
}

// %p is the pid, %n the program's name, %% a percent sign.
static long open_output(const char *pattern) {
    char path[1024];
    struct pf_out out = {.text = path, .size = sizeof path - 1};
    for (const char *at = pattern; *at; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            pf_out_uint(&out, pf_process.pid);
            at++;
        } else if (at[0] == '%' && at[1] == 'n') {
            pf_out(&out, program_invocation_short_name);
            at++;
        } else {
            pf_out_bytes(&out, at, 1);
            at += at[0] == '%' && at[1] == '%';
        }
    }
    path[out.used] = 0;
    long fd = pf_sys_open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600);
    struct stat status;
    if (fd >= 0 && out.used < sizeof pf_process.written_path &&
        pf_sys_fstat((int)fd, &status) == 0 && S_ISREG(status.st_mode)) {
        for (size_t i = 0; i <= out.used; i++) {
            pf_process.written_path[i] = path[i];
        }
        pf_process.written_at = (uint64_t)status.st_size;
    }
    if (fd < 0 && stderr_is_ours()) {
        char line[1200];
        struct pf_out say = {.text = line, .size = sizeof line};
        pf_out(&say, "pfprof: PROVIDE_PROFILING_OUTPUT=");
        pf_out_json(&say, path, out.used);
        pf_out(&say, " cannot be opened for writing; the summary goes to stderr\n");
        pf_sys_write(2, line, say.used);
        return 2;
    }
    return fd;
}

// Raw writes with the signals that a write can raise held back: a closed pipe or a full quota must
// not end the target on our account.
static void write_all(int fd, const char *text, size_t size) {
    uint64_t block = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1) | 1ull << (SIGTTOU - 1);
    uint64_t before = 0;
    uint64_t pending = 0;
    if (!pf_process.shut) {
        pf_sys(SYS_rt_sigpending, (long)&pending, sizeof pending, 0, 0, 0, 0);
        pf_sys(SYS_rt_sigprocmask, SIG_BLOCK, (long)&block, (long)&before, sizeof block, 0, 0);
    }
    unsigned patience = 20;
    while (size > 0) {
        long done = pf_sys_write(fd, text, size);
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        } else if (done == -EAGAIN && !pf_process.shut && patience-- > 0) {
            pf_sys_pause(50000000); // a full pipe: at most a second in all
        } else if (done != -EINTR) {
            break;
        }
    }
    if (!pf_process.shut) {
        // Take back what we caused ourselves, not what was pending before.
        uint64_t ours = block & ~pending;
        struct timespec now = {0};
        while (pf_sys(SYS_rt_sigtimedwait, (long)&ours, 0, (long)&now, sizeof ours, 0, 0) > 0) {
        }
        pf_sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0, 0);
    }
}

void *pf_map_scratch(size_t *ret_size) {
    // Less and less, because RLIMIT_AS may be tight.
    for (*ret_size = MOST_TEXT + pf_summary_need(); *ret_size >= PF_SUMMARY_LEAST; *ret_size /= 2) {
        void *scratch = pf_sys_map(*ret_size, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
        if (scratch != NULL) {
            return scratch;
        }
    }
    return NULL;
}

static void put_summary(struct pf_out *out, const struct pf_summary *summary, bool to_stderr) {
    const struct pf_setting *setting = pf_process.config.setting;
    if (setting[PF_VAR_FORMAT].number == 0) {
        pf_summary_text(out, summary);
    } else {
        pf_summary_json(out, summary);
    }
    long fd = to_stderr || pf_process.shut ? 2 : open_output(setting[PF_VAR_OUTPUT].text);
    if (fd >= 0 && !out->cut) {
        write_all((int)fd, out->text, out->used);
        pf_process.written_size = out->used;
    }
    if (fd > 2) {
        pf_sys_close((int)fd);
    }
}

static void write_summary(const char *how, int status, bool is_end) {
    const struct pf_setting *setting = pf_process.config.setting;
    const char *output = setting[PF_VAR_OUTPUT].text;
    bool to_stderr = pf_same(output, "stderr");
    bool silent = pf_same(output, "none") || *output == 0 ||
                  (to_stderr && (pf_process.said || !stderr_is_ours()));
    bool has_readers = is_end && pf_process.segment_path[0] != 0;
    if (silent) {
        if (has_readers && pf_process.segment != NULL) {
            pf_end_note(how, status);
        }
        return;
    }
    size_t size = pf_process.scratch_size;
    char *scratch = pf_process.shut ? pf_process.scratch : pf_map_scratch(&size);
    if (scratch == NULL) {
        return;
    }
    // Of whole cache lines: what follows has counters in it, and those that lie across two are slow
    // to the whole machine (split locks), or none on some processors.
    size_t room = (size / 3 < MOST_TEXT ? size / 3 : MOST_TEXT) & ~(size_t)63;
    struct pf_out out = {.text = scratch, .size = room};
    struct pf_summary *summary = pf_summary_make(scratch + room, size - room, how, status);
    if (summary != NULL && summary->segment != NULL && has_readers) {
        pf_end_store(&(struct pf_end){how, status, summary->overhead_ns, summary->coverage.known,
                                      summary->coverage.kernel_bytes});
    }
    if (summary != NULL && summary->messages.calls + summary->scope_count != 0) {
        put_summary(&out, summary, to_stderr);
    }
    pf_symbol_end();
    if (!pf_process.shut) {
        pf_sys_unmap(scratch, size);
    }
}

static bool ours_to_finish(void) {
    return pf_mode == PF_MODE_ON && pf_thread.vfork_depth == 0 &&
           (pf_process.segment != NULL || pf_process.making) &&
           (pf_process.shut || (uint32_t)pf_sys_getpid() == pf_process.pid);
}

static void part_with_segment(void) {
    bool kept = pf_process.config.setting[PF_VAR_KEEP_SEGMENT].number != 0;
    if (!kept && !pf_observer_wants_segment()) {
        pf_segment_unlink();
        return;
    }
    if (!kept) {
        pf_segment_leave();
    }
    if (pf_process.segment_path[0] != 0) {
        pf_observer_last(pf_process.segment_path);
    }
}

void pf_finish_with(const char *how, int status) {
    if (!ours_to_finish() || __atomic_exchange_n(&pf_process.finished, true, __ATOMIC_ACQ_REL)) {
        return;
    }
    pf_segment_await();
    write_summary(how, status, true);
    struct pf_segment *segment = pf_process.segment;
    if (segment != NULL) {
        segment->end_monotonic_ns = pf_now();
        __atomic_store_n(&segment->state, PF_STATE_ENDED, __ATOMIC_RELEASE);
        if (!pf_process.shut) {
            part_with_segment();
        }
    } else if (!pf_process.shut) {
        pf_segment_unlink(); // whoever is making it will not get there any more
    }
}

void pf_finish(const char *how) { pf_finish_with(how, -1); }

void pf_unfinish(void) {
    if (!pf_process.finished || pf_mode != PF_MODE_ON) {
        return;
    }
    pf_process.finished = false;
    if (pf_process.segment != NULL) {
        pf_end_forget();
        pf_segment_return();
        pf_process.segment->end_monotonic_ns = 0;
        __atomic_store_n(&pf_process.segment->state, PF_STATE_ACTIVE, __ATOMIC_RELEASE);
    }
    if (pf_process.written_path[0] == 0 || pf_process.shut) {
        return;
    }
    // The process goes on and will say more at its real end.  Only where the file still ends with
    // what we wrote is that taken back.
    long fd = pf_sys_open(pf_process.written_path, O_WRONLY | O_NOFOLLOW, 0);
    struct stat status;
    if (fd >= 0) {
        if (pf_sys_fstat((int)fd, &status) == 0 &&
            (uint64_t)status.st_size == pf_process.written_at + pf_process.written_size) {
            pf_sys_ftruncate((int)fd, pf_process.written_at);
        }
        pf_sys_close((int)fd);
    }
    pf_process.written_path[0] = 0;
}

int pf_last_words(void) {
    if (ours_to_finish() && !pf_process.finished &&
        pf_same(pf_process.config.setting[PF_VAR_OUTPUT].text, "stderr")) {
        write_summary("stderr closed", -1, false);
        pf_process.said = true;
        // The process may go on for long: its segment stays, only the words have been said.
    }
    return -1;
}
