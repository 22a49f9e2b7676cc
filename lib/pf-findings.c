// SPDX-License-Identifier: Apache-2.0
// Findings: what the rules share, and which of what they found is said.
#include "pf-findings-private.h"
#include "pf-text-writer.h"
#include <string.h>

typedef struct {
    PfFinding row;
    gatomicrefcount references;
} finding;

G_DEFINE_BOXED_TYPE(PfFinding, pf_finding, pf_finding_ref, pf_finding_unref)

/**
 * pf_finding_ref:
 * @self: a finding
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */
PfFinding *pf_finding_ref(PfFinding *self) {
    g_atomic_ref_count_inc(&((finding *)self)->references);
    return self;
}

/**
 * pf_finding_unref:
 * @self: (transfer full) (nullable): a finding
 *
 * Gives a reference back.
 */
void pf_finding_unref(PfFinding *self) {
    if (self != NULL && g_atomic_ref_count_dec(&((finding *)self)->references)) {
        g_free(self->title);
        g_free(self->evidence);
        g_free(self->next_step);
        g_free(self->place);
        g_free(self);
    }
}

// --- the list

PfFinding *pf_search_add(pf_search *self, const gchar *kind, gchar *title, gchar *evidence,
                         gchar *next_step, pf_saving saving) {
    PfFinding *row = (PfFinding *)g_new0(finding, 1);
    g_atomic_ref_count_init(&((finding *)row)->references);
    row->kind = kind;
    row->title = title;
    row->evidence = evidence;
    row->next_step = next_step;
    row->saved_ns = saving.ns > 0 ? saving.ns : -1;
    row->low_ns = saving.ns > 0 ? saving.low : -1;
    row->high_ns = saving.ns > 0 ? saving.high : -1;
    row->saved_calls = -1;
    row->wall_percent = saving.ns > 0 && self->wall_ns > 0 ? 100 * saving.ns / self->wall_ns : -1;
    row->thread_count = 1;
    g_ptr_array_add(self->found, row);
    return row;
}

// What is wrong, and not only slow, comes before all that saves time; a lock's saving is not known.
static gdouble weight_of(const PfFinding *self) {
    return self->saved_ns >= 0 ? self->low_ns : strcmp(self->kind, "lock") == 0 ? 0 : G_MAXDOUBLE;
}

static gint more_first(gconstpointer a, gconstpointer b) {
    gdouble one = weight_of(*(PfFinding *const *)a);
    gdouble other = weight_of(*(PfFinding *const *)b);
    return one < other ? 1 : one > other ? -1 : 0;
}

/**
 * pf_snapshot_find:
 * @self: a snapshot
 * @symbolizer: (nullable): where to look names up; %NULL for a new one
 *
 * Finds what should be changed, at most %PF_MOST_FINDINGS: first what loses data or endangers the
 * process, then what saves most.  Nothing is said of time without a lower limit of what it saves that is
 * worth the trouble; most programs have no findings.
 *
 * Returns: (transfer container) (element-type PfFinding): findings
 */
GPtrArray *pf_snapshot_find(PfSnapshot *self, PfSymbolizer *symbolizer) {
    g_return_val_if_fail(PF_IS_SNAPSHOT(self), NULL);
    g_autoptr(PfSymbolizer) used =
        symbolizer != NULL ? g_object_ref(symbolizer) : pf_symbolizer_new();
    pf_search search = {
        .snapshot = self,
        .symbolizer = used,
        .real_sites = pf_snapshot_find_dearest_lines(self, used),
        .wall_ns = pf_snapshot_get_uptime_seconds(self) * 1e9,
        .found = g_ptr_array_new_with_free_func((GDestroyNotify)pf_finding_unref),
    };
    search.written = pf_search_group_streams(&search, TRUE, 1);
    search.flushed = pf_search_group_streams(&search, FALSE, PF_LEAST_OF_ONE);
    pf_find_flushes(&search);
    pf_find_tiny_writes(&search);
    pf_find_waits(&search);
    pf_find_storm(&search);
    pf_find_errors(&search);
    pf_find_short_writes(&search);
    pf_find_not_worth(&search);
    pf_find_handlers(&search);
    pf_find_forks(&search);
    g_ptr_array_sort(search.found, more_first);
    pf_find_cost(&search); // no time: it comes last, and is asked for
    if (search.found->len > PF_MOST_FINDINGS) {
        g_ptr_array_set_size(search.found, PF_MOST_FINDINGS);
    }
    g_ptr_array_unref(search.real_sites);
    g_ptr_array_unref(search.written);
    g_ptr_array_unref(search.flushed);
    return search.found;
}

/**
 * pf_finding_get_saving:
 * @self: a finding
 *
 * Says what a finding saves.
 *
 * Returns: (transfer full): such as `1.5 s (95 %: 1.4 s to 1.6 s), 12 % of wall`; "" when not known
 */
gchar *pf_finding_get_saving(const PfFinding *self) {
    if (self->saved_ns < 0) {
        return g_strdup("");
    }
    g_autofree gchar *saved = pf_duration_text(self->saved_ns);
    g_autofree gchar *low = pf_duration_text(self->low_ns);
    g_autofree gchar *high = pf_duration_text(self->high_ns);
    if (self->wall_percent < 0) {
        return g_strdup_printf("%s (95 %%: %s to %s)", saved, low, high);
    }
    g_autofree gchar *whose = self->thread_count > 1
                                  ? g_strdup_printf("the time of %u threads", self->thread_count)
                                  : g_strdup("wall");
    return g_strdup_printf("%s (95 %%: %s to %s), %.0f %% of %s", saved, low, high,
                           self->wall_percent, whose);
}

// Words in lines of `width` columns, of which so many are used.
static void put_wrapped(pf_text *text, guint used, const gchar *first, const gchar *words) {
    g_auto(GStrv) parts = g_strsplit(words, " ", -1);
    guint column = used + (guint)g_utf8_strlen(first, -1);
    pf_text_add(text, first);
    for (guint i = 0; parts[i] != NULL; i++) {
        guint length = (guint)g_utf8_strlen(parts[i], -1);
        if (i > 0 && column + 1 + length > text->width) {
            pf_text_add(text, "\n     ");
            column = 5;
        } else if (i > 0) {
            pf_text_add(text, " ");
            column++;
        }
        pf_text_add(text, parts[i]);
        column += length;
    }
    pf_text_add(text, "\n");
}

/**
 * pf_findings_to_text:
 * @findings: (element-type PfFinding): findings
 * @width: columns
 * @colour: whether to use ANSI escapes
 *
 * Writes findings as a person reads them.
 *
 * Returns: (transfer full): UTF-8; "" when there are none
 */
gchar *pf_findings_to_text(GPtrArray *findings, guint width, gboolean colour) {
    pf_text text = {g_string_new(NULL), CLAMP(width, 60, 160), colour};
    for (guint i = 0; i < findings->len; i++) {
        const PfFinding *one = g_ptr_array_index(findings, i);
        g_autofree gchar *saving = pf_finding_get_saving(one);
        g_autofree gchar *line =
            g_strdup_printf("%s%s%s", one->title, *saving != 0 ? "; worth " : "", saving);
        g_autofree gchar *safe_line = pf_text_plain(line);
        g_autofree gchar *safe_evidence = pf_text_plain(one->evidence);
        g_autofree gchar *safe_step = pf_text_plain(one->next_step);
        pf_text_add(&text, "  ");
        pf_text_ink(&text, PF_INK_WARN, "!");
        put_wrapped(&text, 3, " ", safe_line);
        put_wrapped(&text, 0, "     ", safe_evidence);
        put_wrapped(&text, 0, "     → ", safe_step);
    }
    return g_string_free(text.text, FALSE);
}
