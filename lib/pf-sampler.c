// SPDX-License-Identifier: Apache-2.0
// The sampler interface, its context and its decision.
#include "pf-sampler.h"

/**
 * PfSampler:
 *
 * Decides how often calls are timed.  [class@Steering] asks it several times a second and gives the
 * answer to the running program; [class@ProfilingProcessor] asks it in the program itself.  It
 * may keep what it learns: contexts come in order of time, from one thread.
 *
 * Whatever it answers, estimates stay unbiased: each timed call is weighed with the rate that was in
 * force for it (docs/sampling.md).  A site at rate 0 is only counted.
 */
G_DEFINE_INTERFACE(PfSampler, pf_sampler, G_TYPE_OBJECT)
G_DEFINE_BOXED_TYPE(PfSamplingContext, pf_sampling_context, pf_sampling_context_copy,
                    pf_sampling_context_free)
G_DEFINE_BOXED_TYPE(PfSamplingDecision, pf_sampling_decision, pf_sampling_decision_copy,
                    pf_sampling_decision_free)

struct _PfSamplingDecision {
    gdouble default_rate;
    gsize count;
    gdouble rate[];
};

static void pf_sampler_default_init(PfSamplerInterface *iface G_GNUC_UNUSED) {}

/**
 * pf_sampler_decide: (virtual decide)
 * @self: a sampler
 * @context: what is known
 * @decision: holds the rates in force; the sampler changes those it wants to
 *
 * Asks for rates.
 */
void pf_sampler_decide(PfSampler *self, const PfSamplingContext *context,
                       PfSamplingDecision *decision) {
    g_return_if_fail(PF_IS_SAMPLER(self));
    g_return_if_fail(context != NULL && decision != NULL);
    PfSamplerInterface *iface = PF_SAMPLER_GET_IFACE(self);
    if (iface->decide != NULL) {
        iface->decide(self, context, decision);
    }
}

/**
 * pf_sampling_context_new: (constructor)
 *
 * A context in which nothing is known.
 *
 * Returns: (transfer full): a context in which nothing is known
 */
PfSamplingContext *pf_sampling_context_new(void) {
    PfSamplingContext nothing = {.cpu_usage_percent = -1,
                                 .memory_usage_percent = -1,
                                 .cpu_pressure_percent = -1,
                                 .memory_pressure_percent = -1,
                                 .runnable_per_cpu = -1,
                                 .cpu_seconds = -1};
    return g_memdup2(&nothing, sizeof nothing);
}

/**
 * pf_sampling_context_copy:
 * @self: a context
 *
 * Copies a context with all that it holds.
 *
 * Returns: (transfer full): a copy that owns its texts
 */
PfSamplingContext *pf_sampling_context_copy(const PfSamplingContext *self) {
    PfSamplingContext *copy = g_memdup2(self, sizeof *self);
    copy->operation_name = g_strdup(self->operation_name);
    copy->log_level = g_strdup(self->log_level);
    copy->user_id = g_strdup(self->user_id);
    copy->request_id = g_strdup(self->request_id);
    copy->strata = g_memdup2(self->strata, self->stratum_count * sizeof *self->strata);
    for (gsize i = 0; i < self->stratum_count; i++) {
        PfSamplingStratum *stratum = &copy->strata[i];
        stratum->function = g_strdup(stratum->function);
        stratum->module = g_strdup(stratum->module);
        stratum->stream = g_strdup(stratum->stream);
        stratum->template_text = g_strdup(stratum->template_text);
    }
    return copy;
}

/**
 * pf_sampling_context_free:
 * @self: (nullable): a context of pf_sampling_context_new() or _copy(), with all that it holds
*
 * Frees it with what it holds.
 */
void pf_sampling_context_free(PfSamplingContext *self) {
    if (self == NULL) {
        return;
    }
    for (gsize i = 0; i < self->stratum_count; i++) {
        g_free((gchar *)self->strata[i].function);
        g_free((gchar *)self->strata[i].module);
        g_free((gchar *)self->strata[i].stream);
        g_free((gchar *)self->strata[i].template_text);
    }
    g_free(self->strata);
    g_free((gchar *)self->operation_name);
    g_free((gchar *)self->log_level);
    g_free((gchar *)self->user_id);
    g_free((gchar *)self->request_id);
    g_free(self);
}

/**
 * pf_sampling_decision_new: (constructor)
 * @context: what is to be decided on
 *
 * A decision to leave every rate as it is.
 *
 * Returns: (transfer full): a decision to leave every rate as it is
 */
PfSamplingDecision *pf_sampling_decision_new(const PfSamplingContext *context) {
    PfSamplingDecision *self =
        g_malloc(sizeof *self + context->stratum_count * sizeof self->rate[0]);
    self->default_rate = context->default_rate;
    self->count = context->stratum_count;
    for (gsize i = 0; i < self->count; i++) {
        self->rate[i] = context->strata[i].rate;
    }
    return self;
}

/**
 * pf_sampling_decision_copy:
 * @self: a decision
 *
 * Copies a decision with all that it holds.
 *
 * Returns: (transfer full): a copy
 */
PfSamplingDecision *pf_sampling_decision_copy(const PfSamplingDecision *self) {
    return g_memdup2(self, sizeof *self + self->count * sizeof self->rate[0]);
}

/**
 * pf_sampling_decision_free:
 * @self: (nullable): a decision
*
 * Frees it with what it holds.
 */
void pf_sampling_decision_free(PfSamplingDecision *self) { g_free(self); }

// NaN becomes 0 as well.
static gdouble into_range(gdouble rate) { return rate >= 1 ? 1 : rate > 0 ? rate : 0; }

/**
 * pf_sampling_decision_set_default_rate:
 * @self: a decision
 * @rate: from 0 to 1; what is outside is taken as the nearer end
 *
 * Sets the rate of sites that are yet to come.
 */
void pf_sampling_decision_set_default_rate(PfSamplingDecision *self, gdouble rate) {
    g_return_if_fail(self != NULL);
    self->default_rate = into_range(rate);
}

/**
 * pf_sampling_decision_get_default_rate:
 * @self: a decision
 *
 * The rate of the sites that have none of their own.
 *
 * Returns: the rate of sites that are yet to come
 */
gdouble pf_sampling_decision_get_default_rate(const PfSamplingDecision *self) {
    g_return_val_if_fail(self != NULL, 0);
    return self->default_rate;
}

/**
 * pf_sampling_decision_set_rate:
 * @self: a decision
 * @stratum: index into the strata of the context
 * @rate: from 0 to 1; what is outside is taken as the nearer end
 *
 * Sets the rate of a site.
 */
void pf_sampling_decision_set_rate(PfSamplingDecision *self, gsize stratum, gdouble rate) {
    g_return_if_fail(self != NULL && stratum < self->count);
    self->rate[stratum] = into_range(rate);
}

/**
 * pf_sampling_decision_get_rate:
 * @self: a decision
 * @stratum: index into the strata of the context
 *
 * The rate of one site.
 *
 * Returns: the rate of that site
 */
gdouble pf_sampling_decision_get_rate(const PfSamplingDecision *self, gsize stratum) {
    g_return_val_if_fail(self != NULL && stratum < self->count, 0);
    return self->rate[stratum];
}
