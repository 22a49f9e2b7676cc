// SPDX-License-Identifier: Apache-2.0
// One look at a program, one decision, and the few control words that say it.
#include "pf-steering.h"
#include "pf-adaptive-sampler.h"
#include "pf-claim.h"
#include "pf-errors.h"
#include "pf-load-based-sampler.h"
#include "pf-pattern-based-sampler.h"
#include "pf-snapshot.h"
#include "pf-statistical-sampler.h"
#include "pf-strata.h"
#include "pf-system.h"
#include <math.h>
#include <time.h>

#define FIRST_MS 10    // doubled with each step; again when there are new sites
#define USUAL_MS 100   // between two steps
#define IDLE_MS 400    // of a program that makes no calls
#define OWN_SHARE 50   // a step takes at most one part in so many of a CPU
#define NOTICEABLE 1.1 // a rate that changes by less is left as it is

/**
 * PfSteering:
 *
 * Lets a [iface@Sampler] steer a running program: each step reads what the program has counted, asks the
 * sampler, and writes the rates into the program's control words, where its threads take them over at
 * their next output call.  The program is not stopped and does not notice.
 *
 * The control block has room for the rates of 62 sites.  Where more sites deserve one of their own, those get it
 * for which it makes the greatest difference in timed calls, and the others have the default rate.
 */
struct _PfSteering {
    GObject parent_instance;
    PfController *controller;
    PfSampler *sampler;
    pf_strata *strata;
    pf_system system;
    PfSamplingContext *context;
    gint64 looked_us;
    gdouble cpu_seconds; // at the last look; -1: not known; at the first all it has used
    guint delay_ms;
    gsize sites; // at the last look
    guint64 steps;
    guint64 changes;
};

G_DEFINE_FINAL_TYPE(PfSteering, pf_steering, G_TYPE_OBJECT)

static void finalize(GObject *object) {
    PfSteering *self = PF_STEERING(object);
    g_clear_object(&self->controller);
    g_clear_object(&self->sampler);
    pf_strata_free(self->strata);
    self->context->strata = NULL;
    self->context->stratum_count = 0;
    pf_sampling_context_free(self->context);
    G_OBJECT_CLASS(pf_steering_parent_class)->finalize(object);
}

static void pf_steering_class_init(PfSteeringClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = finalize;
}

static void pf_steering_init(PfSteering *self) {
    self->strata = pf_strata_new();
    self->context = pf_sampling_context_new();
    self->cpu_seconds = 0;
    self->delay_ms = FIRST_MS;
}

/**
 * pf_steering_new:
 * @controller: a program
 * @sampler: who decides
 *
 * Makes what applies a sampler to a running program.
 *
 * Returns: (transfer full): a steering that has done nothing yet
 */
PfSteering *pf_steering_new(PfController *controller, PfSampler *sampler) {
    g_return_val_if_fail(PF_IS_CONTROLLER(controller) && PF_IS_SAMPLER(sampler), NULL);
    PfSteering *self = g_object_new(PF_TYPE_STEERING, NULL);
    self->controller = g_object_ref(controller);
    self->sampler = g_object_ref(sampler);
    return self;
}

// --- looking

static gboolean look(PfSteering *self, GError **error) {
    pf_reader *reader = pf_reader_new_from_file(pf_controller_get_path(self->controller), error);
    if (reader == NULL) {
        return FALSE;
    }
    const struct pf_segment *header = pf_reader_header(reader);
    if (header->state != PF_STATE_ACTIVE || !reader->runs) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND,
                    "%s: the process has ended", pf_controller_get_path(self->controller));
        pf_reader_unref(reader);
        return FALSE;
    }
    if (!pf_controller_claim(self->controller)) {
        g_set_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_FAILED,
                    "%s: process %u steers it already", pf_controller_get_path(self->controller),
                    header->control.observer);
        pf_reader_unref(reader);
        return FALSE;
    }
    PfSamplingContext *context = self->context;
    gint64 now = g_get_monotonic_time();
    gdouble cpu = pf_system_cpu_seconds(header->pid);
    gboolean first = self->looked_us == 0;
    context->current_time = (gdouble)g_get_real_time() / 1e6;
    context->interval_seconds = first ? 0 : (gdouble)(now - self->looked_us) / 1e6;
    context->cpu_seconds =
        cpu >= 0 && self->cpu_seconds >= 0 ? MAX(cpu - self->cpu_seconds, 0) : -1;
    self->cpu_seconds = cpu;
    self->looked_us = now;
    pf_system_read(&self->system, context);
    gboolean good = pf_strata_read(self->strata, reader, context, error);
    pf_reader_unref(reader);
    return good;
}

// --- saying

typedef struct {
    PfSiteRate rate;
    gdouble weight; // timed calls per interval that it makes a difference of
} wanted;

static gint heaviest_first(gconstpointer a, gconstpointer b) {
    gdouble one = ((const wanted *)a)->weight;
    gdouble other = ((const wanted *)b)->weight;
    return one < other ? 1 : one > other ? -1 : 0;
}

static gboolean differs(gdouble a, gdouble b) {
    return a != b &&
           (a <= 0 || b <= 0 || a >= 1 || b >= 1 || a / b > NOTICEABLE || b / a > NOTICEABLE);
}

static gboolean is_worth_saying(PfSteering *self, const PfSamplingDecision *decision) {
    const PfSamplingContext *context = self->context;
    if (differs(pf_sampling_decision_get_default_rate(decision), context->default_rate)) {
        return TRUE;
    }
    for (gsize i = 0; i < context->stratum_count; i++) {
        if (differs(pf_sampling_decision_get_rate(decision, i), context->strata[i].rate)) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean say(PfSteering *self, const PfSamplingDecision *decision, GError **error) {
    const PfSamplingContext *context = self->context;
    gdouble usual = pf_sampling_decision_get_default_rate(decision);
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(wanted));
    for (gsize i = 0; i < context->stratum_count; i++) {
        const PfSamplingStratum *stratum = &context->strata[i];
        gdouble rate = pf_sampling_decision_get_rate(decision, i);
        if (rate != usual) {
            wanted one = {{stratum->id & PF_KEY_SITE_MASK, pf_strata_call_of(stratum->id),
                           (guint)(stratum->id >> PF_KEY_STREAM_SHIFT), rate},
                          fabs(rate - usual) * ((gdouble)stratum->calls + 1)};
            g_array_append_val(all, one);
        }
    }
    g_array_sort(all, heaviest_first);
    PfSiteRate rates[PF_OVERRIDES];
    guint count = MIN(all->len, PF_OVERRIDES);
    for (guint i = 0; i < count; i++) {
        rates[i] = g_array_index(all, wanted, i).rate;
    }
    return pf_controller_set_rates(self->controller, usual, rates, count, error);
}

// CPU time, not time: where the machine is busy a step waits long for its turn, and the next one, which is to
// see the relief, must not wait fifty times as long.
static gint64 own_cpu_us(void) {
    struct timespec used = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (gint64)used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

// How long until the next step.
static void plan(PfSteering *self, gint64 begun_us) {
    guint took_ms = (guint)((own_cpu_us() - begun_us) / 1000);
    guint most = pf_strata_get_calls(self->strata) != 0 || self->steps < 8 ? USUAL_MS : IDLE_MS;
    gboolean news = self->context->stratum_count > self->sites;
    self->sites = self->context->stratum_count;
    self->delay_ms = news ? FIRST_MS : MIN(self->delay_ms * 2, most);
    self->delay_ms = MAX(self->delay_ms, took_ms * OWN_SHARE);
}

/**
 * pf_steering_step:
 * @self: a steering
 * @error: return location for an error
 *
 * Looks, asks, and tells.  Fails with %PF_SEGMENT_ERROR_NOT_FOUND when the program has ended, and with
 * %PF_SAMPLING_ERROR_FAILED when somebody else steers it.
 *
 * Returns: whether the program can be steered further
 */
gboolean pf_steering_step(PfSteering *self, GError **error) {
    g_return_val_if_fail(PF_IS_STEERING(self), FALSE);
    gint64 begun = own_cpu_us();
    if (!look(self, error)) {
        return FALSE;
    }
    g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(self->context);
    pf_sampler_decide(self->sampler, self->context, decision);
    gboolean good = TRUE;
    if (self->steps == 0 || is_worth_saying(self, decision)) {
        good = say(self, decision, error);
        self->changes++;
    }
    self->steps++;
    plan(self, begun);
    return good;
}

/**
 * pf_steering_get_delay_ms:
 * @self: a steering
 *
 * How long to wait before the next step.
 *
 * Returns: when the next step is due, in ms from the last one
 */
guint pf_steering_get_delay_ms(PfSteering *self) {
    g_return_val_if_fail(PF_IS_STEERING(self), 0);
    return self->delay_ms;
}

/**
 * pf_steering_get_step_count:
 * @self: a steering
 *
 * How many steps were made.
 *
 * Returns: steps so far
 */
guint64 pf_steering_get_step_count(PfSteering *self) {
    g_return_val_if_fail(PF_IS_STEERING(self), 0);
    return self->steps;
}

/**
 * pf_steering_get_change_count:
 * @self: a steering
 *
 * How often rates were changed.
 *
 * Returns: steps that changed a rate
 */
guint64 pf_steering_get_change_count(PfSteering *self) {
    g_return_val_if_fail(PF_IS_STEERING(self), 0);
    return self->changes;
}

static PfSampler *new_pattern_sampler(const gchar *rules, GError **error) {
    g_autoptr(PfPatternBasedSampler) sampler = pf_pattern_based_sampler_new();
    if (rules == NULL || *rules == 0) {
        g_set_error_literal(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RULE,
                            "the pattern sampler needs PROVIDE_PROFILING_RULES");
        return NULL;
    }
    if (!pf_pattern_based_sampler_load_file(sampler, rules, error)) {
        return NULL;
    }
    return PF_SAMPLER(g_steal_pointer(&sampler));
}

/**
 * pf_sampler_new_from_config:
 * @config: which sampler, and its settings
 * @sample_rate: SAMPLE_RATE: the ceiling of the load sampler, the base of the statistical one
 * @error: return location for an error
 *
 * Makes the sampler that the configuration names.
 *
 * Returns: (transfer full) (nullable): a sampler; %NULL with an error, or without one when it is `fixed`
 */
PfSampler *pf_sampler_new_from_config(const PfAdaptiveSamplingConfig *config, gdouble sample_rate,
                                      GError **error) {
    g_return_val_if_fail(config != NULL, NULL);
    if (g_strcmp0(config->sampler, "load") == 0) {
        return (PfSampler *)pf_load_based_sampler_new(sample_rate, error);
    }
    if (g_strcmp0(config->sampler, "pattern") == 0) {
        return new_pattern_sampler(config->rules, error);
    }
    if (g_strcmp0(config->sampler, "statistical") == 0) {
        return (PfSampler *)pf_statistical_sampler_new(sample_rate, 0, error);
    }
    if (g_strcmp0(config->sampler, "adaptive") == 0) {
        return (PfSampler *)pf_adaptive_sampler_new(config);
    }
    return NULL;
}
