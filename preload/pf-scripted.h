// SPDX-License-Identifier: Apache-2.0
// Where a test's script takes the place of the clock and of the kernel's count of switches.
//
// In the library as it ships PF_IS_SCRIPTED is 0, so that nothing of this is compiled in;
// scripts/check-exports proves it.  test/scripted/ has the other side, and says what a script is.
#pragma once
#include "pf-probe.h"
#include "pf-real.h"
#include <sys/resource.h>
#pragma GCC visibility push(hidden)

#ifdef PF_SCRIPTED
#define PF_IS_SCRIPTED 1
#else
#define PF_IS_SCRIPTED 0
#endif

// The clock, and what one read of it is taken to cost.
int pf_scripted_clock(clockid_t clock, struct pf_time *ret_time);
uint64_t pf_scripted_clock_cost(void);

// What a thread's random numbers begin with; `otherwise` where the script does not say.
uint64_t pf_scripted_seed(uint64_t otherwise);

// A timed call begins; has it to wait for its stream's lock?  It has waited; it ends.
void pf_scripted_begin(struct pf_probe *probe);
bool pf_scripted_is_locked(const struct pf_probe *probe);
void pf_scripted_wait(const struct pf_probe *probe);
void pf_scripted_end(const struct pf_probe *probe);

// In place of a perf event's page (NULL: there is none) and of getrusage.
const volatile uint32_t *pf_scripted_page(void);
long pf_scripted_usage(struct rusage *ret_usage);
#pragma GCC visibility pop
