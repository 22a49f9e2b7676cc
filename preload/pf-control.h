// SPDX-License-Identifier: Apache-2.0
// What observers ask for: on and off, rates, a reset.  Taken over by each thread at its next call.
#pragma once
#include "pf-process.h"
#pragma GCC visibility push(hidden)

// The slot's control word says that something has changed: takes it over.
void pf_control_take(struct pf_slot *slot);

// The control word that a new slot begins with; notes what it has thereby taken over.
void pf_control_begin(struct pf_slot *slot);

// Gives a site the rate that is in force for it.
void pf_control_set_rate(struct pf_detail *detail, uint64_t key);
#pragma GCC visibility pop
