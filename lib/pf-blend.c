// SPDX-License-Identifier: Apache-2.0
// Puts the estimate of pf-estimate.c and Horvitz-Thompson sums together.
//
// The first needs one rate for all strata and then has the better interval (it knows the skewness).
// Strata that were sampled at another rate, or at several, are estimated by their Horvitz-Thompson
// sums, which hold whatever the rates were.  The two are independent, so distances from the total
// to a limit add in quadrature (Zou and Donner 2008).
#include "pf-blend.h"
#include <math.h>

#define FEWEST 140.0     // as in pf-estimate.c
#define MOST_UNSEEN 0.02 // likewise
#define NORMAL 1.959964

void pf_blend_init(pf_blend *self, double rate) {
    *self = (pf_blend){0};
    pf_estimator_init(&self->main, rate);
}

void pf_blend_add(pf_blend *self, const pf_blend_part *part) {
    const struct pf_stratum *stratum = &part->stratum;
    if (part->choice == PF_CHOSEN_AT_MAIN_RATE) {
        pf_estimator_add(&self->main, stratum);
        return;
    }
    self->other_calls += (double)stratum->calls;
    self->other_sampled += (double)stratum->sampled;
    self->other_certain_ns += (double)stratum->certain_ns;
    self->other_measured_ns += (double)stratum->certain_ns + (double)stratum->sum_ns;
    self->other_ns += part->other_ns;
    self->other_variance += part->other_variance;
    self->other_unseen += part->other_unseen;
}

static PfEstimate from_main(const struct pf_estimate *estimate) {
    static const PfCertainty certainties[] = {
        [PF_ESTIMATE_EXACT] = PF_CERTAINTY_EXACT,
        [PF_ESTIMATE_INTERVAL] = PF_CERTAINTY_INTERVAL,
        [PF_ESTIMATE_TOO_FEW] = PF_CERTAINTY_TOO_FEW,
        [PF_ESTIMATE_NONE] = PF_CERTAINTY_NONE,
    };
    return (PfEstimate){estimate->total_ns, estimate->low_ns, estimate->high_ns,
                        certainties[estimate->kind]};
}

static PfCertainty certainty_of(const pf_blend *self, PfCertainty main) {
    double all = self->main.calls + self->other_calls;
    // A part that is refused on its own does no harm when it is small.
    double unsure = self->other_sampled < FEWEST ? self->other_calls : self->other_unseen;
    unsure += main == PF_CERTAINTY_TOO_FEW || main == PF_CERTAINTY_NONE ? self->main.calls : 0;
    if (self->main.sampled + self->other_sampled < 1) {
        return PF_CERTAINTY_NONE;
    }
    return unsure > MOST_UNSEEN * all ? PF_CERTAINTY_TOO_FEW : PF_CERTAINTY_INTERVAL;
}

PfEstimate pf_blend_finish(const pf_blend *self) {
    struct pf_estimate main;
    pf_estimator_finish(&self->main, &main);
    PfEstimate result = from_main(&main);
    if (self->other_calls + self->other_measured_ns == 0) {
        return result;
    }
    result.certainty = certainty_of(self, result.certainty);
    double other = self->other_certain_ns + self->other_ns;
    double below = result.low_ns > 0 ? result.total_ns - result.low_ns : 0;
    double above = result.high_ns > 0 ? result.high_ns - result.total_ns : 0;
    double deviation = NORMAL * sqrt(MAX(self->other_variance, 0));
    double measured = self->main.measured_ns + self->other_measured_ns;
    result.total_ns = MAX(result.total_ns + other, measured);
    if (result.certainty != PF_CERTAINTY_INTERVAL) {
        result.low_ns = result.high_ns = 0;
        return result;
    }
    result.low_ns = MAX(result.total_ns - hypot(below, deviation), measured);
    result.high_ns = result.total_ns + hypot(above, deviation);
    return result;
}
