// SPDX-License-Identifier: Apache-2.0
// What the typed parts of the configuration are made from.  Internal.
#pragma once
#include "pf-config.h"
#include "pf-setting.h"

const pf_setting_value *pf_profiling_config_get(PfProfilingConfig *self, pf_setting_id id);
const gchar *pf_profiling_config_get_text(PfProfilingConfig *self, pf_setting_id id);
