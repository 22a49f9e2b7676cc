// SPDX-License-Identifier: Apache-2.0
// Finds the segment of a process.  Internal.
#pragma once
#include "pf-snapshot.h"

// The newest of that pid, to be freed; NULL with an error.
gchar *pf_segment_find(guint pid, GError **error);

#define PF_SESSION_PREFIX "run-" // folders of `pfprof run`, within those of segments

// The folders that segments of this user may lie in, those that are safe; to be freed.
GPtrArray *pf_segment_folders(void);

// PID-START of PID-START.ENDING; what `ret_ending` points to begins with the dot.  FALSE: another form.
gboolean pf_segment_parse_name(const gchar *name, guint *ret_pid, gint64 *ret_start_us,
                               const gchar **ret_ending);
// Whether a process is the one that the name of its segment says.
gboolean pf_segment_is_named(const PfProcess *process, const gchar *name);
