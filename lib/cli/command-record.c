// SPDX-License-Identifier: Apache-2.0
// pfprof record: watches a running process and keeps what it did over time in a session file.
#include "cli.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    {"output", 'o', "FILE", "the session file; pfprof-PID.pfs otherwise"},
    {"seconds", 's', "N", "stop after so long; otherwise when the process ends, or at Ctrl-C"},
    CLI_HELP,
};

static volatile sig_atomic_t stopped;

static void stop(int number) { stopped = number; }

// What was recorded is kept, when the terminal is closed too.  One that was started to outlive it (nohup)
// goes on.
static void stop_at_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = stop};
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction before;
        if (numbers[i] != SIGHUP || sigaction(SIGHUP, NULL, &before) != 0 ||
            before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

static gboolean look(PfTarget *target, PfTimeline *timeline) {
    g_autoptr(PfSnapshot) now = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, NULL);
    if (now == NULL) {
        return FALSE;
    }
    const PfProcess *process = pf_snapshot_get_process(now);
    pf_timeline_add(timeline, now, pf_snapshot_get_taken_monotonic_ns(now));
    return process->state <= PF_PROCESS_STATE_DORMANT;
}

// Looks often at first, then each time that a bin is full; at the machine, too.
static void watch(PfTarget *target, PfTimeline *timeline, PfSession *session, gint64 seconds) {
    gint64 begun = g_get_monotonic_time();
    gint64 end = seconds > 0 ? begun + seconds * G_USEC_PER_SEC : G_MAXINT64;
    while (look(target, timeline) && !stopped && g_get_monotonic_time() < end) {
        pf_session_measure_machine(session, TRUE);
        gint64 bin = (gint64)pf_timeline_get_width_ns(timeline) / 1000;
        gint64 pause = CLAMP(bin, 20000, G_USEC_PER_SEC);
        g_usleep((gulong)MIN(pause, MAX(end - g_get_monotonic_time(), 1)));
    }
    look(target, timeline);
}

// A process that puts itself into the background goes on as its child.
static guint child_of(guint pid) {
    g_autoptr(GPtrArray) files = pf_snapshot_list_files();
    for (guint i = 0; i < files->len; i++) {
        g_autoptr(PfSnapshot) one =
            pf_snapshot_new_from_file(g_ptr_array_index(files, i), PF_SNAPSHOT_DEFAULT, NULL);
        const PfProcess *process = one != NULL ? pf_snapshot_get_process(one) : NULL;
        if (process != NULL && process->parent_pid == pid &&
            process->state <= PF_PROCESS_STATE_DORMANT) {
            return process->pid;
        }
    }
    return 0;
}

static void say_what_goes_on(const PfProcess *process) {
    guint pid = process->pid;
    if (process->state <= PF_PROCESS_STATE_DORMANT) {
        return;
    }
    if (process->state == PF_PROCESS_STATE_ENDED && strcmp(process->how, "exec") == 0) {
        cli_warn("process %u has begun another program (exec): what it did before is kept; "
                 "`pfprof record %u` goes on",
                 pid, pid);
        return;
    }
    guint child = child_of(pid);
    if (child != 0) {
        cli_warn("process %u has ended, its child %u goes on: `pfprof record %u` watches that", pid,
                 child, child);
    }
}

static gint save(PfTarget *target, PfTimeline *timeline, PfSession *session, guint pid,
                 const gchar *path) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSnapshot) now = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, &error);
    if (now == NULL) {
        return cli_fail_error(error);
    }
    pf_session_add_snapshot(session, now);
    const PfProcess *process = pf_snapshot_get_process(now);
    say_what_goes_on(process);
    pf_session_set_run(session, process->command, pid, process->start_unix_ns);
    pf_session_set_end(session, process->exit_status, 0, process->uptime_ns);
    pf_session_set_timeline(session, timeline);
    return pf_session_save(session, path, &error) ? 0 : cli_fail_error(error);
}

static gint run(cli_args *args) {
    guint pid = cli_parse_pid(args->operands[0]);
    if (pid == 0) {
        return 2;
    }
    const gchar *seconds = cli_value(args, "seconds");
    guint64 limit = seconds != NULL ? cli_parse_number(seconds, 1000000000) : 0;
    if (seconds != NULL && limit == 0) {
        return cli_fail("--seconds=%s is not a whole number above 0", seconds);
    }
    g_autoptr(PfTarget) target = cli_open_target(pid);
    if (target == NULL) {
        return 2;
    }
    g_autofree gchar *usual = g_strdup_printf("pfprof-%u.pfs", pid);
    const gchar *path = cli_value(args, "output");
    if (!cli_can_write("--output", path != NULL ? path : usual)) {
        return 2;
    }
    stop_at_signals();
    g_autoptr(PfTimeline) timeline = pf_timeline_new(g_get_real_time() * 1000, 20000000);
    // What it did before we came is no part of the timeline.
    g_autoptr(PfSnapshot) first = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, NULL);
    if (first != NULL) {
        pf_timeline_ignore(timeline, first);
    }
    g_autoptr(PfSession) session = pf_session_new();
    watch(target, timeline, session, (gint64)limit);
    return save(target, timeline, session, pid, path != NULL ? path : usual);
}

const cli_command command_record = {
    .name = "record",
    .operands = "PID",
    .summary = "watches a running process, and keeps what it did over time in a file",
    .details =
        "Snapshots are taken from outside and added to a timeline of at most 240 bins, whose width "
        "doubles when all are used: a file of a week is no larger than one of a minute. `pfprof "
        "run --save` keeps a timeline from the first moment on.",
    .examples = "pfprof record -s 60 -o minute.pfs 4242  # a minute of it\n"
                "pfprof report --html minute.html minute.pfs",
    .options = options,
    .operand = CLI_OPERAND_PID,
    .least = 1,
    .most = 1,
    .run = run,
};
