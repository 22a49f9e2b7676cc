// SPDX-License-Identifier: Apache-2.0
// Learns per site how often it is called and how much its latency varies, and shares the budget out.
#include "pf-adaptive-sampler.h"
#include "pf-allocation.h"
#include "pf-learned-site.h"

#define DEFAULT_BUDGET 0.01
#define DEFAULT_HALF_LIFE 30.0
#define FAIR 0.4            // of the budget: every site alike; the rest by Neyman
#define LEAST_OF_BUDGET 0.1 // for timing, however dear the counting is
#define SETTLE_SECONDS 5.0  // in which what was spent too much or too little is evened out
#define CPU_SECONDS 3.0     // over which the program's CPU time is averaged
#define STORM 5e6           // calls per second that a new site may begin with
#define ALL 0.9             // a rate of this and more may as well be 1

/**
 * PfAdaptiveSampler:
 *
 * Keeps what measuring costs within a share of the program's CPU time, and spends it where it tells
 * most.  Of each site it learns, with forgetting, the calls per second and the deviation of latencies.
 * Part of the budget is shared out so that every site has as many timed calls as the others, the rest by
 * Neyman's rule: timed calls in proportion to calls times deviation.  New sites, and those whose latency has
 * changed (CUSUM), are timed more for a while.  See docs/sampling.md.
 *
 * What counting costs, which no rate reduces, is taken from the budget first; a tenth of the budget is
 * left for timing in any case.
 */
struct _PfAdaptiveSampler {
    GObject parent_instance;
    gdouble budget;
    gdouble half_life;
    GHashTable *sites;  // id -> pf_learned_site
    gdouble cpu;        // CPU seconds of the program per second
    gdouble spent_ns;   // so far
    gdouble allowed_ns; // so far
    gdouble spent_cpu_ns;
    gdouble first_rate; // what the program was started with
    guint changes;
};

static void sampler_init(PfSamplerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(PfAdaptiveSampler, pf_adaptive_sampler, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(PF_TYPE_SAMPLER, sampler_init))

enum { CHANGED, SIGNALS };
static guint signals[SIGNALS];

static pf_learned_site *site_of(PfAdaptiveSampler *self, guint64 id) {
    pf_learned_site *site = g_hash_table_lookup(self->sites, &id);
    if (site == NULL) {
        site = g_new0(pf_learned_site, 1);
        g_hash_table_insert(self->sites, g_memdup2(&id, sizeof id), site);
    }
    return site;
}

// Keeps the books; gives the calls per second.
static void account(PfAdaptiveSampler *self, const PfSamplingContext *context) {
    gdouble seconds = context->interval_seconds;
    gdouble cpu = context->cpu_seconds >= 0 ? context->cpu_seconds : seconds;
    if (seconds <= 0) {
        return;
    }
    gdouble now = cpu / seconds;
    gdouble share = self->cpu > 0 ? MIN(seconds / CPU_SECONDS, 1) : 1;
    self->cpu += share * (now - self->cpu);
    self->allowed_ns += self->budget * cpu * 1e9;
    self->spent_cpu_ns += cpu * 1e9;
    for (gsize i = 0; i < context->stratum_count; i++) {
        const PfSamplingStratum *stratum = &context->strata[i];
        self->spent_ns += (gdouble)stratum->calls * context->count_cost_ns +
                          (gdouble)stratum->sampled * stratum->cost_ns;
    }
}

// ns per second that timing may cost from now on.
static gdouble left_for_timing(const PfAdaptiveSampler *self, gdouble count_ns) {
    gdouble budget = self->budget * self->cpu * 1e9;
    gdouble saved = (self->allowed_ns - self->spent_ns) / SETTLE_SECONDS;
    saved = CLAMP(saved, -budget, budget / 2);
    return MAX(budget + saved - count_ns, LEAST_OF_BUDGET * budget);
}

static gdouble default_rate(const PfAdaptiveSampler *self, gdouble timing_ns, gdouble cost_ns) {
    return MIN(self->first_rate, timing_ns / (STORM * cost_ns));
}

static void learn(PfAdaptiveSampler *self, const PfSamplingContext *context, pf_share *shares) {
    for (gsize i = 0; i < context->stratum_count; i++) {
        const PfSamplingStratum *stratum = &context->strata[i];
        pf_learned_site *site = site_of(self, stratum->id);
        if (pf_learned_site_update(site, stratum, context->interval_seconds, self->half_life)) {
            self->changes++;
            g_signal_emit(self, signals[CHANGED], 0, stratum->id);
        }
        gdouble calls = MAX(site->calls_per_second, 0.1);
        shares[i] = (pf_share){.calls = calls,
                               .deviation = pf_learned_site_deviation(site),
                               .cost = MAX(stratum->cost_ns, 1),
                               .least = MIN(site->wanted / calls, 1)};
    }
}

static void decide(PfSampler *sampler, const PfSamplingContext *context,
                   PfSamplingDecision *decision) {
    PfAdaptiveSampler *self = PF_ADAPTIVE_SAMPLER(sampler);
    gsize count = context->stratum_count;
    g_autofree pf_share *shares = g_new(pf_share, MAX(count, 1));
    if (self->first_rate < 0) {
        self->first_rate = context->default_rate;
    }
    account(self, context);
    learn(self, context, shares);
    if (context->interval_seconds <= 0) {
        return; // nothing is known per second yet
    }
    gdouble count_ns = 0;
    gdouble cost_ns = 100;
    for (gsize i = 0; i < count; i++) {
        count_ns += shares[i].calls * context->count_cost_ns;
        cost_ns = shares[i].cost;
    }
    gdouble timing_ns = left_for_timing(self, count_ns);
    pf_allocate(shares, count, timing_ns, FAIR);
    pf_sampling_decision_set_default_rate(decision, default_rate(self, timing_ns, cost_ns));
    for (gsize i = 0; i < count; i++) {
        pf_sampling_decision_set_rate(decision, i, shares[i].rate >= ALL ? 1 : shares[i].rate);
    }
}

static void finalize(GObject *object) {
    g_hash_table_unref(PF_ADAPTIVE_SAMPLER(object)->sites);
    G_OBJECT_CLASS(pf_adaptive_sampler_parent_class)->finalize(object);
}

static void sampler_init(PfSamplerInterface *iface) { iface->decide = decide; }

static void pf_adaptive_sampler_class_init(PfAdaptiveSamplerClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = finalize;
    /**
     * PfAdaptiveSampler::changed:
     * @self: a sampler
     * @id: the site, see #PfSamplingStratum
     *
     * The latency of a site is not what it was.
     */
    signals[CHANGED] = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                    NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT64);
}

static void pf_adaptive_sampler_init(PfAdaptiveSampler *self) {
    self->budget = DEFAULT_BUDGET;
    self->half_life = DEFAULT_HALF_LIFE;
    self->first_rate = -1;
    self->sites = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

/**
 * pf_adaptive_sampler_new:
 * @config: (nullable): the budget, and how fast to forget; %NULL: the defaults
 *
 * Returns: (transfer full): a sampler that knows nothing yet
 */
PfAdaptiveSampler *pf_adaptive_sampler_new(const PfAdaptiveSamplingConfig *config) {
    PfAdaptiveSampler *self = g_object_new(PF_TYPE_ADAPTIVE_SAMPLER, NULL);
    if (config != NULL) {
        self->budget = config->overhead_budget;
        self->half_life =
            config->half_life_seconds > 0 ? config->half_life_seconds : DEFAULT_HALF_LIFE;
    }
    return self;
}

/**
 * pf_adaptive_sampler_get_spent:
 * @self: a sampler
 *
 * Returns: the share of the program's CPU time that measuring has taken so far, by the sampler's own books
 */
gdouble pf_adaptive_sampler_get_spent(PfAdaptiveSampler *self) {
    g_return_val_if_fail(PF_IS_ADAPTIVE_SAMPLER(self), 0);
    return self->spent_cpu_ns > 0 ? self->spent_ns / self->spent_cpu_ns : 0;
}

/**
 * pf_adaptive_sampler_get_change_count:
 * @self: a sampler
 *
 * Returns: how often the latency of a site was found changed
 */
guint pf_adaptive_sampler_get_change_count(PfAdaptiveSampler *self) {
    g_return_val_if_fail(PF_IS_ADAPTIVE_SAMPLER(self), 0);
    return self->changes;
}
