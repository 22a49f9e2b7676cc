// SPDX-License-Identifier: Apache-2.0
// PfProfilingComponent: what a program registers once and asks everywhere.
#pragma once
#include "pf-config.h"
#include "pf-export-result.h"
#include "pf-processor.h"

G_BEGIN_DECLS

#define PF_TYPE_PROFILING_COMPONENT (pf_profiling_component_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfProfilingComponent, pf_profiling_component, PF, PROFILING_COMPONENT,
                            GObject)

PF_API PfProfilingComponent *pf_profiling_component_new(PfProfilingConfig *config);

PF_API void pf_profiling_component_enable(PfProfilingComponent *self);
PF_API void pf_profiling_component_disable(PfProfilingComponent *self);
PF_API gboolean pf_profiling_component_get_enabled(PfProfilingComponent *self);
PF_API void pf_profiling_component_reset(PfProfilingComponent *self);
PF_API PfExportResult *pf_profiling_component_flush_remaining_data(PfProfilingComponent *self);

PF_API PfProfileMetrics *pf_profiling_component_get_metrics(PfProfilingComponent *self);
PF_API PfProfilingProcessor *pf_profiling_component_get_processor(PfProfilingComponent *self);
PF_API PfProfilingConfig *pf_profiling_component_get_config(PfProfilingComponent *self);

G_END_DECLS
