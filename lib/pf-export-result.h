// SPDX-License-Identifier: Apache-2.0
// PfExportResult: how one export went.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

/**
 * PfExportResult:
 * @success: whether everything arrived
 * @exported_count: how many things arrived; what they are, the exporter says
 * @error_message: (nullable): what went wrong, in one line; %NULL on success
 * @response_time_ms: how long it took, in ms
 *
 * How one export went.
 */
typedef struct {
    gboolean success;
    guint64 exported_count;
    gchar *error_message;
    gdouble response_time_ms;
} PfExportResult;

#define PF_TYPE_EXPORT_RESULT (pf_export_result_get_type())
PF_API GType pf_export_result_get_type(void);

PF_API PfExportResult *pf_export_result_new_success(guint64 exported_count,
                                                    gdouble response_time_ms);
PF_API PfExportResult *pf_export_result_new_failure(const gchar *error_message,
                                                    gdouble response_time_ms);
PF_API PfExportResult *pf_export_result_copy(const PfExportResult *self);
PF_API void pf_export_result_free(PfExportResult *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfExportResult, pf_export_result_free)

G_END_DECLS
