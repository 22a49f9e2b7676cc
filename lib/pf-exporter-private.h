// SPDX-License-Identifier: Apache-2.0
// What an exporter does for who runs it.  Internal.
#pragma once
#include "pf-multi-exporter.h"

// Counts the points of an export that does not end as dropped; what it does later counts no more.
void pf_exporter_give_up(PfExporter *self, guint64 points);

// Of the points that were dropped, those in whose place a newer set came, which makes them good.
guint64 pf_multi_exporter_displaced(PfMultiExporter *self);
