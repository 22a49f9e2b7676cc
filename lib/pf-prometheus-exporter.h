// SPDX-License-Identifier: Apache-2.0
// PfPrometheusExporter: a page to scrape, a Pushgateway, a textfile.
#pragma once
#include "pf-exporter.h"

G_BEGIN_DECLS

#define PF_TYPE_PROMETHEUS_EXPORTER (pf_prometheus_exporter_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfPrometheusExporter, pf_prometheus_exporter, PF, PROMETHEUS_EXPORTER,
                            PfExporter)

PF_API PfPrometheusExporter *pf_prometheus_exporter_new(const PfExporterConfig *config,
                                                        GError **error);
PF_API guint pf_prometheus_exporter_get_port(PfPrometheusExporter *self);

G_END_DECLS
