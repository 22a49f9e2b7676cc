// SPDX-License-Identifier: Apache-2.0
// The table of metrics, series and buckets.
#include "pf-series.h"
#include <math.h>
#include <string.h>

static pf_metric metrics[PF_METRIC_COUNT] = {
#define PF_METRIC(id, kind, unit, name, help, labels)                                              \
    {"pfprof." name, unit, help, PF_KIND_##kind, NULL},
#include "pf-metrics.def"
};

static gchar *prometheus_name(const pf_metric *metric) {
    GString *name = g_string_new(metric->name);
    g_string_replace(name, ".", "_", 0);
    if (strcmp(metric->unit, "s") == 0) {
        g_string_append(name, "_seconds");
    } else if (strcmp(metric->unit, "By") == 0) {
        g_string_append(name, "_bytes");
    }
    return g_string_free(name, FALSE);
}

const pf_metric *pf_metric_get(pf_metric_id id) {
    static gsize once;
    if (g_once_init_enter(&once)) {
        for (guint i = 0; i < PF_METRIC_COUNT; i++) {
            metrics[i].prometheus = prometheus_name(&metrics[i]);
        }
        g_once_init_leave(&once, 1);
    }
    return &metrics[id];
}

pf_series *pf_series_new(pf_metric_id id, const gchar *program, const gchar *const *labels,
                         gint64 start_unix_ns) {
    pf_series *self = g_new0(pf_series, 1);
    g_atomic_ref_count_init(&self->references);
    self->id = id;
    self->program = g_utf8_make_valid(program, -1);
    self->labels = g_strdupv((gchar **)labels);
    for (gchar **label = self->labels; *label != NULL; label++) {
        gchar *valid = g_utf8_make_valid(*label, -1); // every receiver wants UTF-8
        g_free(*label);
        *label = valid;
    }
    self->start_unix_ns = start_unix_ns;
    return self;
}

pf_series *pf_series_ref(pf_series *self) {
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void pf_series_unref(pf_series *self) {
    if (self != NULL && g_atomic_ref_count_dec(&self->references)) {
        g_free(self->program);
        g_strfreev(self->labels);
        g_free(self->code_function);
        g_free(self->code_file);
        g_free(self);
    }
}

void pf_buckets_clear(pf_buckets *self) {
    g_free(self->bucket);
    memset(self, 0, sizeof *self);
}

pf_buckets pf_buckets_copy(const pf_buckets *self) {
    pf_buckets copy = *self;
    copy.bucket = g_memdup2(self->bucket, self->count * sizeof *self->bucket);
    return copy;
}

guint64 pf_buckets_get(const pf_buckets *self, guint bucket) {
    return bucket >= self->first && bucket - self->first < self->count
               ? self->bucket[bucket - self->first]
               : 0;
}

void pf_buckets_add(pf_buckets *self, guint bucket, guint64 count) {
    guint first = self->count > 0 ? MIN(self->first, bucket) : bucket;
    guint end = self->count > 0 ? MAX(self->first + self->count, bucket + 1) : bucket + 1;
    if (end - first != self->count) {
        guint64 *wider = g_new0(guint64, end - first);
        if (self->count > 0) {
            memcpy(wider + (self->first - first), self->bucket, self->count * sizeof *wider);
        }
        g_free(self->bucket);
        self->bucket = wider;
        self->first = first;
        self->count = end - first;
    }
    self->bucket[bucket - first] += count;
    self->total += count;
}

// By hand: a page is full of such numbers, and printf was much of what it cost.
static void put_integer(GString *text, gint64 value) {
    gchar digits[24];
    gchar *at = digits + sizeof digits;
    guint64 rest = value < 0 ? -(guint64)value : (guint64)value;
    do {
        *--at = (gchar)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *--at = '-';
    }
    g_string_append_len(text, at, digits + sizeof digits - at);
}

void pf_put_number(GString *text, gdouble value) {
    gchar digits[G_ASCII_DTOSTR_BUF_SIZE];
    if (value == floor(value) && fabs(value) < 9007199254740992.0) {
        put_integer(text, (gint64)value);
        return;
    }
    for (guint precision = 15; precision <= 17; precision++) {
        gchar format[8];
        g_snprintf(format, sizeof format, "%%.%ug", precision);
        g_ascii_formatd(digits, sizeof digits, format, value);
        if (g_ascii_strtod(digits, NULL) == value) {
            break;
        }
    }
    g_string_append(text, digits);
}
