// SPDX-License-Identifier: Apache-2.0
// Finds the segment of a process.  Internal.
#pragma once
#include "pf-snapshot.h"

// The newest of that pid, to be freed; NULL with an error.
gchar *pf_segment_find(guint pid, GError **error);
