// SPDX-License-Identifier: Apache-2.0
// A base rate for all sites, and a higher one for those that it would leave with too few timed calls.
#include "pf-statistical-sampler.h"
#include "pf-errors.h"

// The number of timed calls an interval takes (docs/sampling.md), with room for chance.
#define ENOUGH 200.0
#define PERIOD_SECONDS 10.0

/**
 * PfStatisticalSampler:
 *
 * Stratified sampling with the call sites as strata.  The first calls of each are timed with certainty;
 * after those, each site is timed at a base rate, but so often that it has a given number of timed calls in
 * ten seconds, all of them if it is called no more often than that.
 *
 * Each timed call's inclusion probability is known, so sums over 1/p are unbiased (Horvitz and Thompson) and
 * totals get intervals, each site's too; the numbers are in the snapshot and the exit summary.
 */
struct _PfStatisticalSampler {
    GObject parent_instance;
    gdouble rate;
    guint least;
    gdouble seconds; // watched so far
};

static void sampler_init(PfSamplerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(PfStatisticalSampler, pf_statistical_sampler, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(PF_TYPE_SAMPLER, sampler_init))

// A rate that hardly changes tells more than one that is 1 at first and low later, when few timed calls stand
// for many: so it rests on the calls per second since the beginning.
static gdouble rate_for(const PfStatisticalSampler *self, const PfSamplingStratum *stratum) {
    gdouble calls = (gdouble)stratum->total_calls / self->seconds * PERIOD_SECONDS;
    return calls > self->least ? MAX(self->rate, self->least / calls) : 1;
}

static void decide(PfSampler *sampler, const PfSamplingContext *context,
                   PfSamplingDecision *decision) {
    PfStatisticalSampler *self = PF_STATISTICAL_SAMPLER(sampler);
    self->seconds += context->interval_seconds;
    pf_sampling_decision_set_default_rate(decision, self->rate);
    for (gsize i = 0; self->seconds > 0 && i < context->stratum_count; i++) {
        pf_sampling_decision_set_rate(decision, i, rate_for(self, &context->strata[i]));
    }
}

static void sampler_init(PfSamplerInterface *iface) { iface->decide = decide; }
static void pf_statistical_sampler_class_init(PfStatisticalSamplerClass *klass G_GNUC_UNUSED) {}

static void pf_statistical_sampler_init(PfStatisticalSampler *self) {
    self->rate = 0.01;
    self->least = ENOUGH;
}

/**
 * pf_statistical_sampler_new:
 * @rate: the base rate, from 0 to 1
 * @least: timed calls that each site shall have in ten seconds; 0: 200, which is enough for an interval
 * @error: return location for an error
 *
 * Fails with %PF_SAMPLING_ERROR_BAD_RATE when @rate is not a number from 0 to 1.
 *
 * Returns: (transfer full): a sampler, or %NULL
 */
PfStatisticalSampler *pf_statistical_sampler_new(gdouble rate, guint least, GError **error) {
    if (!(rate >= 0 && rate <= 1)) {
        g_set_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RATE,
                    "rate %g is not a number from 0 to 1", rate);
        return NULL;
    }
    PfStatisticalSampler *self = g_object_new(PF_TYPE_STATISTICAL_SAMPLER, NULL);
    self->rate = rate;
    self->least = least != 0 ? least : (guint)ENOUGH;
    return self;
}
