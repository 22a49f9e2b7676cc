// SPDX-License-Identifier: Apache-2.0
// Short writes: a call that took fewer bytes than it was given, and whether the rest was written next.
//
// A short write is in order; going on as if it had been a whole one loses the rest.  Which of the two a
// program does shows at the thread's next call on that stream: it begins with the bytes that were left,
// or with others.  Up to 16 of them are kept in the thread's own memory until then, never in the segment.
// What cannot be told (the thread does not come back, writes by another function, leaves the bytes in a
// page that may not be readable) is counted as short and no more.
#pragma once
#include "pf-probe.h"
#pragma GCC visibility push(hidden)

// Accounts for a call of `asked` bytes at `buffer` that took fewer, and hands its result on.
uint64_t pf_account_short(struct pf_entry *entry, const void *buffer, size_t asked,
                          uint64_t result);

// After a call that may have been short, or may be the next one after such a call.
void pf_rest_look(const struct pf_entry *entry, const void *buffer, size_t asked, ssize_t result);

// The thread is about to make a call to `stream`, and its control word has PF_CTL_REST.
void pf_rest_pass(struct pf_slot *slot, enum pf_call call, unsigned stream);

// Another process may go on from here.
void pf_rest_forget(void);

PF_INLINE void pf_rest_check(const struct pf_entry *entry, const void *buffer, size_t asked,
                             ssize_t result) {
    const struct pf_slot *slot = pf_thread.slot;
    if (PF_UNLIKELY(result != (ssize_t)asked) ||
        (PF_LIKELY(slot != NULL) &&
         PF_UNLIKELY(__atomic_load_n(&slot->control, __ATOMIC_RELAXED) & PF_CTL_REST))) {
        pf_rest_look(entry, buffer, asked, result);
    }
}
#pragma GCC visibility pop
