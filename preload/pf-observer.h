// SPDX-License-Identifier: Apache-2.0
// The observers of a plain LD_PRELOAD run, one that steers and one that exports: processes of their own,
// never the target's children.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// In the constructor: says in one line when the command that SAMPLER or EXPORTERS needs cannot be run, and
// then the rate stays fixed, or nothing is exported.
void pf_observer_check(void (*complain)(const char *line, size_t length));

// When the segment is there: starts those that are asked for, unless they already run for this user.
void pf_observer_start(void);

// At the end: whether the segment is to stay for an agent; and, with BACKGROUND_PROCESSING=false, starts
// what exports it, under its last name.
bool pf_observer_wants_segment(void);
void pf_observer_last(const char *segment);
