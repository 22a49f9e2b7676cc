// SPDX-License-Identifier: Apache-2.0
// One rule of a rules file: conditions, and the rate of what meets them all.  Internal.
#pragma once
#include "pf-sampler.h"

typedef struct {
    guint line;
    gdouble rate;
    GPtrArray *conditions;
} pf_rule;

// A line of a rules file.  NULL without an error: it is empty or a comment.
pf_rule *pf_rule_parse(const gchar *text, const gchar *name, guint line, GError **error);
gboolean pf_rule_matches(const pf_rule *self, const PfSamplingStratum *stratum);
void pf_rule_free(pf_rule *self);
