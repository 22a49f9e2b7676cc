// SPDX-License-Identifier: Apache-2.0
// Where the calls of each name go: to our wrapper, or past us (arch/<cpu>/pf-entry.S).
#pragma once
#include "pf-table.h"
#pragma GCC visibility push(hidden)

// Behind the rows stands what is no call of the table.
#define PF_ENTRY_DLSYM PF_CALL_COUNT
#define PF_ENTRY_COUNT (PF_CALL_COUNT + 1)

// By row; 0 until somebody has asked.  Stored once and for good.
extern void *pf_ways[PF_ENTRY_COUNT];

// Where this call of a row goes.  Uses no register wider than 128 bits and changes no errno.
void *pf_entry_find(unsigned row) __attribute__((used));

// What the program calls; NULL: the row has no entry.
void *pf_entry_place(unsigned row);
#pragma GCC visibility pop
