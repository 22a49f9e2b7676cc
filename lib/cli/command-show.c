// SPDX-License-Identifier: Apache-2.0
// pfprof show: the summary of a running process, a segment or a saved session.
#include "cli.h"
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    {"recent", 0, NULL, "with --json, of a process or segment: recent timed calls"},
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

// The only process that there is to show.
static gchar *find_only_one(void) {
    g_autoptr(GPtrArray) files = pf_snapshot_list_files();
    gchar *found = NULL;
    guint count = 0;
    for (guint i = 0; i < files->len; i++) {
        const gchar *path = g_ptr_array_index(files, i);
        g_autoptr(PfSnapshot) snapshot = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, NULL);
        if (snapshot == NULL ||
            pf_snapshot_get_process(snapshot)->state > PF_PROCESS_STATE_DORMANT) {
            continue;
        }
        count++;
        g_free(found);
        found = g_strdup(path);
    }
    if (count == 1) {
        return found;
    }
    g_free(found);
    if (count == 0) {
        cli_fail("no process of yours is profiled; start one by `pfprof run -- COMMAND`");
    } else {
        cli_fail("%u processes are profiled; name one of `pfprof list`", count);
    }
    return NULL;
}

static PfSnapshot *open_recent(const gchar *operand) {
    g_autoptr(GError) error = NULL;
    guint64 pid = cli_parse_number(operand, G_MAXINT32);
    PfSnapshot *snapshot = pid != 0 && !g_file_test(operand, G_FILE_TEST_EXISTS)
                               ? pf_snapshot_new_from_pid((guint)pid, PF_SNAPSHOT_RECENT, &error)
                               : pf_snapshot_new_from_file(operand, PF_SNAPSHOT_RECENT, &error);
    if (snapshot == NULL) {
        cli_fail_error(error);
    }
    return snapshot;
}

static PfSnapshot *open_snapshot(const gchar *operand) {
    g_autoptr(PfSession) session = cli_open(operand);
    g_autoptr(GError) error = NULL;
    PfSnapshot *snapshot = session != NULL ? pf_session_get_snapshot(session, &error) : NULL;
    if (error != NULL) {
        cli_fail("%s: %s", operand, error->message);
    } else if (snapshot != NULL && pf_session_get_unreadable_count(session) > 0) {
        cli_warn("%s: %u segments could not be read and are missing in the sum", operand,
                 pf_session_get_unreadable_count(session));
    }
    return snapshot;
}

static gint run(cli_args *args) {
    g_autoptr(cli_progress) progress = cli_progress_begin("reading");
    g_autoptr(PfProfilingConfig) config = cli_read_config(); // COST_PER_GB
    (void)config;
    g_autofree gchar *operand =
        args->operand_count > 0 ? g_strdup(args->operands[0]) : find_only_one();
    gboolean is_json = cli_has(args, "json");
    g_autoptr(PfSnapshot) snapshot = NULL;
    if (operand != NULL) {
        snapshot =
            is_json && cli_has(args, "recent") ? open_recent(operand) : open_snapshot(operand);
    }
    if (snapshot == NULL) {
        return 2;
    }
    g_autofree gchar *text = is_json ? pf_snapshot_to_json(snapshot, NULL)
                                     : pf_snapshot_to_text(snapshot, NULL, cli_width(STDOUT_FILENO),
                                                           cli_colour(args, STDOUT_FILENO));
    cli_progress_end(g_steal_pointer(&progress));
    return cli_print(text);
}

const cli_command command_show = {
    .name = "show",
    .operands = "[PID|FILE]",
    .summary = "shows what a process has counted so far, or what a file holds",
    .details =
        "A running process is not disturbed: its counts are read from memory that it shares. "
        "FILE is a segment that a killed process left, or a session of `pfprof run --save`. "
        "Without an operand the only profiled process is shown.",
    .examples = "pfprof show 4242  # a running process\n"
                "pfprof show --json today.pfs  # a saved session",
    .options = options,
    .operand = CLI_OPERAND_PROCESS,
    .most = 1,
    .run = run,
};
