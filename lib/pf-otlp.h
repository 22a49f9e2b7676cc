// SPDX-License-Identifier: Apache-2.0
// Points as an ExportMetricsServiceRequest, and the answer to one.  Internal.
#pragma once
#include "pf-deltas.h"

typedef struct {
    gboolean is_json;
    gboolean is_explicit; // histograms with bounds instead of exponential ones
    gboolean without_exemplars;
    pf_deltas *deltas;            // NULL: cumulative
    const gchar *service;         // OTEL_SERVICE_NAME; NULL: the program
    const gchar *const *resource; // name, value, ...
} pf_otlp_form;

// Points of one program stand together.
GString *pf_otlp_request(const pf_otlp_form *form, PfMetricSet *set, const guint *order,
                         guint count);
// The order that this wants; free with g_free.
guint *pf_otlp_order(PfMetricSet *set);

// partial_success of an answer: points that were refused, and why (may be NULL).
guint64 pf_otlp_rejected(const GString *answer, gboolean is_json, gchar **ret_message);
