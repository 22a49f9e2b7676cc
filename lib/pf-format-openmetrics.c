// SPDX-License-Identifier: Apache-2.0
// OpenMetrics 1.0 and Prometheus' text format 0.0.4: metrics by function, stream and call site.
#include "pf-format-private.h"
#include <math.h>
#include <string.h>

#define MOST_SITES 50u // a label with more values than this is a burden to every server

typedef struct {
    GString *out;
    gboolean is_openmetrics; // counters are declared without _total there, and it ends with # EOF
} writing;

static void put_head(writing *self, const gchar *name, const gchar *type, const gchar *unit,
                     const gchar *help) {
    gboolean is_counter = strcmp(type, "counter") == 0;
    const gchar *suffix = is_counter && !self->is_openmetrics ? "_total" : "";
    g_string_append_printf(self->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name,
                           suffix, type);
    if (self->is_openmetrics && unit != NULL) {
        g_string_append_printf(self->out, "# UNIT %s %s\n", name, unit);
    }
}

static void put_label(GString *out, const gchar *name, const gchar *value) {
    g_string_append_printf(out, "%s%s=\"", out->len > 0 ? "," : "", name);
    for (; *value != 0; value++) {
        if (*value == '\n') {
            g_string_append(out, "\\n");
        } else {
            g_string_append_printf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "",
                                   *value);
        }
    }
    g_string_append_c(out, '"');
}

static void put_sample(writing *self, const gchar *name, const gchar *labels, gdouble value) {
    gchar digits[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(digits, sizeof digits, value == floor(value) ? "%.0f" : "%.9f", value);
    g_string_append_printf(self->out, "%s%s%s%s %s\n", name, *labels != 0 ? "{" : "", labels,
                           *labels != 0 ? "}" : "", digits);
}

// --- rows with their labels

typedef struct {
    gchar *labels;
    const PfStats *stats;
} row;

static void row_clear(gpointer data) { g_free(((row *)data)->labels); }

static GArray *rows_new(void) {
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(row));
    g_array_set_clear_func(rows, row_clear);
    return rows;
}

static void add_row(GArray *rows, GString *labels, const PfStats *stats) {
    row one = {g_string_free(labels, FALSE), stats};
    g_array_append_val(rows, one);
}

static gdouble calls_of(const PfStats *stats) { return (gdouble)stats->message_count; }
static gdouble bytes_of(const PfStats *stats) { return (gdouble)stats->bytes; }
static gdouble errors_of(const PfStats *stats) { return (gdouble)stats->error_count; }
static gdouble seconds_of(const PfStats *stats) {
    return pf_stats_has_estimate(stats) ? stats->estimate.total_ns / 1e9 : -1;
}

static void put_counters(writing *self, const gchar *prefix, const GArray *rows,
                         const gchar *what) {
    static const struct {
        const gchar *name;
        const gchar *unit;
        const gchar *help;
        gdouble (*value)(const PfStats *stats);
    } counters[] = {
        {"calls", NULL, "Output calls", calls_of},
        {"written_bytes", "bytes", "Bytes handed to output calls", bytes_of},
        {"failed_calls", NULL, "Output calls that failed", errors_of},
        {"duration_seconds", "seconds", "Estimated time in output calls", seconds_of},
    };
    for (guint c = 0; c < G_N_ELEMENTS(counters); c++) {
        g_autofree gchar *name = g_strdup_printf("%s_%s", prefix, counters[c].name);
        g_autofree gchar *sample = g_strconcat(name, "_total", NULL);
        g_autofree gchar *help = g_strdup_printf("%s, by %s.", counters[c].help, what);
        put_head(self, name, "counter", counters[c].unit, help);
        for (guint i = 0; i < rows->len; i++) {
            const row *one = &g_array_index(rows, row, i);
            gdouble value = counters[c].value(one->stats);
            if (value >= 0) {
                put_sample(self, sample, one->labels, value);
            }
        }
    }
}

// Cumulative over the timed calls: how many took at most 2^n ns.
static void put_histogram(writing *self, const row *one) {
    const gchar *name = "pfprof_timed_call_duration_seconds";
    g_autofree gchar *bucket = g_strconcat(name, "_bucket", NULL);
    guint64 sum = 0;
    guint64 low = 0;
    guint64 end = 0;
    guint64 count = 0;
    guint index = 0;
    for (guint64 edge = 64; edge <= G_GUINT64_CONSTANT(1) << 34; edge *= 2) {
        while (pf_histogram_get_bucket(one->stats->histogram, index, &low, &end, &count, NULL) &&
               end <= edge) {
            sum += count;
            index++;
        }
        gchar limit[G_ASCII_DTOSTR_BUF_SIZE];
        g_ascii_formatd(limit, sizeof limit, "%.9g", (gdouble)edge / 1e9);
        g_autofree gchar *labels = g_strdup_printf("%s,le=\"%s\"", one->labels, limit);
        put_sample(self, bucket, labels, (gdouble)sum);
    }
    g_autofree gchar *labels = g_strdup_printf("%s,le=\"+Inf\"", one->labels);
    g_autofree gchar *sum_name = g_strconcat(name, "_sum", NULL);
    g_autofree gchar *count_name = g_strconcat(name, "_count", NULL);
    gdouble all = (gdouble)pf_histogram_get_count(one->stats->histogram);
    put_sample(self, bucket, labels, all);
    put_sample(self, sum_name, one->labels, (gdouble)one->stats->total_duration_ns / 1e9);
    put_sample(self, count_name, one->labels, all);
}

static void put_functions(writing *self, PfSnapshot *snapshot) {
    GPtrArray *functions = pf_snapshot_get_functions(snapshot);
    g_autoptr(GArray) rows = rows_new();
    for (guint i = 0; i < functions->len; i++) {
        const PfFunction *function = g_ptr_array_index(functions, i);
        GString *labels = g_string_new(NULL);
        put_label(labels, "function", function->name);
        put_label(labels, "family", function->family);
        add_row(rows, labels, &function->stats);
    }
    put_counters(self, "pfprof_function", rows, "output function");
    put_head(self, "pfprof_timed_call_duration_seconds", "histogram", "seconds",
             "Latency of the timed calls, by output function.");
    for (guint i = 0; i < rows->len; i++) {
        put_histogram(self, &g_array_index(rows, row, i));
    }
}

static void put_streams(writing *self, PfSnapshot *snapshot) {
    GPtrArray *streams = pf_snapshot_get_streams(snapshot);
    g_autoptr(GArray) rows = rows_new();
    for (guint i = 0; i < streams->len && i < MOST_SITES; i++) {
        const PfStream *stream = g_ptr_array_index(streams, i);
        g_autofree gchar *id = g_strdup_printf("%u", stream->id);
        GString *labels = g_string_new(NULL);
        put_label(labels, "stream", id);
        put_label(labels, "kind", pf_stream_kind_to_string(stream->kind));
        put_label(labels, "path", stream->name);
        add_row(rows, labels, &stream->stats);
    }
    put_counters(self, "pfprof_stream", rows, "stream");
}

static void put_sites(writing *self, PfSnapshot *snapshot, PfSymbolizer *symbolizer) {
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    g_autoptr(GArray) rows = rows_new();
    for (guint i = 0; i < sites->len && i < MOST_SITES; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        g_autoptr(PfPlace) place =
            pf_symbolizer_find_return(symbolizer, site->module, site->address);
        g_autofree gchar *where = pf_place_to_string(place);
        g_autofree gchar *address = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", site->address);
        GString *labels = g_string_new(NULL);
        put_label(labels, "site", where);
        put_label(labels, "function", site->function);
        put_label(labels, "address", address); // one line can be several sites
        add_row(rows, labels, &site->stats);
    }
    put_counters(self, "pfprof_site", rows, "call site, dearest first");
}

void pf_format_write_openmetrics(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer,
                                 gboolean is_openmetrics) {
    writing self = {text, is_openmetrics};
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    put_functions(&self, snapshot);
    put_streams(&self, snapshot);
    put_sites(&self, snapshot, symbolizer);
    put_head(&self, "pfprof_uptime_seconds", "gauge", "seconds", "How long was counted.");
    put_sample(&self, "pfprof_uptime_seconds", "", pf_snapshot_get_uptime_seconds(snapshot));
    put_head(&self, "pfprof_start_time_seconds", "gauge", "seconds", "When counting began.");
    put_sample(&self, "pfprof_start_time_seconds", "",
               process != NULL ? (gdouble)process->start_unix_ns / 1e9 : 0);
    put_head(&self, "pfprof_lost_calls", "counter", NULL, "Calls that were lost, by reason.");
    const gchar *const *reasons = pf_snapshot_get_lost_reasons();
    for (guint i = 0; reasons[i] != NULL; i++) {
        GString *labels = g_string_new(NULL);
        put_label(labels, "reason", reasons[i]);
        put_sample(&self, "pfprof_lost_calls_total", labels->str,
                   (gdouble)pf_snapshot_get_lost(snapshot, reasons[i]));
        g_string_free(labels, TRUE);
    }
    if (is_openmetrics) {
        g_string_append(text, "# EOF\n");
    }
}
