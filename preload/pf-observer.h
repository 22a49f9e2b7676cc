// SPDX-License-Identifier: Apache-2.0
// The observer that steers a plain LD_PRELOAD run: a process of its own, never the target's child.
#pragma once

// In the constructor: says in one line when the command that SAMPLER needs cannot be run, and then the
// rate stays fixed.
void pf_observer_check(void (*complain)(const char *line, unsigned long length));

// When the segment is there: starts an observer, unless one already runs for this user.
void pf_observer_start(void);
