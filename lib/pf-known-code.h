// SPDX-License-Identifier: Apache-2.0
// Code that is never to blame for a message: libc, language runtimes and well-known loggers.  Internal.
#pragma once
#include "pf-symbolizer.h"

gboolean pf_is_library_code(const PfPlace *place);
