// SPDX-License-Identifier: Apache-2.0
// pfprof steer: lets a sampler set the rates of running processes; also what libpfprof.so starts.
#include "cli.h"
#include <signal.h>
#include <string.h>

#define STEP_MS 10 // how exactly the end of --seconds and Ctrl-C are kept

static const cli_option options[] = {
    {"sampler", 0, "load|pattern|statistical|adaptive", "who decides; adaptive when not given"},
    {"budget", 'b', "SHARE", "of CPU time that the adaptive sampler may spend, such as 0.01"},
    {"rules", 0, "FILE", "rules of the pattern sampler"},
    {"seconds", 's', "N", "stop after so long; otherwise when the last process ends, or at Ctrl-C"},
    {"folder", 0, "FOLDER",
     "instead of PIDs: every process of this folder of segments that was started with a sampler"},
    CLI_HELP,
};

static volatile sig_atomic_t stopped;

static void stop(int number) { stopped = number; }

static gboolean set(PfProfilingConfig *config, const cli_args *args, const gchar *option,
                    const gchar *name, const gchar *usual) {
    const gchar *value = cli_value(args, option);
    g_autoptr(GError) error = NULL;
    value = value != NULL ? value : usual;
    if (value == NULL || pf_profiling_config_set(config, name, value, &error)) {
        return TRUE;
    }
    const gchar *allowed = pf_profiling_config_get_allowed(name);
    cli_warn("--%s %s is not %s", option, value, allowed != NULL ? allowed : "allowed");
    return FALSE;
}

// The sampler of one process: each learns by itself.
static PfSteering *steering_of(const gchar *operand, PfProfilingConfig *config) {
    guint pid = cli_parse_pid(operand);
    g_autoptr(GError) error = NULL;
    if (pid == 0) {
        return NULL;
    }
    g_autoptr(PfTarget) target = cli_open_target(pid);
    g_autoptr(PfSnapshot) now =
        target != NULL ? pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, &error) : NULL;
    if (target == NULL) {
        return NULL; // has been said
    }
    g_autoptr(PfController) controller =
        now != NULL ? pf_controller_new_for_file(pf_target_get_path(target), &error) : NULL;
    g_autoptr(PfAdaptiveSamplingConfig) part = pf_profiling_config_get_adaptive_sampling(config);
    g_autoptr(PfSampler) sampler =
        controller != NULL
            ? pf_sampler_new_from_config(part, pf_snapshot_get_process(now)->sample_rate, &error)
            : NULL;
    if (sampler == NULL) {
        cli_fail_error(error);
        return NULL;
    }
    return pf_steering_new(controller, sampler);
}

typedef struct {
    PfSteering *steering; // NULL: its process has ended
    gint64 due_us;
} steered;

// 1 when somebody else steers the process already, which is said.
static gint step(steered *one) {
    g_autoptr(GError) error = NULL;
    if (pf_steering_step(one->steering, &error)) {
        one->due_us =
            g_get_monotonic_time() + 1000 * (gint64)pf_steering_get_delay_ms(one->steering);
        return 0;
    }
    g_clear_object(&one->steering);
    if (g_error_matches(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND)) {
        return 0;
    }
    cli_fail_error(error);
    return 1;
}

static gint steer(steered *all, guint count, guint seconds) {
    gint64 end = seconds != 0 ? g_get_monotonic_time() + seconds * G_USEC_PER_SEC : G_MAXINT64;
    gint status = 0;
    guint left = count;
    while (left > 0 && !stopped && g_get_monotonic_time() < end) {
        left = 0;
        for (guint i = 0; i < count; i++) {
            if (all[i].steering != NULL && g_get_monotonic_time() >= all[i].due_us) {
                status |= step(&all[i]);
            }
            left += all[i].steering != NULL;
        }
        if (left > 0) {
            g_usleep(STEP_MS * 1000);
        }
    }
    return status;
}

static gint steer_pids(const cli_args *args) {
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new_from_environment();
    const gchar *seconds = cli_value(args, "seconds");
    guint most = seconds != NULL ? (guint)cli_parse_number(seconds, 86400 * 365) : 0;
    if (seconds != NULL && most == 0) {
        return cli_fail("--seconds %s is not a number of seconds", seconds);
    }
    if (!set(config, args, "sampler", "sampler", "adaptive") ||
        !set(config, args, "budget", "overhead_budget", NULL) ||
        !set(config, args, "rules", "rules", NULL)) {
        return 2;
    }
    g_autofree steered *all = g_new0(steered, args->operand_count);
    gint status = 0;
    for (guint i = 0; i < args->operand_count && status == 0; i++) {
        all[i].steering = steering_of(args->operands[i], config);
        status = all[i].steering != NULL ? 0 : 2;
    }
    const struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = status != 0 ? status : steer(all, args->operand_count, most);
    for (guint i = 0; i < args->operand_count; i++) {
        g_clear_object(&all[i].steering);
    }
    return status;
}

static gint run(cli_args *args) {
    const gchar *folder = cli_value(args, "folder");
    if (folder == NULL && args->operand_count == 0) {
        return cli_fail("steer whom? Give the number of a process, or --folder FOLDER");
    }
    if (folder != NULL && args->operand_count != 0) {
        return cli_fail("--folder and numbers of processes exclude each other");
    }
    if (folder == NULL) {
        return steer_pids(args);
    }
    gchar *words[] = {(gchar *)"pfprof", (gchar *)"steer", (gchar *)"--folder", (gchar *)folder,
                      NULL};
    return pf_steer_main(4, words);
}

const cli_command command_steer = {
    .name = "steer",
    .operands = "[PID ...]",
    .summary = "lets a sampler set the rates of running processes",
    .details =
        "The sampler looks at each process about ten times a second and sets the share of calls "
        "that "
        "is timed, for each call site on its own where that is worth it. Counts are exact anyway, "
        "and "
        "estimates take every change of rate into account. What the rates were at the end stays in "
        "force; `pfprof ctl PID rate=R sites=default` takes them back.\n\n"
        "A process started with PROVIDE_PROFILING_SAMPLER is steered already: the library starts "
        "`pfprof steer --folder FOLDER` by itself, which ends a second or two after the last such "
        "process. Two that would steer one process: the second says so and leaves it alone, exit "
        "status 1.",
    .examples = "pfprof steer 4242  # adaptive, within 1 % of its CPU time\n"
                "pfprof steer --budget 0.002 4242 4243  # both, within 0.2 % each\n"
                "pfprof steer --sampler pattern --rules noisy.rules 4242  # by rules",
    .options = options,
    .operand = CLI_OPERAND_PID,
    .most = 64,
    .run = run,
};
