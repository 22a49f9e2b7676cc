// SPDX-License-Identifier: Apache-2.0
// PfFileExporter: JSON lines or CSV.
#pragma once
#include "pf-exporter.h"

G_BEGIN_DECLS

#define PF_TYPE_FILE_EXPORTER (pf_file_exporter_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfFileExporter, pf_file_exporter, PF, FILE_EXPORTER, PfExporter)

PF_API PfFileExporter *pf_file_exporter_new(const PfExporterConfig *config, GError **error);

G_END_DECLS
