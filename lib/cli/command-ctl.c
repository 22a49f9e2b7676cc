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

enum kind { ON, OFF, RESET, RATE, SITE_RATE, SITES_DEFAULT, FLUSH };

typedef struct {
    enum kind kind;
    gdouble rate;
    guint64 address;
    gchar *function;
} ctl_order;

static void clear_order(gpointer data) { g_free(((ctl_order *)data)->function); }

static gint parse_rate_order(const gchar *text, const gchar *rate, ctl_order *order) {
    if (parse_rate(rate, &order->rate)) {
        return 0;
    }
    g_autofree gchar *safe = pf_human_text(text, 40);
    return cli_fail("\"%s\": a rate is a number from 0 to 1", safe);
}

static gint parse_site_order(const gchar *text, ctl_order *order) {
    g_autofree gchar *id = g_strdup(text + strlen("site="));
    gchar *rate_at = strstr(id, ":rate=");
    if (rate_at == NULL) {
        return refuse(text);
    }
    *rate_at = 0;
    order->kind = SITE_RATE;
    return parse_site(id, &order->address, &order->function)
               ? parse_rate_order(text, rate_at + strlen(":rate="), order)
               : refuse(text);
}

static gint parse_order(const gchar *text, ctl_order *order) {
    static const struct {
        const gchar *word;
        enum kind kind;
    } words[] = {{"on", ON},
                 {"off", OFF},
                 {"reset", RESET},
                 {"sites=default", SITES_DEFAULT},
                 {"flush", FLUSH}};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(text, words[i].word) == 0) {
            order->kind = words[i].kind;
            return 0;
        }
    }
    if (g_str_has_prefix(text, "rate=")) {
        order->kind = RATE;
        return parse_rate_order(text, text + strlen("rate="), order);
    }
    return g_str_has_prefix(text, "site=") ? parse_site_order(text, order) : refuse(text);
}

static gboolean give(PfController *to, const ctl_order *order, GError **error) {
    switch (order->kind) {
    case ON:
    case OFF: return pf_controller_set_active(to, order->kind == ON, error);
    case RESET: return pf_controller_reset(to, error);
    case RATE: return pf_controller_set_rate(to, order->rate, error);
    case SITE_RATE:
        return pf_controller_set_site_rate(to, order->address, order->function, order->rate, error);
    case SITES_DEFAULT: return pf_controller_clear_site_rates(to, error);
    case FLUSH: break;
    }
    return FALSE;
}

static gint give_all(PfTarget *target, GArray *orders, const cli_args *args) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PfController) controller = NULL; // flush needs none
    for (guint i = 0; i < orders->len; i++) {
        const ctl_order *order = &g_array_index(orders, ctl_order, i);
        if (order->kind == FLUSH) {
            gint status = flush(target, args);
            if (status != 0) {
                return status;
            }
            continue;
        }
        if (controller == NULL) {
            controller = pf_controller_new_for_file(pf_target_get_path(target), &error);
        }
        if (controller == NULL || !give(controller, order, &error)) {
            return cli_fail_error(error);
        }
    }
    return 0;
}

static gint run(cli_args *args) {
    guint pid = cli_parse_pid(args->operands[0]);
    if (pid == 0) {
        return 2;
    }
    // All are looked at before the first is given: half of a line does no good.
    g_autoptr(GArray) orders = g_array_new(FALSE, TRUE, sizeof(ctl_order));
    g_array_set_clear_func(orders, clear_order);
    for (guint i = 1; i < args->operand_count; i++) {
        g_array_set_size(orders, i);
        gint status = parse_order(args->operands[i], &g_array_index(orders, ctl_order, i - 1));
        if (status != 0) {
            return status;
        }
    }
    g_autoptr(PfTarget) target = cli_open_target(pid);
    return target == NULL ? 2 : give_all(target, orders, args);
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
        "takes them over at its next output call. Several orders are given one after the other, or "
        "none of them when one is not understood.",
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
