// SPDX-License-Identifier: Apache-2.0
// What an exporter does for who runs it.  Internal.
#pragma once
#include "pf-exporter.h"

// Counts the points of an export that does not end as dropped; what it does later counts no more.
void pf_exporter_give_up(PfExporter *self, guint64 points);
