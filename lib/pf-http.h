// SPDX-License-Identifier: Apache-2.0
// HTTP requests of an exporter: deadline, retries, bounded answers.  Internal.
#pragma once
#include "pf-exporter.h"

typedef struct {
    const gchar *method; // "POST"
    const gchar *url;
    const gchar *const *headers; // "Name: value", secrets among them: never said
    const gchar *body;
    gsize size;
    const gchar *certificate; // (nullable): PEM file of the authorities to trust
    const gchar *client_certificate;
    const gchar *client_key;
    const gchar *retried; // statuses besides no answer at all: "429 502 503 504"
    guint max_retries;
} pf_http_request;

#define PF_HTTP_ANSWER_MOST 65536

typedef struct {
    glong status;    // 0: there was no answer
    gboolean is_ok;  // 2xx
    GString *answer; // its first PF_HTTP_ANSWER_MOST bytes
    gchar *error;    // one line without secrets; NULL when ok
    guint tries;
} pf_http_result;

void pf_http_send(PfExporter *exporter, const pf_http_request *request, pf_http_result *ret_result);
void pf_http_result_clear(pf_http_result *self);

// A URL without user, password and query.
gchar *pf_http_safe_url(const gchar *url);
GBytes *pf_http_gzip(const gchar *data, gsize size);

// How long to wait before another try, after so many and when the answer said Retry-After: a number of seconds
// or a date, as it stands there; `now` in s since 1970.
guint pf_http_backoff_ms(guint tries, guint retry_after);
guint pf_http_parse_retry_after(const gchar *text, gint64 now);
