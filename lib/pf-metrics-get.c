// SPDX-License-Identifier: Apache-2.0
// PfProfileMetrics, one number at a time.
#include "pf-metrics-values.h"

// Each reads a snapshot of its own; for many numbers of one moment there is the JSON form.
#define GETTER(name, type)                                                                         \
    type pf_profile_metrics_get_##name(PfProfileMetrics *self) {                                   \
        pf_metric_values values;                                                                   \
        g_return_val_if_fail(PF_IS_PROFILE_METRICS(self), 0);                                      \
        pf_profile_metrics_read(self, &values);                                                    \
        return values.name;                                                                        \
    }
PF_METRICS(GETTER)

/**
 * pf_profile_metrics_get_message_count: (get-property message-count)
 * @self: the metrics
 *
 * The messages that were seen, timed or not.  Exact at every sample rate.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_sampled_count: (get-property sampled-count)
 * @self: the metrics
 *
 * The messages that were timed.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_dropped_count: (get-property dropped-count)
 * @self: the metrics
 *
 * The messages that were seen and, because of sampling, not timed:
 * message_count - sampled_count, always.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_total_duration_ns: (get-property total-duration-ns)
 * @self: the metrics
 *
 * The sum of the durations of the timed messages, in ns.  It ends at 2^64 - 1 and does not wrap.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_bytes: (get-property bytes)
 * @self: the metrics
 *
 * The bytes of the messages whose text was handed in, timed or not.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_error_count: (get-property error-count)
 * @self: the metrics
 *
 * The errors that were recorded.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_emoji_message_count: (get-property emoji-message-count)
 * @self: the metrics
 *
 * The timed messages whose text holds an emoji.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_avg_latency_ms: (get-property avg-latency-ms)
 * @self: the metrics
 *
 * total_duration_ns / sampled_count, in ms; 0 when nothing was timed.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_max_ns: (get-property max-ns)
 * @self: the metrics
 *
 * The duration of the longest timed message, in ns.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_emoji_overhead_percent: (get-property emoji-overhead-percent)
 * @self: the metrics
 *
 * 100 × emoji_message_count / sampled_count; 0 when nothing was timed.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_avg_fields_per_message: (get-property avg-fields-per-message)
 * @self: the metrics
 *
 * The mean number of fields of the timed messages; 0 when nothing was timed.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_start_time: (get-property start-time)
 * @self: the metrics
 *
 * When collection started or was last reset, as Unix time in seconds.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_uptime_seconds: (get-property uptime-seconds)
 * @self: the metrics
 *
 * The seconds since then, by the monotonic clock; never negative.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_messages_per_second: (get-property messages-per-second)
 * @self: the metrics
 *
 * message_count / uptime_seconds; 0 before any time has passed.
 *
 * Returns: the number
 */
/**
 * pf_profile_metrics_get_overhead_ns: (get-property overhead-ns)
 * @self: the metrics
 *
 * What recording these messages took, in ns: their number times the cost of one, which is measured
 * once in the running process.
 *
 * Returns: the number
 */

/**
 * pf_profile_metrics_get_quantile_ns:
 * @self: the metrics
 * @share: the share of messages, from 0 to 1: 0.99 for the 99th percentile
 * @ret_ns: (out): the duration that this share does not exceed, in ns
 *
 * A quantile of the durations of the timed messages.  It comes from a histogram of 16 buckets per
 * octave and is within 1/32 of the true one, exact below 16 ns.
 *
 * Returns: false when nothing was timed; @ret_ns is then untouched
 */
gboolean pf_profile_metrics_get_quantile_ns(PfProfileMetrics *self, gdouble share,
                                            gdouble *ret_ns) {
    pf_totals totals;
    g_return_val_if_fail(PF_IS_PROFILE_METRICS(self), FALSE);
    g_return_val_if_fail(share >= 0 && share <= 1, FALSE);
    g_return_val_if_fail(ret_ns != NULL, FALSE);
    pf_shard_set_sum(pf_profile_metrics_get_set(self), &totals);
    gdouble ns = pf_totals_quantile(&totals, share);
    if (ns < 0) {
        return FALSE;
    }
    *ret_ns = ns;
    return TRUE;
}

/**
 * pf_profile_metrics_get_estimate:
 * @self: the metrics
 * @ret_total_ns: (out) (optional): how long all messages took together, in ns
 * @ret_low_ns: (out) (optional): the lower end of the 95 % interval
 * @ret_high_ns: (out) (optional): its upper end
 *
 * The time of all messages, timed or not.  When every message was timed the interval has no width.
 * The formula is in docs/sampling.md.
 *
 * Returns: false when too few messages were timed for an honest interval; the outputs are then
 *   untouched
 */
gboolean pf_profile_metrics_get_estimate(PfProfileMetrics *self, gdouble *ret_total_ns,
                                         gdouble *ret_low_ns, gdouble *ret_high_ns) {
    pf_totals totals;
    g_return_val_if_fail(PF_IS_PROFILE_METRICS(self), FALSE);
    pf_shard_set_sum(pf_profile_metrics_get_set(self), &totals);
    if (!pf_estimate_is_known(&totals.estimate)) {
        return FALSE;
    }
    if (ret_total_ns != NULL) {
        *ret_total_ns = totals.estimate.total_ns;
    }
    if (ret_low_ns != NULL) {
        *ret_low_ns = totals.estimate.low_ns;
    }
    if (ret_high_ns != NULL) {
        *ret_high_ns = totals.estimate.high_ns;
    }
    return TRUE;
}
