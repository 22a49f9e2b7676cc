// SPDX-License-Identifier: Apache-2.0
// Rules on output where only async-signal-safe functions may be called: in signal handlers, and in the fork
// of a process with several threads until it calls exec.
#include "pf-findings-private.h"
#include "pf-table.h"
#include "pf-text-writer.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean is_unsafe_call(unsigned call) {
    unsigned family = call < PF_CALL_COUNT ? pf_calls[call].family : PF_FAMILY_COUNT;
    return family == PF_FAMILY_STDIO || family == PF_FAMILY_FORMAT || family == PF_FAMILY_WIDE ||
           family == PF_FAMILY_SYSLOG;
}

static gboolean is_unsafe(const gchar *function) { return is_unsafe_call(pf_call_named(function)); }

// --- signal handlers

#if defined __x86_64__
// What a handler returns to: mov $15, %rax; syscall.
static const guint8 restorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
#elif defined __aarch64__
static const guint8 restorer[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4}; // mov x8, 139; svc 0
#else
static const guint8 restorer[] = {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}; // pop; mov $119; int $80
#endif

// libc's text lies in its file where it lies in memory, less the bias.
static gboolean is_restorer(const PfFrame *frame) {
    guint8 bytes[sizeof restorer] = {0};
    if (frame->module == NULL || strstr(frame->module->path, "libc") == NULL) {
        return FALSE;
    }
    int fd = open(frame->module->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    gboolean same = fd >= 0 &&
                    pread(fd, bytes, sizeof bytes, (off_t)(frame->address - frame->module->bias)) ==
                        sizeof bytes &&
                    memcmp(bytes, restorer, sizeof bytes) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return same;
}

void pf_find_handlers(pf_search *self) {
    GPtrArray *stacks = pf_snapshot_get_stacks(self->snapshot);
    for (guint i = 0; i < stacks->len; i++) {
        const PfStack *stack = g_ptr_array_index(stacks, i);
        for (guint f = 1; f < stack->depth; f++) {
            if (!is_restorer(&stack->frames[f]) || !is_unsafe(stack->function)) {
                continue;
            }
            g_autoptr(PfPlace) place = pf_symbolizer_find_return(
                self->symbolizer, stack->frames[0].module, stack->frames[0].address);
            g_autofree gchar *where = pf_place_to_string(place);
            PfFinding *found = pf_search_add(
                self, "signal-handler",
                g_strdup_printf("%s calls %s in a signal handler", where, stack->function),
                g_strdup("a call stack leads through the return from a signal; the function is not "
                         "async-signal-safe and may wait for ever for a lock that is held"),
                g_strdup("use write(2) there, or set a flag and print later"), (pf_saving){0});
            found->place = g_steal_pointer(&where);
            return;
        }
    }
}

// --- between fork and exec

// The cell of the child that has most calls; how many there are, and in how many children.
static const pf_cell *search_children(const pf_model *model, guint64 *ret_calls,
                                      guint *ret_children) {
    const pf_cell *most = NULL;
    g_autofree gboolean *seen = g_new0(gboolean, MAX(model->processes->len, 1));
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        guint index = pf_model_thread_at(model, cell->thread)->process;
        const PfProcess *process = pf_model_process_at(model, index)->facts;
        if (!process->is_fork_of_threads || strcmp(process->how, "exec") != 0 || cell->calls == 0 ||
            !is_unsafe_call(cell->call)) {
            continue;
        }
        *ret_calls += cell->calls;
        *ret_children += !seen[index];
        seen[index] = TRUE;
        most = most == NULL || cell->calls > most->calls ? cell : most;
    }
    return most;
}

void pf_find_forks(pf_search *self) {
    guint64 calls = 0;
    guint children = 0;
    const pf_cell *most = search_children(self->snapshot->model, &calls, &children);
    const PfCallSite *site = most != NULL ? pf_search_site(self, most->site) : NULL;
    if (site == NULL) {
        return;
    }
    g_autofree gchar *place = pf_search_place(self, site);
    PfFinding *found = pf_search_add(
        self, "fork-exec",
        g_strdup_printf("%s calls %s between fork and exec", place, site->function),
        g_strdup_printf("%" G_GUINT64_FORMAT " such calls in %u child%s of a process with "
                        "several threads; another thread may have held the lock that the "
                        "function waits for, and it will not be let go of in the child",
                        calls, children, children > 1 ? "ren" : ""),
        g_strdup("use write(2) there, print before fork, or use posix_spawn"), (pf_saving){0});
    found->place = g_steal_pointer(&place);
}
