// SPDX-License-Identifier: Apache-2.0
// PfOpenTelemetryExporter: OTLP over HTTP, set up by the variables that every OpenTelemetry SDK knows.
#include "pf-opentelemetry-exporter.h"
#include "pf-errors.h"
#include "pf-http.h"
#include "pf-otlp.h"
#include <string.h>

/**
 * PfOpenTelemetryExporter:
 *
 * Sends sets to an OpenTelemetry collector; see docs/exporters.md for the variables that it reads.
 */
struct _PfOpenTelemetryExporter {
    PfExporter parent_instance;
    pf_otlp_form form;
    gchar *service;
    gchar **resource;
    gchar *url;
    gchar **headers; // secrets among them
    gchar *certificate;
    gchar *client_certificate;
    gchar *client_key;
    gboolean is_packed;
    guint batch_size;
    guint max_retries;
};

G_DEFINE_FINAL_TYPE(PfOpenTelemetryExporter, pf_opentelemetry_exporter, PF_TYPE_EXPORTER)

// --- the variables

// The one for metrics wins over the one for everything; empty is as if not set.
static const gchar *variable(const gchar *name) {
    g_autofree gchar *special = g_strconcat("OTEL_EXPORTER_OTLP_METRICS_", name, NULL);
    g_autofree gchar *general = g_strconcat("OTEL_EXPORTER_OTLP_", name, NULL);
    const gchar *value = g_getenv(special);
    value = value != NULL && *value != 0 ? value : g_getenv(general);
    return value != NULL && *value != 0 ? value : NULL;
}

static gchar *make_url(void) {
    const gchar *special = g_getenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    const gchar *general = g_getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (special != NULL && *special != 0) {
        return g_strdup(special);
    }
    if (general == NULL || *general == 0) {
        general = "http://localhost:4318";
    }
    return g_strconcat(general, g_str_has_suffix(general, "/") ? "" : "/", "v1/metrics", NULL);
}

// `name=value,name=value`, percent-encoded; what is no pair is passed over.
static void parse_pairs(const gchar *text, GStrvBuilder *out, gboolean as_header) {
    g_auto(GStrv) pairs = g_strsplit(text != NULL ? text : "", ",", -1);
    for (guint i = 0; pairs[i] != NULL; i++) {
        gchar *equals = strchr(pairs[i], '=');
        if (equals == NULL) {
            continue;
        }
        *equals = 0;
        g_autofree gchar *name = g_uri_unescape_string(g_strstrip(pairs[i]), NULL);
        g_autofree gchar *value = g_uri_unescape_string(g_strstrip(equals + 1), NULL);
        if (name == NULL || value == NULL || *name == 0 || strpbrk(name, "\r\n:") != NULL ||
            strpbrk(value, "\r\n") != NULL) {
            continue;
        }
        if (as_header) {
            g_autofree gchar *header = g_strdup_printf("%s: %s", name, value);
            g_strv_builder_add(out, header);
        } else {
            g_strv_builder_add(out, name);
            g_strv_builder_add(out, value);
        }
    }
}

static void read_headers(PfOpenTelemetryExporter *self) {
    g_autoptr(GStrvBuilder) headers = g_strv_builder_new();
    g_strv_builder_add(headers, self->form.is_json ? "Content-Type: application/json"
                                                   : "Content-Type: application/x-protobuf");
    if (self->is_packed) {
        g_strv_builder_add(headers, "Content-Encoding: gzip");
    }
    parse_pairs(variable("HEADERS"), headers, TRUE);
    self->headers = g_strv_builder_end(headers);
}

static void read_resource(PfOpenTelemetryExporter *self) {
    g_autoptr(GStrvBuilder) resource = g_strv_builder_new();
    const gchar *service = g_getenv("OTEL_SERVICE_NAME");
    parse_pairs(g_getenv("OTEL_RESOURCE_ATTRIBUTES"), resource, FALSE);
    self->resource = g_strv_builder_end(resource);
    self->service = service != NULL && *service != 0 ? g_strdup(service) : NULL;
    self->form.resource = (const gchar *const *)self->resource;
    self->form.service = self->service;
}

static gboolean refuse(GError **error, const gchar *name, const gchar *value, const gchar *why) {
    g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED, "%s=\"%s\": %s", name, value,
                why);
    return FALSE;
}

static gboolean one_of(const gchar *value, const gchar *name, const gchar *usual,
                       const gchar *other, const gchar *why, gboolean *ret_is_other,
                       GError **error) {
    *ret_is_other = value != NULL && g_ascii_strcasecmp(value, other) == 0;
    return value == NULL || *ret_is_other || g_ascii_strcasecmp(value, usual) == 0 ||
           refuse(error, name, value, why);
}

static gboolean read_form(PfOpenTelemetryExporter *self, GError **error) {
    const gchar *temporality = g_getenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE");
    const gchar *aggregation = g_getenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION");
    gboolean is_delta = FALSE;
    if (temporality != NULL && g_ascii_strcasecmp(temporality, "lowmemory") == 0) {
        temporality = "delta"; // all our instruments are synchronous ones, as far as it goes
    }
    if (!one_of(variable("PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "http/json",
                "only http/protobuf and http/json are spoken; collectors take those on port 4318",
                &self->form.is_json, error) ||
        !one_of(variable("COMPRESSION"), "OTEL_EXPORTER_OTLP_COMPRESSION", "none", "gzip",
                "only none and gzip are known", &self->is_packed, error) ||
        !one_of(temporality != NULL && *temporality != 0 ? temporality : NULL,
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", "delta",
                "only cumulative, delta and lowmemory are known", &is_delta, error) ||
        !one_of(aggregation != NULL && *aggregation != 0 ? aggregation : NULL,
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "base2_exponential_bucket_histogram", "explicit_bucket_histogram",
                "only these two are known: base2_exponential_bucket_histogram, "
                "explicit_bucket_histogram",
                &self->form.is_explicit, error)) {
        return FALSE;
    }
    self->form.deltas = is_delta ? pf_deltas_new() : NULL;
    return TRUE;
}

// There is no trace of ours to base them on: they are sent unless the variable says otherwise.
static gboolean read_exemplars(PfOpenTelemetryExporter *self, GError **error) {
    const gchar *filter = g_getenv("OTEL_METRICS_EXEMPLAR_FILTER");
    if (filter == NULL || *filter == 0 || g_ascii_strcasecmp(filter, "always_on") == 0) {
        return TRUE;
    }
    self->form.without_exemplars = TRUE;
    return g_ascii_strcasecmp(filter, "always_off") == 0 ||
           g_ascii_strcasecmp(filter, "trace_based") == 0 ||
           refuse(error, "OTEL_METRICS_EXEMPLAR_FILTER", filter,
                  "only always_on, always_off and trace_based are known");
}

static gboolean read_timeout(const PfExporterConfig *config, guint *ret_seconds, GError **error) {
    const gchar *text = variable("TIMEOUT"); // ms
    guint64 ms = 0;
    *ret_seconds = config->export_timeout_seconds;
    if (text == NULL) {
        return TRUE;
    }
    if (!g_ascii_string_to_unsigned(text, 10, 1, 3600000, &ms, NULL)) {
        return refuse(error, "OTEL_EXPORTER_OTLP_TIMEOUT", text,
                      "a number of milliseconds from 1 to 3600000 is wanted");
    }
    *ret_seconds = (guint)((ms + 999) / 1000);
    return TRUE;
}

// --- sending

static void commit(PfOpenTelemetryExporter *self, PfMetricSet *set, const guint *order,
                   guint count) {
    for (guint i = 0; self->form.deltas != NULL && i < count; i++) {
        pf_deltas_commit(self->form.deltas, pf_set_point(set, order[i]), set->unix_ns);
    }
}

// One request; how many points arrived, and what went wrong.
static guint64 send_batch(PfOpenTelemetryExporter *self, PfMetricSet *set, const guint *order,
                          guint count, gchar **ret_error) {
    GString *body = pf_otlp_request(&self->form, set, order, count);
    g_autoptr(GBytes) packed = self->is_packed ? pf_http_gzip(body->str, body->len) : NULL;
    pf_http_request request = {
        .method = "POST",
        .url = self->url,
        .headers = (const gchar *const *)self->headers,
        .body = packed != NULL ? g_bytes_get_data(packed, NULL) : body->str,
        .size = packed != NULL ? g_bytes_get_size(packed) : body->len,
        .certificate = self->certificate,
        .client_certificate = self->client_certificate,
        .client_key = self->client_key,
        .retried = "429 502 503 504",
        .max_retries = self->max_retries,
    };
    pf_http_result result;
    pf_http_send(PF_EXPORTER(self), &request, &result);
    g_string_free(body, TRUE);
    guint64 arrived = 0;
    if (result.is_ok) {
        g_autofree gchar *message = NULL;
        guint64 rejected = pf_otlp_rejected(result.answer, self->form.is_json, &message);
        arrived = count - MIN(rejected, count);
        if (rejected > 0) {
            *ret_error = g_strdup_printf("%" G_GUINT64_FORMAT " points were refused: %s", rejected,
                                         message != NULL ? message : "");
        }
        commit(self, set, order, count); // what was refused would be refused again
    } else {
        *ret_error = g_steal_pointer(&result.error);
    }
    pf_http_result_clear(&result);
    return arrived;
}

static PfExportResult *export_set(PfExporter *exporter, PfMetricSet *set) {
    PfOpenTelemetryExporter *self = PF_OPENTELEMETRY_EXPORTER(exporter);
    g_autofree guint *order = pf_otlp_order(set);
    g_autofree gchar *error = NULL;
    guint count = set->points->len;
    guint64 arrived = 0;
    gboolean goes_on = TRUE;
    for (guint at = 0; at < count && goes_on; at += self->batch_size) {
        g_autofree gchar *said = NULL;
        guint64 of_batch =
            send_batch(self, set, order + at, MIN(self->batch_size, count - at), &said);
        arrived += of_batch;
        goes_on = said == NULL || of_batch > 0; // a receiver that is down is not asked again now
        if (said != NULL) {
            g_free(error);
            error = g_steal_pointer(&said);
        }
    }
    pf_exporter_count_dropped(exporter, count - arrived);
    PfExportResult *result = error != NULL ? pf_export_result_new_failure(error, 0)
                                           : pf_export_result_new_success(arrived, 0);
    result->exported_count = arrived;
    return result;
}

static void finalize(GObject *object) {
    PfOpenTelemetryExporter *self = PF_OPENTELEMETRY_EXPORTER(object);
    pf_deltas_free(self->form.deltas);
    g_strfreev(self->headers);
    g_strfreev(self->resource);
    g_free(self->service);
    g_free(self->url);
    g_free(self->certificate);
    g_free(self->client_certificate);
    g_free(self->client_key);
    G_OBJECT_CLASS(pf_opentelemetry_exporter_parent_class)->finalize(object);
}

static void pf_opentelemetry_exporter_class_init(PfOpenTelemetryExporterClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
    PF_EXPORTER_CLASS(class)->export_set = export_set;
}

static void pf_opentelemetry_exporter_init(PfOpenTelemetryExporter *self) {}

/**
 * pf_opentelemetry_exporter_new:
 * @config: the settings of exporters
 * @error: return location for an error
 *
 * An exporter set up by `OTEL_*` variables.
 *
 * Returns: (transfer full): a new exporter, or %NULL: a variable asks for what is not spoken
 */
PfOpenTelemetryExporter *pf_opentelemetry_exporter_new(const PfExporterConfig *config,
                                                       GError **error) {
    guint seconds = 0;
    if (!read_timeout(config, &seconds, error)) {
        return NULL;
    }
    g_autoptr(PfOpenTelemetryExporter) self = g_object_new(
        PF_TYPE_OPENTELEMETRY_EXPORTER, "name", "opentelemetry", "timeout-seconds", seconds, NULL);
    const gchar *disabled = g_getenv("OTEL_SDK_DISABLED");
    if (disabled != NULL && g_ascii_strcasecmp(disabled, "true") == 0) {
        refuse(error, "OTEL_SDK_DISABLED", disabled, "so nothing is sent");
        return NULL;
    }
    if (!read_form(self, error) || !read_exemplars(self, error)) {
        return NULL;
    }
    self->batch_size = config->batch_size;
    self->max_retries = config->max_retries;
    self->url = make_url();
    self->certificate = g_strdup(variable("CERTIFICATE"));
    self->client_certificate = g_strdup(variable("CLIENT_CERTIFICATE"));
    self->client_key = g_strdup(variable("CLIENT_KEY"));
    read_headers(self);
    read_resource(self);
    return g_steal_pointer(&self);
}
