// SPDX-License-Identifier: Apache-2.0
// PfStatisticalSampler: every site is represented, whatever it is called.
#pragma once
#include "pf-sampler.h"

G_BEGIN_DECLS

#define PF_TYPE_STATISTICAL_SAMPLER (pf_statistical_sampler_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfStatisticalSampler, pf_statistical_sampler, PF, STATISTICAL_SAMPLER,
                            GObject)

PF_API PfStatisticalSampler *pf_statistical_sampler_new(gdouble rate, guint least, GError **error);

G_END_DECLS
