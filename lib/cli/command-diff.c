// SPDX-License-Identifier: Apache-2.0
// pfprof diff: two runs compared line by line, and a gate for continuous integration.
#include "diff.h"
#include <math.h>
#include <string.h>

static const cli_option options[] = {
    {"fail-on", 0, "GATES",
     "such as 'site.cost>+10%,total.cost>+10%': exit status 1 when a line, or all lines together, "
     "do"},
    {"format", 'f', "text|json|junit|markdown", "what to print"},
    {"noise", 0, "PERCENT",
     "how much two single runs differ without any change (5, and more on a machine that was "
     "uneven)"},
    CLI_HELP,
};

static const struct {
    const gchar *name;
    gboolean is_total;
    gsize offset;
} metrics[] = {
    {"site.cost", FALSE, G_STRUCT_OFFSET(PfDifference, cost)},
    {"site.calls", FALSE, G_STRUCT_OFFSET(PfDifference, calls)},
    {"site.bytes", FALSE, G_STRUCT_OFFSET(PfDifference, bytes)},
    {"site.latency", FALSE, G_STRUCT_OFFSET(PfDifference, latency)},
    {"total.cost", TRUE, G_STRUCT_OFFSET(PfDifference, cost)},
    {"total.calls", TRUE, G_STRUCT_OFFSET(PfDifference, calls)},
    {"total.bytes", TRUE, G_STRUCT_OFFSET(PfDifference, bytes)},
};

#define METRICS                                                                                    \
    "site.cost, site.calls, site.bytes, site.latency, total.cost, total.calls or total.bytes"

static void gate_clear(gpointer data) { g_free(((diff_gate *)data)->text); }

static gboolean read_gate(const gchar *text, diff_gate *ret_gate) {
    gsize length = strcspn(text, "<>");
    gchar *end = NULL;
    if (text[length] == 0) {
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(metrics); i++) {
        if (strlen(metrics[i].name) == length && strncmp(text, metrics[i].name, length) == 0) {
            gdouble percent = g_ascii_strtod(text + length + 1, &end);
            *ret_gate = (diff_gate){NULL, metrics[i].is_total, metrics[i].offset,
                                    text[length] == '>', percent};
            return end != text + length + 1 && strcmp(end, "%") == 0 && isfinite(percent);
        }
    }
    return FALSE;
}

static GArray *read_gates(const gchar *text) {
    g_autoptr(GArray) gates = g_array_new(FALSE, TRUE, sizeof(diff_gate));
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", -1);
    g_array_set_clear_func(gates, gate_clear);
    if (text != NULL && *text == 0) { // a variable that is not set, say: it would never fail
        cli_warn("--fail-on is empty; it is METRIC>+N%% or METRIC<-N%%, with " METRICS);
        return NULL;
    }
    for (guint i = 0; parts[i] != NULL; i++) {
        diff_gate gate;
        if (!read_gate(g_strstrip(parts[i]), &gate)) {
            cli_warn("--fail-on %s is not METRIC>+N%% or METRIC<-N%%, with " METRICS, parts[i]);
            return NULL;
        }
        gate.text = g_strdup(parts[i]);
        g_array_append_val(gates, gate);
    }
    return g_steal_pointer(&gates);
}

static PfSnapshot *open_one(const gchar *operand) {
    g_autoptr(PfSession) session = cli_open(operand);
    g_autoptr(GError) error = NULL;
    PfSnapshot *snapshot = session != NULL ? pf_session_get_snapshot(session, &error) : NULL;
    if (error != NULL) {
        cli_fail("%s: %s", operand, error->message);
    }
    return snapshot;
}

// The word that stands between the runs before and those after; G_MAXUINT when the operands make no sense.
static guint find_versus(const cli_args *args) {
    guint found = G_MAXUINT;
    for (guint i = 0; i < args->operand_count; i++) {
        if (strcmp(args->operands[i], "vs") == 0) {
            found = found == G_MAXUINT ? i : 0;
        }
    }
    if (found == G_MAXUINT && args->operand_count == 2) {
        return 2;
    }
    if (found == 0 || found >= args->operand_count - 1) {
        cli_warn("several runs of each side are written BEFORE... vs AFTER...; a file of that name "
                 "is ./vs");
        return G_MAXUINT;
    }
    return found;
}

static GPtrArray *open_runs(gchar **operands, guint count) {
    g_autoptr(GPtrArray) runs = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < count; i++) {
        PfSnapshot *one = open_one(operands[i]);
        if (one == NULL) {
            return NULL;
        }
        g_ptr_array_add(runs, one);
    }
    return g_steal_pointer(&runs);
}

// The first of them names all.
static gchar *name_runs(gchar **operands, guint count) {
    return count == 1 ? g_strdup(operands[0])
                      : g_strdup_printf("%s and %u more", operands[0], count - 1);
}

// Only a change that is beyond doubt, and larger than the gate allows.
static void apply_to(diff_result *result, const diff_gate *gate, const PfDifference *row) {
    const PfChange *change = diff_change(row, gate);
    gboolean beyond =
        gate->more ? change->percent > gate->percent : change->percent < gate->percent;
    if (pf_change_is_significant(change) && beyond) {
        diff_failure failure = {row, gate};
        g_array_append_val(result->failures, failure);
    }
}

// A gate that cannot fail must not seem to have passed.
static void apply(diff_result *result) {
    for (guint g = 0; g < result->gates->len; g++) {
        diff_gate *gate = &g_array_index(result->gates, diff_gate, g);
        guint count = diff_row_count(result, gate);
        gboolean is_known = count == 0;
        for (guint i = 0; i < count; i++) {
            apply_to(result, gate, diff_row(result, gate, i));
            is_known |= diff_change(diff_row(result, gate, i), gate)->is_known;
        }
        if (!is_known) {
            g_ptr_array_add(result->unjudged, gate);
        }
    }
}

static gint print(const cli_args *args, const diff_result *result) {
    const gchar *format = cli_value(args, "format");
    if (format != NULL && strcmp(format, "json") == 0) {
        return diff_print_json(result);
    }
    g_autofree gchar *text = format != NULL && strcmp(format, "junit") == 0 ? diff_to_junit(result)
                             : format != NULL && strcmp(format, "markdown") == 0
                                 ? diff_to_markdown(result)
                                 : diff_to_text(result);
    return cli_print(text);
}

static gint run(cli_args *args) {
    const gchar *given = cli_value(args, "noise");
    gchar *end = NULL;
    gdouble noise = given != NULL ? g_ascii_strtod(given, &end) : -1;
    if (given != NULL && (end == given || *end != 0 || !(noise >= 0 && noise <= 100))) {
        return cli_fail("--noise %s is not a number from 0 to 100", given);
    }
    g_autoptr(GArray) gates = read_gates(cli_value(args, "fail-on"));
    guint versus = gates != NULL ? find_versus(args) : G_MAXUINT;
    if (versus == G_MAXUINT) {
        return 2;
    }
    gboolean pair = versus == 2 && args->operand_count == 2;
    guint first = pair ? 1 : versus; // runs before, runs after
    gchar **rest = &args->operands[pair ? 1 : versus + 1];
    guint second = g_strv_length(rest);
    g_autoptr(GPtrArray) before = open_runs(args->operands, first);
    g_autoptr(GPtrArray) after = before != NULL ? open_runs(rest, second) : NULL;
    if (after == NULL) {
        return 2;
    }
    g_autofree gchar *before_name = name_runs(args->operands, first);
    g_autofree gchar *after_name = name_runs(rest, second);
    g_autoptr(GPtrArray) rows = pf_snapshots_compare(before, after, NULL, noise / 100);
    g_autoptr(PfDifference) total = pf_differences_sum(rows);
    g_autoptr(GArray) failures = g_array_new(FALSE, FALSE, sizeof(diff_failure));
    g_autoptr(GPtrArray) unjudged = g_ptr_array_new();
    diff_result result = {
        .before = before_name,
        .after = after_name,
        .rows = rows,
        .total = total,
        .gates = gates,
        .failures = failures,
        .unjudged = unjudged,
    };
    if (given == NULL && first == 1 && second == 1) {
        pf_snapshots_compare_machine(before->pdata[0], after->pdata[0], &result.machine);
    }
    apply(&result);
    gint status = print(args, &result);
    return status != 0 ? status : failures->len > 0;
}

const cli_command command_diff = {
    .name = "diff",
    .operands = "BEFORE AFTER | BEFORE... vs AFTER...",
    .summary = "compares two runs line by line; with --fail-on a gate for CI",
    .details =
        "Lines are matched by output function, calling function and message, so that a rebuild and "
        "other addresses do not matter. The interval of each change holds for all lines together. "
        "With several runs of each side (five, say) their own spread makes the intervals. Two runs "
        "alone cannot tell a change from a moody machine: --noise is assumed, or, without it, 5 % "
        "and what the machine differed by when they were made. "
        "A gate fails only for a change that is beyond doubt and larger than the gate allows; then "
        "the exit status is 1. Gates that no line tells enough for are named, and pass. Gates on "
        "site fail for a line that both sides have; those on total, "
        "all lines together, for new lines too.",
    .examples =
        "pfprof diff old.pfs new.pfs  # what has changed?\n"
        "pfprof diff old-*.pfs vs new-*.pfs  # several runs of each: fewer false alarms\n"
        "pfprof diff --fail-on 'site.cost>+10%,total.cost>+10%' old-*.pfs vs new-*.pfs  # in CI",
    .options = options,
    .operand = CLI_OPERAND_PROCESS,
    .least = 2,
    .most = 2001,
    .run = run,
};
