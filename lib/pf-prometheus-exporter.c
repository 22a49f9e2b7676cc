// SPDX-License-Identifier: Apache-2.0
// PfPrometheusExporter: a page to scrape, a Pushgateway, a textfile.
#include "pf-prometheus-exporter.h"
#include "pf-errors.h"
#include "pf-http.h"
#include "pf-output-file.h"
#include "pf-prometheus-format.h"
#include "pf-scrape-server.h"
#include <string.h>

// The page of one export in one format: scrapes come more often than exports.
typedef struct {
    guint64 export;
    pf_prometheus_format format;
    GBytes *plain; // NULL: there is none
    GBytes *packed;
} kept_page;

/**
 * PfPrometheusExporter:
 *
 * Offers the last set at `PROMETHEUS_LISTEN` under `/metrics`, in the format that the client prefers; sends
 * it to `PROMETHEUS_PUSHGATEWAY`; writes it to `PROMETHEUS_TEXTFILE`.  What is empty is not done.
 */
struct _PfPrometheusExporter {
    PfExporter parent_instance;
    gchar *push_url;
    gchar *textfile;
    guint max_retries;
    pf_scrape_server *server;
    GMutex lock;
    PfMetricSet *last;
    guint64 exports; // how often `last` has changed
    kept_page kept;  // of the server's thread
};

G_DEFINE_FINAL_TYPE(PfPrometheusExporter, pf_prometheus_exporter, PF_TYPE_EXPORTER)

static void drop_page(kept_page *self) {
    g_clear_pointer(&self->plain, g_bytes_unref);
    g_clear_pointer(&self->packed, g_bytes_unref);
}

static GBytes *keep_page(PfPrometheusExporter *self, pf_prometheus_format format, gboolean packed) {
    kept_page *kept = &self->kept;
    g_mutex_lock(&self->lock);
    g_autoptr(PfMetricSet) set =
        self->last != NULL ? pf_metric_set_ref(self->last) : pf_metric_set_new(0);
    guint64 export = self->exports;
    g_mutex_unlock(&self->lock);
    if (kept->plain == NULL || kept->export != export || kept->format != format) {
        drop_page(kept);
        kept->plain = g_string_free_to_bytes(pf_prometheus_write(set, format));
        kept->export = export;
        kept->format = format;
    }
    if (packed && kept->packed == NULL) {
        gsize size;
        const gchar *text = g_bytes_get_data(kept->plain, &size);
        kept->packed = pf_http_gzip(text, size);
    }
    return packed ? kept->packed : kept->plain; // NULL: it cannot be packed
}

static gboolean make_page(gpointer user, const pf_page_request *request, pf_page *ret_page) {
    if (strcmp(request->path, "/metrics") != 0) {
        g_string_assign(ret_page->body, "pfprof: the metrics are at /metrics\n");
        return strcmp(request->path, "/") == 0 || strcmp(request->path, "/healthz") == 0;
    }
    pf_prometheus_format format = pf_prometheus_choose(request->accept);
    GBytes *page = request->takes_gzip ? keep_page(user, format, TRUE) : NULL;
    ret_page->is_gzip = page != NULL;
    ret_page->ready = g_bytes_ref(page != NULL ? page : keep_page(user, format, FALSE));
    ret_page->content_type = pf_prometheus_content_type(format);
    return TRUE;
}

static gchar *push(PfPrometheusExporter *self, const GString *text) {
    g_autofree gchar *type =
        g_strdup_printf("Content-Type: %s", pf_prometheus_content_type(PF_PROMETHEUS_TEXT));
    const gchar *headers[] = {type, NULL};
    pf_http_request request = {
        .method = "PUT", // replaces what this host pushed before, in one piece
        .url = self->push_url,
        .headers = headers,
        .body = text->str,
        .size = text->len,
        .retried = "429 500 502 503 504",
        .max_retries = self->max_retries,
    };
    pf_http_result result;
    pf_http_send(PF_EXPORTER(self), &request, &result);
    gchar *error = g_steal_pointer(&result.error);
    pf_http_result_clear(&result);
    return error;
}

static PfExportResult *export_set(PfExporter *exporter, PfMetricSet *set) {
    PfPrometheusExporter *self = PF_PROMETHEUS_EXPORTER(exporter);
    g_autoptr(GString) problems = g_string_new(NULL);
    g_mutex_lock(&self->lock);
    g_clear_pointer(&self->last, pf_metric_set_unref);
    self->last = pf_metric_set_ref(set);
    self->exports++;
    g_mutex_unlock(&self->lock);
    GString *text = self->textfile != NULL || self->push_url != NULL
                        ? pf_prometheus_write(set, PF_PROMETHEUS_TEXT)
                        : NULL;
    // Whoever collects it is another user.  The name that it has until it is whole does not end as collectors want it.
    gint problem = self->textfile != NULL
                       ? pf_output_file_write(self->textfile, text->str, text->len, 0644)
                       : 0;
    if (problem != 0) {
        g_string_append_printf(problems, "%s cannot be written: %s", self->textfile,
                               g_strerror(problem));
    }
    g_autofree gchar *said = self->push_url != NULL ? push(self, text) : NULL;
    if (said != NULL) {
        g_string_append_printf(problems, "%s%s", problems->len > 0 ? "; " : "", said);
    }
    if (text != NULL) {
        g_string_free(text, TRUE);
    }
    guint points = pf_metric_set_get_point_count(set);
    if (problems->len > 0) {
        pf_exporter_count_dropped(exporter, points);
        return pf_export_result_new_failure(problems->str, 0);
    }
    return pf_export_result_new_success(points, 0);
}

static void close_exporter(PfExporter *exporter) {
    g_clear_pointer(&PF_PROMETHEUS_EXPORTER(exporter)->server, pf_scrape_server_free);
}

static void finalize(GObject *object) {
    PfPrometheusExporter *self = PF_PROMETHEUS_EXPORTER(object);
    g_clear_pointer(&self->server, pf_scrape_server_free);
    g_clear_pointer(&self->last, pf_metric_set_unref);
    drop_page(&self->kept);
    g_free(self->push_url);
    g_free(self->textfile);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_prometheus_exporter_parent_class)->finalize(object);
}

static void pf_prometheus_exporter_class_init(PfPrometheusExporterClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
    PF_EXPORTER_CLASS(class)->export_set = export_set;
    PF_EXPORTER_CLASS(class)->close = close_exporter;
}

static void pf_prometheus_exporter_init(PfPrometheusExporter *self) { g_mutex_init(&self->lock); }

// http://gateway:9091 gets the group of this host.
static gchar *make_push_url(const gchar *base, GError **error) {
    g_autoptr(GUri) uri =
        g_uri_parse(base, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_PARSE_RELAXED, NULL);
    if (uri == NULL || g_uri_get_userinfo(uri) != NULL) {
        g_set_error(error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED,
                    "PROVIDE_PROFILING_PROMETHEUS_PUSHGATEWAY: %s",
                    uri == NULL ? "not an address"
                                : "user and password belong into ~/.netrc, not into the address");
        return NULL;
    }
    if (strstr(base, "/metrics/job/") != NULL) {
        return g_strdup(base);
    }
    g_autofree gchar *host = g_uri_escape_string(g_get_host_name(), NULL, FALSE);
    gsize length = strlen(base) - (g_str_has_suffix(base, "/") ? 1 : 0);
    return g_strdup_printf("%.*s/metrics/job/pfprof/instance/%s", (gint)length, base, host);
}

/**
 * pf_prometheus_exporter_new:
 * @config: the settings of exporters
 * @error: return location for an error
 *
 * An exporter that listens already, with an empty page.
 *
 * Returns: (transfer full): a new exporter, or %NULL: the address is taken or not one
 */
PfPrometheusExporter *pf_prometheus_exporter_new(const PfExporterConfig *config, GError **error) {
    g_autoptr(PfPrometheusExporter) self =
        g_object_new(PF_TYPE_PROMETHEUS_EXPORTER, "name", "prometheus", "timeout-seconds",
                     config->export_timeout_seconds, NULL);
    self->max_retries = config->max_retries;
    if (*config->prometheus_textfile != 0) {
        self->textfile = g_strdup(config->prometheus_textfile);
    }
    if (*config->prometheus_pushgateway != 0 &&
        (self->push_url = make_push_url(config->prometheus_pushgateway, error)) == NULL) {
        return NULL;
    }
    if (*config->prometheus_listen != 0) {
        self->server = pf_scrape_server_new(config->prometheus_listen, make_page, self, error);
        if (self->server == NULL) {
            return NULL;
        }
    }
    return g_steal_pointer(&self);
}

/**
 * pf_prometheus_exporter_get_port:
 * @self: an exporter
 *
 * Tells the port that it listens on, which is another one than was asked for when that was 0.
 *
 * Returns: the port; 0: it does not listen
 */
guint pf_prometheus_exporter_get_port(PfPrometheusExporter *self) {
    g_return_val_if_fail(PF_IS_PROMETHEUS_EXPORTER(self), 0);
    return self->server != NULL ? pf_scrape_server_port(self->server) : 0;
}
