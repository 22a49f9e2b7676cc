// SPDX-License-Identifier: Apache-2.0
// PfDatadogExporter: DogStatsD, or Datadog's HTTP interface.
#pragma once
#include "pf-exporter.h"

G_BEGIN_DECLS

#define PF_TYPE_DATADOG_EXPORTER (pf_datadog_exporter_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfDatadogExporter, pf_datadog_exporter, PF, DATADOG_EXPORTER,
                            PfExporter)

PF_API PfDatadogExporter *pf_datadog_exporter_new(const PfExporterConfig *config, GError **error);

G_END_DECLS
