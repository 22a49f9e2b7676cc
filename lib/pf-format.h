// SPDX-License-Identifier: Apache-2.0
// What a snapshot can be exported as, for other people's viewers.
#pragma once
#include "pf-snapshot.h"

G_BEGIN_DECLS

/**
 * PfFormat:
 * @PF_FORMAT_JSON: everything, as [method@Snapshot.to_json] writes it
 * @PF_FORMAT_PPROF: a profile for pprof, gzipped protobuf
 * @PF_FORMAT_FOLDED: one line for each call stack and its time in ns, for flame graphs
 * @PF_FORMAT_SPEEDSCOPE: a file for speedscope
 * @PF_FORMAT_CHROME_TRACE: the slowest and the recent calls, for chrome://tracing and Perfetto
 * @PF_FORMAT_CSV: one row for each call site
 * @PF_FORMAT_OPENMETRICS: OpenMetrics 1.0
 * @PF_FORMAT_PROMETHEUS: Prometheus' text format 0.0.4
 *
 * A form of export; see docs/report.md.
 */
typedef enum {
    PF_FORMAT_JSON,
    PF_FORMAT_PPROF,
    PF_FORMAT_FOLDED,
    PF_FORMAT_SPEEDSCOPE,
    PF_FORMAT_CHROME_TRACE,
    PF_FORMAT_CSV,
    PF_FORMAT_OPENMETRICS,
    PF_FORMAT_PROMETHEUS,
} PfFormat;

PF_API gboolean pf_format_from_string(const gchar *name, PfFormat *ret_format);
PF_API GBytes *pf_snapshot_export(PfSnapshot *self, PfFormat format, PfSymbolizer *symbolizer,
                                  GError **error);

G_END_DECLS
