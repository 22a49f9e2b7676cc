// SPDX-License-Identifier: Apache-2.0
// fleet-pages FOLDER AGENTS VALUES: what so many agents would answer to a scrape with native histograms, each
// with so many latencies of a distribution of its own; all raw latencies, one a line, in FOLDER/raw.
#include "pf-prometheus-format.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Log-normal, each host with its own middle; one call in fifty blocks.
static guint64 draw(GRand *random, gdouble middle) {
    gdouble sum = 0;
    for (guint i = 0; i < 12; i++) {
        sum += g_rand_double(random);
    }
    gdouble ns = middle * exp((sum - 6) * 0.8);
    return (guint64)(g_rand_double(random) < 0.02 ? ns * 1000 : ns) + 1;
}

static GString *make_page(GRand *random, guint values, FILE *raw) {
    const gchar *labels[] = {"function", "write", "family", "write", NULL};
    PfMetricSet *set = pf_metric_set_new(0);
    pf_series *series = pf_series_new(PF_METRIC_DURATION, "app", labels, 0);
    pf_point *point = pf_metric_set_add(set, series, 0);
    gdouble middle = g_rand_double_range(random, 500, 20000);
    for (guint i = 0; i < values; i++) {
        guint64 ns = draw(random, middle);
        pf_buckets_add(&point->buckets, pf_hist_bucket(ns), 1);
        point->buckets.sum_ns += (gdouble)ns;
        fprintf(raw, "%" G_GUINT64_FORMAT "\n", ns);
    }
    GString *page = pf_prometheus_write(set, PF_PROMETHEUS_PROTOBUF);
    pf_series_unref(series);
    pf_metric_set_unref(set);
    return page;
}

int main(int count, char **arguments) {
    if (count != 4) {
        return 2;
    }
    g_autofree gchar *raw_path = g_build_filename(arguments[1], "raw", NULL);
    FILE *raw = fopen(raw_path, "w");
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (gint i = 0; raw != NULL && i < atoi(arguments[2]); i++) {
        g_autofree gchar *name = g_strdup_printf("%s/%d", arguments[1], i);
        GString *page = make_page(random, (guint)atoi(arguments[3]), raw);
        if (!g_file_set_contents(name, page->str, (gssize)page->len, NULL)) {
            return 1;
        }
        g_string_free(page, TRUE);
    }
    return raw == NULL || fclose(raw) != 0;
}
