// SPDX-License-Identifier: Apache-2.0
// PfExporter: what every exporter is.
#pragma once
#include "pf-config.h"
#include "pf-export-result.h"
#include "pf-metric-set.h"

G_BEGIN_DECLS

#define PF_TYPE_EXPORTER (pf_exporter_get_type())
PF_API G_DECLARE_DERIVABLE_TYPE(PfExporter, pf_exporter, PF, EXPORTER, GObject)

/**
 * PfExporterClass:
 * @parent_class: the parent
 * @export_set: sends a set, and returns how that went; may block until the exporter's deadline
 * @close: lets go of what is open; nothing is exported afterwards
 *
 * What an exporter of one's own fills in: @export_set at least.  It may be called by any thread, but
 * never by two at a time.
 */
struct _PfExporterClass {
    GObjectClass parent_class;
    PfExportResult *(*export_set)(PfExporter *self, PfMetricSet *set);
    void (*close)(PfExporter *self);
    /*< private >*/
    gpointer reserved[6];
};

PF_API PfExportResult *pf_exporter_export(PfExporter *self, PfMetricSet *set);
PF_API void pf_exporter_limit(PfExporter *self, guint milliseconds);
PF_API void pf_exporter_close(PfExporter *self);
PF_API const gchar *pf_exporter_get_name(PfExporter *self);
PF_API guint64 pf_exporter_get_exported_count(PfExporter *self);
PF_API guint64 pf_exporter_get_dropped_count(PfExporter *self);

// For those who write one.
PF_API gint64 pf_exporter_get_deadline(PfExporter *self);
PF_API gboolean pf_exporter_wait(PfExporter *self, guint milliseconds);
PF_API void pf_exporter_count_dropped(PfExporter *self, guint64 points);

G_END_DECLS
