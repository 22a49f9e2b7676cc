// SPDX-License-Identifier: Apache-2.0
// Adds the entries of a segment up by site and stream, whatever thread, and takes differences.
#include "pf-strata.h"
#include "pf-model.h"
#include <string.h>

// What timing a call costs beside two clock reads, and what counting one costs, in ns: `make bench`.  Of the
// first, a sixteenth of a call stack's 90 ns and a look at the text now and then are a part.
#define TIMING_NS 45.0
#define COUNTING_NS 2.3

// Sums so far.
typedef struct {
    guint64 calls;
    guint64 sampled;
    guint64 sum_ns;
    guint64 errors;
    gdouble sumsq;
} sums;

typedef struct {
    sums now;
    sums before;
    guint64 described_at; // calls when the texts were looked up
    guint64 address;
    guint64 offset;
    guint level;
    gchar *module;
    gchar *stream;
    gchar *template_text;
    gboolean seen; // in this look
} site;

struct _pf_strata {
    GHashTable *sites; // key -> site
    GArray *strata;    // PfSamplingStratum
    guint64 calls;
};

static void site_free(gpointer data) {
    site *self = data;
    g_free(self->module);
    g_free(self->stream);
    g_free(self->template_text);
    g_free(self);
}

pf_strata *pf_strata_new(void) {
    pf_strata *self = g_new0(pf_strata, 1);
    self->sites = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, site_free);
    self->strata = g_array_new(FALSE, TRUE, sizeof(PfSamplingStratum));
    return self;
}

void pf_strata_free(pf_strata *self) {
    if (self != NULL) {
        g_hash_table_unref(self->sites);
        g_array_unref(self->strata);
        g_free(self);
    }
}

guint64 pf_strata_get_calls(const pf_strata *self) { return self->calls; }

static site *site_of(pf_strata *self, guint64 id) {
    site *found = g_hash_table_lookup(self->sites, &id);
    if (found == NULL) {
        found = g_new0(site, 1);
        found->level = PF_LEVEL_NONE;
        g_hash_table_insert(self->sites, g_memdup2(&id, sizeof id), found);
    }
    return found;
}

// --- texts

static guint level_of(const struct pf_detail *detail) {
    guint best = PF_LEVEL_NONE;
    for (guint i = 0; i < PF_LEVEL_NONE; i++) {
        if (detail->level[i] > 0 &&
            (best == PF_LEVEL_NONE || detail->level[i] > detail->level[best])) {
            best = i;
        }
    }
    return best;
}

static gchar *template_of(pf_reader *reader, const struct pf_detail *detail) {
    guint best = 0;
    for (guint i = 1; i < G_N_ELEMENTS(detail->template_count); i++) {
        best = detail->template_count[i] > detail->template_count[best] ? i : best;
    }
    guint32 link = detail->template_link[best];
    return link != 0 ? pf_reader_template_text(reader, link) : NULL;
}

static void describe(site *to, const pf_model *model, const pf_cell *cell) {
    const pf_site *from = pf_model_site_at(model, cell->site);
    const pf_model_stream *stream = &g_array_index(model->streams, pf_model_stream, cell->stream);
    to->address = from->address;
    g_free(to->stream);
    to->stream = g_strdup(stream->name);
    if (from->module != PF_NO_INDEX && to->module == NULL) {
        const PfModule *module = g_ptr_array_index(model->modules, from->module);
        to->module = g_strdup(module->path);
        to->offset = from->address - module->bias;
    }
    if (cell->detail != NULL) {
        g_free(to->template_text);
        to->template_text = template_of(cell->reader, cell->detail);
        to->level = level_of(cell->detail);
    }
}

// --- numbers

static void add_cell(pf_strata *self, const pf_model *model, const pf_cell *cell) {
    guint64 id = cell->key;
    if ((id & PF_KEY_SITE_MASK) == 0 || pf_calls[cell->call].never_timed) {
        return;
    }
    site *to = site_of(self, id);
    if (!to->seen) {
        to->seen = TRUE;
        to->now = (sums){0};
    }
    to->now.calls += cell->calls;
    if (cell->detail != NULL) {
        const struct pf_detail *detail = cell->detail;
        to->now.sampled += detail->timed.count + detail->certain;
        to->now.sum_ns += detail->timed.sum_ns + detail->certain_ns;
        to->now.sumsq +=
            (gdouble)detail->timed.sumsq_ns2[0] + (gdouble)detail->timed.sumsq_ns2[1] * 0x1p64;
        // Of calls timed with certainty only the sum is known: as if they were all alike.
        if (detail->certain != 0) {
            to->now.sumsq += (gdouble)detail->certain_ns * (gdouble)detail->certain_ns /
                             (gdouble)detail->certain;
        }
        to->now.errors += detail->errors;
    }
    // Texts are looked up anew whenever the calls have doubled.
    if (to->now.calls >= 2 * to->described_at) {
        describe(to, model, cell);
    }
}

static gdouble rate_of(const struct pf_segment *header, guint64 id) {
    gdouble rate = pf_sane_rate(header->control.rate, pf_sane_rate(header->rate, 0));
    for (guint i = 0; i < header->control.override_count && i < PF_OVERRIDES; i++) {
        const struct pf_override *one = &header->control.override[i];
        if ((one->site == 0 || one->site == (id & PF_KEY_SITE_MASK)) &&
            (one->call >= PF_CALL_COUNT || one->call == pf_strata_call_of(id)) &&
            (one->stream == PF_STREAM_UNKNOWN || one->stream == id >> PF_KEY_STREAM_SHIFT)) {
            rate = pf_sane_rate(one->rate, rate);
        }
    }
    return rate;
}

static PfSamplingStratum stratum_of(guint64 id, const site *from, const struct pf_segment *header) {
    gdouble sampled = (gdouble)from->now.sampled;
    gdouble mean = sampled > 0 ? (gdouble)from->now.sum_ns / sampled : 0;
    gdouble spread = sampled > 1 ? from->now.sumsq / sampled - mean * mean : 0;
    return (PfSamplingStratum){
        .id = id,
        .address = from->address,
        .offset = from->offset,
        .function = pf_calls[pf_strata_call_of(id)].name,
        .module = from->module,
        .stream = from->stream,
        .template_text = from->template_text,
        .level = from->level,
        .calls = pf_less(from->now.calls, from->before.calls),
        .sampled = pf_less(from->now.sampled, from->before.sampled),
        .sum_ns = (gdouble)pf_less(from->now.sum_ns, from->before.sum_ns),
        .sumsq_ns2 = MAX(from->now.sumsq - from->before.sumsq, 0),
        .total_calls = from->now.calls,
        .total_sampled = from->now.sampled,
        .mean_ns = mean,
        .variance_ns2 = MAX(spread, 0),
        .cost_ns = 2 * (gdouble)MIN(header->clock_cost_ns, 10000) + TIMING_NS,
        .rate = rate_of(header, id),
    };
}

static void agree(const gchar **common, gboolean *differ, const gchar *one) {
    if (one != NULL) {
        *differ = *differ || (*common != NULL && strcmp(*common, one) != 0);
        *common = one;
    }
}

static void set_text(const gchar **to, const gchar *text) {
    g_free((gchar *)*to);
    *to = g_strdup(text);
}

// Whom the program works for now: what its threads say, as long as none says otherwise.
static void note_whom(const pf_model *model, const struct pf_segment *header,
                      PfSamplingContext *context) {
    const gchar *common[3] = {NULL};
    gboolean differ[3] = {FALSE};
    for (guint i = 0; i < model->threads->len; i++) {
        const pf_model_thread *thread = &g_array_index(model->threads, pf_model_thread, i);
        agree(&common[0], &differ[0], thread->user_id);
        agree(&common[1], &differ[1], thread->request_id);
        agree(&common[2], &differ[2], thread->operation);
    }
    g_autofree gchar *program = pf_reader_text(header->program, sizeof header->program);
    set_text(&context->user_id, differ[0] ? NULL : common[0]);
    set_text(&context->request_id, differ[1] ? NULL : common[1]);
    set_text(&context->operation_name, differ[2] || common[2] == NULL ? program : common[2]);
}

gboolean pf_strata_read(pf_strata *self, pf_reader *reader, PfSamplingContext *context,
                        GError **error) {
    const struct pf_segment *header = pf_reader_header(reader);
    pf_model *model = pf_model_load(reader, error);
    if (model == NULL) {
        return FALSE;
    }
    for (guint i = 0; i < model->cells->len; i++) {
        add_cell(self, model, &g_array_index(model->cells, pf_cell, i));
    }
    note_whom(model, header, context);
    pf_model_unref(model);
    GHashTableIter iter;
    gpointer id;
    gpointer data;
    gdouble sum_ns = 0;
    guint64 sampled = 0;
    guint64 errors = 0;
    self->calls = 0;
    g_array_set_size(self->strata, 0);
    g_hash_table_iter_init(&iter, self->sites);
    while (g_hash_table_iter_next(&iter, &id, &data)) {
        site *one = data;
        PfSamplingStratum stratum = stratum_of(*(guint64 *)id, one, header);
        g_array_append_val(self->strata, stratum);
        self->calls += stratum.calls;
        sampled += stratum.sampled;
        sum_ns += stratum.sum_ns;
        errors += pf_less(one->now.errors, one->before.errors);
        one->before = one->now;
        one->described_at =
            one->now.calls >= 2 * one->described_at ? one->now.calls : one->described_at;
        one->seen = FALSE;
    }
    context->strata = (PfSamplingStratum *)(void *)self->strata->data;
    context->stratum_count = self->strata->len;
    context->avg_latency_ms = sampled != 0 ? sum_ns / (gdouble)sampled / 1e6 : 0;
    context->error_rate = self->calls != 0 ? (gdouble)errors / (gdouble)self->calls : 0;
    context->default_rate = pf_sane_rate(header->control.rate, pf_sane_rate(header->rate, 0));
    context->count_cost_ns = COUNTING_NS;
    return TRUE;
}
