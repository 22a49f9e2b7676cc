// SPDX-License-Identifier: Apache-2.0
// A timeline whose first bin begins at a known moment of the clock that snapshots are taken by.  Internal.
#pragma once
#include "pf-timeline.h"

// Both say the same moment.
PfTimeline *pf_timeline_new_at(gint64 start_unix_ns, gint64 start_monotonic_ns, guint64 width_ns);
