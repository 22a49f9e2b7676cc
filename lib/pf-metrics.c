// SPDX-License-Identifier: Apache-2.0
// The metrics of messages that a program feeds in itself: recording and reset.
#include "pf-metrics-values.h"

/**
 * PfProfileMetrics:
 *
 * What messages cost: how many there were, how long the timed ones took, how many hold an emoji.
 *
 * Any number of threads may record, read and reset at the same time.  Each thread adds to counters of
 * its own, so that recording takes no lock and no locked instruction, and no update is lost; what a
 * thread recorded stays when it ends.  Reading adds the counters up.  No number ever goes backwards but
 * by [method@ProfileMetrics.reset], and none wraps.  A message that is recorded while another thread
 * resets counts to one side or the other.
 *
 * None of this may be called from a signal handler.
 */
struct _PfProfileMetrics {
    GObject parent;
    pf_shard_set *set;
    GMutex lock;     // of what follows
    gint64 start_us; // monotonic
    gdouble start_time;
    guint64 error_count;
    GArray *errors; // of pf_error_count
};

G_DEFINE_FINAL_TYPE(PfProfileMetrics, pf_profile_metrics, G_TYPE_OBJECT)
/**
 * PfProfileMetrics:message-count: (getter get_message_count)
 *
 * The messages that were seen, timed or not.  Exact at every sample rate.
 */
/**
 * PfProfileMetrics:sampled-count: (getter get_sampled_count)
 *
 * The messages that were timed.
 */
/**
 * PfProfileMetrics:dropped-count: (getter get_dropped_count)
 *
 * The messages that were seen and, because of sampling, not timed:
 * message_count - sampled_count, always.
 */
/**
 * PfProfileMetrics:total-duration-ns: (getter get_total_duration_ns)
 *
 * The sum of the durations of the timed messages, in ns.  It ends at 2^64 - 1 and does not wrap.
 */
/**
 * PfProfileMetrics:bytes: (getter get_bytes)
 *
 * The bytes of the messages whose text was handed in, timed or not.
 */
/**
 * PfProfileMetrics:error-count: (getter get_error_count)
 *
 * The errors that were recorded.
 */
/**
 * PfProfileMetrics:emoji-message-count: (getter get_emoji_message_count)
 *
 * The timed messages whose text holds an emoji.
 */
/**
 * PfProfileMetrics:avg-latency-ms: (getter get_avg_latency_ms)
 *
 * total_duration_ns / sampled_count, in ms; 0 when nothing was timed.
 */
/**
 * PfProfileMetrics:max-ns: (getter get_max_ns)
 *
 * The duration of the longest timed message, in ns.
 */
/**
 * PfProfileMetrics:emoji-overhead-percent: (getter get_emoji_overhead_percent)
 *
 * 100 × emoji_message_count / sampled_count; 0 when nothing was timed.
 */
/**
 * PfProfileMetrics:avg-fields-per-message: (getter get_avg_fields_per_message)
 *
 * The mean number of fields of the timed messages; 0 when nothing was timed.
 */
/**
 * PfProfileMetrics:start-time: (getter get_start_time)
 *
 * When collection started or was last reset, as Unix time in seconds.
 */
/**
 * PfProfileMetrics:uptime-seconds: (getter get_uptime_seconds)
 *
 * The seconds since then, by the monotonic clock; never negative.
 */
/**
 * PfProfileMetrics:messages-per-second: (getter get_messages_per_second)
 *
 * message_count / uptime_seconds; 0 before any time has passed.
 */
/**
 * PfProfileMetrics:overhead-ns: (getter get_overhead_ns)
 *
 * What recording these messages took, in ns: their number times the cost of one, which is measured
 * once in the running process.
 */

static void set_start(PfProfileMetrics *self) {
    self->start_us = g_get_monotonic_time();
    self->start_time = (gdouble)g_get_real_time() / 1e6;
}

void pf_profile_metrics_read(PfProfileMetrics *self, pf_metric_values *ret_values) {
    pf_totals totals;
    // The start is read before the messages: those of after a reset are never put on the time before.
    g_mutex_lock(&self->lock);
    gint64 start_us = self->start_us;
    gdouble start_time = self->start_time;
    guint64 error_count = self->error_count;
    g_mutex_unlock(&self->lock);
    pf_shard_set_sum(self->set, &totals);
    pf_metric_values_from(ret_values, &totals);
    ret_values->error_count = error_count;
    ret_values->start_time = start_time;
    ret_values->uptime_seconds = pf_seconds_between(start_us, g_get_monotonic_time());
    ret_values->messages_per_second =
        ret_values->uptime_seconds > 0
            ? (gdouble)ret_values->message_count / ret_values->uptime_seconds
            : 0;
    ret_values->sample_rate = self->set->rate;
}

GArray *pf_profile_metrics_read_errors(PfProfileMetrics *self) {
    g_mutex_lock(&self->lock);
    GArray *copy = g_array_copy(self->errors);
    g_mutex_unlock(&self->lock);
    return copy;
}

pf_shard_set *pf_profile_metrics_get_set(PfProfileMetrics *self) { return self->set; }

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
    pf_metric_values values;
    pf_profile_metrics_read(PF_PROFILE_METRICS(object), &values);
    switch (id) {
#define set_guint64(value, number) g_value_set_uint64(value, number)
#define set_gdouble(value, number) g_value_set_double(value, number)
#define METRIC(name, type)                                                                         \
    case PF_METRIC_##name: set_##type(value, values.name); break;
        PF_METRICS(METRIC)
#undef METRIC
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void finalize(GObject *object) {
    PfProfileMetrics *self = PF_PROFILE_METRICS(object);
    g_clear_pointer(&self->set, pf_shard_set_free);
    g_array_unref(self->errors);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_profile_metrics_parent_class)->finalize(object);
}

static GParamSpec *spec_guint64(const gchar *name) {
    return g_param_spec_uint64(name, NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE);
}

static GParamSpec *spec_gdouble(const gchar *name) {
    return g_param_spec_double(name, NULL, NULL, 0, G_MAXDOUBLE, 0, G_PARAM_READABLE);
}

static void pf_profile_metrics_class_init(PfProfileMetricsClass *class) {
    GObjectClass *object_class = G_OBJECT_CLASS(class);
    GParamSpec *specs[PF_METRIC_COUNT] = {NULL};
    object_class->get_property = get_property;
    object_class->finalize = finalize;
#define METRIC(name, type) specs[PF_METRIC_##name] = spec_##type(#name);
    PF_METRICS(METRIC)
#undef METRIC
    g_object_class_install_properties(object_class, PF_METRIC_COUNT, specs);
}

static void pf_profile_metrics_init(PfProfileMetrics *self) {
    g_mutex_init(&self->lock);
    self->errors = g_array_new(FALSE, FALSE, sizeof(pf_error_count));
    self->set = pf_shard_set_new(1);
    set_start(self);
}

PfProfileMetrics *pf_profile_metrics_new_sampled(gdouble rate) {
    PfProfileMetrics *self = g_object_new(PF_TYPE_PROFILE_METRICS, NULL);
    pf_shard_set_free(self->set);
    self->set = pf_shard_set_new(rate);
    return self;
}

/**
 * pf_profile_metrics_new:
 *
 * Metrics in which every message that is recorded is a timed one.  For a random sample of messages
 * see [class@ProfilingProcessor].
 *
 * Returns: (transfer full): new metrics, started now
 */
PfProfileMetrics *pf_profile_metrics_new(void) { return pf_profile_metrics_new_sampled(1); }

/**
 * pf_profile_metrics_record:
 * @self: the metrics
 * @duration_ns: how long the message took, in ns; what is below 0 (a clock was set back) counts as 0
 * @has_emoji: whether its text holds an emoji
 * @field_count: how many fields it has: key and value pairs, or conversions of its format
 *
 * Records one message and its duration.
 *
 * Any thread may call this.  It takes no lock but on a thread's first message.
 */
void pf_profile_metrics_record(PfProfileMetrics *self, gint64 duration_ns, gboolean has_emoji,
                               guint field_count) {
    g_return_if_fail(PF_IS_PROFILE_METRICS(self));
    pf_shard_set_record(self->set, duration_ns, has_emoji, field_count);
}

/**
 * pf_profile_metrics_record_text:
 * @self: the metrics
 * @text: (array length=length) (element-type guint8): the message as it goes out; UTF-8 is looked
 *   through for emoji
 * @length: its bytes, or -1 when it ends with a NUL
 * @duration_ns: how long the message took, in ns; what is below 0 counts as 0
 * @field_count: how many fields it has
 *
 * Records one message, finds out itself whether there is an emoji in it, and counts its bytes.
 *
 * An emoji is a code point that is shown as one by itself (Emoji_Presentation), or any Emoji followed
 * by U+FE0F: neither a digit nor a bare © counts.  (Unicode 15.0, emoji-data.txt.)
 *
 * Any thread may call this.
 */
void pf_profile_metrics_record_text(PfProfileMetrics *self, const gchar *text, gssize length,
                                    gint64 duration_ns, guint field_count) {
    g_return_if_fail(PF_IS_PROFILE_METRICS(self));
    g_return_if_fail(text != NULL || length == 0);
    pf_shard_set_record_text(self->set, text, length, duration_ns, field_count);
}

/**
 * pf_profile_metrics_record_error:
 * @self: the metrics
 * @error_number: the errno with which a message failed
 *
 * Counts one error, beside the message that it belongs to (if that counts at all).
 *
 * Any thread may call this; it takes a lock.
 */
void pf_profile_metrics_record_error(PfProfileMetrics *self, gint error_number) {
    g_return_if_fail(PF_IS_PROFILE_METRICS(self));
    g_mutex_lock(&self->lock);
    self->error_count = pf_add_capped(self->error_count, 1);
    guint at = 0;
    while (at < self->errors->len &&
           g_array_index(self->errors, pf_error_count, at).number < error_number) {
        at++;
    }
    if (at == self->errors->len ||
        g_array_index(self->errors, pf_error_count, at).number != error_number) {
        pf_error_count fresh = {.number = error_number};
        g_array_insert_val(self->errors, at, fresh);
    }
    g_array_index(self->errors, pf_error_count, at).count++;
    g_mutex_unlock(&self->lock);
}

/**
 * pf_profile_metrics_reset:
 * @self: the metrics
 *
 * Puts every number back to 0 and starts anew.
 *
 * Any thread may call this, also while others record.
 */
void pf_profile_metrics_reset(PfProfileMetrics *self) {
    g_return_if_fail(PF_IS_PROFILE_METRICS(self));
    g_mutex_lock(&self->lock);
    pf_shard_set_reset(self->set);
    self->error_count = 0;
    g_array_set_size(self->errors, 0);
    set_start(self);
    g_mutex_unlock(&self->lock);
}
