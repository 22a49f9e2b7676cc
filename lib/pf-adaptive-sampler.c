// SPDX-License-Identifier: Apache-2.0
// Learns per site how often it is called and how much its latency varies, and shares the budget out.
#include "pf-adaptive-sampler.h"
#include "pf-allocation.h"
#include "pf-learned-site.h"
#include <math.h>

#define DEFAULT_BUDGET 0.01
#define DEFAULT_HALF_LIFE 30.0
#define EVEN 0.25 // of the budget: one rate for all, so that what was learned wrongly costs little
#define FAIR 0.35 // every site known as well as the others; the rest by Neyman
#define EVEN_OF_BRIEF 0.85 // likewise, where processes end before they can be steered
#define BRIEF_CPU_NS 1e9   // that such a process uses
#define SEVERAL 4u
#define MOST_DEBT 1.0       // seconds of budget that such a program may owe
#define LEAST_OF_BUDGET 0.1 // for timing, however dear the counting is
#define REPAY_SECONDS 4.0   // in which what was spent too much is made up for
#define SAVE_SECONDS 20.0   // in which what was spent too little may be spent
#define BURST 3.0           // budgets that may be spent at a time, where so much was saved
#define BURST_SECONDS 1.0   // in which a burst may spend all that was saved
#define LEAST_USUAL_NS 1.0
#define USUAL_COST_NS 100.0
#define STORM 1e6 // calls per second that a new site may begin with
#define ALL 0.9   // a rate of this and more may as well be 1

/**
 * PfAdaptiveSampler:
 *
 * Keeps what measuring costs within a share of the program's CPU time, and spends it where it tells
 * most.  Of each site it learns, with forgetting, the calls per second and the deviation of latencies.
 * Part of the budget is shared out so that every site has as many timed calls as the others, the rest by
 * Neyman's rule: timed calls in proportion to calls times deviation.  New sites, and those whose latency has
 * changed (CUSUM), are timed more for a while.  See docs/sampling.md.
 *
 * One sampler may steer any number of processes of one program at once, or one after the other: what it has learned
 * and what it may spend is then that of all of them together, and where they end soon nearly all of it goes to one
 * rate for all calls, because they cannot be steered one by one.
 *
 * What counting costs, which no rate reduces, is taken from the budget first; a tenth of the budget is
 * left for timing in any case.
 */
struct _PfAdaptiveSampler {
    GObject parent_instance;
    gdouble budget;
    gdouble half_life;
    GHashTable *sites;   // id -> pf_learned_site
    gdouble seconds;     // watched, those long ago for less
    gdouble cpu_seconds; // of the program, likewise
    gdouble cpu_ns;      // of the program in all
    gdouble spent_ns;    // in all
    gdouble even;        // the rate that all calls could have; below 0: not known
    gdouble clock;       // watched, of all processes added up
    guint64 looks;
    guint processes;
    gdouble first_rate; // what the program was started with
    guint changes;
};

static void sampler_init(PfSamplerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(PfAdaptiveSampler, pf_adaptive_sampler, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(PF_TYPE_SAMPLER, sampler_init))

enum { CHANGED, SIGNALS };
static guint signals[SIGNALS];

// With one process a site and its stream.  With many what is the same in all of them: the place in the file, and what
// kind of stream it is (by the first character of its name: a path, a pipe, a socket), for names come and go.
static guint64 key_of(const PfAdaptiveSampler *self, const PfSamplingStratum *stratum) {
    if (self->processes < 2 || stratum->module == NULL || stratum->function == NULL) {
        return stratum->id;
    }
    const guint64 parts[] = {g_str_hash(stratum->module), g_str_hash(stratum->function),
                             stratum->stream != NULL ? (guchar)stratum->stream[0] : 0};
    guint64 key = stratum->offset;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        key = (key ^ parts[i]) * 0x9e3779b97f4a7c15u;
        key ^= key >> 29;
    }
    return key;
}

static pf_learned_site *site_of(PfAdaptiveSampler *self, guint64 id) {
    pf_learned_site *site = g_hash_table_lookup(self->sites, &id);
    if (site == NULL) {
        site = g_new0(pf_learned_site, 1);
        g_hash_table_insert(self->sites, g_memdup2(&id, sizeof id), site);
    }
    return site;
}

// Keeps the books.
static void account(PfAdaptiveSampler *self, const PfSamplingContext *context) {
    gdouble cpu = context->cpu_seconds >= 0 ? context->cpu_seconds : context->interval_seconds;
    gdouble seconds = context->interval_seconds;
    if (seconds <= 0) {
        seconds = cpu; // another process of the program, that was not watched so far
    }
    gdouble keep = exp2(-seconds / self->half_life);
    self->seconds = self->seconds * keep + seconds;
    self->cpu_seconds = self->cpu_seconds * keep + cpu;
    self->cpu_ns += cpu * 1e9;
    for (gsize i = 0; i < context->stratum_count; i++) {
        const PfSamplingStratum *stratum = &context->strata[i];
        self->spent_ns += (gdouble)stratum->calls * context->count_cost_ns +
                          (gdouble)stratum->sampled * stratum->cost_ns;
    }
}

// ns per second that timing may cost on average, from now on.
static gdouble left_for_timing(const PfAdaptiveSampler *self, gdouble count_ns) {
    gdouble budget = self->budget * self->cpu_seconds / self->seconds * 1e9;
    gdouble saved = self->budget * self->cpu_ns - self->spent_ns;
    saved = saved < 0 ? saved / REPAY_SECONDS : MIN(saved / SAVE_SECONDS, budget / 2);
    return MAX(budget + saved - count_ns, LEAST_OF_BUDGET * budget);
}

// A program of many processes that do not last.  What one of them does at a site tells little about the next, so that
// exploring and looking for changes would only unsettle the rates.
static gboolean is_brief(const PfAdaptiveSampler *self) {
    return self->processes >= SEVERAL && self->cpu_ns < self->processes * BRIEF_CPU_NS;
}

static void learn(PfAdaptiveSampler *self, const PfSamplingContext *context,
                  pf_learned_site **sites) {
    self->clock += context->interval_seconds;
    self->processes += context->interval_seconds <= 0;
    self->looks++;
    for (gsize i = 0; i < context->stratum_count; i++) {
        const PfSamplingStratum *stratum = &context->strata[i];
        sites[i] = site_of(self, key_of(self, stratum));
        // Since it was looked at last, in whatever process; time is that of all processes added up.
        gdouble age = sites[i]->seen > 0 ? self->clock - sites[i]->seen : 0;
        sites[i]->seen = self->clock;
        sites[i]->copies = sites[i]->look == self->looks ? sites[i]->copies + 1 : 1;
        sites[i]->look = self->looks;
        if (pf_learned_site_update(sites[i], stratum, context->interval_seconds, age,
                                   self->half_life, !is_brief(self))) {
            self->changes++;
            g_signal_emit(self, signals[CHANGED], 0, stratum->id);
        }
    }
}

// Variance per ns of latency, of all sites together.
static gdouble usual_ns(pf_learned_site *const *sites, gsize count) {
    gdouble squares = 0;
    gdouble time = 0;
    for (gsize i = 0; i < count; i++) {
        pf_learned_site_tell(sites[i], &squares, &time);
    }
    return time > 0 ? MAX(squares / time, LEAST_USUAL_NS) : LEAST_USUAL_NS;
}

// What timing would cost per second if calls came as in the last interval.
static gdouble spending(const pf_share *shares, pf_learned_site *const *sites, gsize count) {
    gdouble cost = 0;
    for (gsize i = 0; i < count; i++) {
        cost += sites[i]->calls_now * shares[i].rate * shares[i].cost;
    }
    return cost;
}

// What it may cost now.
static gdouble most_for_timing(const PfAdaptiveSampler *self, const PfSamplingContext *context,
                               pf_learned_site *const *sites) {
    gdouble budget = self->budget * self->cpu_seconds / self->seconds * 1e9;
    gdouble saved = self->budget * self->cpu_ns - self->spent_ns;
    gdouble most =
        MIN(budget + saved / (saved > 0 ? BURST_SECONDS : REPAY_SECONDS), BURST * budget);
    for (gsize i = 0; i < context->stratum_count; i++) {
        most -= sites[i]->calls_now * context->count_cost_ns;
    }
    return MAX(most, LEAST_OF_BUDGET * budget);
}

// Sites that the process at hand has not called; other processes of the program do.  Returns their number.
static gsize add_others(PfAdaptiveSampler *self, gdouble usual, pf_share *shares) {
    GHashTableIter iter;
    gpointer value;
    gsize count = 0;
    g_hash_table_iter_init(&iter, self->sites);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        pf_learned_site *site = value;
        if (site->look != self->looks) {
            gdouble keep = exp2(-(self->clock - site->seen) / self->half_life);
            shares[count++] = (pf_share){.calls = MAX(site->calls * keep / self->seconds, 1e-6),
                                         .mean = pf_learned_site_mean(site),
                                         .deviation = pf_learned_site_deviation(site, usual, 0),
                                         .cost = MAX(site->cost_ns, 1)};
        }
    }
    return count;
}

// The rate that all sites could have.
static gdouble even_rate(const pf_share *shares, gsize count, gdouble budget) {
    gdouble cost = 0;
    for (gsize i = 0; i < count; i++) {
        cost += shares[i].calls * shares[i].cost;
    }
    return cost > budget ? budget / cost : 1;
}

// Rates follow the average of some time: a constant rate tells most for its cost, so a quiet time is
// saved for a busy one.  A burst may use what was saved, and no more.
static gdouble share_out(PfAdaptiveSampler *self, const PfSamplingContext *context,
                         pf_learned_site *const *sites, pf_share *shares) {
    gsize count = context->stratum_count;
    gdouble usual = usual_ns(sites, count);
    gdouble count_ns = 0;
    for (gsize i = 0; i < count; i++) {
        gdouble calls = MAX(sites[i]->calls / sites[i]->copies / self->seconds, 0.1);
        shares[i] = (pf_share){
            .calls = calls,
            .mean = pf_learned_site_mean(sites[i]),
            .deviation = pf_learned_site_deviation(sites[i], usual, context->interval_seconds),
            .cost = MAX(context->strata[i].cost_ns, 1),
            .least = MIN(sites[i]->wanted / MAX(sites[i]->calls_now, 1), 1)};
        count_ns += calls * context->count_cost_ns;
    }
    gsize all = count + add_others(self, usual, shares + count);
    for (gsize i = count; i < all; i++) {
        count_ns += shares[i].calls * context->count_cost_ns;
    }
    gdouble budget = self->budget * self->cpu_seconds / self->seconds * 1e9;
    gdouble timing_ns = left_for_timing(self, count_ns);
    gdouble most = most_for_timing(self, context, sites);
    if (is_brief(self) && self->budget * self->cpu_ns - self->spent_ns > -MOST_DEBT * budget) {
        timing_ns = MAX(budget - count_ns, LEAST_OF_BUDGET * budget);
        most = G_MAXDOUBLE;
    }
    self->even = even_rate(shares, all, MAX(budget - count_ns, LEAST_OF_BUDGET * budget));
    gdouble even = is_brief(self) ? EVEN_OF_BRIEF : EVEN;
    pf_allocate(shares, all, timing_ns, even, MIN(FAIR, 1 - even));
    gdouble now = spending(shares, sites, count);
    for (gsize i = 0; now > most && i < count; i++) {
        shares[i].rate *= most / now;
    }
    return timing_ns;
}

// A program of one process may begin a storm at a new site; one of many has shown what its processes do.
static gdouble rate_of_new_sites(const PfAdaptiveSampler *self, gdouble in_a_storm) {
    return is_brief(self) ? self->even : MIN(self->first_rate, in_a_storm);
}

static void decide(PfSampler *sampler, const PfSamplingContext *context,
                   PfSamplingDecision *decision) {
    PfAdaptiveSampler *self = PF_ADAPTIVE_SAMPLER(sampler);
    gsize count = context->stratum_count;
    g_autofree pf_learned_site **sites = g_new(pf_learned_site *, count + 1);
    if (self->first_rate < 0) {
        self->first_rate = context->default_rate;
    }
    learn(self, context, sites);
    if (context->interval_seconds <= 0 && self->seconds <= 0) {
        return; // nothing is known per second yet
    }
    account(self, context);
    g_autofree pf_share *shares = g_new(pf_share, count + g_hash_table_size(self->sites) + 1);
    gdouble timing_ns = share_out(self, context, sites, shares);
    gdouble cost_ns = count > 0 ? shares[0].cost : USUAL_COST_NS;
    pf_sampling_decision_set_default_rate(decision,
                                          rate_of_new_sites(self, timing_ns / (STORM * cost_ns)));
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
    self->even = -1;
    self->sites = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

/**
 * pf_adaptive_sampler_new:
 * @config: (nullable): the budget, and how fast to forget; %NULL: the defaults
 *
 * Makes a sampler that learns from what it is told at each step.
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
 * What measuring has taken so far.
 *
 * Returns: the share of the program's CPU time that measuring has taken so far, by the sampler's own books
 */
gdouble pf_adaptive_sampler_get_spent(PfAdaptiveSampler *self) {
    g_return_val_if_fail(PF_IS_ADAPTIVE_SAMPLER(self), 0);
    return self->cpu_ns > 0 ? self->spent_ns / self->cpu_ns : 0;
}

/**
 * pf_adaptive_sampler_get_even_rate:
 * @self: a sampler
 *
 * The rate with which a process begins best that nothing is known of but its program.
 *
 * Returns: the rate that every call could have within the budget; below 0: not known yet
 */
gdouble pf_adaptive_sampler_get_even_rate(PfAdaptiveSampler *self) {
    g_return_val_if_fail(PF_IS_ADAPTIVE_SAMPLER(self), -1);
    return self->even;
}

/**
 * pf_adaptive_sampler_get_change_count:
 * @self: a sampler
 *
 * How often a site was found to have changed.
 *
 * Returns: how often the latency of a site was found changed
 */
guint pf_adaptive_sampler_get_change_count(PfAdaptiveSampler *self) {
    g_return_val_if_fail(PF_IS_ADAPTIVE_SAMPLER(self), 0);
    return self->changes;
}
