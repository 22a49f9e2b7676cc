// SPDX-License-Identifier: Apache-2.0
// PfDatadogExporter: DogStatsD, or Datadog's HTTP interface, set up by DD_* variables.
#include "pf-datadog-exporter.h"
#include "pf-datadog-series.h"
#include "pf-datadog-tags.h"
#include "pf-dogstatsd.h"
#include "pf-errors.h"
#include "pf-http.h"
#include <string.h>
#include <unistd.h>

#define USUAL_SOCKET "/var/run/datadog/dsd.socket"

/**
 * PfDatadogExporter:
 *
 * Sends sets to a Datadog agent by DogStatsD, or to Datadog by HTTP; see docs/exporters.md for the
 * variables that it reads.
 */
struct _PfDatadogExporter {
    PfExporter parent_instance;
    pf_deltas *deltas;
    gchar **tags;
    pf_dogstatsd *dogstatsd; // NULL: by HTTP
    gboolean is_v1;
    gchar *url;
    gchar *key_header; // never said
    gchar *host;
    guint interval;
    guint batch_size;
    guint max_retries;
};

G_DEFINE_FINAL_TYPE(PfDatadogExporter, pf_datadog_exporter, PF_TYPE_EXPORTER)

static const gchar *variable(const gchar *name) {
    const gchar *value = g_getenv(name);
    return value != NULL && *value != 0 ? value : NULL;
}

static gchar *dogstatsd_url(void) {
    const gchar *url = variable("DD_DOGSTATSD_URL");
    const gchar *host = variable("DD_AGENT_HOST");
    const gchar *port = variable("DD_DOGSTATSD_PORT");
    if (url != NULL) {
        return g_strdup(url);
    }
    if (host == NULL && port == NULL && access(USUAL_SOCKET, F_OK) == 0) {
        return g_strdup("unix://" USUAL_SOCKET);
    }
    return g_strdup_printf("udp://%s:%s", host != NULL ? host : "127.0.0.1",
                           port != NULL ? port : "8125");
}

static gchar *api_url(gboolean is_v1) {
    const gchar *base = variable("DD_DD_URL") != NULL ? variable("DD_DD_URL") : variable("DD_URL");
    const gchar *site = variable("DD_SITE");
    g_autofree gchar *usual =
        g_strdup_printf("https://api.%s", site != NULL ? site : "datadoghq.com");
    base = base != NULL ? base : usual;
    return g_strdup_printf("%s%sapi/%s/series", base, g_str_has_suffix(base, "/") ? "" : "/",
                           is_v1 ? "v1" : "v2");
}

static guint64 send_batch(PfDatadogExporter *self, PfMetricSet *set, guint first, guint count,
                          gchar **ret_error) {
    GString *body = pf_datadog_series(set, first, count, self->deltas, self->tags, self->host,
                                      self->interval, self->is_v1);
    g_autoptr(GBytes) packed = pf_http_gzip(body->str, body->len);
    const gchar *headers[] = {"Content-Type: application/json", "Content-Encoding: gzip",
                              self->key_header, NULL};
    pf_http_request request = {
        .method = "POST",
        .url = self->url,
        .headers = headers,
        .body = g_bytes_get_data(packed, NULL),
        .size = g_bytes_get_size(packed),
        .retried = "408 429 500 502 503 504",
        .max_retries = self->max_retries,
    };
    pf_http_result result;
    pf_http_send(PF_EXPORTER(self), &request, &result);
    g_string_free(body, TRUE);
    for (guint i = first; result.is_ok && i < first + count; i++) {
        pf_deltas_commit(self->deltas, pf_set_point(set, i), set->unix_ns);
    }
    guint64 arrived = result.is_ok ? count : 0;
    *ret_error = g_steal_pointer(&result.error);
    pf_http_result_clear(&result);
    return arrived;
}

static PfExportResult *export_set(PfExporter *exporter, PfMetricSet *set) {
    PfDatadogExporter *self = PF_DATADOG_EXPORTER(exporter);
    g_autofree gchar *error = NULL;
    guint count = set->points->len;
    guint64 arrived = 0;
    if (self->dogstatsd != NULL) {
        arrived = pf_dogstatsd_send(self->dogstatsd, exporter, set, self->deltas, &error);
    }
    for (guint at = 0; self->dogstatsd == NULL && at < count && error == NULL;
         at += self->batch_size) {
        arrived += send_batch(self, set, at, MIN(self->batch_size, count - at), &error);
    }
    pf_exporter_count_dropped(exporter, count - arrived);
    PfExportResult *result = error != NULL ? pf_export_result_new_failure(error, 0)
                                           : pf_export_result_new_success(arrived, 0);
    result->exported_count = arrived;
    return result;
}

static void finalize(GObject *object) {
    PfDatadogExporter *self = PF_DATADOG_EXPORTER(object);
    pf_deltas_free(self->deltas);
    pf_dogstatsd_free(self->dogstatsd);
    g_strfreev(self->tags);
    g_free(self->url);
    g_free(self->key_header);
    g_free(self->host);
    G_OBJECT_CLASS(pf_datadog_exporter_parent_class)->finalize(object);
}

static void pf_datadog_exporter_class_init(PfDatadogExporterClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
    PF_EXPORTER_CLASS(class)->export_set = export_set;
}

static void pf_datadog_exporter_init(PfDatadogExporter *self) {}

static gboolean set_up_http(PfDatadogExporter *self, GError **error) {
    const gchar *key = variable("DD_API_KEY");
    const gchar *host = variable("DD_HOSTNAME");
    if (key == NULL || strpbrk(key, "\r\n") != NULL) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED,
                    "Datadog's HTTP interface needs a DD_API_KEY");
        return FALSE;
    }
    self->key_header = g_strdup_printf("DD-API-KEY: %s", key);
    self->url = api_url(self->is_v1);
    self->host = g_strdup(host != NULL ? host : g_get_host_name());
    return TRUE;
}

/**
 * pf_datadog_exporter_new:
 * @config: the settings of exporters
 * @error: return location for an error
 *
 * An exporter set up by `DD_*` variables.
 *
 * Returns: (transfer full): a new exporter, or %NULL: a variable is missing or not understood
 */
PfDatadogExporter *pf_datadog_exporter_new(const PfExporterConfig *config, GError **error) {
    g_autoptr(PfDatadogExporter) self =
        g_object_new(PF_TYPE_DATADOG_EXPORTER, "name", "datadog", "timeout-seconds",
                     config->export_timeout_seconds, NULL);
    const gchar *api = config->datadog_api;
    gboolean by_http = api[0] == 'v' || (api[0] == 'a' && variable("DD_API_KEY") != NULL);
    self->deltas = pf_deltas_new();
    self->tags = pf_datadog_common_tags();
    self->is_v1 = strcmp(api, "v1") == 0;
    self->interval = config->flush_interval_seconds;
    self->batch_size = config->batch_size;
    self->max_retries = config->max_retries;
    if (by_http) {
        return set_up_http(self, error) ? g_steal_pointer(&self) : NULL;
    }
    g_autofree gchar *url = dogstatsd_url();
    self->dogstatsd = pf_dogstatsd_new(url, self->tags, error);
    return self->dogstatsd != NULL ? g_steal_pointer(&self) : NULL;
}
