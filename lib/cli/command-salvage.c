// SPDX-License-Identifier: Apache-2.0
// pfprof salvage: what killed processes have left behind.
#include "cli.h"
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    {"full", 'f', NULL, "the whole summary of each"},
    {"remove", 0, NULL, "delete the segments after showing them"},
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

static gint compare_start(gconstpointer a, gconstpointer b) {
    gint64 one = pf_snapshot_get_process(*(PfSnapshot *const *)a)->start_unix_ns;
    gint64 other = pf_snapshot_get_process(*(PfSnapshot *const *)b)->start_unix_ns;
    return one < other ? -1 : one > other ? 1 : 0;
}

static gboolean is_wanted(const cli_args *args, const PfProcess *process) {
    if (process->state <= PF_PROCESS_STATE_DORMANT) {
        return FALSE;
    }
    return args->operand_count == 0 ||
           cli_parse_number(args->operands[0], G_MAXINT32) == process->pid;
}

static GPtrArray *find_left(const cli_args *args) {
    g_autoptr(cli_progress) progress = cli_progress_begin("reading segments");
    g_autoptr(GPtrArray) files = pf_snapshot_list_files();
    GPtrArray *left = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < files->len; i++) {
        g_autoptr(PfSnapshot) snapshot =
            pf_snapshot_new_from_file(g_ptr_array_index(files, i), PF_SNAPSHOT_DEFAULT, NULL);
        if (snapshot != NULL && is_wanted(args, pf_snapshot_get_process(snapshot))) {
            g_ptr_array_add(left, g_steal_pointer(&snapshot));
        }
    }
    g_ptr_array_sort(left, compare_start);
    return left;
}

static void put_row(GString *out, PfSnapshot *snapshot, guint width, gboolean colour) {
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    gboolean killed = process->state == PF_PROCESS_STATE_KILLED;
    g_autoptr(GDateTime) start =
        g_date_time_new_from_unix_local(process->start_unix_ns / 1000000000);
    g_autofree gchar *when =
        start != NULL ? g_date_time_format(start, "%m-%d %H:%M:%S") : g_strdup("–");
    g_autofree gchar *count = pf_human_count((gdouble)messages->message_count);
    g_autofree gchar *bytes = pf_human_bytes((gdouble)messages->bytes);
    g_autofree gchar *command = pf_human_text(process->command, width - 54);
    g_string_append_printf(out, "%7u  %s%-6s%s  %-14s %8s %10s  %s\n", process->pid,
                           colour && killed ? "\033[31m" : "",
                           pf_process_state_to_string(process->state),
                           colour && killed ? "\033[0m" : "", when, count, bytes, command);
}

static gint print_text(const GPtrArray *left, const cli_args *args) {
    gboolean colour = cli_colour(args, STDOUT_FILENO);
    guint width = cli_width(STDOUT_FILENO);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(PfSymbolizer) symbolizer = pf_symbolizer_new();
    if (!cli_has(args, "full")) {
        g_string_append_printf(out,
                               "%s    pid  state   since          messages      bytes  command%s\n",
                               colour ? "\033[1m" : "", colour ? "\033[0m" : "");
    }
    for (guint i = 0; i < left->len; i++) {
        PfSnapshot *snapshot = g_ptr_array_index(left, i);
        if (cli_has(args, "full")) {
            g_autofree gchar *text = pf_snapshot_to_text(snapshot, symbolizer, width, colour);
            g_string_append(out, text);
        } else {
            put_row(out, snapshot, cli_row_width(STDOUT_FILENO, 70), colour);
        }
    }
    return cli_print(out->str);
}

static gint print_json(const GPtrArray *left, const cli_args *args) {
    cli_json *json = cli_json_begin();
    cli_json_open(json, "segments", '[');
    for (guint i = 0; i < left->len; i++) {
        PfSnapshot *snapshot = g_ptr_array_index(left, i);
        const PfProcess *process = pf_snapshot_get_process(snapshot);
        const PfStats *messages = pf_snapshot_get_messages(snapshot);
        cli_json_open(json, NULL, '{');
        cli_json_int(json, "pid", process->pid);
        cli_json_string(json, "state", pf_process_state_to_string(process->state));
        cli_json_string(json, "end", process->how);
        cli_json_string(json, "command", process->command);
        cli_json_double(json, "start_time", (gdouble)process->start_unix_ns / 1e9);
        cli_json_int(json, "message_count", (gint64)messages->message_count);
        cli_json_int(json, "bytes", (gint64)messages->bytes);
        cli_json_string(json, "segment", process->segment_path);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    return cli_json_print(json);
}

static gint remove_all(const GPtrArray *left) {
    gint status = 0;
    guint removed = 0;
    for (guint i = 0; i < left->len; i++) {
        const PfProcess *process = pf_snapshot_get_process(g_ptr_array_index(left, i));
        g_autoptr(GError) error = NULL;
        if (pf_salvage_remove(process->segment_path, &error)) {
            removed++;
        } else {
            status = cli_fail_error(error);
        }
    }
    pf_salvage_clean(); // folders are empty now
    g_autofree gchar *line =
        g_strdup_printf("%u segment%s deleted\n", removed, removed == 1 ? "" : "s");
    gint printed = cli_print(line);
    return status != 0 ? status : printed;
}

static gint run(cli_args *args) {
    if (args->operand_count > 0 && cli_parse_number(args->operands[0], G_MAXINT32) == 0) {
        g_autofree gchar *safe = pf_human_text(args->operands[0], 40);
        return cli_fail("\"%s\" is not the number of a process", safe);
    }
    guint cleaned = pf_salvage_clean();
    g_autoptr(GPtrArray) left = find_left(args);
    gboolean is_json = cli_has(args, "json");
    gint status;
    if (is_json) {
        status = print_json(left, args);
    } else {
        status = left->len > 0 ? print_text(left, args) : cli_print("nothing was left behind\n");
        if (cleaned > 0) {
            g_autofree gchar *line = g_strdup_printf("%u empty leftovers cleaned away\n", cleaned);
            status = status == 0 ? cli_print(line) : status;
        }
    }
    if (status == 0 && cli_has(args, "remove") && !is_json) {
        status = remove_all(left);
    } else if (status == 0 && cli_has(args, "remove")) {
        for (guint i = 0; i < left->len; i++) {
            const PfProcess *process = pf_snapshot_get_process(g_ptr_array_index(left, i));
            pf_salvage_remove(process->segment_path, NULL);
        }
        pf_salvage_clean();
    }
    return status;
}

const cli_command command_salvage = {
    .name = "salvage",
    .operands = "[PID]",
    .summary = "shows what killed processes had counted, and deletes it on request",
    .details =
        "A process that is killed leaves its segment behind, complete up to its last call. salvage "
        "lists these, the segments that were kept on purpose (PROVIDE_PROFILING_KEEP_SEGMENT), and "
        "those of processes that became another user and could not delete them; "
        "`pfprof show PID` shows one with file and line. --remove deletes what was listed.\n\n"
        "The segment of a running process is never touched; a new process that has the number of "
        "an old "
        "one is told apart by its start. What holds nothing (files that were never filled, folders "
        "of "
        "runs that are over) is cleaned away at every call.",
    .examples = "pfprof salvage --full  # what the crashed ones had written\n"
                "pfprof salvage --remove",
    .options = options,
    .operand = CLI_OPERAND_PID,
    .most = 1,
    .run = run,
};
