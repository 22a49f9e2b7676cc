// SPDX-License-Identifier: Apache-2.0
// One row of a table for each column that there is; the tables are lists of them.
#include "top-columns.h"
#include "top-text.h"
#include <math.h>

#define BAR_COLUMNS 24

struct pf_top_column {
    const gchar *title;
    guint width; // with the space before it; of names the least
    guint keep;  // the higher, the longer it stays when room gets short
    gdouble (*value)(const pf_top_row *row);
    gchar *(*text)(const pf_top_row *row);
    gboolean is_left;
    gboolean only_with_changes;
    guint most; // of names: wider than this is of no use
};

// --- values and texts

#define FIELD(name, field, put)                                                                    \
    static gdouble name##_value(const pf_top_row *row) { return row->field; }                      \
    static gchar *name##_text(const pf_top_row *row) { return put(row->field); }

FIELD(calls, calls_s, pf_top_text_count)
FIELD(bytes, bytes_s, pf_top_text_bytes)
FIELD(p50, p50_ns, pf_top_text_time)
FIELD(p99, p99_ns, pf_top_text_time)
FIELD(max, max_ns, pf_top_text_time)
FIELD(share, share_percent, pf_top_text_percent)
FIELD(calls_change, calls_change_percent, pf_top_text_change)
FIELD(cost_change, cost_change, pf_top_text_change)

static gchar *estimate_text(gdouble percent, gboolean is_refused) {
    g_autofree gchar *text = pf_top_text_percent(percent);
    return is_refused && percent > 0 ? g_strconcat("≈", text, NULL) : g_steal_pointer(&text);
}

// Where its own share is not known, that of the window's wall time, which is near it.
static gdouble output_value(const pf_top_row *row) {
    return row->output_percent >= 0 ? row->output_percent : row->cost_percent;
}

static gchar *output_text(const pf_top_row *row) {
    g_autofree gchar *text = estimate_text(output_value(row), row->output_percent < 0);
    return row->output_is_limit ? g_strconcat("≤", text, NULL) : g_steal_pointer(&text);
}

static gdouble cost_value(const pf_top_row *row) { return row->cost_percent; }

static gchar *cost_text(const pf_top_row *row) {
    return estimate_text(row->cost_percent, row->is_refused);
}

static gdouble error_value(const pf_top_row *row) { return row->error_percent; }

static gchar *error_text(const pf_top_row *row) {
    return row->error_percent < 0 ? g_strdup("–")
           : row->error_percent < 0.5
               ? g_strdup_printf("%.*f%%", row->error_percent > 0.05, row->error_percent)
           : row->error_percent < 999.5 ? g_strdup_printf("%.0f%%", row->error_percent)
                                        : g_strdup(">999%");
}

static gdouble why_value(const pf_top_row *row) {
    return row->why < 0 ? -1 : row->why * 1000 + row->why_percent;
}

static gchar *why_text(const pf_top_row *row) {
    return row->why < 0 ? g_strdup("–")
                        : g_strdup_printf("%s %.0f%%", pf_reason_to_string((PfReason)row->why),
                                          row->why_percent);
}

static gdouble in_call_value(const pf_top_row *row) { return row->in_call_ns; }

static gchar *in_call_text(const pf_top_row *row) {
    if (row->in_call_ns <= 0) {
        return g_strdup("–");
    }
    g_autofree gchar *time = pf_top_text_time(row->in_call_ns);
    return row->function != NULL ? g_strdup_printf("%s in %s", time, row->function)
                                 : g_steal_pointer(&time);
}

static gchar *bar_text(const pf_top_row *row) {
    GString *bar = g_string_new(NULL);
    gdouble eighths = CLAMP(row->share_percent, 0, 100) / 100 * BAR_COLUMNS * 8;
    gint whole = (gint)(eighths / 8);
    for (gint i = 0; i < whole; i++) {
        g_string_append(bar, "█");
    }
    gint rest = (gint)eighths % 8;
    if (rest != 0) {
        g_string_append_unichar(bar, (gunichar)(0x2590 - rest)); // ▏ is an eighth, ▉ seven
    }
    return g_string_free(bar, FALSE);
}

#define HISTOGRAM_FROM_NS 16
#define HISTOGRAM_COLUMNS 12u
#define HISTOGRAM_TO_NS                                                                            \
    ((guint64)HISTOGRAM_FROM_NS << (2 * HISTOGRAM_COLUMNS)) // a factor of 4 each

static gchar *histogram_text(const pf_top_row *row) {
    return row->stats != NULL && row->stats->histogram != NULL
               ? pf_histogram_to_bar(row->stats->histogram, HISTOGRAM_FROM_NS, HISTOGRAM_TO_NS,
                                     HISTOGRAM_COLUMNS)
               : g_strdup("");
}

static gchar *name_text(const pf_top_row *row) { return g_strdup(row->name); }

static gchar *function_text(const pf_top_row *row) {
    return g_strdup(row->function != NULL ? row->function : "–");
}

// --- the columns

#define NAME(title, least, most)                                                                   \
    { title, least, 100, NULL, name_text, TRUE, FALSE, most }

static const pf_top_column function_name = NAME("function", 16, 30);
static const pf_top_column site_name = NAME("call site", 30, 100);
static const pf_top_column thread_name = NAME("thread", 20, 40);
static const pf_top_column stream_name = NAME("stream", 24, 100);
static const pf_top_column level_name = NAME("level", 17, 24);
static const pf_top_column function_called = {"function",    18,   1,     NULL,
                                              function_text, TRUE, FALSE, 0};
static const pf_top_column calls = {"calls/s", 8, 90, calls_value, calls_text, FALSE, FALSE, 0};
static const pf_top_column calls_change = {"Δ %", 7,    80, calls_change_value, calls_change_text,
                                           FALSE, TRUE, 0};
static const pf_top_column bytes = {"bytes/s", 8, 30, bytes_value, bytes_text, FALSE, FALSE, 0};
static const pf_top_column cost = {"cost %", 7, 89, cost_value, cost_text, FALSE, FALSE, 0};
static const pf_top_column cost_change = {"Δ cost",         7,     79,   cost_change_value,
                                          cost_change_text, FALSE, TRUE, 0};
static const pf_top_column error = {"±", 6, 10, error_value, error_text, FALSE, FALSE, 0};
static const pf_top_column p50 = {"p50", 8, 20, p50_value, p50_text, FALSE, FALSE, 0};
static const pf_top_column p99 = {"p99", 8, 70, p99_value, p99_text, FALSE, FALSE, 0};
static const pf_top_column max = {"max", 8, 40, max_value, max_text, FALSE, FALSE, 0};
static const pf_top_column why = {"why", 13, 50, why_value, why_text, TRUE, FALSE, 0};
static const pf_top_column histogram = {"16ns    67ms", 13,   5,     NULL,
                                        histogram_text, TRUE, FALSE, 0};
static const pf_top_column output = {"output%", 8, 85, output_value, output_text, FALSE, FALSE, 0};
static const pf_top_column in_call = {"in a call since", 20,   60,    in_call_value,
                                      in_call_text,      TRUE, FALSE, 0};
static const pf_top_column share = {"share %", 8, 88, share_value, share_text, FALSE, FALSE, 0};
static const pf_top_column bar = {"", BAR_COLUMNS + 3, 20, share_value, bar_text, TRUE, FALSE, 0};

static const pf_top_column *const tables[PF_TOP_TAB_COUNT][PF_TOP_MOST_COLUMNS] = {
    {&function_name, &calls, &calls_change, &bytes, &cost, &cost_change, &error, &p50, &p99, &max,
     &why, &histogram},
    {&site_name, &function_called, &calls, &calls_change, &bytes, &cost, &cost_change, &error, &p50,
     &p99, &max, &why, &histogram},
    {&thread_name, &calls, &calls_change, &bytes, &output, &p99, &max, &in_call},
    {&stream_name, &calls, &calls_change, &bytes, &cost, &cost_change, &error, &p50, &p99, &max,
     &why, &histogram},
    {&level_name, &calls, &calls_change, &share, &bar},
};

const gchar *pf_top_column_title(const pf_top_column *self) { return self->title; }
gboolean pf_top_column_is_right(const pf_top_column *self) { return !self->is_left; }
gchar *pf_top_column_text(const pf_top_column *self, const pf_top_row *row, guint width) {
    gchar *text = self->text(row);
    if (!row->is_path || self->text != name_text) {
        return text;
    }
    gchar *tail = pf_top_text_tail(text, width);
    g_free(text);
    return tail;
}

static pf_top_style change_style(gdouble change, gdouble much) {
    return isnan(change)                        ? PF_TOP_STYLE_DIM
           : !isfinite(change) || change > much ? PF_TOP_STYLE_WARN
           : change < -much                     ? PF_TOP_STYLE_GOOD
                                                : PF_TOP_STYLE_DIM;
}

pf_top_style pf_top_column_style(const pf_top_column *self, const pf_top_row *row) {
    if (self->value != NULL && self->value(row) < 0 && !self->only_with_changes) {
        return PF_TOP_STYLE_DIM;
    }
    if (self == &cost) {
        return row->is_refused           ? PF_TOP_STYLE_DIM
               : row->cost_percent >= 50 ? PF_TOP_STYLE_BAD
               : row->cost_percent >= 10 ? PF_TOP_STYLE_WARN
                                         : PF_TOP_STYLE_BOLD;
    }
    if (self == &output) {
        return row->output_percent < 0 ? PF_TOP_STYLE_DIM : PF_TOP_STYLE_BOLD;
    }
    if (self == &in_call) {
        return row->in_call_ns >= 1e9 ? PF_TOP_STYLE_BAD
               : row->in_call_ns > 0  ? PF_TOP_STYLE_WARN
                                      : PF_TOP_STYLE_DIM;
    }
    if (self == &why) {
        return row->why == PF_REASON_LOCK || row->why == PF_REASON_BLOCKED ? PF_TOP_STYLE_WARN
                                                                           : PF_TOP_STYLE_PLAIN;
    }
    if (self == &calls_change) {
        return change_style(row->calls_change_percent, 10);
    }
    if (self == &cost_change) {
        return change_style(row->cost_change, 1);
    }
    return self == &bar ? PF_TOP_STYLE_BAR : self == &error ? PF_TOP_STYLE_DIM : PF_TOP_STYLE_PLAIN;
}

// --- what fits

static guint whole_width(const pf_top_layout *layout) {
    guint width = 0;
    for (guint i = 0; i < layout->count; i++) {
        width += layout->width[i];
    }
    return width;
}

static guint keep(const pf_top_column *column, const pf_top_column *sort) {
    return column == sort ? MAX(column->keep, 99) : column->keep; // the name stays longer
}

static void drop_least(pf_top_layout *layout, const pf_top_column *sort) {
    guint least = 0;
    for (guint i = 1; i < layout->count; i++) {
        if (keep(layout->column[i], sort) < keep(layout->column[least], sort)) {
            least = i;
        }
    }
    for (guint i = least; i + 1 < layout->count; i++) {
        layout->column[i] = layout->column[i + 1];
        layout->width[i] = layout->width[i + 1];
    }
    layout->count--;
}

pf_top_layout pf_top_layout_for(pf_top_tab tab, guint width, gboolean with_changes,
                                const pf_top_column *sort) {
    pf_top_layout layout = {0};
    for (guint i = 0; i < PF_TOP_MOST_COLUMNS && tables[tab][i] != NULL; i++) {
        const pf_top_column *column = tables[tab][i];
        if (with_changes || !column->only_with_changes) {
            layout.column[layout.count] = column;
            layout.width[layout.count++] = column->width;
        }
    }
    while (layout.count > 1 && whole_width(&layout) > width) {
        drop_least(&layout, sort);
    }
    // The name takes what is left, up to what names need.
    guint rest = width - MIN(whole_width(&layout) - layout.width[0], width);
    layout.width[0] = MIN(rest, layout.column[0]->most);
    return layout;
}

// --- sorting

const pf_top_column *pf_top_column_default(pf_top_tab tab) {
    return tab == PF_TOP_TAB_THREADS ? &output : tab == PF_TOP_TAB_LEVELS ? &calls : &cost;
}

const pf_top_column *pf_top_column_next(pf_top_tab tab, const pf_top_column *from, gint step) {
    gint count = 0;
    gint at = 0;
    while (count < PF_TOP_MOST_COLUMNS && tables[tab][count] != NULL) {
        at = tables[tab][count] == from ? count : at;
        count++;
    }
    do {
        at = (at + step + count) % count;
    } while (tables[tab][at]->only_with_changes || tables[tab][at] == &bar ||
             tables[tab][at] == &histogram);
    return tables[tab][at];
}

gboolean pf_top_column_ascends(const pf_top_column *self) { return self->value == NULL; }

typedef struct {
    const pf_top_column *by;
    gboolean ascending;
} sorting;

static gint compare_texts(const pf_top_column *by, const pf_top_row *a, const pf_top_row *b) {
    g_autofree gchar *one = by->text(a);
    g_autofree gchar *other = by->text(b);
    return g_utf8_collate(one, other);
}

static gint compare(gconstpointer a, gconstpointer b, gpointer user_data) {
    const sorting *how = user_data;
    const pf_top_row *one = *(pf_top_row *const *)a;
    const pf_top_row *other = *(pf_top_row *const *)b;
    gint order;
    if (how->by->value == NULL) {
        order = compare_texts(how->by, one, other);
    } else {
        gdouble x = how->by->value(one);
        gdouble y = how->by->value(other);
        order = x < y ? -1 : x > y ? 1 : 0;
    }
    if (order == 0) { // so that equal rows keep still
        return one->calls != other->calls ? (one->calls < other->calls ? 1 : -1)
                                          : g_strcmp0(one->key, other->key);
    }
    return how->ascending ? order : -order;
}

void pf_top_rows_sort(GPtrArray *rows, const pf_top_column *by, gboolean ascending) {
    sorting how = {by, ascending};
    g_ptr_array_sort_with_data(rows, compare, &how);
}
