// SPDX-License-Identifier: Apache-2.0
// How one export went: a small boxed type.
#include "pf-export-result.h"

G_DEFINE_BOXED_TYPE(PfExportResult, pf_export_result, pf_export_result_copy, pf_export_result_free)

static PfExportResult *make(gboolean success, guint64 count, const gchar *message, gdouble ms) {
    PfExportResult *self = g_new0(PfExportResult, 1);
    self->success = success;
    self->exported_count = count;
    self->error_message = g_strdup(message);
    self->response_time_ms = MAX(ms, 0); // also where a clock was set back
    return self;
}

/**
 * pf_export_result_new_success:
 * @exported_count: how many things arrived
 * @response_time_ms: how long it took, in ms; what is below 0 counts as 0
 *
 * The result of an export in which everything arrived.
 *
 * Returns: (transfer full): a new result
 */
PfExportResult *pf_export_result_new_success(guint64 exported_count, gdouble response_time_ms) {
    return make(TRUE, exported_count, NULL, response_time_ms);
}

/**
 * pf_export_result_new_failure:
 * @error_message: what went wrong, in one line
 * @response_time_ms: how long it took, in ms; what is below 0 counts as 0
 *
 * The result of an export that failed; nothing counts as exported.
 *
 * Returns: (transfer full): a new result
 */
PfExportResult *pf_export_result_new_failure(const gchar *error_message, gdouble response_time_ms) {
    g_return_val_if_fail(error_message != NULL, NULL);
    return make(FALSE, 0, error_message, response_time_ms);
}

/**
 * pf_export_result_copy:
 * @self: a result
 *
 * Copies it.
 *
 * Returns: (transfer full): a copy
 */
PfExportResult *pf_export_result_copy(const PfExportResult *self) {
    return make(self->success, self->exported_count, self->error_message, self->response_time_ms);
}

/**
 * pf_export_result_free:
 * @self: (nullable): a result
 *
 * Frees it.
 */
void pf_export_result_free(PfExportResult *self) {
    if (self != NULL) {
        g_free(self->error_message);
        g_free(self);
    }
}
