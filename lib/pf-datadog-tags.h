// SPDX-License-Identifier: Apache-2.0
// Tags for Datadog, from DD_* and from a series.  Internal.
#pragma once
#include "pf-series.h"

// Those of every metric: service, env, version, DD_TAGS, the entity.
gchar **pf_datadog_common_tags(void);
// Of one series, without those; NULL-terminated.
gchar **pf_datadog_tags(const pf_series *series);
