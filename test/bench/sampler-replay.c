// SPDX-License-Identifier: Apache-2.0
// The probe and the steering loop in simulated time, with the library's own sampler and estimator.
#include "sampler-replay.h"
#include "../preload/timed-call.h"
#include "pf-adaptive-sampler.h"
#include "pf-learned-site.h"
#include "pf-skip.h"
#include <math.h>
#include <string.h>

#define FIRST_POLL_NS 10000000u
#define USUAL_POLL_NS 100000000u
#define LOOK_NS 25000000u // pf-steer.c: until a new segment is found, half of it on average
#define NOTICEABLE 1.1    // as in pf-steering.c

typedef struct {
    gdouble rate;
    gdouble factor;
    gint32 skip;
    guint64 sampled; // since the last poll
    guint64 calls;
    guint64 all_calls;
    guint64 all_sampled;
    gdouble sum;
    gdouble sumsq;
    pf_learned_site watched; // with a fixed rate
} probe;

// A process with its observer.
typedef struct {
    PfSampler *sampler;
    probe *probe; // by site; NULL: the process has not begun
    gdouble default_rate;
    guint certain;
    gdouble cpu; // seconds per second
    guint64 begun_ns;
    guint64 polled_ns;
    guint64 delay_ns;
    gboolean found;
    gsize sites;
} lane;

typedef struct {
    const trace *trace;
    PfSampler *(*make)(gconstpointer data);
    gconstpointer data;
    const replay_options *options;
    replay_result *result;
    PfSampler *sampler; // of all processes: what one has shown the others know
    lane *lane;         // by process
    PfSamplingStratum *strata;
    guint *site_of; // of strata
    uint64_t random;
    guint64 now_ns;
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

static PfSamplingContext look(simulation *self, lane *at) {
    gdouble seconds = at->found ? (gdouble)(self->now_ns - at->polled_ns) / 1e9 : 0;
    PfSamplingContext context = {.interval_seconds = seconds,
                                 .cpu_seconds =
                                     (gdouble)(self->now_ns - at->polled_ns) / 1e9 * at->cpu,
                                 .count_cost_ns = self->options->count_cost_ns,
                                 .default_rate = at->default_rate,
                                 .strata = self->strata};
    for (guint i = 0; i < self->trace->sites; i++) {
        probe *from = &at->probe[i];
        if (from->all_calls == 0) {
            continue;
        }
        self->site_of[context.stratum_count] = i;
        self->strata[context.stratum_count++] =
            (PfSamplingStratum){.id = i,
                                .calls = from->calls,
                                .sampled = from->sampled,
                                .sum_ns = from->sum,
                                .sumsq_ns2 = from->sumsq,
                                .total_calls = from->all_calls,
                                .total_sampled = from->all_sampled,
                                .cost_ns = self->options->cost_ns,
                                .rate = from->rate};
        from->calls = from->sampled = 0;
        from->sum = from->sumsq = 0;
    }
    return context;
}

static void poll(simulation *self, lane *at) {
    PfSamplingContext context = look(self, at);
    if (at->sampler != NULL) {
        g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(&context);
        pf_sampler_decide(at->sampler, &context, decision);
        at->default_rate = pf_sampling_decision_get_default_rate(decision);
        for (gsize i = 0; i < context.stratum_count; i++) {
            set_rate(self, &at->probe[self->site_of[i]],
                     pf_sampling_decision_get_rate(decision, i));
        }
    }
    for (gsize i = 0; at->sampler == NULL && i < context.stratum_count; i++) {
        guint site = self->site_of[i];
        if (pf_learned_site_update(&at->probe[site].watched, &self->strata[i],
                                   context.interval_seconds, context.interval_seconds, 30, TRUE)) {
            noticed(self, site);
        }
    }
    gboolean news = context.stratum_count > at->sites;
    at->sites = context.stratum_count;
    at->delay_ns = news || !at->found ? FIRST_POLL_NS : MIN(at->delay_ns * 2, USUAL_POLL_NS);
    at->polled_ns = self->now_ns;
    at->found = TRUE;
}

static void take(replay_site *site, probe *from, guint64 ns, gboolean certain) {
    struct pf_stratum *s = &site->stratum;
    gdouble x = (gdouble)ns;
    s->max_ns = MAX(s->max_ns, ns);
    from->sampled++;
    from->all_sampled++;
    from->sum += x;
    from->sumsq += x * x;
    if (certain) {
        s->certain_calls++;
        s->certain_ns += ns;
        return;
    }
    timed_call_add(s, ns, from->rate);
}

static void call(simulation *self, lane *process, const trace_event *event) {
    const replay_options *o = self->options;
    replay_site *site = &self->result->site[event->site];
    probe *at = &process->probe[event->site];
    gboolean slow =
        o->slower > 0 && event->site == o->slow_site && event->start_ns >= o->slow_from_ns;
    guint64 ns = slow ? (guint64)((gdouble)event->duration_ns * o->slower) : event->duration_ns;
    site->truth_ns += (gdouble)ns;
    site->calls++;
    at->calls++;
    at->all_calls++;
    if (at->all_calls == 1) {
        at->rate = process->default_rate;
        at->factor = pf_skip_factor(at->rate);
        at->skip = pf_skip_draw(at->factor, &self->random);
    }
    if (at->all_calls <= process->certain) {
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

static gdouble cpu_of(const simulation *self, guint process) {
    const trace *all = self->trace;
    const struct trace_process *one = &all->process[process];
    gdouble seconds = MAX((gdouble)(one->last_ns - one->first_ns) / 1e9, 1e-3);
    gdouble share = (gdouble)one->calls / (gdouble)all->count;
    return self->options->cpu * all->seconds * share / seconds;
}

static lane *lane_of(simulation *self, const trace_event *event) {
    lane *at = &self->lane[event->process];
    if (at->probe == NULL) {
        gdouble found = (gdouble)(pf_random(&self->random) >> 11) * 0x1p-53;
        if (self->sampler == NULL && self->make != NULL) {
            self->sampler = self->make(self->data);
            if (PF_IS_ADAPTIVE_SAMPLER(self->sampler)) {
                g_signal_connect(self->sampler, "changed", G_CALLBACK(on_changed), self);
            }
        }
        gdouble even = PF_IS_ADAPTIVE_SAMPLER(self->sampler)
                           ? pf_adaptive_sampler_get_even_rate(PF_ADAPTIVE_SAMPLER(self->sampler))
                           : -1;
        *at = (lane){.sampler = self->sampler != NULL ? g_object_ref(self->sampler) : NULL,
                     .probe = g_new0(probe, self->trace->sites),
                     .default_rate = even >= 0 ? even : self->options->rate,
                     .certain = even >= 0 ? 1 : self->options->certain,
                     .cpu = cpu_of(self, event->process),
                     .begun_ns = event->start_ns,
                     .polled_ns = event->start_ns,
                     .delay_ns = (guint64)(found * LOOK_NS)};
    }
    return at;
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

// Of processes that were steered, weighed by their CPU time.
static void end_lanes(simulation *self) {
    gdouble all = 0;
    for (guint i = 0; i < self->trace->processes; i++) {
        lane *at = &self->lane[i];
        if (PF_IS_ADAPTIVE_SAMPLER(at->sampler)) {
            gdouble weight = at->cpu * (gdouble)(at->polled_ns - at->begun_ns);
            PfAdaptiveSampler *sampler = PF_ADAPTIVE_SAMPLER(at->sampler);
            self->result->spent += weight * pf_adaptive_sampler_get_spent(sampler);
            all += weight;
        }
        g_clear_object(&at->sampler);
        g_free(at->probe);
    }
    self->result->spent = all > 0 ? self->result->spent / all : 0;
}

void replay(const trace *trace, PfSampler *(*make)(gconstpointer data), gconstpointer data,
            const replay_options *options, guint64 seed, replay_result *ret_result) {
    *ret_result = (replay_result){.site = g_new0(replay_site, trace->sites)};
    simulation self = {.trace = trace,
                       .make = make,
                       .data = data,
                       .options = options,
                       .result = ret_result,
                       .lane = g_new0(lane, trace->processes),
                       .strata = g_new0(PfSamplingStratum, trace->sites),
                       .site_of = g_new0(guint, trace->sites),
                       .random = seed * 0x9e3779b97f4a7c15ull | 1};
    for (guint i = 0; i < 8; i++) {
        pf_random(&self.random);
    }
    for (gsize i = 0; i < trace->count; i++) {
        const trace_event *event = &trace->event[i];
        lane *at = lane_of(&self, event);
        while (event->start_ns >= at->polled_ns + at->delay_ns) {
            self.now_ns = at->polled_ns + at->delay_ns;
            poll(&self, at);
        }
        call(&self, at, event);
    }
    end_lanes(&self);
    g_clear_object(&self.sampler);
    sum_up(&self);
    g_free(self.lane);
    g_free(self.strata);
    g_free(self.site_of);
}

void replay_result_clear(replay_result *self) { g_free(self->site); }
