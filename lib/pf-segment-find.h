// SPDX-License-Identifier: Apache-2.0
// Finds the segment of a process.  Internal.
#pragma once
#include "pf-snapshot.h"

// The newest of that pid, to be freed; NULL with an error.
gchar *pf_segment_find(guint pid, GError **error);

#define PF_SESSION_PREFIX "run-" // folders of `pfprof run`, within those of segments

// The folders that segments of this user may lie in, those that are safe; to be freed.
GPtrArray *pf_segment_folders(void);
