// SPDX-License-Identifier: Apache-2.0
// What the files of a snapshot's text share.  Internal.
#pragma once
#include "pf-snapshot-private.h"
#include "pf-text-writer.h"

gdouble pf_snapshot_text_total(const PfStats *stats); // -1: nothing honest can be said

// pf-snapshot-text-places.c
void pf_snapshot_text_sites(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer);
void pf_snapshot_text_scopes(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer);
void pf_snapshot_text_slowest(pf_text *text, PfSnapshot *self, PfSymbolizer *symbolizer);
