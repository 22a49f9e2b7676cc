// SPDX-License-Identifier: Apache-2.0
// The probe and the steering loop in simulated time, with the library's own sampler and estimator.
#include "sampler-replay.h"
#include "pf-adaptive-sampler.h"
#include "pf-hist.h"
#include "pf-learned-site.h"
#include "pf-skip.h"
#include <math.h>
#include <string.h>

#define FIRST_POLL_NS 10000000u
#define USUAL_POLL_NS 100000000u
#define NOTICEABLE 1.1 // as in pf-steering.c

typedef struct {
    gdouble rate;
    gdouble factor;
    gint32 skip;
    guint64 sampled; // since the last poll
    guint64 calls;
    gdouble sum;
    gdouble sumsq;
    pf_learned_site watched; // with a fixed rate
} probe;

typedef struct {
    const trace *trace;
    PfSampler *sampler;
    const replay_options *options;
    replay_result *result;
    probe *probe;
    PfSamplingStratum *strata;
    guint *site_of; // of strata
    uint64_t random;
    gdouble default_rate;
    guint64 now_ns;
    guint64 polled_ns;
    guint64 delay_ns;
} simulation;

static void set_rate(simulation *self, probe *to, gdouble rate) {
    gboolean same =
        rate == to->rate || (rate > 0 && rate < 1 && to->rate > 0 && to->rate < 1 &&
                             rate / to->rate < NOTICEABLE && to->rate / rate < NOTICEABLE);
    if (!same) {
        to->rate = rate;
        to->factor = pf_skip_factor(rate);
        to->skip = pf_skip_draw(to->factor, &self->random);
    }
}

static void noticed(simulation *self, guint site) {
    const replay_options *o = self->options;
    if (o->slower > 0 && site == o->slow_site && self->now_ns > o->slow_from_ns) {
        if (self->result->noticed_ns == 0) {
            self->result->noticed_ns = self->now_ns;
        }
    } else {
        self->result->false_alarms++;
    }
}

static void on_changed(PfAdaptiveSampler *sampler G_GNUC_UNUSED, guint64 id, gpointer data) {
    noticed(data, (guint)id);
}

static void poll(simulation *self) {
    PfSamplingContext context = {.interval_seconds =
                                     (gdouble)(self->now_ns - self->polled_ns) / 1e9,
                                 .count_cost_ns = self->options->count_cost_ns,
                                 .default_rate = self->default_rate,
                                 .strata = self->strata};
    context.cpu_seconds = context.interval_seconds * self->options->cpu;
    for (guint i = 0; i < self->trace->sites; i++) {
        probe *from = &self->probe[i];
        if (self->result->site[i].calls == 0) {
            continue;
        }
        self->site_of[context.stratum_count] = i;
        self->strata[context.stratum_count++] =
            (PfSamplingStratum){.id = i,
                                .calls = from->calls,
                                .sampled = from->sampled,
                                .sum_ns = from->sum,
                                .sumsq_ns2 = from->sumsq,
                                .total_calls = self->result->site[i].calls,
                                .total_sampled = self->result->site[i].stratum.sampled +
                                                 self->result->site[i].stratum.certain_calls,
                                .cost_ns = self->options->cost_ns,
                                .rate = from->rate};
        if (self->sampler == NULL &&
            pf_learned_site_update(&from->watched, &self->strata[context.stratum_count - 1],
                                   context.interval_seconds, 30)) {
            noticed(self, i);
        }
        from->calls = from->sampled = 0;
        from->sum = from->sumsq = 0;
    }
    if (self->sampler != NULL) {
        g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(&context);
        pf_sampler_decide(self->sampler, &context, decision);
        self->default_rate = pf_sampling_decision_get_default_rate(decision);
        for (gsize i = 0; i < context.stratum_count; i++) {
            set_rate(self, &self->probe[self->site_of[i]],
                     pf_sampling_decision_get_rate(decision, i));
        }
    }
    self->polled_ns = self->now_ns;
    self->delay_ns = MIN(self->delay_ns * 2, USUAL_POLL_NS);
}

static void take(replay_site *site, probe *from, guint64 ns, gboolean certain) {
    struct pf_stratum *s = &site->stratum;
    gdouble x = (gdouble)ns;
    s->max_ns = MAX(s->max_ns, ns);
    from->sampled++;
    from->sum += x;
    from->sumsq += x * x;
    if (certain) {
        s->certain_calls++;
        s->certain_ns += ns;
        return;
    }
    gdouble w = 1 / from->rate;
    gdouble middle = pf_hist_middle(pf_hist_bucket(ns));
    s->sampled++;
    s->sum_ns += ns;
    s->sumsq += x * x;
    s->weight += w;
    s->weighted_ns += w * x;
    s->spread += w * (w - 1);
    s->spread_ns += w * (w - 1) * x;
    s->spread_ns2 += w * (w - 1) * x * x;
    s->mid_sum += middle;
    s->mid_sumsq += middle * middle;
    s->sumcube += middle * middle * middle;
}

static void call(simulation *self, const trace_event *event) {
    const replay_options *o = self->options;
    replay_site *site = &self->result->site[event->site];
    probe *at = &self->probe[event->site];
    gboolean slow =
        o->slower > 0 && event->site == o->slow_site && event->start_ns >= o->slow_from_ns;
    guint64 ns = slow ? (guint64)((gdouble)event->duration_ns * o->slower) : event->duration_ns;
    site->truth_ns += (gdouble)ns;
    site->calls++;
    at->calls++;
    if (site->calls == 1) {
        at->rate = self->default_rate;
        at->factor = pf_skip_factor(at->rate);
        at->skip = pf_skip_draw(at->factor, &self->random);
    }
    if (site->calls <= o->certain) {
        take(site, at, ns, at->rate < 1);
        return;
    }
    gdouble off = (gdouble)ns - self->trace->mean_ns[event->site];
    site->variance += at->rate > 0 ? (1 / at->rate - 1) * off * off : 0;
    if (at->skip-- <= 0) {
        at->skip = pf_skip_draw(at->factor, &self->random);
        if (at->rate > 0) {
            take(site, at, ns, FALSE);
        }
    }
}

struct pf_estimate replay_estimate(const replay_site *site, gdouble rate) {
    struct pf_estimator estimator;
    struct pf_estimate estimate;
    pf_estimator_init(&estimator, rate);
    pf_estimator_add(&estimator, &site->stratum);
    pf_estimator_finish(&estimator, &estimate);
    return estimate;
}

static void sum_up(simulation *self) {
    struct pf_estimator estimator;
    replay_result *result = self->result;
    pf_estimator_init(&estimator, self->options->rate);
    for (guint i = 0; i < self->trace->sites; i++) {
        replay_site *site = &result->site[i];
        site->stratum.calls = site->calls - site->stratum.certain_calls;
        result->timed += site->stratum.sampled + site->stratum.certain_calls;
        result->truth_ns += site->truth_ns;
        result->variance += site->variance;
        pf_estimator_add(&estimator, &site->stratum);
    }
    pf_estimator_finish(&estimator, &result->total);
}

void replay(const trace *trace, PfSampler *sampler, const replay_options *options, guint64 seed,
            replay_result *ret_result) {
    *ret_result = (replay_result){.site = g_new0(replay_site, trace->sites)};
    simulation self = {.trace = trace,
                       .sampler = sampler,
                       .options = options,
                       .result = ret_result,
                       .probe = g_new0(probe, trace->sites),
                       .strata = g_new0(PfSamplingStratum, trace->sites),
                       .site_of = g_new0(guint, trace->sites),
                       .random = seed * 0x9e3779b97f4a7c15ull | 1,
                       .default_rate = options->rate,
                       .polled_ns = trace->event[0].start_ns,
                       .delay_ns = FIRST_POLL_NS};
    for (guint i = 0; i < 8; i++) {
        pf_random(&self.random);
    }
    if (PF_IS_ADAPTIVE_SAMPLER(sampler)) {
        g_signal_connect(sampler, "changed", G_CALLBACK(on_changed), &self);
    }
    for (gsize i = 0; i < trace->count; i++) {
        const trace_event *event = &trace->event[i];
        while (event->start_ns >= self.polled_ns + self.delay_ns) {
            self.now_ns = self.polled_ns + self.delay_ns;
            poll(&self);
        }
        call(&self, event);
    }
    sum_up(&self);
    g_free(self.probe);
    g_free(self.strata);
    g_free(self.site_of);
}

void replay_result_clear(replay_result *self) { g_free(self->site); }
