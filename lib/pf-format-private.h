// SPDX-License-Identifier: Apache-2.0
// The writers of the formats: each gives its whole text.  Internal.
#pragma once
#include "pf-flame.h"
#include "pf-format.h"

// NULL: *error says why.
GBytes *pf_format_write_pprof(PfSnapshot *snapshot, const pf_flame *flame, GError **error);
void pf_format_write_folded(GString *text, const pf_flame *flame);
void pf_format_write_speedscope(GString *text, PfSnapshot *snapshot, const pf_flame *flame);
void pf_format_write_trace(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer);
void pf_format_write_csv(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer);
void pf_format_write_openmetrics(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer,
                                 gboolean is_openmetrics);
