// SPDX-License-Identifier: Apache-2.0
// pfprof report: what was measured, to be read: text that leads into details, JSON, or a page.
#include "cli.h"
#include <string.h>
#include <unistd.h>

#define MOST_STACKS 5u // of one call site

static const cli_option options[] = {
    {"html", 0, "FILE", "write one page that needs nothing else, for a browser"},
    {"site", 0, "TEXT", "only call sites whose function, file or place contains TEXT, with stacks"},
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

static void put_stacks(GString *text, PfSnapshot *snapshot, PfSymbolizer *symbolizer,
                       const PfCallSite *site) {
    g_autoptr(GPtrArray) mine = pf_snapshot_get_stacks_of(snapshot, site);
    for (guint i = 0; i < mine->len && i < MOST_STACKS; i++) {
        const PfStack *stack = g_ptr_array_index(mine, i);
        g_autofree gchar *count = pf_human_count(stack->weight);
        g_string_append_printf(text, "    stack, about %s calls\n", count);
        for (guint f = 0; f < stack->depth; f++) {
            g_autoptr(PfPlace) place = pf_symbolizer_find_return(
                symbolizer, stack->frames[f].module, stack->frames[f].address);
            g_autofree gchar *where = pf_place_to_string(place);
            g_autofree gchar *safe = pf_human_text(where, 0);
            g_string_append_printf(text, "      %s\n", safe);
        }
    }
}

static void put_numbers(GString *text, const PfStats *stats) {
    static const gdouble shares[] = {0.5, 0.9, 0.99};
    gboolean known = pf_stats_has_estimate(stats);
    g_autofree gchar *calls = pf_human_count((gdouble)stats->message_count);
    g_autofree gchar *bytes = pf_human_bytes((gdouble)stats->bytes);
    g_string_append_printf(text, "    %s calls, %s, ", calls, bytes);
    if (known) {
        g_autofree gchar *total = pf_human_duration(stats->estimate.total_ns);
        g_autofree gchar *low = pf_human_duration(stats->estimate.low_ns);
        g_autofree gchar *high = pf_human_duration(stats->estimate.high_ns);
        g_string_append_printf(text, "%s (95 %%: %s to %s)", total, low, high);
    } else {
        g_string_append(text, "not enough samples for a time");
    }
    g_string_append_printf(
        text, ", %" G_GUINT64_FORMAT " errors\n    p50 p90 p99 max:", stats->error_count);
    for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
        gdouble ns = -1;
        pf_stats_get_quantile_ns(stats, shares[i], &ns);
        g_autofree gchar *quantile = pf_human_duration(ns);
        g_string_append_printf(text, " %s", quantile);
    }
    g_autofree gchar *max = pf_human_duration((gdouble)stats->max_ns);
    g_string_append_printf(text, " %s\n    time:", max);
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        gdouble share = stats->reasons[i].share;
        g_string_append_printf(text, " %s ", pf_reason_to_string((PfReason)i));
        if (share < 0) {
            g_string_append(text, "–");
        } else {
            g_string_append_printf(text, "%.0f %%", 100 * share);
        }
    }
    g_string_append_c(text, '\n');
}

static gint drill(PfSnapshot *snapshot, const gchar *wanted) {
    g_autoptr(PfSymbolizer) symbolizer = pf_symbolizer_new();
    g_autoptr(GString) text = g_string_new(NULL);
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        g_autoptr(PfPlace) place =
            pf_symbolizer_find_return(symbolizer, site->module, site->address);
        g_autofree gchar *where = pf_place_to_string(place);
        if (strstr(where, wanted) == NULL && strstr(site->function, wanted) == NULL) {
            continue;
        }
        g_autofree gchar *safe = pf_human_text(where, 0);
        g_string_append_printf(text, "\n  %s  %s\n", safe, site->function);
        put_numbers(text, &site->stats);
        for (guint t = 0; t < site->templates->len && t < 3; t++) {
            const PfTemplateCount *template = g_ptr_array_index(site->templates, t);
            g_autofree gchar *line = pf_human_text(template->text, 70);
            g_string_append_printf(text, *line != 0 ? "    says: %s\n" : "%s", line);
        }
        put_stacks(text, snapshot, symbolizer, site);
    }
    return text->len > 0 ? cli_print(text->str)
                         : cli_fail("no call site has \"%s\" in its name", wanted);
}

static gint write_report(const cli_args *args, PfSession *session) {
    const gchar *page = cli_value(args, "html");
    const gchar *wanted = cli_value(args, "site");
    g_autoptr(GError) error = NULL;
    g_autofree gchar *text = NULL;
    if (page != NULL) {
        text = pf_session_to_report_html(session, NULL, &error);
        return text != NULL ? cli_write("--html", page, text, strlen(text)) : cli_fail_error(error);
    }
    if (cli_has(args, "json")) {
        text = pf_session_to_report_json(session, NULL, &error);
        return text != NULL ? cli_print(text) : cli_fail_error(error);
    }
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot(session, &error);
    if (snapshot == NULL) {
        return cli_fail_error(error);
    }
    if (wanted != NULL) {
        return drill(snapshot, wanted);
    }
    text = pf_snapshot_to_text(snapshot, NULL, cli_width(STDOUT_FILENO),
                               cli_colour(args, STDOUT_FILENO));
    return cli_print(text);
}

static gint run(cli_args *args) {
    if (cli_has(args, "html") + cli_has(args, "json") + cli_has(args, "site") > 1) {
        return cli_fail("--html, --json and --site exclude one another: a report is one of them");
    }
    g_autoptr(PfProfilingConfig) config = cli_read_config(); // COST_PER_GB
    (void)config;
    g_autoptr(PfSession) session = cli_open(args->operands[0]);
    return session != NULL ? write_report(args, session) : 2;
}

const cli_command command_report = {
    .name = "report",
    .operands = "PID|FILE",
    .summary = "shows what was measured as text, JSON or a page for a browser",
    .details = "The text is the summary with its findings; --site leads from it to the numbers, "
               "messages and call stacks of single call sites. --html writes one file without any "
               "reference to others: timeline, latencies over time, findings, functions, sites, an "
               "icicle graph of call paths, streams, threads, errors.",
    .examples = "pfprof report today.pfs  # summary and findings\n"
                "pfprof report --site log.c:88 today.pfs  # one line, with its call stacks\n"
                "pfprof report --html today.html today.pfs  # for a browser",
    .options = options,
    .operand = CLI_OPERAND_PROCESS,
    .least = 1,
    .most = 1,
    .run = run,
};
