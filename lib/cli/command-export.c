// SPDX-License-Identifier: Apache-2.0
// pfprof export: what was measured, in the form of another tool.
#include "cli.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FORMS "pprof, folded, speedscope, chrome-trace, json, csv, openmetrics or prometheus"

static const cli_option options[] = {
    {"format", 'f', "FORMAT",
     "pprof, folded, speedscope, chrome-trace, json, csv, openmetrics or prometheus"},
    {"output", 'o', "FILE", "where to; standard output otherwise"},
    CLI_HELP,
};

static gint write_to(const gchar *path, GBytes *bytes) {
    gsize size = 0;
    const gchar *data = g_bytes_get_data(bytes, &size);
    if (path != NULL) {
        return cli_write("--output", path, data, size);
    }
    if (fwrite(data, 1, size, stdout) != size || fflush(stdout) != 0) {
        return cli_fail("standard output cannot be written: %s", g_strerror(errno));
    }
    return 0;
}

static gint run(cli_args *args) {
    const gchar *name = cli_value(args, "format");
    const gchar *path = cli_value(args, "output");
    g_autoptr(GError) error = NULL;
    PfFormat format;
    if (name != NULL && !pf_format_from_string(name, &format)) {
        g_autofree gchar *safe = pf_human_text(name, 40);
        return cli_fail("--format \"%s\" is not one of " FORMS, safe);
    }
    if (name == NULL) {
        return cli_fail("which form?  --format: " FORMS);
    }
    if (format == PF_FORMAT_PPROF && path == NULL && isatty(STDOUT_FILENO)) {
        return cli_fail("a pprof profile is no text for a terminal: name a file by --output");
    }
    g_autoptr(cli_progress) progress = cli_progress_begin("reading");
    g_autoptr(PfSession) session = cli_open(args->operands[0]);
    if (session == NULL) {
        return 2;
    }
    PfSnapshotFlags flags =
        format == PF_FORMAT_CHROME_TRACE ? PF_SNAPSHOT_RECENT : PF_SNAPSHOT_DEFAULT;
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot_with(session, flags, &error);
    g_autoptr(GBytes) bytes =
        snapshot != NULL ? pf_snapshot_export(snapshot, format, NULL, &error) : NULL;
    if (bytes == NULL) {
        return cli_fail("%s: %s", args->operands[0], error->message);
    }
    cli_progress_end(g_steal_pointer(&progress));
    return write_to(path, bytes);
}

const cli_command command_export = {
    .name = "export",
    .operands = "PID|FILE",
    .summary = "writes what was measured as pprof, flame graph, trace, CSV or metrics",
    .details =
        "pprof, folded and speedscope have the call stacks with the totals of the summary shared "
        "out among them: time, calls, bytes, and time lost to flushes, locks and blocking. "
        "chrome-trace has the slowest and the most recent timed calls. csv has one row for each "
        "call site. openmetrics and prometheus have counters and latency histograms.",
    .examples = "pfprof export -f pprof -o out.pb.gz today.pfs  # go tool pprof out.pb.gz\n"
                "pfprof export -f speedscope -o out.json 4242  # open it on speedscope.app\n"
                "pfprof export -f csv today.pfs  # for a spreadsheet",
    .options = options,
    .operand = CLI_OPERAND_PROCESS,
    .least = 1,
    .most = 1,
    .run = run,
};
