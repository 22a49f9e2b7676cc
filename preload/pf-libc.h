// SPDX-License-Identifier: Apache-2.0
// Where libcs differ: how one is told of forks and exits, and what is left in stdio's buffers.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __GLIBC__
extern char __libc_single_threaded __attribute__((weak));
#define PF_LIBC_TELLS_STATUS true // an exit handler gets the status as a second argument
#else
#define PF_LIBC_TELLS_STATUS false
#endif

#pragma GCC visibility push(hidden)

// Built for one libc, loaded into a program of another: every import that only one has is weak, so
// that the loader does not give up, and nothing may be measured.
bool pf_libc_is_foreign(void);

// Has `parent` and `child` called there after each fork, `at_exit` after every destructor (where libc has
// such an order) and `at_quick_exit` at quick_exit.
void pf_libc_ask(void (*parent)(void), void (*child)(void), void (*at_exit)(void *, int),
                 const char *how, void (*at_quick_exit)(void *));

// Bytes still in stdio's buffers: libc flushes them after us.
uint64_t pf_libc_pending(void);
#pragma GCC visibility pop
