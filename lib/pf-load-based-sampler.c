// SPDX-License-Identifier: Apache-2.0
// One rate for all sites, from its ceiling on an idle machine down to a hundredth of it.
#include "pf-load-based-sampler.h"
#include "pf-errors.h"
#include <math.h>

#define LOWEST 0.01        // of the ceiling
#define RELIEF_SECONDS 1.2 // from the lowest rate back to the ceiling, at least this fast
// Less is none.  A rate is changed only where it differs by a tenth (pf-steering.c): without this the last
// small step to the ceiling would never be made.
#define LEAST_STRESS 0.05

/**
 * PfLoadBasedSampler:
 *
 * Times less while the machine is busy: the rate is a ceiling when it is not, and a hundredth
 * of that when it is overloaded.  Of four readings the worst counts:
 *
 * | reading | begins at | full at |
 * |---|---|---|
 * | time in which some task waits for a CPU (PSI) | 20 % | 60 % |
 * | time in which some task waits for memory (PSI) | 5 % | 30 % |
 * | tasks that run or want to, per CPU | 1.5 | 4 |
 * | CPU in use, where neither of the two for the CPU is known | 85 % | 100 % |
 * | memory in use | 90 % | 98 % |
 *
 * The kernel's averages of load and pressure say how it was ten seconds and a minute ago.  So the growth of
 * pressure's totals is taken instead, and the tasks that are runnable at this moment, where a moment that is
 * neither preceded nor followed by such a one does not count.  More load counts at once; after it is gone
 * the rate is back within two seconds, in even steps of its logarithm, so that a machine on the edge does
 * not swing.
 */
struct _PfLoadBasedSampler {
    GObject parent_instance;
    gdouble ceiling;
    gdouble stress;   // in force, 0 to 1
    gdouble runnable; // per CPU at the last step; below 0: not known
};

static void sampler_init(PfSamplerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(PfLoadBasedSampler, pf_load_based_sampler, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(PF_TYPE_SAMPLER, sampler_init))

static gdouble part(gdouble value, gdouble begins, gdouble full) {
    return CLAMP((value - begins) / (full - begins), 0, 1);
}

static gdouble stress_of(const PfSamplingContext *context, gdouble runnable_before) {
    gdouble stress = part(context->cpu_pressure_percent, 20, 60);
    stress = MAX(stress, part(context->memory_pressure_percent, 5, 30));
    stress = MAX(stress, part(MIN(context->runnable_per_cpu, runnable_before), 1.5, 4));
    stress = MAX(stress, part(context->memory_usage_percent, 90, 98));
    if (context->cpu_pressure_percent < 0 && context->runnable_per_cpu < 0) {
        stress = MAX(stress, part(context->cpu_usage_percent, 85, 100));
    }
    return stress;
}

static void decide(PfSampler *sampler, const PfSamplingContext *context,
                   PfSamplingDecision *decision) {
    PfLoadBasedSampler *self = PF_LOAD_BASED_SAMPLER(sampler);
    gdouble stress = stress_of(context, self->runnable);
    gdouble relieved = self->stress - context->interval_seconds / RELIEF_SECONDS;
    self->runnable = context->runnable_per_cpu;
    self->stress = MAX(stress, relieved);
    self->stress = self->stress < LEAST_STRESS ? 0 : self->stress;
    gdouble rate = self->ceiling * pow(LOWEST, self->stress);
    pf_sampling_decision_set_default_rate(decision, rate);
    for (gsize i = 0; i < context->stratum_count; i++) {
        pf_sampling_decision_set_rate(decision, i, rate);
    }
}

static void sampler_init(PfSamplerInterface *iface) { iface->decide = decide; }
static void pf_load_based_sampler_class_init(PfLoadBasedSamplerClass *klass G_GNUC_UNUSED) {}
static void pf_load_based_sampler_init(PfLoadBasedSampler *self) {
    self->ceiling = 0.01;
    self->runnable = -1;
}

/**
 * pf_load_based_sampler_new:
 * @ceiling: the rate on an idle machine, from 0 to 1: never above it
 * @error: return location for an error
 *
 * Fails with %PF_SAMPLING_ERROR_BAD_RATE when @ceiling is not a number from 0 to 1.
 *
 * Returns: (transfer full): a sampler, or %NULL
 */
PfLoadBasedSampler *pf_load_based_sampler_new(gdouble ceiling, GError **error) {
    if (!(ceiling >= 0 && ceiling <= 1)) {
        g_set_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RATE,
                    "ceiling %g is not a number from 0 to 1", ceiling);
        return NULL;
    }
    PfLoadBasedSampler *self = g_object_new(PF_TYPE_LOAD_BASED_SAMPLER, NULL);
    self->ceiling = ceiling;
    return self;
}

/**
 * pf_load_based_sampler_get_stress:
 * @self: a sampler
 *
 * How loaded the machine was at the last step.
 *
 * Returns: how busy the machine was at the last decision, from 0 to 1
 */
gdouble pf_load_based_sampler_get_stress(PfLoadBasedSampler *self) {
    g_return_val_if_fail(PF_IS_LOAD_BASED_SAMPLER(self), 0);
    return self->stress;
}
