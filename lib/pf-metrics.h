// SPDX-License-Identifier: Apache-2.0
// PfProfileMetrics: what messages cost.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

#define PF_TYPE_PROFILE_METRICS (pf_profile_metrics_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfProfileMetrics, pf_profile_metrics, PF, PROFILE_METRICS, GObject)

PF_API PfProfileMetrics *pf_profile_metrics_new(void);

PF_API void pf_profile_metrics_record(PfProfileMetrics *self, gint64 duration_ns,
                                      gboolean has_emoji, guint field_count);
PF_API void pf_profile_metrics_record_text(PfProfileMetrics *self, const gchar *text, gssize length,
                                           gint64 duration_ns, guint field_count);
PF_API void pf_profile_metrics_record_error(PfProfileMetrics *self, gint error_number);
PF_API void pf_profile_metrics_reset(PfProfileMetrics *self);

PF_API guint64 pf_profile_metrics_get_message_count(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_sampled_count(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_dropped_count(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_total_duration_ns(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_bytes(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_error_count(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_emoji_message_count(PfProfileMetrics *self);
PF_API gdouble pf_profile_metrics_get_avg_latency_ms(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_max_ns(PfProfileMetrics *self);
PF_API gdouble pf_profile_metrics_get_emoji_overhead_percent(PfProfileMetrics *self);
PF_API gdouble pf_profile_metrics_get_avg_fields_per_message(PfProfileMetrics *self);
PF_API gdouble pf_profile_metrics_get_start_time(PfProfileMetrics *self);
PF_API gdouble pf_profile_metrics_get_uptime_seconds(PfProfileMetrics *self);
PF_API gdouble pf_profile_metrics_get_messages_per_second(PfProfileMetrics *self);
PF_API guint64 pf_profile_metrics_get_overhead_ns(PfProfileMetrics *self);

PF_API gboolean pf_profile_metrics_get_quantile_ns(PfProfileMetrics *self, gdouble share,
                                                   gdouble *ret_ns);
PF_API gboolean pf_profile_metrics_get_estimate(PfProfileMetrics *self, gdouble *ret_total_ns,
                                                gdouble *ret_low_ns, gdouble *ret_high_ns);

PF_API gchar *pf_profile_metrics_to_json(PfProfileMetrics *self);
PF_API gchar *pf_profile_metrics_to_text(PfProfileMetrics *self);

G_END_DECLS
