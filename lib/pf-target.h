// SPDX-License-Identifier: Apache-2.0
// PfTarget: a profiled process, watched until after its end.
#pragma once
#include "pf-snapshot.h"

G_BEGIN_DECLS

#define PF_TYPE_TARGET (pf_target_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfTarget, pf_target, PF, TARGET, GObject)

PF_API PfTarget *pf_target_new_from_pid(guint pid, GError **error);
PF_API PfTarget *pf_target_new_from_file(const gchar *path, GError **error);
PF_API const gchar *pf_target_get_path(PfTarget *self);
PF_API PfSnapshot *pf_target_take_snapshot(PfTarget *self, PfSnapshotFlags flags, GError **error);

G_END_DECLS
