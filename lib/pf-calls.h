// SPDX-License-Identifier: Apache-2.0
// Which functions are output functions.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

PF_API const gchar *pf_calls_get_family(const gchar *function);

G_END_DECLS
