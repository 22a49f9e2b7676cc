// SPDX-License-Identifier: Apache-2.0
// PfController: changes how a running process is measured.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

#define PF_TYPE_CONTROLLER (pf_controller_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfController, pf_controller, PF, CONTROLLER, GObject)

PF_API PfController *pf_controller_new_for_pid(guint pid, GError **error);
PF_API PfController *pf_controller_new_for_file(const gchar *path, GError **error);

/**
 * PfSiteRate:
 * @address: return address of a site
 * @call: number of the output function in the table of calls
 * @stream: number of the stream in its segment; 0: every stream
 * @rate: from 0 to 1
 *
 * The rate of a site.
 */
typedef struct {
    guint64 address;
    guint call;
    guint stream;
    gdouble rate;
} PfSiteRate;

PF_API const gchar *pf_controller_get_path(PfController *self);
PF_API gboolean pf_controller_set_active(PfController *self, gboolean active, GError **error);
PF_API gboolean pf_controller_set_rate(PfController *self, gdouble rate, GError **error);
PF_API gboolean pf_controller_set_site_rate(PfController *self, guint64 address,
                                            const gchar *function, gdouble rate, GError **error);
PF_API gboolean pf_controller_set_rates(PfController *self, gdouble rate, const PfSiteRate *sites,
                                        guint site_count, GError **error);
PF_API gboolean pf_controller_clear_site_rates(PfController *self, GError **error);
PF_API gboolean pf_controller_reset(PfController *self, GError **error);

G_END_DECLS
