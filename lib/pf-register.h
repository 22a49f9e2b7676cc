// SPDX-License-Identifier: Apache-2.0
// The first and the last call: registering the profiler, and putting everything back.
#pragma once
#include "pf-hub.h"

G_BEGIN_DECLS

PF_API PfProfilingComponent *pf_register_profiling(PfHub *hub, PfProfilingConfig *config,
                                                   GError **error);
PF_API void pf_reset_profiling_state(void);

G_END_DECLS
