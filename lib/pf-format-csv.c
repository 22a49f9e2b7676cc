// SPDX-License-Identifier: Apache-2.0
// Comma-separated values (RFC 4180): one row for each call site, dearest first.
#include "pf-format-private.h"
#include <string.h>

// Text of the profiled program must not become a formula when a spreadsheet opens the file.
static void put_text(GString *out, const gchar *text) {
    g_string_append(out, "\"");
    if (*text != 0 && strchr("=+-@\t\r", *text) != NULL) {
        g_string_append_c(out, '\'');
    }
    for (; *text != 0; text++) {
        if (*text == '"') {
            g_string_append_c(out, '"');
        }
        g_string_append_c(out, *text);
    }
    g_string_append(out, "\",");
}

static void put_uint(GString *out, guint64 value) {
    g_string_append_printf(out, "%" G_GUINT64_FORMAT ",", value);
}

// Empty: not known.
static void put_number(GString *out, gboolean known, gdouble value, const gchar *format) {
    gchar digits[400];
    g_string_append(out, known ? g_ascii_formatd(digits, sizeof digits, format, value) : "");
    g_string_append_c(out, ',');
}

static void put_site(GString *out, const PfCallSite *site, PfSymbolizer *symbolizer) {
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(symbolizer, site->module, site->address);
    const PfStats *stats = &site->stats;
    gboolean known = pf_stats_has_estimate(stats);
    g_autofree gchar *offset = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", site->offset);
    put_text(out, site->function);
    put_text(out, site->is_message ? "message" : "flush");
    put_text(out, place->function != NULL ? place->function : "");
    put_text(out, place->file != NULL ? place->file : "");
    put_number(out, place->file != NULL, place->line, "%.0f");
    put_text(out, place->module);
    put_text(out, offset);
    put_uint(out, stats->message_count);
    put_uint(out, stats->sampled_count);
    put_uint(out, stats->bytes);
    put_uint(out, stats->error_count);
    put_uint(out, site->thread_count);
    put_uint(out, stats->total_duration_ns);
    put_number(out, known, stats->estimate.total_ns, "%.0f");
    put_number(out, known, stats->estimate.low_ns, "%.0f");
    put_number(out, known, stats->estimate.high_ns, "%.0f");
    static const gdouble shares[] = {0.5, 0.9, 0.99, 0.999};
    for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
        gdouble ns = 0;
        gboolean timed = pf_stats_get_quantile_ns(stats, shares[i], &ns);
        put_number(out, timed, ns, "%.0f");
    }
    put_uint(out, stats->max_ns);
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        put_number(out, stats->reasons[i].share >= 0, stats->reasons[i].share, "%.6f");
    }
    g_string_truncate(out, out->len - 1);
    g_string_append(out, "\r\n");
}

void pf_format_write_csv(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer) {
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    g_string_append(text, "function,kind,source_function,file,line,module,offset,message_count,"
                          "sampled_count,bytes,error_count,thread_count,total_duration_ns,"
                          "estimated_total_duration_ns,estimate_low_ns,estimate_high_ns,p50_ns,"
                          "p90_ns,p99_ns,p99_9_ns,max_ns,format_share,flush_share,lock_share,"
                          "blocked_share\r\n");
    for (guint i = 0; i < sites->len; i++) {
        put_site(text, g_ptr_array_index(sites, i), symbolizer);
    }
}
