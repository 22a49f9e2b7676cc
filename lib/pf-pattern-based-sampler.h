// SPDX-License-Identifier: Apache-2.0
// PfPatternBasedSampler: ordered rules give sites their rates.
#pragma once
#include "pf-sampler.h"

G_BEGIN_DECLS

#define PF_TYPE_PATTERN_BASED_SAMPLER (pf_pattern_based_sampler_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfPatternBasedSampler, pf_pattern_based_sampler, PF,
                            PATTERN_BASED_SAMPLER, GObject)

PF_API PfPatternBasedSampler *pf_pattern_based_sampler_new(void);
PF_API gboolean pf_pattern_based_sampler_load(PfPatternBasedSampler *self, const gchar *text,
                                              const gchar *name, GError **error);
PF_API gboolean pf_pattern_based_sampler_load_file(PfPatternBasedSampler *self, const gchar *path,
                                                   GError **error);
PF_API guint pf_pattern_based_sampler_get_rule_count(PfPatternBasedSampler *self);
PF_API guint pf_pattern_based_sampler_get_line(PfPatternBasedSampler *self,
                                               const PfSamplingStratum *stratum);

G_END_DECLS
