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

// --- savings

pf_saving pf_saving_of(const PfStats *stats, gdouble factor) {
    if (!pf_stats_has_estimate(stats)) {
        return (pf_saving){0};
    }
    const PfEstimate *estimate = &stats->estimate;
    return (pf_saving){factor * estimate->total_ns, factor * estimate->low_ns,
                       factor * estimate->high_ns};
}

// The part of a total: both are uncertain.  The limits of the product are those of a part of the whole
// when the part is nearly all of it, and of the part when the total is well known.
pf_saving pf_saving_of_reason(const PfStats *stats, PfReason reason, gdouble factor) {
    const PfReasonShare *share = &stats->reasons[reason];
    if (!pf_stats_has_estimate(stats) || share->share < 0) {
        return (pf_saving){0};
    }
    const PfEstimate *estimate = &stats->estimate;
    gdouble low = share->low >= 0 ? share->low : 0;
    gdouble high = share->high >= 0 ? share->high : 1;
    return (pf_saving){factor * share->share * estimate->total_ns, factor * low * estimate->low_ns,
                       factor * high * estimate->high_ns};
}

pf_saving pf_saving_add(pf_saving a, pf_saving b) {
    return (pf_saving){a.ns + b.ns, a.low + b.low, a.high + b.high};
}

// The lower limit decides: what may be nothing is not said.
gboolean pf_saving_is_worth(const pf_search *self, pf_saving saving) {
    return saving.low >= PF_WORTH_NS && saving.low >= PF_WORTH_SHARE * self->wall_ns &&
           saving.ns <= 4 * saving.low;
}

#define MAKES_WAY_NS 100e3

gboolean pf_search_makes_way(const PfStats *stats) {
    const PfReasonShare *blocked = &stats->reasons[PF_REASON_BLOCKED];
    return blocked->count > 0 &&
           (gdouble)blocked->total_ns < MAKES_WAY_NS * (gdouble)blocked->count;
}

// --- places

static const gchar *short_file(const gchar *file) {
    const gchar *start = file + strlen(file);
    for (guint slashes = 0; start > file; start--) {
        if (start[-1] == '/' && ++slashes == 2) {
            break;
        }
    }
    return start;
}

static gchar *name_place(const PfPlace *place) {
    if (place->file == NULL) {
        return pf_place_to_string(place);
    }
    return g_strdup_printf("%s:%u%s%s", short_file(place->file), place->line,
                           place->function != NULL ? " in " : "",
                           place->function != NULL ? place->function : "");
}

unsigned pf_call_named(const gchar *function) {
    unsigned call = 0;
    while (call < PF_CALL_COUNT && strcmp(pf_calls[call].name, function) != 0) {
        call++;
    }
    return call;
}

const PfCallSite *pf_search_site(const pf_search *self, guint32 index) {
    const pf_site *wanted = pf_model_site_at(self->snapshot->model, index);
    GPtrArray *sites = pf_snapshot_get_call_sites(self->snapshot);
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        if (site->address == wanted->address &&
            strcmp(site->function, pf_calls[wanted->call].name) == 0) {
            return site;
        }
    }
    return NULL;
}

gboolean pf_site_is_iostream(const PfCallSite *site) {
    return site->module != NULL && strstr(site->module->path, "libstdc++") != NULL;
}

// Out of the C++ library: the first frame that is not in it, of the stack that most calls have.  (At exit the
// library flushes by the same call.)
static gchar *place_beyond_iostream(const pf_search *self, const PfCallSite *site) {
    GPtrArray *stacks = pf_snapshot_get_stacks(self->snapshot);
    const PfFrame *best = NULL;
    gdouble weight = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const PfStack *stack = g_ptr_array_index(stacks, i);
        guint f = 1;
        while (f < stack->depth && stack->frames[f].module != NULL &&
               strstr(stack->frames[f].module->path, "libstdc++") != NULL) {
            f++;
        }
        if (stack->depth > f && stack->frames[0].address == site->address &&
            stack->frames[f].module != NULL && stack->weight > weight) {
            best = &stack->frames[f];
            weight = stack->weight;
        }
    }
    if (best == NULL) {
        return NULL;
    }
    g_autoptr(PfPlace) place =
        pf_symbolizer_find_return(self->symbolizer, best->module, best->address);
    return name_place(place);
}

gchar *pf_search_place(const pf_search *self, const PfCallSite *site) {
    const PfRealSite *best = NULL;
    for (guint i = 0; i < self->real_sites->len; i++) {
        const PfRealSite *real = g_ptr_array_index(self->real_sites, i);
        if (real->site == site && (best == NULL || real->message_count > best->message_count)) {
            best = real;
        }
    }
    if (best != NULL) {
        return name_place(best->place);
    }
    gchar *beyond = pf_site_is_iostream(site) ? place_beyond_iostream(self, site) : NULL;
    if (beyond != NULL) {
        return beyond;
    }
    g_autoptr(PfPlace) place =
        pf_symbolizer_find_return(self->symbolizer, site->module, site->address);
    return name_place(place);
}

gchar *pf_search_place_of_stream(const pf_search *self, const PfStream *stream, gboolean messages,
                                 const PfCallSite **ret_site) {
    GPtrArray *sites = pf_snapshot_get_call_sites(self->snapshot);
    const PfCallSite *best = NULL;
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        gboolean is_here = FALSE;
        for (guint s = 0; s < site->streams->len; s++) {
            is_here |= g_array_index(site->streams, guint, s) == stream->id;
        }
        if (is_here && site->is_message == messages &&
            (best == NULL || site->stats.message_count > best->stats.message_count)) {
            best = site;
        }
    }
    if (ret_site != NULL) {
        *ret_site = best;
    }
    return best != NULL ? pf_search_place(self, best) : NULL;
}

gchar *pf_stream_title(const PfStream *stream) {
    if (*stream->name != 0) {
        return g_strdup(stream->name);
    }
    return g_strdup(stream->kind == PF_STREAM_KIND_NONE ? "syslog"
                                                        : pf_stream_kind_to_string(stream->kind));
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
    // The estimate knows nothing of the wall clock; all threads together have no more than this.
    gdouble most = self->wall_ns * MAX(pf_snapshot_get_thread_count(self->snapshot), 1);
    saving = (pf_saving){MIN(saving.ns, most), MIN(saving.low, most), MIN(saving.high, most)};
    row->saved_ns = saving.ns > 0 ? saving.ns : -1;
    row->low_ns = saving.ns > 0 ? saving.low : -1;
    row->high_ns = saving.ns > 0 ? saving.high : -1;
    row->saved_calls = -1;
    row->wall_percent = saving.ns > 0 && self->wall_ns > 0 ? 100 * saving.ns / self->wall_ns : -1;
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
        .real_sites = pf_snapshot_get_real_sites(self, used),
        .wall_ns = pf_snapshot_get_uptime_seconds(self) * 1e9,
        .found = g_ptr_array_new_with_free_func((GDestroyNotify)pf_finding_unref),
    };
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
    if (self->high_ns - self->low_ns < 0.01 * self->saved_ns) {
        return g_strdup_printf("%s, %.0f %% of wall", saved, self->wall_percent);
    }
    return g_strdup_printf("%s (95 %%: %s to %s), %.0f %% of wall", saved, low, high,
                           self->wall_percent);
}

// Words in lines of `width` columns.
static void put_wrapped(pf_text *text, const gchar *first, const gchar *words) {
    g_auto(GStrv) parts = g_strsplit(words, " ", -1);
    guint column = (guint)g_utf8_strlen(first, -1);
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
        put_wrapped(&text, " ", safe_line);
        put_wrapped(&text, "     ", safe_evidence);
        put_wrapped(&text, "     → ", safe_step);
    }
    return g_string_free(text.text, FALSE);
}
