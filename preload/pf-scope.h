// SPDX-License-Identifier: Apache-2.0
// Profiled scopes: what the entry points of pf-profile.h share with the recording of output calls.
#pragma once
#include "pf-segment.h"
#include <stdbool.h>
#pragma GCC visibility push(hidden)

// Charges a timed output call to the scopes that its thread is in.  `frame`: where the call's caller
// has its frame's end; `period`: how many calls it stands for.
void pf_scope_charge(struct pf_slot *slot, uintptr_t frame, double period, uint64_t latency);

// The same thread, or the next, begins with no scope open.
void pf_scope_attach(struct pf_slot *slot);

// pf-scope-name.c: gives the site of an entry its name, once for each process.
struct pf_profile_place;
void pf_scope_name(uint64_t site, const struct pf_profile_place *place, const void *group,
                   const char *(*name_of)(const void *group));
#pragma GCC visibility pop
