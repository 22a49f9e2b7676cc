// SPDX-License-Identifier: Apache-2.0
// Commands of a program's own beside those of pfprof.
#pragma once
#include "pf-hub.h"

G_BEGIN_DECLS

PF_API gboolean pf_cli_register_command(const gchar *name, const gchar *summary, PfCommandFunc func,
                                        gpointer user_data, GDestroyNotify destroy, GError **error);
PF_API gboolean pf_cli_run(const gchar *const *arguments, gint *ret_status, GError **error);

G_END_DECLS
