// SPDX-License-Identifier: Apache-2.0
// pfprof top: watches running processes, on the screen or as text for scripts.
#include "cli.h"
#include "top-batch.h"
#include "top.h"
#include <langinfo.h>
#include <string.h>
#include <unistd.h>

#define LEAST_INTERVAL 0.05
#define MOST_INTERVAL 3600.0

static const cli_option options[] = {
    {"delay", 'd', "SEC", "seconds between two looks, 0.05 to 3600; default 1"},
    {"table", 't', "functions|sites|threads|streams|levels", "the table to begin with"},
    {"batch", 0, NULL, "text instead of the screen, for scripts"},
    {"count", 'n', "N", "with --batch: how many times; default until the process ends"},
    {"json", 'j', NULL, "with --batch: one JSON object with schema_version on each line"},
    {"ascii", 0, NULL, "no sign beyond ASCII"},
    CLI_COLOUR,
    CLI_HELP,
};

static gboolean parse_interval(const cli_args *args, gdouble *ret_interval) {
    const gchar *text = cli_value(args, "delay");
    *ret_interval = 1;
    if (text == NULL) {
        return TRUE;
    }
    gchar *end;
    gdouble value = g_ascii_strtod(text, &end);
    if (*text == 0 || *end != 0 || !(value >= LEAST_INTERVAL && value <= MOST_INTERVAL)) {
        cli_fail("--delay=%s is not a number from %g to %g", text, LEAST_INTERVAL, MOST_INTERVAL);
        return FALSE;
    }
    *ret_interval = value;
    return TRUE;
}

static gboolean parse_count(const cli_args *args, guint64 *ret_count) {
    const gchar *text = cli_value(args, "count");
    *ret_count = text != NULL ? cli_parse_number(text, G_MAXUINT32) : 0;
    if (text != NULL && *ret_count == 0) {
        cli_fail("--count=%s is not a number from 1 up", text);
        return FALSE;
    }
    return TRUE;
}

// 0 when there is no operand.
static gboolean parse_pid(const cli_args *args, guint *ret_pid) {
    *ret_pid = args->operand_count > 0 ? (guint)cli_parse_number(args->operands[0], G_MAXINT32) : 0;
    if (args->operand_count > 0 && *ret_pid == 0) {
        cli_fail("%s is not a pid; `pfprof list` shows the profiled processes", args->operands[0]);
        return FALSE;
    }
    return TRUE;
}

static gint fail(guint pid, const GError *error) {
    if (pid != 0 && g_error_matches(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND)) {
        g_autofree gchar *why = cli_why_not_profiled(pid);
        return cli_fail("%s", why);
    }
    return cli_fail_error(error);
}

static gboolean has_unicode(const cli_args *args) {
    return !cli_has(args, "ascii") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static gint run_batch(const cli_args *args, guint pid, pf_top_batch *how) {
    g_autoptr(GError) error = NULL;
    g_autoptr(pf_top_model) model =
        pid != 0 ? pf_top_model_new_from_pid(pid, &error) : pf_top_model_new_of_all();
    if (model == NULL) {
        return fail(pid, error);
    }
    how->json = cli_has(args, "json");
    how->width = cli_width(STDOUT_FILENO);
    how->unicode = has_unicode(args);
    return pf_top_batch_run(model, how);
}

static gint run(cli_args *args) {
    g_autoptr(GError) error = NULL;
    gdouble interval;
    guint64 count;
    guint pid;
    pf_top_tab tab = PF_TOP_TAB_FUNCTIONS;
    const gchar *table = cli_value(args, "table");
    if (!parse_interval(args, &interval) || !parse_count(args, &count) || !parse_pid(args, &pid)) {
        return 2;
    }
    if (table != NULL) {
        pf_top_tab_find(table, &tab);
    }
    if (cli_has(args, "batch")) {
        pf_top_batch how = {
            .interval = interval, .count = count, .has_tab = table != NULL, .tab = tab};
        return run_batch(args, pid, &how);
    }
    if (count != 0 || cli_has(args, "json")) {
        return cli_fail("--count and --json are for --batch");
    }
    pf_top_options how = {
        .pid = pid,
        .interval = interval,
        .tab = tab,
        .colour = cli_colour(args, STDOUT_FILENO),
        .unicode = has_unicode(args),
    };
    gint status = 0;
    return pf_top_run(&how, &status, &error) ? status : fail(pid, error);
}

const cli_command command_top = {
    .name = "top",
    .operands = "[PID]",
    .summary = "watches running processes live",
    .details =
        "Without PID it lists the profiled processes of this user to choose one from, or all of "
        "them together. Tables (Tab, 1 to 5): functions, call sites, threads, streams, levels; "
        "Enter shows what is behind a row: histogram, where the time went, call stacks. `?` lists "
        "the keys.\n\n"
        "Calls and bytes a second are exact. Cost is the time in output of all threads as a share "
        "of wall time, estimated from the timed calls; ± is half its 95 % interval, and what is "
        "grey with ≈ stands on too few timed calls for an honest number. Figures are of the last "
        "ten seconds; `w` changes that, `r` sets a baseline, `b` shows changes against a marked "
        "window.\n\n"
        "Watching reads memory that the process shares: it gets no signal, is not stopped, and "
        "does not notice. Only the keys `o`, `+`, `-` and `R` change anything in it, for every "
        "observer. When the process ends its last figures stay on the screen.\n\n"
        "With --batch it writes figures of each interval as text, or as JSON: `interval` is what "
        "came since the object before, `total` everything since the start, both with the names of "
        "the exit summary. The last object of a process that ends has its final counts.",
    .examples = "pfprof top                        # choose from a list\n"
                "pfprof top 4242                   # watch a process\n"
                "pfprof top --batch -n 1 4242      # what it did in one second, as text\n"
                "pfprof top --batch --json -d 10 4242 >>log  # a line each 10 s until it ends",
    .options = options,
    .operand = CLI_OPERAND_PID,
    .least = 0,
    .most = 1,
    .run = run,
};
