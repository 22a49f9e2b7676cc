// SPDX-License-Identifier: Apache-2.0
// pfprof agent: sends what profiled processes count to the exporters.
#include "cli.h"
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

// How long an agent that the library started goes on with nothing to watch; one that is scraped waits
// for the scrape.
#define IDLE_SECONDS 10
#define SCRAPED_IDLE_SECONDS 300

static const cli_option options[] = {
    {"once", 0, NULL, "export what there is, and end"},
    {"exporters", 'e', "NAMES", "a list of prometheus, datadog, opentelemetry, file"},
    {"folder", 0, "FOLDER", "watch this folder of segments alone"},
    {"idle", 0, "SECONDS", "end after so long without a process"},
    {"by-library", 0, NULL, "as libpfprof.so starts it: messages go to syslog, ends when idle"},
    CLI_HELP,
};

static PfAgent *running;

static void on_signal(int number) { pf_agent_stop(running); }

static void on_message(PfAgent *agent, const gchar *text, gpointer by_library) {
    if (by_library != NULL) {
        syslog(LOG_WARNING, "%s", text); // nobody reads its standard error
    } else {
        cli_warn("%s", text);
    }
}

static void catch_signals(PfAgent *agent) {
    struct sigaction action = {.sa_handler = on_signal};
    running = agent;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

// Targets go first: as a batch job the agent never takes a CPU from them when it wakes, and shares a busy
// one at the smallest weight.  Not SCHED_IDLE: on a machine that is never idle it would fall silent.
static void stand_back(void) {
    static const struct sched_param none;
    sched_setscheduler(0, SCHED_BATCH, &none);
    setpriority(PRIO_PROCESS, 0, 19);
}

static guint idle_seconds(const cli_args *args, PfProfilingConfig *config) {
    const gchar *given = cli_value(args, "idle");
    if (given != NULL) {
        return (guint)cli_parse_number(given, 86400);
    }
    if (!cli_has(args, "by-library")) {
        return 0;
    }
    g_autoptr(PfExporterConfig) exporter = pf_profiling_config_get_exporter(config);
    return g_strv_contains((const gchar *const *)exporter->exporters, "prometheus") &&
                   *exporter->prometheus_listen != 0
               ? SCRAPED_IDLE_SECONDS
               : IDLE_SECONDS;
}

static gint run_once(PfAgent *agent, const cli_args *args) {
    pf_agent_run_once(agent, (const gchar *const *)args->operands);
    PfMultiExporter *exporters = pf_agent_get_exporters(agent);
    if (pf_multi_exporter_get_count(exporters) == 0) {
        return 2;
    }
    return pf_agent_finish(agent) > 0 ? 1 : 0;
}

static gint run_on(PfAgent *agent, const cli_args *args, guint idle) {
    g_autoptr(GError) error = NULL;
    if (!pf_agent_start(agent, &error)) {
        if (cli_has(args, "by-library")) {
            syslog(LOG_DEBUG, "%s", error->message);
            return 0; // two targets began at once: the other's agent does the work
        }
        return cli_fail_error(error);
    }
    pf_agent_run(agent, idle);
    return pf_agent_finish(agent) > 0 ? 1 : 0;
}

static gint run(cli_args *args) {
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new_from_environment();
    g_autoptr(GError) error = NULL;
    const gchar *exporters = cli_value(args, "exporters");
    gboolean by_library = cli_has(args, "by-library");
    if (exporters != NULL && !pf_profiling_config_set(config, "exporters", exporters, &error)) {
        return cli_fail_error(error);
    }
    if (by_library) {
        openlog("pfprof", LOG_PID, LOG_DAEMON);
    }
    for (const gchar *const *line = pf_profiling_config_get_warnings(config);
         !by_library && *line != NULL; line++) { // the target has said them
        cli_warn("%s", *line);
    }
    PfAgent *agent = pf_agent_new(config, cli_value(args, "folder"));
    g_signal_connect(agent, "message", G_CALLBACK(on_message), by_library ? agent : NULL);
    catch_signals(agent);
    stand_back(); // before there are threads, which inherit it
    gint status = cli_has(args, "once") ? run_once(agent, args)
                                        : run_on(agent, args, idle_seconds(args, config));
    // An exporter that had not ended when time was up goes on in its thread: with the agent, and with libraries
    // that exit() would end under it.
    fflush(stderr);
    _exit(status);
}

const cli_command command_agent = {
    .name = "agent",
    .operands = "[--once [SEGMENT...]]",
    .summary =
        "sends what profiled processes count to Prometheus, OpenTelemetry, Datadog or a file",
    .details =
        "Watches the profiled processes of this user (root: of all users), and exports every "
        "FLUSH_INTERVAL_SECONDS and when a process has ended. The exporters are those that "
        "PROVIDE_PROFILING_EXPORTERS names; docs/exporters.md tells what each reads of the "
        "environment.\n\n"
        "SIGTERM and SIGINT make it export once more, for EXIT_TIMEOUT_SECONDS at most, and end. "
        "The exit status is 1 when something was not delivered then.",
    .examples = "pfprof agent --exporters prometheus  # scrape it at 127.0.0.1:9464/metrics\n"
                "pfprof agent --exporters file --once  # one export of what there is",
    .options = options,
    .operand = CLI_OPERAND_WORDS,
    .words = "",
    .most = G_MAXINT,
    .run = run,
    .failure = 2,
};
