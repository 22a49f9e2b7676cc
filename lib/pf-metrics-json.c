// SPDX-License-Identifier: Apache-2.0
// The metrics as JSON, under the names of the exit summary of a preloaded program.
#include "pf-metrics-values.h"
#include "pf-version.h"
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_VERSION 1

static void add_guint64(JsonBuilder *builder, const gchar *name, guint64 value) {
    json_builder_set_member_name(builder, name);
    if (value <= G_MAXINT64) {
        json_builder_add_int_value(builder, (gint64)value);
    } else {
        json_builder_add_double_value(builder, (gdouble)value); // json-glib's integers are signed
    }
}

static void add_gdouble(JsonBuilder *builder, const gchar *name, gdouble value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_double_value(builder, value);
}

static void add_string(JsonBuilder *builder, const gchar *name, const gchar *value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

static void add_or_null(JsonBuilder *builder, const gchar *name, gboolean known, gdouble value) {
    json_builder_set_member_name(builder, name);
    if (known) {
        json_builder_add_double_value(builder, value);
    } else {
        json_builder_add_null_value(builder);
    }
}

static void add_estimate(JsonBuilder *builder, const struct pf_estimate *estimate) {
    gboolean known = pf_estimate_is_known(estimate);
    add_or_null(builder, "estimated_total_duration_ns", known, estimate->total_ns);
    json_builder_set_member_name(builder, "estimated_total_interval_ns");
    if (known) {
        json_builder_begin_array(builder);
        json_builder_add_double_value(builder, estimate->low_ns);
        json_builder_add_double_value(builder, estimate->high_ns);
        json_builder_end_array(builder);
    } else {
        json_builder_add_null_value(builder);
    }
}

static void add_errors(JsonBuilder *builder, PfProfileMetrics *metrics) {
    g_autoptr(GArray) errors = pf_profile_metrics_read_errors(metrics);
    json_builder_set_member_name(builder, "errors");
    json_builder_begin_object(builder);
    for (guint i = 0; i < errors->len; i++) {
        const pf_error_count *error = &g_array_index(errors, pf_error_count, i);
        const gchar *name = strerrorname_np(error->number);
        g_autofree gchar *unnamed = g_strdup_printf("errno %d", error->number);
        add_guint64(builder, name != NULL ? name : unnamed, error->count);
    }
    json_builder_end_object(builder);
}

static void add_metrics(JsonBuilder *builder, PfProfileMetrics *metrics,
                        const pf_metric_values *values) {
    json_builder_set_member_name(builder, "metrics");
    json_builder_begin_object(builder);
#define METRIC(name, type) add_##type(builder, #name, values->name);
    PF_METRICS(METRIC)
#undef METRIC
    add_estimate(builder, &values->estimate);
    for (guint i = 0; i < PF_QUANTILE_COUNT; i++) {
        add_or_null(builder, pf_quantile_names[i], values->quantile_ns[i] >= 0,
                    values->quantile_ns[i]);
    }
    json_builder_set_member_name(builder, "lost_count");
    json_builder_begin_object(builder); // nothing can be lost here; in a preloaded program some can
    json_builder_end_object(builder);
    add_errors(builder, metrics);
    json_builder_end_object(builder);
}

static void add_process(JsonBuilder *builder, const pf_metric_values *values) {
    const gchar *program = g_get_prgname();
    json_builder_set_member_name(builder, "process");
    json_builder_begin_object(builder);
    add_guint64(builder, "pid", (guint64)getpid());
    add_string(builder, "program", program != NULL ? program : "");
    add_gdouble(builder, "sample_rate", values->sample_rate);
    json_builder_end_object(builder);
}

/**
 * pf_profile_metrics_to_json:
 * @self: the metrics
 *
 * All numbers of one moment, as one JSON object without line breaks: `schema_version` (1), `pfprof`
 * (the library's version), `process` and `metrics`.  The names in `metrics` are those of the exit
 * summary of a preloaded program, with the same units; what is not known is `null`.
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): UTF-8, to be freed with [func@GLib.free]
 */
gchar *pf_profile_metrics_to_json(PfProfileMetrics *self) {
    pf_metric_values values;
    g_return_val_if_fail(PF_IS_PROFILE_METRICS(self), NULL);
    pf_profile_metrics_read(self, &values);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    add_guint64(builder, "schema_version", SCHEMA_VERSION);
    add_string(builder, "pfprof", pf_version_string());
    add_process(builder, &values);
    add_metrics(builder, self, &values);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}
