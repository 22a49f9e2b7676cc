// SPDX-License-Identifier: Apache-2.0
// PfLoadBasedSampler: times less while the machine is busy.
#pragma once
#include "pf-sampler.h"

G_BEGIN_DECLS

#define PF_TYPE_LOAD_BASED_SAMPLER (pf_load_based_sampler_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfLoadBasedSampler, pf_load_based_sampler, PF, LOAD_BASED_SAMPLER,
                            GObject)

PF_API PfLoadBasedSampler *pf_load_based_sampler_new(gdouble ceiling, GError **error);
PF_API gdouble pf_load_based_sampler_get_stress(PfLoadBasedSampler *self);

G_END_DECLS
