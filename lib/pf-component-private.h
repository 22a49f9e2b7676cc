// SPDX-License-Identifier: Apache-2.0
// What registering needs of PfProfilingComponent.  Internal.
#pragma once
#include "pf-component.h"

// Every component of the process is disabled and reset.
void pf_profiling_component_reset_all(void);
