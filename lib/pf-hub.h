// SPDX-License-Identifier: Apache-2.0
// PfHub: components and commands by name.
#pragma once
#include "pf-component.h"

G_BEGIN_DECLS

/**
 * PfCommandFunc:
 * @arguments: (array zero-terminated=1): what stood behind the command's name
 * @user_data: what was registered with it
 *
 * Runs a command.
 *
 * Returns: its exit status, 0 for success
 */
typedef gint (*PfCommandFunc)(const gchar *const *arguments, gpointer user_data);

#define PF_TYPE_HUB (pf_hub_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfHub, pf_hub, PF, HUB, GObject)

PF_API PfHub *pf_hub_new(void);
PF_API PfHub *pf_hub_get_default(void);

PF_API gboolean pf_hub_add_component(PfHub *self, const gchar *name, GObject *component,
                                     GError **error);
PF_API GObject *pf_hub_get_component(PfHub *self, const gchar *name);
PF_API gboolean pf_hub_remove_component(PfHub *self, const gchar *name, GError **error);
PF_API gchar **pf_hub_list_components(PfHub *self);

PF_API gboolean pf_hub_add_command(PfHub *self, const gchar *name, const gchar *summary,
                                   PfCommandFunc func, gpointer user_data, GDestroyNotify destroy,
                                   GError **error);
PF_API gboolean pf_hub_remove_command(PfHub *self, const gchar *name, GError **error);
PF_API gchar **pf_hub_list_commands(PfHub *self);
PF_API gchar *pf_hub_get_command_summary(PfHub *self, const gchar *name);
PF_API gboolean pf_hub_run_command(PfHub *self, const gchar *name, const gchar *const *arguments,
                                   gint *ret_status, GError **error);

PF_API void pf_hub_clear(PfHub *self);

G_END_DECLS
