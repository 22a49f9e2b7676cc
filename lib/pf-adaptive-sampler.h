// SPDX-License-Identifier: Apache-2.0
// PfAdaptiveSampler: learns where a timed call tells most, and keeps within a budget.
#pragma once
#include "pf-config.h"
#include "pf-sampler.h"

G_BEGIN_DECLS

#define PF_TYPE_ADAPTIVE_SAMPLER (pf_adaptive_sampler_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfAdaptiveSampler, pf_adaptive_sampler, PF, ADAPTIVE_SAMPLER, GObject)

PF_API PfAdaptiveSampler *pf_adaptive_sampler_new(const PfAdaptiveSamplingConfig *config);
PF_API gdouble pf_adaptive_sampler_get_spent(PfAdaptiveSampler *self);
PF_API gdouble pf_adaptive_sampler_get_even_rate(PfAdaptiveSampler *self);
PF_API guint pf_adaptive_sampler_get_change_count(PfAdaptiveSampler *self);

G_END_DECLS
