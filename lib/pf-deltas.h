// SPDX-License-Identifier: Apache-2.0
// What has been delivered of each series, for receivers that want differences.  Internal.
#pragma once
#include "pf-series.h"

typedef struct pf_deltas pf_deltas;

pf_deltas *pf_deltas_new(void);
void pf_deltas_free(pf_deltas *self);

// The point less what was delivered; gauges as they are.  To be cleared with pf_delta_clear().
// *ret_since: when that was, or when the series began.
pf_point pf_deltas_make(pf_deltas *self, const pf_point *point, gint64 *ret_since);
void pf_delta_clear(pf_point *delta);
// The point has arrived.
void pf_deltas_commit(pf_deltas *self, const pf_point *point, gint64 unix_ns);
