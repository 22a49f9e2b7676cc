// SPDX-License-Identifier: Apache-2.0
// PfMultiExporter: several exporters at once.
#pragma once
#include "pf-exporter.h"

G_BEGIN_DECLS

#define PF_TYPE_MULTI_EXPORTER (pf_multi_exporter_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfMultiExporter, pf_multi_exporter, PF, MULTI_EXPORTER, PfExporter)

PF_API PfMultiExporter *pf_multi_exporter_new(void);
PF_API PfMultiExporter *pf_multi_exporter_new_from_config(const PfExporterConfig *config,
                                                          gchar ***ret_problems);
PF_API void pf_multi_exporter_add(PfMultiExporter *self, PfExporter *exporter);
PF_API guint pf_multi_exporter_get_count(PfMultiExporter *self);
PF_API PfExporter *pf_multi_exporter_get(PfMultiExporter *self, guint index);
PF_API PfExportResult *pf_multi_exporter_finish(PfMultiExporter *self, guint milliseconds);

G_END_DECLS
