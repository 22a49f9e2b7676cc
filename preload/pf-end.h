// SPDX-License-Identifier: Apache-2.0
// How a process ended, what the kernel says it wrote, and what we cost it: kept in its segment for readers.
#pragma once
#include "pf-segment.h"
#include <stdbool.h>
#pragma GCC visibility push(hidden)

struct pf_end {
    const char *how; // exit, _exit, exec ...
    int status;      // -1: not known
    uint64_t overhead_ns;
    bool kernel_known;
    uint64_t kernel_bytes;
};

// What the kernel counted since the first call; with what waited-for children wrote, where threads of ours have
// ended.
bool pf_end_kernel_bytes(uint64_t *ret_bytes, bool *ret_with_children);

// Our own cost, measured now and here on a slot that nobody reads: zeroes, of the caller's.
uint64_t pf_end_measure_overhead(struct pf_slot *practice, double calls, double timed);

void pf_end_store(const struct pf_end *end);
void pf_end_forget(void);

// All of it for a process that writes no summary.
void pf_end_note(const char *how, int status);
#pragma GCC visibility pop
