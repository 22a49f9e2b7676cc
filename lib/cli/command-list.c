// SPDX-License-Identifier: Apache-2.0
// pfprof list: the profiled processes of this user.
#include "cli.h"
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

// Running ones first, busiest first.
static gint busier_first(gconstpointer a, gconstpointer b) {
    PfSnapshot *one = *(PfSnapshot *const *)a;
    PfSnapshot *other = *(PfSnapshot *const *)b;
    PfProcessState first = pf_snapshot_get_process(one)->state;
    PfProcessState second = pf_snapshot_get_process(other)->state;
    if (first != second) {
        return first < second ? -1 : 1;
    }
    gdouble difference =
        pf_snapshot_get_messages_per_second(other) - pf_snapshot_get_messages_per_second(one);
    return difference < 0 ? -1 : difference > 0 ? 1 : 0;
}

static GPtrArray *read_all(void) {
    g_autoptr(cli_progress) progress = cli_progress_begin("reading segments");
    g_autoptr(GPtrArray) files = pf_snapshot_list_files();
    GPtrArray *snapshots = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < files->len; i++) {
        PfSnapshot *snapshot =
            pf_snapshot_new_from_file(g_ptr_array_index(files, i), PF_SNAPSHOT_DEFAULT, NULL);
        if (snapshot != NULL) {
            g_ptr_array_add(snapshots, snapshot);
        }
    }
    g_ptr_array_sort(snapshots, busier_first);
    return snapshots;
}

// Messages and flushes; -1 when there were too few timed calls to say.
static gdouble cost_of(PfSnapshot *snapshot) {
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    const PfStats *flushes = pf_snapshot_get_flushes(snapshot);
    if (!pf_stats_has_estimate(messages)) {
        return -1;
    }
    return pf_stats_get_cost_ns(messages) + pf_stats_get_cost_ns(flushes);
}

static void put_json(cli_json *json, PfSnapshot *snapshot) {
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    cli_json_open(json, NULL, '{');
    cli_json_int(json, "pid", process->pid);
    cli_json_int(json, "parent_pid", process->parent_pid);
    cli_json_string(json, "state", pf_process_state_to_string(process->state));
    cli_json_string(json, "end", process->how);
    cli_json_string(json, "program", process->program);
    cli_json_string(json, "command", process->command);
    cli_json_int(json, "message_count", (gint64)messages->message_count);
    cli_json_double(json, "messages_per_second", pf_snapshot_get_messages_per_second(snapshot));
    cli_json_int(json, "bytes", (gint64)messages->bytes);
    cli_json_double(json, "estimated_total_duration_ns", cost_of(snapshot));
    cli_json_double(json, "sample_rate", process->sample_rate);
    cli_json_double(json, "start_time", (gdouble)process->start_unix_ns / 1e9);
    cli_json_double(json, "uptime_seconds", pf_snapshot_get_uptime_seconds(snapshot));
    cli_json_string(json, "segment", process->segment_path);
    cli_json_close(json, '}');
}

static gint print_json(const GPtrArray *snapshots) {
    cli_json *json = cli_json_begin();
    cli_json_open(json, "processes", '[');
    for (guint i = 0; i < snapshots->len; i++) {
        put_json(json, g_ptr_array_index(snapshots, i));
    }
    cli_json_close(json, ']');
    return cli_json_print(json);
}

static void right(GString *out, guint columns, gchar *text) {
    guint used = pf_human_columns(text);
    g_string_append_printf(out, "%*s%s", used < columns ? (int)(columns - used) : 0, "", text);
    g_free(text);
}

static void put_row(GString *out, PfSnapshot *snapshot, guint width, gboolean colour) {
    static const gchar *const inks[] = {"\033[32m", "\033[33m", "\033[2m", "\033[31m"};
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    gdouble cost = cost_of(snapshot);
    gdouble wall = pf_snapshot_get_uptime_seconds(snapshot) * 1e9;
    g_string_append_printf(out, "%7u  %s%-7s%s", process->pid, colour ? inks[process->state] : "",
                           pf_process_state_to_string(process->state), colour ? "\033[0m" : "");
    right(out, 8, pf_human_count((gdouble)pf_snapshot_get_messages(snapshot)->message_count));
    right(out, 8, pf_human_count(pf_snapshot_get_messages_per_second(snapshot)));
    right(out, 9, pf_human_duration(cost));
    right(out, 8,
          cost >= 0 && wall > 0 ? g_strdup_printf("%.1f %%", 100 * cost / wall) : g_strdup("–"));
    g_autofree gchar *command = pf_human_text(process->command, width - 51);
    g_string_append_printf(out, "  %s\n", command);
}

// What is over stays until somebody deletes it.
static void put_note(GString *out, const GPtrArray *snapshots) {
    guint over = 0;
    for (guint i = 0; i < snapshots->len; i++) {
        over += pf_snapshot_get_process(g_ptr_array_index(snapshots, i))->state >
                PF_PROCESS_STATE_DORMANT;
    }
    if (over > 0) {
        g_string_append_printf(out,
                               "\n%u %s over: `pfprof salvage` shows what %s left, and with "
                               "--remove deletes it\n",
                               over, over == 1 ? "is" : "are", over == 1 ? "it" : "they");
    }
}

static gint run(cli_args *args) {
    g_autoptr(GPtrArray) snapshots = read_all();
    if (cli_has(args, "json")) {
        return print_json(snapshots);
    }
    if (snapshots->len == 0) {
        return cli_print("no process of yours is profiled; start one by `pfprof run -- COMMAND`\n");
    }
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean colour = cli_colour(args, STDOUT_FILENO);
    guint width = cli_row_width(STDOUT_FILENO, 71);
    g_string_append_printf(out, "%s    pid  state  messages      /s     cost of wall  command%s\n",
                           colour ? "\033[1m" : "", colour ? "\033[0m" : "");
    for (guint i = 0; i < snapshots->len; i++) {
        put_row(out, g_ptr_array_index(snapshots, i), width, colour);
    }
    put_note(out, snapshots);
    return cli_print(out->str);
}

const cli_command command_list = {
    .name = "list",
    .operands = "",
    .summary = "lists the profiled processes of this user",
    .details =
        "States: active; dormant (switched off by `pfprof ctl PID off`); ended (by itself, its "
        "segment was kept, or it had become another user, who may not delete it); killed. /s is "
        "messages a second since collection started, cost the "
        "estimated time in output calls of all threads, flushes included, `of wall` that time as a "
        "share of how long was collected.\n\n"
        "A process shows up at its first output call. One with PROVIDE_PROFILING_CLI_ENABLED=false "
        "cannot be observed and is not listed.",
    .options = options,
    .operand = CLI_OPERAND_NONE,
    .run = run,
};
