// SPDX-License-Identifier: Apache-2.0
// What the files of a snapshot's JSON share.  Internal.
#pragma once
#include "pf-json-writer.h"
#include "pf-snapshot-private.h"

// pf-snapshot-json-stats.c: members of the object that is open.
gdouble pf_snapshot_json_seconds(gint64 unix_ns);
void pf_snapshot_json_estimate(pf_json *json, const PfEstimate *estimate);
void pf_snapshot_json_quantiles(pf_json *json, const PfStats *stats);
void pf_snapshot_json_histogram(pf_json *json, PfHistogram *histogram);
void pf_snapshot_json_templates(pf_json *json, const GPtrArray *templates);
// The members that every object with calls has, under the same names.
void pf_snapshot_json_stats(pf_json *json, const PfStats *stats);

// pf-snapshot-json-places.c: whole arrays.
void pf_snapshot_json_sites(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer,
                            const gchar *title, gboolean messages);
void pf_snapshot_json_real_sites(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer);
void pf_snapshot_json_events(pf_json *json, PfSymbolizer *symbolizer, const gchar *title,
                             const GPtrArray *events);
void pf_snapshot_json_stacks(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer);
void pf_snapshot_json_scopes(pf_json *json, PfSnapshot *self, PfSymbolizer *symbolizer);
