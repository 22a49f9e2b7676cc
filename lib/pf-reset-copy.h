// SPDX-License-Identifier: Apache-2.0
// What a process had counted before a reset, kept for the agent that watches it.  Internal.
#pragma once
#include "pf-aggregator.h"
#include "pf-segment.h"

#define PF_RESET_ENDING ".reset"
#define PF_RESET_UNFINISHED ".reset.new"

// Says that the folder open at `fd` is watched, for as long as it is open.  FALSE: somebody else does.
gboolean pf_reset_watch(int fd);
gboolean pf_reset_is_watched(int fd);

// Copies the segment open at `fd`, which lies at `path` and is of the process that `header` says, when an
// agent watches its folder; `reset` is what will be asked for.  NULL, or what is wrong.
const gchar *pf_reset_copy_make(int fd, const gchar *path, const struct pf_segment *header,
                                const struct pf_control *reset);

// Adds what was counted before the reset at that time, and before the one before it ..., of a segment in
// the folder, and deletes the copies.  Returns how many could not be read.
guint pf_reset_copies_take(int folder, const gchar *segment, gint64 reset_unix_ns,
                           PfAggregator *aggregator);
