// SPDX-License-Identifier: Apache-2.0
// The sites of a running program as strata, one look after the other.  Internal.
#pragma once
#include "pf-sampler.h"
#include "pf-segment-reader.h"

typedef struct _pf_strata pf_strata;

pf_strata *pf_strata_new(void);
void pf_strata_free(pf_strata *self);

// Takes a look: fills the strata of the context (which stay this object's until the next look), and the
// latency and the errors since the last one.
gboolean pf_strata_read(pf_strata *self, pf_reader *reader, PfSamplingContext *context,
                        GError **error);

// Calls of the interval, whoever made them.
guint64 pf_strata_get_calls(const pf_strata *self);

// The call of a stratum's id, as the control block wants it.
static inline guint pf_strata_call_of(guint64 id) { return pf_key_call(id); }
