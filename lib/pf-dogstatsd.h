// SPDX-License-Identifier: Apache-2.0
// Sends DogStatsD datagrams.  Internal.
#pragma once
#include "pf-deltas.h"
#include "pf-exporter.h"

typedef struct pf_dogstatsd pf_dogstatsd;

// `url`: udp://HOST:PORT or unix://PATH.
pf_dogstatsd *pf_dogstatsd_new(const gchar *url, gchar **common_tags, GError **error);
void pf_dogstatsd_free(pf_dogstatsd *self);
// Points that left; an error message when not all did.
guint64 pf_dogstatsd_send(pf_dogstatsd *self, PfExporter *exporter, PfMetricSet *set,
                          pf_deltas *deltas, gchar **ret_error);
