// SPDX-License-Identifier: Apache-2.0
// The small questions that everybody asks of rows, and the names of enums.
#include "pf-rows-private.h"
#include "pf-snapshot.h"

/**
 * pf_stats_has_estimate:
 * @self: statistics
 *
 * A total without an honest interval is not to be shown as an estimate.
 *
 * Returns: whether the estimate of the total may be shown
 */
gboolean pf_stats_has_estimate(const PfStats *self) {
    return pf_estimate_has_limits(&self->estimate);
}

/**
 * pf_stats_get_avg_latency_ms:
 * @self: statistics
 *
 * Gives the mean latency of the timed calls in ms.
 *
 * Returns: mean latency of the timed calls in ms; 0 when there are none
 */
gdouble pf_stats_get_avg_latency_ms(const PfStats *self) {
    return self->sampled_count != 0
               ? (gdouble)self->total_duration_ns / (gdouble)self->sampled_count / 1e6
               : 0;
}

/**
 * pf_stats_get_cost_ns:
 * @self: statistics
 *
 * What to sort by: the estimate of the total, whatever it is worth, or at least what was measured.
 *
 * Returns: ns
 */
gdouble pf_stats_get_cost_ns(const PfStats *self) {
    return self->estimate.total_ns > 0 ? self->estimate.total_ns : (gdouble)self->total_duration_ns;
}

/**
 * pf_stats_get_quantile_ns:
 * @self: statistics
 * @share: from 0 to 1: 0.99 for p99
 * @ret_ns: (out): the latency that this share of the calls do not exceed, within 1/32
 *
 * Tells whether any call was timed.
 *
 * Returns: whether any call was timed
 */
gboolean pf_stats_get_quantile_ns(const PfStats *self, gdouble share, gdouble *ret_ns) {
    return self->histogram != NULL &&
           pf_histogram_get_quantile(self->histogram, share, ret_ns, NULL, NULL);
}

/**
 * pf_stats_get_reason:
 * @self: statistics
 * @reason: which part of the time
 *
 * Gives one part of the time.
 *
 * Returns: (transfer none): that part
 */
const PfReasonShare *pf_stats_get_reason(const PfStats *self, PfReason reason) {
    g_return_val_if_fail((guint)reason < PF_REASON_COUNT, NULL);
    return &self->reasons[reason];
}

/**
 * pf_process_state_to_string:
 * @state: a state
 *
 * Names a state.
 *
 * Returns: active, dormant, ended or killed
 */
const gchar *pf_process_state_to_string(PfProcessState state) {
    static const gchar *const names[] = {"active", "dormant", "ended", "killed"};
    return (guint)state < G_N_ELEMENTS(names) ? names[state] : "unknown";
}

/**
 * pf_stream_kind_to_string:
 * @kind: a kind
 *
 * Names a kind of stream.
 *
 * Returns: unknown, file, pipe, socket, tty, device, memory or none
 */
const gchar *pf_stream_kind_to_string(PfStreamKind kind) {
    static const gchar *const names[] = {"unknown", "file",   "pipe",   "socket",
                                         "tty",     "device", "memory", "none"};
    return (guint)kind < G_N_ELEMENTS(names) ? names[kind] : "unknown";
}

/**
 * pf_reason_to_string:
 * @reason: a reason
 *
 * Names a reason.
 *
 * Returns: format, flush, lock or blocked
 */
const gchar *pf_reason_to_string(PfReason reason) {
    static const gchar *const names[] = {"format", "flush", "lock", "blocked"};
    return (guint)reason < G_N_ELEMENTS(names) ? names[reason] : "unknown";
}

/**
 * pf_stack_get_address:
 * @self: a call stack
 * @index: which frame, from 0, the innermost, to #PfStack.depth less 1
 *
 * Gives the return address of a frame.
 *
 * Returns: the address; 0 when there is no such frame
 */
guint64 pf_stack_get_address(PfStack *self, guint index) {
    return index < self->depth ? self->frames[index].address : 0;
}

/**
 * pf_stack_get_module:
 * @self: a call stack
 * @index: which frame
 *
 * Gives the image that a frame lies in.
 *
 * Returns: (transfer none) (nullable): the image; %NULL when it is not known
 */
PfModule *pf_stack_get_module(PfStack *self, guint index) {
    return index < self->depth ? self->frames[index].module : NULL;
}
