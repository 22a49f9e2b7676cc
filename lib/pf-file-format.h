// SPDX-License-Identifier: Apache-2.0
// A set as lines of JSON or CSV; the columns are in docs/exporters.md.  Internal.
#pragma once
#include "pf-series.h"

#define PF_CSV_HEAD                                                                                \
    "unix_ns,start_unix_ns,metric,kind,unit,program,function,site,detail,value,count,sum,"         \
    "p50,p90,p99,p999,buckets\n"

void pf_file_write_json(PfMetricSet *set, GString *out);
void pf_file_write_csv(PfMetricSet *set, GString *out);

// Seconds; 0 when there is nothing.
gdouble pf_buckets_quantile(const pf_buckets *self, gdouble share);
