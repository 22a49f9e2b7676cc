// SPDX-License-Identifier: Apache-2.0
// PfProfilingProcessor: sampled recording for a program that feeds its own messages.
#pragma once
#include "pf-metrics.h"
#include "pf-sampler.h"

G_BEGIN_DECLS

#define PF_TYPE_PROFILING_PROCESSOR (pf_profiling_processor_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfProfilingProcessor, pf_profiling_processor, PF, PROFILING_PROCESSOR,
                            GObject)

PF_API PfProfilingProcessor *pf_profiling_processor_new(gdouble sample_rate, GError **error);

PF_API PfProfilingProcessor *pf_profiling_processor_new_steered(gdouble sample_rate,
                                                                PfSampler *sampler, GError **error);
PF_API gdouble pf_profiling_processor_adapt(PfProfilingProcessor *self);

PF_API void pf_profiling_processor_record(PfProfilingProcessor *self, gint64 duration_ns,
                                          gboolean has_emoji, guint field_count);
PF_API void pf_profiling_processor_record_text(PfProfilingProcessor *self, const gchar *text,
                                               gssize length, gint64 duration_ns,
                                               guint field_count);
PF_API gint64 pf_profiling_processor_begin(PfProfilingProcessor *self);
PF_API void pf_profiling_processor_end(PfProfilingProcessor *self, gint64 begun, const gchar *text,
                                       gssize length, guint field_count);

PF_API void pf_profiling_processor_enable(PfProfilingProcessor *self);
PF_API void pf_profiling_processor_disable(PfProfilingProcessor *self);
PF_API gboolean pf_profiling_processor_get_enabled(PfProfilingProcessor *self);
PF_API void pf_profiling_processor_reset(PfProfilingProcessor *self);
PF_API gdouble pf_profiling_processor_get_sample_rate(PfProfilingProcessor *self);
PF_API PfProfileMetrics *pf_profiling_processor_get_metrics(PfProfilingProcessor *self);

G_END_DECLS
