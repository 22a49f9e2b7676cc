// SPDX-License-Identifier: Apache-2.0
// What `pfprof diff` prints: text, markdown for a pull request, JUnit, JSON.
#include "diff.h"
#include <math.h>
#include <string.h>

#define MOST_ROWS 20u
#define NAME_COLUMNS 31
#define WORTH_A_LINE 5.0 // % that the machine may have done
#define TOO_WIDE 1000.0  // %: such limits say nothing
#define TIMES 1000.0     // %: above, so many times as much
#define CELL_COLUMNS 22

typedef gchar *value_text(gdouble value);

// `×1.2`, `×35`, `×6.2k`
static gchar *times_text(gdouble percent) {
    static const gchar *const units[] = {"", "k", "M", "G"};
    gdouble times = 1 + percent / 100;
    guint unit = 0;
    while (times >= 999.5 && unit < 3) {
        times /= 1000;
        unit++;
    }
    return g_strdup_printf("×%.*f%s", times < 9.95, times, units[unit]);
}

static gboolean is_new(const PfDifference *row) {
    return row->calls.before <= 0 && row->calls.after > 0;
}

static gboolean is_gone(const PfDifference *row) {
    return row->calls.after <= 0 && row->calls.before > 0;
}

// A number without limits: of a line that only one side has, or of which too few calls were timed.
static gchar *unknown_text(const PfDifference *row, const PfChange *change, value_text *value) {
    gdouble only = is_new(row) ? change->after : change->before;
    g_autofree gchar *text = value(only);
    g_autofree gchar *after = value(change->after);
    if (is_new(row) || is_gone(row)) {
        const gchar *what = is_new(row) ? "new" : "gone";
        return only > 0                ? g_strdup_printf("%s, %s", what, text)
               : change == &row->bytes ? g_strdup("–")
                                       : g_strdup(what);
    }
    return change == &row->cost                      ? g_strdup("? (too few timed)")
           : change->before > 0 || change->after > 0 ? g_strdup_printf("%s → %s", text, after)
                                                     : g_strdup("–");
}

// In columns: `width` 0 is any number of them.
static gchar *change_text(const PfDifference *row, const PfChange *change, value_text *value,
                          guint width) {
    const gdouble values[] = {change->percent, change->low, change->high};
    gchar *text[3];
    if (!change->is_known) {
        return unknown_text(row, change, value);
    }
    for (guint digits = 2; digits-- > 0;) {
        for (guint i = 0; i < 3; i++) {
            text[i] = values[0] >= TIMES ? times_text(values[i])
                                         : g_strdup_printf("%+.*f", (gint)digits, values[i]);
        }
        g_autofree gchar *all = g_strdup_printf("%s %s(%s to %s)", text[0],
                                                values[0] >= TIMES ? "" : "% ", text[1], text[2]);
        for (guint i = 0; i < 3; i++) {
            g_free(text[i]);
        }
        if (width == 0 || digits == 0 || pf_human_columns(all) <= width) {
            return g_steal_pointer(&all);
        }
    }
    return NULL;
}

static value_text *text_of(const diff_gate *gate) {
    return gate->offset == G_STRUCT_OFFSET(PfDifference, calls)   ? pf_human_count
           : gate->offset == G_STRUCT_OFFSET(PfDifference, bytes) ? pf_human_bytes
                                                                  : pf_human_duration;
}

// By what lines are matched: function, caller and message.
static gchar *name_of(const diff_result *result, const PfDifference *row) {
    g_autofree gchar *text = g_strstrip(g_strdup(row->text));
    return row == result->total ? g_strdup("all lines together")
                                : g_strdup_printf("%s in %s%s%s", row->function, row->caller,
                                                  *text != 0 ? ": " : "", text);
}

// NULL: nothing to say.
static gchar *machine_text(const diff_result *result) {
    const PfChange *machine = &result->machine;
    g_autofree gchar *before = pf_human_duration(machine->before);
    g_autofree gchar *after = pf_human_duration(machine->after);
    g_autofree gchar *what =
        ABS(machine->percent) < WORTH_A_LINE
            ? g_strdup_printf("short writes took about %s beside both runs, but not evenly so",
                              after)
            : g_strdup_printf("short writes took %s, then %s", before, after);
    return machine->high - machine->low < WORTH_A_LINE
               ? NULL
               : g_strdup_printf("The machine was uneven: pfprof's own %s. That alone may change "
                                 "times by %+.0f to %+.0f %%; the limits allow for it.",
                                 what, machine->low, machine->high);
}

// For 80 columns.
static gchar *short_change_text(const PfDifference *row, const PfChange *change,
                                value_text *value) {
    return change->is_known && change->high > TOO_WIDE && !pf_change_is_significant(change)
               ? g_strdup("? (limits too wide)")
               : change_text(row, change, value, CELL_COLUMNS);
}

static gboolean any_significant(const PfDifference *row) {
    return pf_change_is_significant(&row->cost) || pf_change_is_significant(&row->calls) ||
           pf_change_is_significant(&row->bytes);
}

static gboolean is_new_or_gone(const PfDifference *row) { return is_new(row) || is_gone(row); }

static gchar *failure_text(const diff_result *result, const diff_failure *one) {
    g_autofree gchar *change =
        change_text(one->row, diff_change(one->row, one->gate), text_of(one->gate), 0);
    g_autofree gchar *name = name_of(result, one->row);
    g_autofree gchar *safe = pf_human_text(name, 0);
    g_autofree gchar *place = pf_human_text(one->row->place, 0);
    return g_strdup_printf("%s: %s%s%s is %s", one->gate->text, safe, *place != 0 ? ", " : "",
                           place, change);
}

static gchar *unjudged_text(const diff_gate *gate) {
    return g_strdup_printf("%s was not judged: too few calls were timed, or no line is in both",
                           gate->text);
}

static void put_row(GString *text, const diff_result *result, const PfDifference *row) {
    g_autofree gchar *name = name_of(result, row);
    g_autofree gchar *safe = pf_human_text(name, NAME_COLUMNS);
    g_autofree gchar *cost = short_change_text(row, &row->cost, pf_human_duration);
    g_autofree gchar *calls = short_change_text(row, &row->calls, pf_human_count);
    gint pad = NAME_COLUMNS - (gint)pf_human_columns(safe);
    gint cost_pad = CELL_COLUMNS - (gint)pf_human_columns(cost);
    g_string_append_printf(text, "%c %s%*s  %s%*s %s\n",
                           any_significant(row) || is_new_or_gone(row) ? '*' : ' ', safe,
                           MAX(pad, 0), "", cost, MAX(cost_pad, 0), "", calls);
}

gchar *diff_to_text(const diff_result *result) {
    GString *text = g_string_new(NULL);
    guint shown = 0;
    g_string_append_printf(text,
                           "\n  %s → %s   95 %% intervals for all lines together\n\n"
                           "  line%*scost                  calls\n",
                           result->before, result->after, NAME_COLUMNS - 2, "");
    for (; shown < result->rows->len && shown < MOST_ROWS; shown++) {
        put_row(text, result, g_ptr_array_index(result->rows, shown));
    }
    if (result->rows->len > shown) {
        g_string_append_printf(text, "  and %u more lines\n", result->rows->len - shown);
    }
    if (result->total != NULL) {
        put_row(text, result, result->total);
    }
    for (guint i = 0; i < result->failures->len; i++) {
        g_autofree gchar *failure =
            failure_text(result, &g_array_index(result->failures, diff_failure, i));
        g_string_append(text, "  ! ");
        cli_put_wrapped(text, failure, 4, 4);
    }
    for (guint i = 0; i < result->unjudged->len; i++) {
        g_autofree gchar *unjudged = unjudged_text(g_ptr_array_index(result->unjudged, i));
        g_string_append(text, "  ? ");
        cli_put_wrapped(text, unjudged, 4, 4);
    }
    g_autofree gchar *machine = machine_text(result);
    if (machine != NULL) {
        g_string_append(text, "\n  ");
        cli_put_wrapped(text, machine, 2, 2);
    }
    g_string_append_c(text, '\n');
    return g_string_free(text, FALSE);
}

// What a program says, or is called, is no markup.
static void put_escaped(GString *text, const gchar *words) {
    for (; *words != 0; words++) {
        if (strchr("\\`*_<>[]|~#", *words) != NULL) {
            g_string_append_c(text, '\\');
        }
        g_string_append_c(text, *words == '\n' ? ' ' : *words);
    }
}

static void put_cell(GString *text, const gchar *cell) {
    put_escaped(text, cell);
    g_string_append(text, " | ");
}

static void put_markdown_row(GString *text, const diff_result *result, const PfDifference *row) {
    const PfChange *changes[] = {&row->cost, &row->calls, &row->bytes};
    value_text *const values[] = {pf_human_duration, pf_human_count, pf_human_bytes};
    g_autofree gchar *name = name_of(result, row);
    g_string_append(text, "| ");
    put_cell(text, name);
    for (guint c = 0; c < 3; c++) {
        g_autofree gchar *change = change_text(row, changes[c], values[c], 0);
        put_cell(text, change);
    }
    g_string_truncate(text, text->len - 1);
    g_string_append_c(text, '\n');
}

static void put_item(GString *text, const gchar *sign, const gchar *words) {
    g_string_append_printf(text, "- %s ", sign);
    put_escaped(text, words);
    g_string_append_c(text, '\n');
}

static void put_gates(GString *text, const diff_result *result) {
    for (guint i = 0; i < result->failures->len; i++) {
        g_autofree gchar *failure =
            failure_text(result, &g_array_index(result->failures, diff_failure, i));
        put_item(text, "❌", failure);
    }
    for (guint i = 0; i < result->unjudged->len; i++) {
        g_autofree gchar *unjudged = unjudged_text(g_ptr_array_index(result->unjudged, i));
        put_item(text, "❔", unjudged);
    }
    if (result->failures->len + result->unjudged->len > 0) {
        g_string_append_c(text, '\n');
    }
}

gchar *diff_to_markdown(const diff_result *result) {
    GString *text = g_string_new("### Output and logging\n\n");
    g_autoptr(GPtrArray) changed = g_ptr_array_new();
    put_gates(text, result);
    for (guint i = 0; i < result->rows->len; i++) {
        PfDifference *row = g_ptr_array_index(result->rows, i);
        if (any_significant(row) || is_new_or_gone(row)) {
            g_ptr_array_add(changed, row);
        }
    }
    if (changed->len == 0) {
        g_string_append_printf(text, "No significant change in any of %u lines.\n",
                               result->rows->len);
    }
    // Many small changes, none of which is beyond doubt, may add up to one that is.
    if (changed->len > 0 || (result->total != NULL && any_significant(result->total))) {
        g_string_append_printf(text, "%s| line | cost | calls | bytes |\n|---|---|---|---|\n",
                               changed->len == 0 ? "\n" : "");
        for (guint i = 0; i < changed->len && i < MOST_ROWS; i++) {
            put_markdown_row(text, result, g_ptr_array_index(changed, i));
        }
        put_markdown_row(text, result, result->total);
    }
    if (changed->len > MOST_ROWS) {
        g_string_append_printf(text, "\nand %u more lines that changed\n",
                               changed->len - MOST_ROWS);
    }
    g_autofree gchar *machine = machine_text(result);
    if (machine != NULL) {
        g_string_append_printf(text, "\n%s\n", machine);
    }
    return g_string_free(text, FALSE);
}

static void put_case(GString *text, const diff_result *result, const diff_gate *gate,
                     const PfDifference *row) {
    g_autofree gchar *name = name_of(result, row);
    g_autofree gchar *safe = pf_human_text(name, 0);
    g_autofree gchar *case_xml =
        g_markup_printf_escaped("  <testcase classname=\"%s\" name=\"%s\">", gate->text, safe);
    g_string_append(text, case_xml);
    for (guint f = 0; f < result->failures->len; f++) {
        const diff_failure *one = &g_array_index(result->failures, diff_failure, f);
        if (one->row == row && one->gate == gate) {
            g_autofree gchar *change = change_text(row, diff_change(row, gate), text_of(gate), 0);
            g_autofree gchar *failure =
                g_markup_printf_escaped("<failure message=\"%s\"/>", change);
            g_string_append(text, failure);
        }
    }
    if (!diff_change(row, gate)->is_known) {
        g_string_append(text,
                        "<skipped message=\"too few calls were timed, or only one side has it\"/>");
    }
    g_string_append(text, "</testcase>\n");
}

gchar *diff_to_junit(const diff_result *result) {
    g_autoptr(GString) cases = g_string_new(NULL);
    guint count = 0;
    guint skipped = 0;
    for (guint g = 0; g < result->gates->len; g++) {
        const diff_gate *gate = &g_array_index(result->gates, diff_gate, g);
        guint rows = diff_row_count(result, gate);
        count += rows;
        for (guint i = 0; i < rows; i++) {
            skipped += !diff_change(diff_row(result, gate, i), gate)->is_known;
            put_case(cases, result, gate, diff_row(result, gate, i));
        }
    }
    GString *text = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    g_string_append_printf(
        text, "<testsuite name=\"pfprof diff\" tests=\"%u\" failures=\"%u\" skipped=\"%u\">\n%s",
        count, result->failures->len, skipped, cases->str);
    g_autofree gchar *machine = machine_text(result);
    if (machine != NULL) {
        g_autofree gchar *safe = g_markup_escape_text(machine, -1);
        g_string_append_printf(text, "  <system-out>%s</system-out>\n", safe);
    }
    g_string_append(text, "</testsuite>\n");
    return g_string_free(text, FALSE);
}

static void put_change(cli_json *json, const gchar *name, const PfChange *change) {
    cli_json_open(json, name, '{');
    cli_json_double(json, "before", change->before);
    cli_json_double(json, "after", change->after);
    cli_json_bool(json, "is_known", change->is_known);
    cli_json_bool(json, "is_significant", pf_change_is_significant(change));
    const gchar *const names[] = {"percent", "percent_low", "percent_high"};
    const gdouble values[] = {change->percent, change->low, change->high};
    for (guint i = 0; i < 3; i++) {
        cli_json_number(json, names[i], change->is_known ? values[i] : NAN);
    }
    cli_json_close(json, '}');
}

static void put_numbers(cli_json *json, const PfDifference *row) {
    put_change(json, "cost", &row->cost);
    put_change(json, "calls", &row->calls);
    put_change(json, "bytes", &row->bytes);
}

gint diff_print_json(const diff_result *result) {
    cli_json *json = cli_json_begin();
    cli_json_string(json, "before", result->before);
    cli_json_string(json, "after", result->after);
    put_change(json, "machine", &result->machine);
    cli_json_open(json, "lines", '[');
    for (guint i = 0; i < result->rows->len; i++) {
        const PfDifference *row = g_ptr_array_index(result->rows, i);
        cli_json_open(json, NULL, '{');
        cli_json_string(json, "function", row->function);
        cli_json_string(json, "caller", row->caller);
        cli_json_string(json, "place", row->place);
        cli_json_string(json, "text", row->text);
        put_numbers(json, row);
        put_change(json, "latency", &row->latency);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    if (result->total != NULL) {
        cli_json_open(json, "total", '{');
        put_numbers(json, result->total);
        cli_json_close(json, '}');
    }
    cli_json_open(json, "failures", '[');
    for (guint i = 0; i < result->failures->len; i++) {
        const diff_failure *one = &g_array_index(result->failures, diff_failure, i);
        cli_json_open(json, NULL, '{');
        cli_json_string(json, "gate", one->gate->text);
        cli_json_string(json, "place", one->row->place);
        cli_json_string(json, "function", one->row->function);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    cli_json_open(json, "unjudged", '[');
    for (guint i = 0; i < result->unjudged->len; i++) {
        const diff_gate *gate = g_ptr_array_index(result->unjudged, i);
        cli_json_string(json, NULL, gate->text);
    }
    cli_json_close(json, ']');
    return cli_json_print(json);
}
