// SPDX-License-Identifier: Apache-2.0
// PfSampler: who decides how often calls are timed; what it knows, and what it answers.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

/**
 * PfSamplingStratum:
 * @id: the same in every context of one run
 * @address: return address of the call site; 0: not known
 * @offset: address in the module's file; 0: not known
 * @function: (nullable): name of the output function called
 * @module: (nullable): path of the image the site lies in
 * @stream: (nullable): path or name of where its bytes go
 * @template_text: (nullable): its most frequent format string
 * @level: syslog priority most of its messages have; 8: none was found
 * @calls: calls since the last context; exact
 * @sampled: of those, timed
 * @sum_ns: time of those
 * @sumsq_ns2: sum of the squares of their times
 * @total_calls: calls so far
 * @total_sampled: of those, timed
 * @mean_ns: mean latency of all timed so far
 * @variance_ns2: variance of it
 * @cost_ns: what timing one more call costs the program
 * @rate: the rate in force
 *
 * A call site and where it writes to, as a sampler sees it; all threads together.
 */
typedef struct {
    guint64 id;
    guint64 address;
    guint64 offset;
    const gchar *function;
    const gchar *module;
    const gchar *stream;
    const gchar *template_text;
    guint level;
    guint64 calls;
    guint64 sampled;
    gdouble sum_ns;
    gdouble sumsq_ns2;
    guint64 total_calls;
    guint64 total_sampled;
    gdouble mean_ns;
    gdouble variance_ns2;
    gdouble cost_ns;
    gdouble rate;
} PfSamplingStratum;

/**
 * PfSamplingContext:
 * @current_time: seconds since 1970
 * @operation_name: (nullable): what is sampled: what all threads are at, where the program says so, else its name
 * @log_level: (nullable): level of the message, where one message is decided on: emerg, alert, crit,
 *   error, warning, notice, info, debug
 * @user_id: (nullable): whose work it is, where the program says so and its threads agree
 * @request_id: (nullable): likewise, of which request
 * @cpu_usage_percent: CPU in use, of all CPUs together; below 0: not known
 * @memory_usage_percent: memory in use; below 0: not known
 * @avg_latency_ms: mean latency of the calls timed since the last context
 * @error_rate: failed calls per call since the last context
 * @cpu_pressure_percent: time in which some task waited for a CPU (PSI); below 0: not known
 * @memory_pressure_percent: likewise for memory
 * @runnable_per_cpu: tasks that run or want to, per CPU; below 0: not known
 * @interval_seconds: since the last context; 0: this is the first
 * @cpu_seconds: CPU time of the program in that interval, at the first all it has used; below 0: not known
 * @count_cost_ns: what counting a call costs that is not timed
 * @default_rate: the rate in force for what has no rate of its own
 * @strata: (array length=stratum_count): every site seen so far
 * @stratum_count: their number
 *
 * What a sampler decides on.
 */
typedef struct {
    gdouble current_time;
    const gchar *operation_name;
    const gchar *log_level;
    const gchar *user_id;
    const gchar *request_id;
    gdouble cpu_usage_percent;
    gdouble memory_usage_percent;
    gdouble avg_latency_ms;
    gdouble error_rate;
    gdouble cpu_pressure_percent;
    gdouble memory_pressure_percent;
    gdouble runnable_per_cpu;
    gdouble interval_seconds;
    gdouble cpu_seconds;
    gdouble count_cost_ns;
    gdouble default_rate;
    PfSamplingStratum *strata;
    gsize stratum_count;
} PfSamplingContext;

#define PF_TYPE_SAMPLING_CONTEXT (pf_sampling_context_get_type())
PF_API GType pf_sampling_context_get_type(void);
PF_API PfSamplingContext *pf_sampling_context_new(void);
PF_API PfSamplingContext *pf_sampling_context_copy(const PfSamplingContext *self);
PF_API void pf_sampling_context_free(PfSamplingContext *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfSamplingContext, pf_sampling_context_free)

/**
 * PfSamplingDecision:
 *
 * A sampler's answer: a rate for each site, and one for those to come.
 */
typedef struct _PfSamplingDecision PfSamplingDecision;

#define PF_TYPE_SAMPLING_DECISION (pf_sampling_decision_get_type())
PF_API GType pf_sampling_decision_get_type(void);
PF_API PfSamplingDecision *pf_sampling_decision_new(const PfSamplingContext *context);
PF_API PfSamplingDecision *pf_sampling_decision_copy(const PfSamplingDecision *self);
PF_API void pf_sampling_decision_free(PfSamplingDecision *self);
PF_API void pf_sampling_decision_set_default_rate(PfSamplingDecision *self, gdouble rate);
PF_API gdouble pf_sampling_decision_get_default_rate(const PfSamplingDecision *self);
PF_API void pf_sampling_decision_set_rate(PfSamplingDecision *self, gsize stratum, gdouble rate);
PF_API gdouble pf_sampling_decision_get_rate(const PfSamplingDecision *self, gsize stratum);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfSamplingDecision, pf_sampling_decision_free)

#define PF_TYPE_SAMPLER (pf_sampler_get_type())
PF_API G_DECLARE_INTERFACE(PfSampler, pf_sampler, PF, SAMPLER, GObject)

/**
 * PfSamplerInterface:
 * @g_iface: the parent
 * @decide: sets rates in the decision, which holds those in force
 *
 * What a sampler implements.
 */
struct _PfSamplerInterface {
    GTypeInterface g_iface;
    void (*decide)(PfSampler *self, const PfSamplingContext *context, PfSamplingDecision *decision);
};

PF_API void pf_sampler_decide(PfSampler *self, const PfSamplingContext *context,
                              PfSamplingDecision *decision);

G_END_DECLS
