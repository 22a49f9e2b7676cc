// SPDX-License-Identifier: Apache-2.0
// PfOpenTelemetryExporter: OTLP over HTTP.
#pragma once
#include "pf-exporter.h"

G_BEGIN_DECLS

#define PF_TYPE_OPENTELEMETRY_EXPORTER (pf_opentelemetry_exporter_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfOpenTelemetryExporter, pf_opentelemetry_exporter, PF,
                            OPENTELEMETRY_EXPORTER, PfExporter)

PF_API PfOpenTelemetryExporter *pf_opentelemetry_exporter_new(const PfExporterConfig *config,
                                                              GError **error);

G_END_DECLS
