// SPDX-License-Identifier: Apache-2.0
// Finds out what stack memory can be read, with as few questions to the kernel as possible.
#include "pf-readable.h"
#include "pf-capture.h"
#include "pf-process.h"
#include "pf-real.h"
#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#ifdef PF_HAVE_CAPTURE
#define PAGE 4096u // the smallest there is; larger pages are asked for more than once
// The kernel leaves at least this much free below the top of the main stack, so what is there is
// stack.
#define MAIN_MOST (128u << 20)
// How far a thread's stack pointer may be from its control block, and how many pages of that are
// asked for in one walk.
#define THREAD_MOST (1u << 30)
#define QUESTIONS_MOST 64

static uintptr_t main_top;    // the kernel puts 16 random bytes above the main stack
static uintptr_t main_thread; // its control block is not near its stack
static bool asking;           // the kernel answers as it should
static bool under_valgrind;

// rt_sigprocmask copies the new mask before it looks at what to do with it: an unreadable one is
// EFAULT, and 1000 is nothing that can be done.  Of the calls that tell, it is the cheapest (89 ns;
// process_vm_readv 750 ns, mincore 610 ns) and allowed wherever a program may run at all; mincore
// would call a guard page readable.
static bool ask(uintptr_t page) {
    return pf_sys(SYS_rt_sigprocmask, 1000, (long)page, 0, 8, 0, 0) == -EINVAL;
}

// Not strstr, which takes 1.5 KiB of stack in musl: this may be a thread's first call.
static bool begins_with(const char *text, const char *head) {
    while (*head && *text == *head) {
        text++;
        head++;
    }
    return *head == 0;
}

// valgrind takes the question for a fault of the program and reports it.  It has its own library
// preloaded, beside us.
static bool in_valgrind(void) {
    static const char variable[] = "LD_PRELOAD=";
    static const char library[] = "/vgpreload_";
    extern char **environ;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (!begins_with(*entry, variable)) {
            continue;
        }
        for (const char *at = *entry; *at; at++) {
            if (begins_with(at, library)) {
                return true;
            }
        }
        return false;
    }
    return false;
}

// Both at start: later another thread may be in setenv, which frees what `environ` was.
void pf_readable_note_main(void) {
    main_thread = pf_thread_pointer();
    under_valgrind = in_valgrind();
}

void pf_readable_init(void) {
    main_top = getauxval(AT_RANDOM) & -sizeof(uintptr_t);
    main_thread = main_thread != 0 ? main_thread : pf_thread_pointer();
    asking =
        !under_valgrind && !ask((uintptr_t)-PAGE) && ask((uintptr_t)&asking & -(uintptr_t)PAGE);
}

static bool can_ask(void) { return asking && !pf_process.shut; }

static bool is_main(uintptr_t address) {
    return address < main_top && main_top - address < MAIN_MOST;
}

static bool is_known(const struct pf_unwind_state *state, uintptr_t address, uintptr_t thread) {
    return state->thread == thread && address >= state->low && address < thread;
}

// Asks for what is missing between `sp` and what is known of the thread's stack.  Each store leaves
// the state true, for a handler that comes in between: `low` may be too high, never too low.
static PF_COLD void learn(struct pf_unwind_state *state, uintptr_t sp, uintptr_t thread) {
    if (state->thread != thread) {
        state->low = thread & -(uintptr_t)PAGE;
        state->floor = 0;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        state->thread = thread;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (thread == main_thread || sp >= thread || thread - sp > THREAD_MOST || sp < state->floor ||
        !can_ask()) {
        return;
    }
    uintptr_t low = state->low;
    for (unsigned i = 0; low > sp && i < QUESTIONS_MOST; i++) {
        if (!ask(low - PAGE)) {
            state->floor = low; // the guard page, or some other stack lies below
            return;
        }
        low -= PAGE;
        state->low = low;
    }
}

// A handler on an alternate stack may have a few hundred bytes, and what lies below is somebody's;
// of a coroutine's stack nobody knows more than that the page is there.
static PF_COLD bool has_room(uintptr_t sp) {
    uintptr_t least = sp - PF_UNWIND_ROOM;
    stack_t stack = {.ss_flags = SS_DISABLE};
    if (!can_ask()) {
        return false;
    }
    pf_sys(SYS_sigaltstack, 0, (long)&stack, 0, 0, 0, 0);
    if (stack.ss_flags & SS_ONSTACK) {
        return least >= (uintptr_t)stack.ss_sp;
    }
    return least / PAGE == sp / PAGE || ask(least & -(uintptr_t)PAGE);
}

bool pf_readable_stack(struct pf_memory *memory, struct pf_unwind_state *state, uintptr_t sp) {
    memory->low = sp;
    memory->high = main_top;
    memory->state = state;
    if (PF_LIKELY(is_main(sp))) {
        return true;
    }
    uintptr_t thread = pf_thread_pointer();
    if (PF_UNLIKELY(!is_known(state, sp, thread))) {
        learn(state, sp, thread);
        if (!is_known(state, sp, thread)) {
            memory->high = (sp | (PAGE - 1)) + 1;
            return has_room(sp);
        }
    }
    memory->high = thread;
    return true;
}

bool pf_readable_extend(struct pf_memory *memory, uintptr_t address) {
    uintptr_t thread = pf_thread_pointer();
    uintptr_t page = address & -(uintptr_t)PAGE;
    if (address % sizeof(uintptr_t) != 0) {
        return false; // could lie across two pages; no stack slot does
    }
    if (is_known(memory->state, address, thread) &&
        thread - address >= sizeof(uintptr_t)) { // up from a signal stack
        memory->low = memory->state->low;
        memory->high = thread;
        return true;
    }
    if (!can_ask() || !ask(page)) {
        return false;
    }
    if (page != memory->high) {
        memory->low = page;
    }
    memory->high = page + PAGE;
    if (is_main(page)) {
        memory->high = main_top;
    }
    return address <= memory->high - sizeof(uintptr_t);
}

bool pf_readable_word(void *memory, uintptr_t address, uintptr_t *ret_word) {
    struct pf_memory *known = memory;
    if (!pf_is_readable(known, address) && !pf_readable_extend(known, address)) {
        return false;
    }
    *ret_word = pf_load(address);
    return true;
}
#endif
