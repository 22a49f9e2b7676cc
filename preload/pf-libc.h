// SPDX-License-Identifier: Apache-2.0
// Where libcs differ: how one is told of forks and exits, and what is left in stdio's buffers.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __GLIBC__
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

// Looks for what not every version of a libc has; a name that is asked for by its newest version would
// keep all programs of an older libc from starting.
void pf_libc_init(void);

// False also where libc does not say (before glibc 2.32).
extern const char *pf_libc_single_threaded;
static inline bool pf_libc_is_single_threaded(void) { return *pf_libc_single_threaded != 0; }

// A key whose `destroy` runs at a thread's end.  False: there is none, or (before glibc 2.34) no thread yet.
bool pf_libc_make_key(unsigned *ret_key, void (*destroy)(void *));
void pf_libc_set_key(unsigned key, const void *value);

// Bytes still in stdio's buffers: libc flushes them after us.
uint64_t pf_libc_pending(void);
#pragma GCC visibility pop
