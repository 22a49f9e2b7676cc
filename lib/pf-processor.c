// SPDX-License-Identifier: Apache-2.0
// Chooses messages at random, and records them while it is enabled.
#include "pf-processor.h"
#include "pf-emoji.h"
#include "pf-errors.h"
#include "pf-metrics-values.h"
#include "pf-system.h"
#include "pf-time.h"
#include <string.h>
#include <time.h>

/**
 * PfProfilingProcessor:
 *
 * Records the messages of a program that feeds them in itself.  Every message is counted; each is
 * timed with the probability of the sample rate, independently of all others (geometric skips:
 * Vitter 1987; docs/sampling.md).
 *
 * A new processor is enabled.  Any number of threads may use one at the same time, and an enabled one
 * costs each message no lock and no locked instruction.  None of this may be called from a signal
 * handler.
 */
struct _PfProfilingProcessor {
    GObject parent;
    pf_shard_set *set; // of `metrics`
    gint enabled;
    gdouble sample_rate;
    PfProfileMetrics *metrics;
    PfSampler *sampler; // NULL: the rate is fixed
    GMutex lock;        // of what follows
    pf_totals *before;  // at the last adapt()
    pf_system system;
    gint64 adapted_us;
    gdouble cpu_seconds;
    gdouble rate; // in force
};

G_DEFINE_FINAL_TYPE(PfProfilingProcessor, pf_profiling_processor, G_TYPE_OBJECT)

enum { PROPERTY_NONE, PROPERTY_SAMPLE_RATE, PROPERTY_ENABLED, PROPERTY_METRICS, PROPERTY_COUNT };

static GParamSpec *properties[PROPERTY_COUNT];

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
    PfProfilingProcessor *self = PF_PROFILING_PROCESSOR(object);
    switch (id) {
    case PROPERTY_SAMPLE_RATE: g_value_set_double(value, self->sample_rate); break;
    case PROPERTY_ENABLED:
        g_value_set_boolean(value, pf_profiling_processor_get_enabled(self));
        break;
    case PROPERTY_METRICS: g_value_set_object(value, self->metrics); break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void set_enabled(PfProfilingProcessor *self, gboolean enabled) {
    if (g_atomic_int_exchange(&self->enabled, enabled) != enabled) {
        g_object_notify_by_pspec(G_OBJECT(self), properties[PROPERTY_ENABLED]);
    }
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
    PfProfilingProcessor *self = PF_PROFILING_PROCESSOR(object);
    switch (id) {
    case PROPERTY_SAMPLE_RATE: self->sample_rate = g_value_get_double(value); break;
    case PROPERTY_ENABLED: set_enabled(self, g_value_get_boolean(value)); break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void constructed(GObject *object) {
    PfProfilingProcessor *self = PF_PROFILING_PROCESSOR(object);
    G_OBJECT_CLASS(pf_profiling_processor_parent_class)->constructed(object);
    self->metrics = pf_profile_metrics_new_sampled(self->sample_rate);
    self->set = pf_profile_metrics_get_set(self->metrics);
}

static void finalize(GObject *object) {
    PfProfilingProcessor *self = PF_PROFILING_PROCESSOR(object);
    g_clear_object(&self->metrics);
    g_clear_object(&self->sampler);
    g_free(self->before);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_profiling_processor_parent_class)->finalize(object);
}

static void pf_profiling_processor_class_init(PfProfilingProcessorClass *class) {
    GObjectClass *object_class = G_OBJECT_CLASS(class);
    object_class->get_property = get_property;
    object_class->set_property = set_property;
    object_class->constructed = constructed;
    object_class->finalize = finalize;
    /**
     * PfProfilingProcessor:sample-rate: (getter get_sample_rate)
     *
     * The probability with which a message is timed, from 0 to 1; with a sampler, the one to begin with.
     */
    properties[PROPERTY_SAMPLE_RATE] =
        g_param_spec_double("sample-rate", NULL, NULL, 0, 1, 0.01,
                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
    /**
     * PfProfilingProcessor:enabled: (getter get_enabled)
     *
     * Whether messages are counted at all.
     */
    properties[PROPERTY_ENABLED] =
        g_param_spec_boolean("enabled", NULL, NULL, TRUE,
                             G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
    /**
     * PfProfilingProcessor:metrics: (getter get_metrics)
     *
     * What was recorded.
     */
    properties[PROPERTY_METRICS] = g_param_spec_object(
        "metrics", NULL, NULL, PF_TYPE_PROFILE_METRICS, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_properties(object_class, PROPERTY_COUNT, properties);
}

static void pf_profiling_processor_init(PfProfilingProcessor *self) {
    self->enabled = TRUE;
    g_mutex_init(&self->lock);
}

/**
 * pf_profiling_processor_new:
 * @sample_rate: the probability with which a message is timed, from 0 to 1
 * @error: return location for an error
 *
 * A processor with metrics of its own.
 *
 * Fails with %PF_SAMPLING_ERROR_BAD_RATE when @sample_rate is not a number from 0 to 1.
 *
 * Returns: (transfer full): an enabled processor, or %NULL with @error set
 */
PfProfilingProcessor *pf_profiling_processor_new(gdouble sample_rate, GError **error) {
    g_return_val_if_fail(error == NULL || *error == NULL, NULL);
    if (!(sample_rate >= 0 && sample_rate <= 1)) { // NaN fails both
        g_set_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RATE,
                    "sample rate %g is not a number from 0 to 1", sample_rate);
        return NULL;
    }
    return g_object_new(PF_TYPE_PROFILING_PROCESSOR, "sample-rate", sample_rate, NULL);
}

/**
 * pf_profiling_processor_new_steered:
 * @sample_rate: the rate to begin with, from 0 to 1
 * @sampler: who sets it from then on
 * @error: return location for an error
 *
 * A processor whose rate changes: [method@ProfilingProcessor.adapt] asks the sampler.  Each thread draws its
 * waits with the rate of that moment and weighs what it times accordingly, so estimates stay unbiased
 * (docs/sampling.md).  A rate below one in a million is taken as that.
 *
 * Fails with %PF_SAMPLING_ERROR_BAD_RATE when @sample_rate is not a number from 0 to 1.
 *
 * Returns: (transfer full): an enabled processor, or %NULL with @error set
 */
PfProfilingProcessor *pf_profiling_processor_new_steered(gdouble sample_rate, PfSampler *sampler,
                                                         GError **error) {
    g_return_val_if_fail(PF_IS_SAMPLER(sampler), NULL);
    PfProfilingProcessor *self = pf_profiling_processor_new(sample_rate, error);
    if (self != NULL) {
        self->sampler = g_object_ref(sampler);
        self->before = g_new0(pf_totals, 1);
        self->rate = sample_rate;
        pf_shard_set_steer(self->set, sample_rate);
    }
    return self;
}

static gdouble cpu_now(void) {
    struct timespec used;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0
               ? (gdouble)used.tv_sec + (gdouble)used.tv_nsec / 1e9
               : -1;
}

// The messages of the whole process are one stratum.
static void describe(PfProfilingProcessor *self, const pf_totals *now, PfSamplingStratum *to) {
    const pf_totals *before = self->before;
    gboolean again = now->messages < before->messages || now->sampled < before->sampled; // a reset
    gdouble mean = now->sampled > 0 ? (gdouble)now->duration_ns / (gdouble)now->sampled : 0;
    gdouble square = now->sampled > 0 ? now->sumsq / (gdouble)now->sampled : 0;
    *to = (PfSamplingStratum){
        .id = 1,
        .level = 8,
        .calls = now->messages - (again ? 0 : before->messages),
        .sampled = now->sampled - (again ? 0 : before->sampled),
        .sum_ns = (gdouble)(now->duration_ns - (again ? 0 : before->duration_ns)),
        .sumsq_ns2 = MAX(now->sumsq - (again ? 0 : before->sumsq), 0),
        .total_calls = now->messages,
        .total_sampled = now->sampled,
        .mean_ns = mean,
        .variance_ns2 = MAX(square - mean * mean, 0),
        .cost_ns = 2 * (gdouble)pf_time_cost_ns() + 20,
        .rate = self->rate,
    };
}

/**
 * pf_profiling_processor_adapt:
 * @self: a processor of [ctor@ProfilingProcessor.new_steered]
 *
 * Asks the sampler for a rate, with what was recorded since the last time.  To be called now and then, some
 * times a second, from a timer or whenever convenient.
 *
 * Any thread may call this.
 *
 * Returns: the rate from now on
 */
gdouble pf_profiling_processor_adapt(PfProfilingProcessor *self) {
    g_return_val_if_fail(PF_IS_PROFILING_PROCESSOR(self), 0);
    if (self->sampler == NULL) {
        return self->sample_rate;
    }
    g_mutex_lock(&self->lock);
    g_autofree pf_totals *now = g_new(pf_totals, 1);
    pf_shard_set_sum(self->set, now);
    gint64 time_us = g_get_monotonic_time();
    gdouble cpu = cpu_now();
    gboolean first = self->adapted_us == 0;
    PfSamplingStratum stratum;
    PfSamplingContext context = {.current_time = (gdouble)g_get_real_time() / 1e6,
                                 .operation_name = g_get_prgname(),
                                 .count_cost_ns = 4.5,
                                 .default_rate = self->rate,
                                 .strata = &stratum,
                                 .stratum_count = 1};
    pf_system_read(&self->system, &context);
    describe(self, now, &stratum);
    context.interval_seconds = first ? 0 : (gdouble)(time_us - self->adapted_us) / 1e6;
    context.cpu_seconds = first || cpu < 0 ? -1 : MAX(cpu - self->cpu_seconds, 0);
    context.avg_latency_ms =
        stratum.sampled > 0 ? stratum.sum_ns / (gdouble)stratum.sampled / 1e6 : 0;
    g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(&context);
    pf_sampler_decide(self->sampler, &context, decision);
    gdouble rate = pf_sampling_decision_get_rate(decision, 0);
    pf_shard_set_steer(self->set, rate);
    self->rate = rate;
    self->adapted_us = time_us;
    self->cpu_seconds = cpu;
    g_free(self->before);
    self->before = g_steal_pointer(&now);
    g_mutex_unlock(&self->lock);
    return rate;
}

/**
 * pf_profiling_processor_record:
 * @self: a processor
 * @duration_ns: how long the message took, in ns; what is below 0 (a clock was set back) counts as 0
 * @has_emoji: whether its text holds an emoji
 * @field_count: how many fields it has: key and value pairs, or conversions of its format
 *
 * Counts one message, and times it if it is its turn.
 *
 * Any thread may call this.
 */
void pf_profiling_processor_record(PfProfilingProcessor *self, gint64 duration_ns,
                                   gboolean has_emoji, guint field_count) {
    g_return_if_fail(PF_IS_PROFILING_PROCESSOR(self));
    if (g_atomic_int_get(&self->enabled)) {
        pf_shard_set_record(self->set, duration_ns, has_emoji, field_count);
    }
}

/**
 * pf_profiling_processor_record_text:
 * @self: a processor
 * @text: (array length=length) (element-type guint8): the message as it goes out; UTF-8 is looked
 *   through for emoji
 * @length: its bytes, or -1 when it ends with a NUL
 * @duration_ns: how long the message took, in ns; what is below 0 counts as 0
 * @field_count: how many fields it has
 *
 * As [method@ProfilingProcessor.record], but finds out itself whether there is an emoji (see
 * [method@ProfileMetrics.record_text]), and counts bytes.
 *
 * Any thread may call this.
 */
void pf_profiling_processor_record_text(PfProfilingProcessor *self, const gchar *text,
                                        gssize length, gint64 duration_ns, guint field_count) {
    g_return_if_fail(PF_IS_PROFILING_PROCESSOR(self));
    g_return_if_fail(text != NULL || length == 0);
    if (g_atomic_int_get(&self->enabled)) {
        pf_shard_set_record_text(self->set, text, length, duration_ns, field_count);
    }
}

/**
 * pf_profiling_processor_begin:
 * @self: a processor
 *
 * To be called before a message goes out: reads the clock if this message is to be timed, so that
 * the others cost no clock.  Nothing is counted before [method@ProfilingProcessor.end].
 *
 * Any thread may call this; the end belongs to the same thread.
 *
 * Returns: what `end` wants as @begun: the monotonic time in ns, or 0 when the message is not timed
 */
gint64 pf_profiling_processor_begin(PfProfilingProcessor *self) {
    g_return_val_if_fail(PF_IS_PROFILING_PROCESSOR(self), 0);
    if (!g_atomic_int_get(&self->enabled) || !pf_shard_set_is_due(self->set)) {
        return 0;
    }
    return MAX(pf_time_ns(), 1);
}

/**
 * pf_profiling_processor_end:
 * @self: a processor
 * @begun: what [method@ProfilingProcessor.begin] returned
 * @text: (array length=length) (element-type guint8): the message as it went out
 * @length: its bytes, or -1 when it ends with a NUL
 * @field_count: how many fields it has
 *
 * To be called when the message has gone out: counts it, and its time since @begun if it is timed, less
 * what one look at the clock costs.
 *
 * Any thread may call this.
 */
void pf_profiling_processor_end(PfProfilingProcessor *self, gint64 begun, const gchar *text,
                                gssize length, guint field_count) {
    gint64 ended = begun > 0 ? pf_time_ns() : 0; // first of all: what follows is ours
    g_return_if_fail(PF_IS_PROFILING_PROCESSOR(self));
    g_return_if_fail(text != NULL || length == 0);
    if (!g_atomic_int_get(&self->enabled)) {
        return;
    }
    pf_message message = {.bytes = length < 0 ? strlen(text) : (gsize)length};
    if (begun > 0) {
        message.duration_ns = (guint64)MAX(ended - begun - pf_time_cost_ns(), 0);
        message.clock_reads = 2;
        message.fields = field_count;
        message.emoji = pf_has_emoji(text, message.bytes);
    }
    pf_shard_set_add(self->set, &message, begun > 0);
}

/**
 * pf_profiling_processor_enable:
 * @self: a processor
 *
 * Counts messages from now on.  Enabling twice does no more than once.
 *
 * Any thread may call this.
 */
void pf_profiling_processor_enable(PfProfilingProcessor *self) {
    g_return_if_fail(PF_IS_PROFILING_PROCESSOR(self));
    set_enabled(self, TRUE);
}

/**
 * pf_profiling_processor_disable:
 * @self: a processor
 *
 * Passes messages over from now on; the metrics stay.  Disabling twice does no more than once.
 *
 * Any thread may call this.
 */
void pf_profiling_processor_disable(PfProfilingProcessor *self) {
    g_return_if_fail(PF_IS_PROFILING_PROCESSOR(self));
    set_enabled(self, FALSE);
}

/**
 * pf_profiling_processor_get_enabled: (get-property enabled)
 * @self: a processor
 *
 * Whether messages are counted.
 *
 * Returns: true when they are
 */
gboolean pf_profiling_processor_get_enabled(PfProfilingProcessor *self) {
    g_return_val_if_fail(PF_IS_PROFILING_PROCESSOR(self), FALSE);
    return g_atomic_int_get(&self->enabled);
}

/**
 * pf_profiling_processor_reset:
 * @self: a processor
 *
 * Resets the metrics; see [method@ProfileMetrics.reset].
 *
 * Any thread may call this.
 */
void pf_profiling_processor_reset(PfProfilingProcessor *self) {
    g_return_if_fail(PF_IS_PROFILING_PROCESSOR(self));
    pf_profile_metrics_reset(self->metrics);
}

/**
 * pf_profiling_processor_get_sample_rate: (get-property sample-rate)
 * @self: a processor
 *
 * The probability with which a message is timed.
 *
 * Returns: from 0 to 1
 */
gdouble pf_profiling_processor_get_sample_rate(PfProfilingProcessor *self) {
    g_return_val_if_fail(PF_IS_PROFILING_PROCESSOR(self), 0);
    return self->sample_rate;
}

/**
 * pf_profiling_processor_get_metrics: (get-property metrics)
 * @self: a processor
 *
 * What was recorded: one object for the life of the processor, whose numbers go on.
 *
 * Returns: (transfer none): the metrics
 */
PfProfileMetrics *pf_profiling_processor_get_metrics(PfProfilingProcessor *self) {
    g_return_val_if_fail(PF_IS_PROFILING_PROCESSOR(self), NULL);
    return self->metrics;
}
