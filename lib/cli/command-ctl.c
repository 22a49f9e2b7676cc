// SPDX-License-Identifier: Apache-2.0
// pfprof ctl: orders to a running process, through control words in memory that it shares.
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

#define ORDERS "on, off, reset, rate=R, site=ID:rate=R, sites=default or flush"

static gboolean parse_rate(const gchar *text, gdouble *ret_rate) {
    gchar *end;
    *ret_rate = g_ascii_strtod(text, &end);
    return end != text && *end == 0 && *ret_rate >= 0 && *ret_rate <= 1;
}

// ID is an address as `show --json` has it, the name of an output function, or ADDRESS/FUNCTION.
static gboolean parse_site(const gchar *id, guint64 *ret_address, gchar **ret_function) {
    g_auto(GStrv) parts = g_strsplit(id, "/", 2);
    gchar *end;
    *ret_address = 0;
    *ret_function = NULL;
    if (parts[0] == NULL) {
        return FALSE;
    }
    if (!g_str_has_prefix(parts[0], "0x")) {
        *ret_function = g_strdup(parts[0]);
        return *parts[0] != 0 && parts[1] == NULL;
    }
    *ret_address = g_ascii_strtoull(parts[0] + 2, &end, 16);
    *ret_function = g_strdup(parts[1]);
    return *end == 0 && *ret_address != 0 && (parts[1] == NULL || *parts[1] != 0);
}

static gint refuse(const gchar *order) {
    g_autofree gchar *safe = pf_human_text(order, 40);
    return cli_fail("\"%s\" is not an order; it should be " ORDERS, safe);
}

// --- flush: what was counted so far goes to where the summary would go at the end

static gchar *setting_of(const PfProcess *process, const gchar *name) {
    gchar *value = cli_started_with(process->pid, pf_profiling_config_get_variable(name));
    return value != NULL ? value : g_strdup(pf_profiling_config_get_default(name));
}

// The file as the process means it: %p and %n are its own, a relative path starts at its folder.
static gchar *output_of(const PfProcess *process, const gchar *pattern) {
    GString *path = g_string_new(NULL);
    if (*pattern != '/') {
        g_string_append_printf(path, "/proc/%u/cwd/", process->pid);
    }
    for (const gchar *at = pattern; *at != 0; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            g_string_append_printf(path, "%u", process->pid);
            at++;
        } else if (at[0] == '%' && at[1] == 'n') {
            g_string_append(path, process->program);
            at++;
        } else {
            g_string_append_c(path, *at);
            at += at[0] == '%' && at[1] == '%';
        }
    }
    return g_string_free(path, FALSE);
}

static gint append(const gchar *path, const gchar *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0600);
    gboolean good = fd >= 0 && write(fd, text, strlen(text)) == (gssize)strlen(text);
    int problem = errno;
    if (fd >= 0) {
        close(fd);
    }
    return good ? 0 : cli_fail("%s cannot be written: %s", path, g_strerror(problem));
}

static gint flush(PfTarget *target, const cli_args *args) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSnapshot) snapshot = pf_target_take_snapshot(target, PF_SNAPSHOT_DEFAULT, &error);
    if (snapshot == NULL) {
        return cli_fail_error(error);
    }
    const PfProcess *process = pf_snapshot_get_process(snapshot);
    g_autofree gchar *output = setting_of(process, "output");
    g_autofree gchar *format = setting_of(process, "format");
    gboolean here = strcmp(output, "stderr") == 0 || strcmp(output, "none") == 0 || *output == 0;
    gboolean is_json = cli_has(args, "json") || g_ascii_strcasecmp(format, "json") == 0;
    g_autofree gchar *text =
        is_json ? pf_snapshot_to_json(snapshot, NULL)
                : pf_snapshot_to_text(snapshot, NULL, here ? cli_width(STDOUT_FILENO) : 80,
                                      here && cli_colour(args, STDOUT_FILENO));
    if (here) {
        return cli_print(text); // its standard error is not ours to write to
    }
    g_autofree gchar *path = output_of(process, output);
    return append(path, text);
}

// --- orders

static gboolean set_site(PfController *to, const gchar *order, gboolean *ret_known,
                         GError **error) {
    g_autofree gchar *copy = g_strdup(order + strlen("site="));
    g_autofree gchar *function = NULL;
    gchar *rate_at = strstr(copy, ":rate=");
    guint64 address;
    gdouble rate;
    *ret_known = rate_at != NULL && parse_rate(rate_at + strlen(":rate="), &rate);
    if (!*ret_known) {
        return FALSE;
    }
    *rate_at = 0;
    *ret_known = parse_site(copy, &address, &function);
    return *ret_known && pf_controller_set_site_rate(to, address, function, rate, error);
}

// FALSE with *ret_known FALSE: there is no such order.
static gboolean give(PfController *to, const gchar *order, gboolean *ret_known, GError **error) {
    gdouble rate;
    *ret_known = TRUE;
    if (strcmp(order, "on") == 0 || strcmp(order, "off") == 0) {
        return pf_controller_set_active(to, order[1] == 'n', error);
    }
    if (strcmp(order, "reset") == 0) {
        return pf_controller_reset(to, error);
    }
    if (strcmp(order, "sites=default") == 0) {
        return pf_controller_clear_site_rates(to, error);
    }
    if (g_str_has_prefix(order, "rate=") && parse_rate(order + strlen("rate="), &rate)) {
        return pf_controller_set_rate(to, rate, error);
    }
    if (g_str_has_prefix(order, "site=")) {
        return set_site(to, order, ret_known, error);
    }
    *ret_known = FALSE;
    return FALSE;
}

static gint run(cli_args *args) {
    guint pid = (guint)cli_parse_number(args->operands[0], G_MAXINT32);
    g_autoptr(GError) error = NULL;
    if (pid == 0) {
        g_autofree gchar *safe = pf_human_text(args->operands[0], 40);
        return cli_fail("\"%s\" is not the number of a process; `pfprof list` shows them", safe);
    }
    g_autoptr(PfTarget) target = cli_open_target(pid);
    if (target == NULL) {
        return 2;
    }
    g_autoptr(PfController) controller = NULL; // flush needs none
    for (guint i = 1; i < args->operand_count; i++) {
        const gchar *order = args->operands[i];
        gboolean known;
        if (strcmp(order, "flush") == 0) {
            gint status = flush(target, args);
            if (status != 0) {
                return status;
            }
            continue;
        }
        if (controller == NULL) {
            controller = pf_controller_new_for_file(pf_target_get_path(target), &error);
        }
        if (controller == NULL) {
            return cli_fail_error(error);
        }
        if (!give(controller, order, &known, &error)) {
            return known ? cli_fail_error(error) : refuse(order);
        }
    }
    return 0;
}

const cli_command command_ctl = {
    .name = "ctl",
    .operands = "PID ORDER ...",
    .summary = "switches, resets or tunes the profiling of a running process",
    .details =
        "Orders: on; off (calls pass uncounted); reset (counts start anew); rate=R (the share of "
        "calls that is timed, 0 to 1); site=ID:rate=R (a rate of its own for a call site: ID is an "
        "address as `pfprof show --json` has it, or the name of an output function, or both: "
        "0x401136/write); sites=default (takes those back); flush (the summary so far goes to the "
        "process's PROVIDE_PROFILING_OUTPUT file, or, when that is stderr or none, is printed).\n\n"
        "Orders are words in memory that the process shares: no signal, no ptrace. Each thread "
        "takes "
        "them over at its next output call. Several orders are given one after the other.",
    .examples = "pfprof ctl 4242 off  # stop counting\n"
                "pfprof ctl 4242 reset rate=1  # from now on, every call timed\n"
                "pfprof ctl 4242 site=fsync:rate=1  # time every fsync",
    .options = options,
    .operand = CLI_OPERAND_PID,
    .words = "on off reset rate= site= sites=default flush",
    .least = 2,
    .most = 64,
    .run = run,
};
