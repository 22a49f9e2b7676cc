// SPDX-License-Identifier: Apache-2.0
// One pass over the cells of a model: every group's sums.
#include "pf-tables.h"

#define MOST_RATES 8
#define MOST_SITE_TEMPLATES 64u
#define TINY_CLASSES 10u // of size_classes: less than 512 bytes

gboolean pf_is_buffered(unsigned call) {
    switch (pf_calls[call].family) {
    case PF_FAMILY_STDIO:
    case PF_FAMILY_FORMAT:
    case PF_FAMILY_WIDE: return TRUE;
    default: return FALSE;
    }
}

// Does the kernel's wchar count what this call wrote?
static gboolean counted_by_kernel(unsigned call, PfStreamKind kind) {
    if (kind == PF_STREAM_KIND_MEMORY) {
        return FALSE;
    }
    switch (pf_calls[call].family) {
    case PF_FAMILY_WRITE:
    case PF_FAMILY_STDIO:
    case PF_FAMILY_FORMAT:
    case PF_FAMILY_WIDE:
    case PF_FAMILY_GLIB:
    case PF_FAMILY_ERROR: return TRUE;
    case PF_FAMILY_COPY:
        return call == PF_CALL_sendfile || call == PF_CALL_sendfile64 ||
               call == PF_CALL_copy_file_range;
    default: return FALSE;
    }
}

// --- the rate

static double rate_of(const pf_cell *cell) {
    pf_numbers numbers = {.calls = cell->calls};
    static const struct pf_detail nothing;
    const struct pf_detail *before = cell->before != NULL ? cell->before : &nothing;
    if (cell->detail != NULL) {
        numbers.sampled = pf_less(cell->detail->timed.count, before->timed.count);
        numbers.certain = pf_less(cell->detail->certain, before->certain);
        numbers.weight =
            pf_sane_sum(pf_detail_weight(cell->detail) - pf_sane_sum(pf_detail_weight(before)));
        numbers.period = pf_sane_sum(cell->detail->period);
    }
    return pf_numbers_rate(&numbers);
}

// The rate that most calls were sampled at; cells that were sampled otherwise are estimated otherwise.
static double main_rate(const pf_model *model) {
    if (model->processes->len == 1 && model->rates_unchanged) {
        return pf_model_process_at(model, 0)->facts->sample_rate;
    }
    double rates[MOST_RATES];
    double calls[MOST_RATES];
    guint count = 0;
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        double rate = cell->detail != NULL ? rate_of(cell) : -1;
        if (rate < 0 || rate > 1) {
            continue;
        }
        guint at = 0;
        while (at < count && ABS(rates[at] - rate) > 1e-6 * rate) {
            at++;
        }
        if (at == count && count < MOST_RATES) {
            rates[count] = rate;
            calls[count++] = 0;
        }
        if (at < count) {
            calls[at] += (double)cell->calls;
        }
    }
    guint best = 0;
    for (guint i = 1; i < count; i++) {
        best = calls[i] > calls[best] ? i : best;
    }
    if (count > 0) {
        return rates[best];
    }
    return model->processes->len > 0 ? pf_model_process_at(model, 0)->facts->sample_rate : 1;
}

// --- what is told of each cell

static void note_stream(pf_site_sums *site, guint stream) {
    if (site->streams == NULL) {
        site->streams = g_array_new(FALSE, FALSE, sizeof(guint));
    }
    for (guint i = 0; i < site->streams->len; i++) {
        if (g_array_index(site->streams, guint, i) == stream) {
            return;
        }
    }
    g_array_append_val(site->streams, stream);
}

static uint32_t find_template(pf_sums *sums, const pf_cell *cell, uint32_t link) {
    uint32_t process = pf_model_thread_at(sums->model, cell->thread)->process;
    uint32_t *index = pf_pair_map_at(&sums->template_of, process, link);
    if (*index != PF_PAIR_NEW) {
        return *index;
    }
    const struct pf_template *from = pf_reader_at(cell->reader, link, sizeof *from);
    if (from == NULL) {
        return PF_PAIR_NEW;
    }
    pf_reader view = pf_reader_view(cell->reader);
    gchar *text = pf_reader_template_text(&view, link);
    pf_template_sums template = {
        .text = g_string_chunk_insert_const(sums->model->strings, text),
        .hash = from->hash,
        .is_format = from->kind == PF_TEMPLATE_FORMAT,
    };
    g_free(text);
    // The same one of several processes (or twice in one) is one.
    uint32_t *same =
        pf_pair_map_at(&sums->template_of, (uint64_t)1 << 63 | template.is_format, template.hash);
    if (*same == PF_PAIR_NEW) {
        *same = sums->templates->len;
        g_array_append_val(sums->templates, template);
    }
    uint32_t found = *same;
    *pf_pair_map_at(&sums->template_of, process, link) = found;
    return found;
}

static void add_template(pf_site_sums *site, uint32_t template, uint64_t sampled, double calls) {
    if (site->templates == NULL) {
        site->templates = g_array_new(FALSE, FALSE, sizeof(pf_site_template));
    }
    guint at = 0;
    while (at < site->templates->len &&
           g_array_index(site->templates, pf_site_template, at).template != template) {
        at++;
    }
    if (at == site->templates->len) {
        if (at == MOST_SITE_TEMPLATES) {
            return;
        }
        pf_site_template new = {.template = template};
        g_array_append_val(site->templates, new);
    }
    pf_tally *tally = &g_array_index(site->templates, pf_site_template, at).tally;
    tally->sampled += sampled;
    tally->calls += calls;
}

static void note_templates(pf_sums *sums, const pf_cell *cell, pf_site_sums *site,
                           const pf_numbers *numbers) {
    const struct pf_detail *detail = cell->detail;
    uint64_t seen = detail->template_seen;
    for (unsigned i = 0; i < G_N_ELEMENTS(detail->template_link); i++) {
        uint64_t count = detail->template_count[i];
        if (detail->template_link[i] == 0 || count == 0) {
            continue;
        }
        if (cell->before != NULL && cell->before->template_link[i] == detail->template_link[i]) {
            count = pf_less(count, cell->before->template_count[i]);
        }
        uint32_t template = find_template(sums, cell, detail->template_link[i]);
        if (template == PF_PAIR_NEW || count == 0) {
            continue;
        }
        double share = (double)count / (double)MAX(seen, detail->template_count[i]);
        double calls = cell->before != NULL && numbers->sampled + numbers->certain > 0
                           ? (double)count * (double)numbers->calls /
                                 (double)(numbers->sampled + numbers->certain)
                           : share * (double)numbers->calls;
        pf_tally *tally = &g_array_index(sums->templates, pf_template_sums, template).tally;
        tally->sampled += count;
        tally->calls += calls;
        add_template(site, template, count, calls);
    }
}

static void note_levels(pf_sums *sums, const pf_numbers *numbers) {
    uint64_t timed = numbers->sampled + numbers->certain;
    uint64_t with_level = 0;
    if (timed == 0) {
        sums->levels[PF_LEVEL_NONE].calls += (double)numbers->calls;
        return;
    }
    double stands_for = (double)numbers->calls / (double)timed;
    for (unsigned i = 0; i < PF_LEVEL_NONE; i++) {
        sums->levels[i].sampled += numbers->levels[i];
        sums->levels[i].calls += stands_for * (double)numbers->levels[i];
        with_level += numbers->levels[i];
    }
    sums->levels[PF_LEVEL_NONE].sampled += pf_less(timed, with_level);
    sums->levels[PF_LEVEL_NONE].calls += stands_for * (double)pf_less(timed, with_level);
}

// Time of flushes, and bytes that they emptied from the buffer.  A call of stdio that is switched out
// is nearly always one that writes, so that counts as flush time too.
static void note_flushes(pf_stream_sums *stream, const pf_cell *cell, const pf_numbers *n) {
    if (pf_calls[cell->call].family == PF_FAMILY_FLUSH) {
        stream->flush_ns += (double)n->sum_ns * n->stands_for + (double)n->certain_ns;
        return;
    }
    const pf_reason_sums *reason = n->reason;
    uint64_t timed =
        reason[PF_WHY_FORMAT].count + reason[PF_WHY_FLUSH].count + reason[PF_WHY_BLOCKED].count;
    uint64_t classes = 0;
    uint64_t tiny = 0;
    for (unsigned i = 0; i < PF_SIZE_CLASSES; i++) {
        classes += n->sizes[i];
        tiny += i > 0 && i < TINY_CLASSES ? n->sizes[i] : 0;
    }
    double stands_for = timed != 0 ? (double)n->calls / (double)timed : 0;
    double to_kernel = 1; // share of the calls that write(2)
    if (pf_is_buffered(cell->call)) {
        uint64_t out = reason[PF_WHY_FLUSH].count + reason[PF_WHY_BLOCKED].count;
        stream->buffered_bytes += (double)n->bytes;
        stream->flush_ns += stands_for * ((double)reason[PF_WHY_FLUSH].sum_ns +
                                          (double)reason[PF_WHY_BLOCKED].sum_ns);
        // Which of the calls that write are the small ones is known only where nearly all write.
        to_kernel = timed != 0 && out * 10 >= timed * 9 ? 1 : 0;
    }
    if (classes != 0) {
        stream->tiny_writes += to_kernel * (double)n->calls * (double)tiny / (double)classes;
    }
}

static void add_cell(pf_sums *sums, const pf_cell *cell) {
    const pf_model_process *process =
        pf_model_process_at(sums->model, pf_model_thread_at(sums->model, cell->thread)->process);
    pf_site_sums *site = &sums->sites[cell->site];
    pf_stream_sums *stream = &sums->streams[cell->stream];
    pf_thread_sums *thread = &sums->threads[cell->thread];
    gboolean is_message = pf_is_message(cell->call);
    PfStreamKind kind = g_array_index(sums->model->streams, pf_model_stream, cell->stream).kind;
    pf_numbers n;
    pf_numbers_read(&n, cell);
    if (n.calls == 0) {
        return;
    }
    pf_numbers_prepare(&n);
    if (pf_is_scope(cell->call)) { // no message, no stream, no output of its thread
        pf_group_add(&site->group, &sums->pool, &n, cell->call, process);
        pf_estimator_add(&site->group.estimator, &n.stratum);
        pf_scopes_add(site, cell);
        return;
    }
    pf_group *groups[] = {&site->group, is_message ? &stream->messages : &stream->flushes,
                          is_message ? &thread->messages : &thread->flushes};
    for (unsigned i = 0; i < G_N_ELEMENTS(groups); i++) {
        pf_group_add(groups[i], &sums->pool, &n, cell->call, process);
    }
    if (!pf_calls[cell->call].never_timed) {
        for (unsigned i = 0; i < G_N_ELEMENTS(groups); i++) {
            pf_estimator_add(&groups[i]->estimator, &n.stratum);
        }
        pf_estimator_add(&sums->functions[cell->call].estimator, &n.stratum);
        pf_estimator_add(is_message ? &sums->messages.estimator : &sums->flushes.estimator,
                         &n.stratum);
    }
    note_flushes(stream, cell, &n);
    note_stream(site, cell->stream);
    site->thread_count += site->last_thread != cell->thread + 1;
    site->last_thread = cell->thread + 1;
    if (is_message) {
        note_levels(sums, &n);
    }
    if (cell->detail != NULL) {
        note_templates(sums, cell, site, &n);
    }
    if (counted_by_kernel(cell->call, kind)) {
        sums->coverage.seen_bytes += n.bytes;
        sums->coverage.unknown_count += pf_calls[cell->call].bytes_unknown ? n.calls : 0;
    }
}

// A stream's flushes are charged to those who filled its buffer, by exact bytes.
static void charge_flushes(pf_sums *sums) {
    for (guint i = 0; i < sums->model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(sums->model->cells, pf_cell, i);
        pf_stream_sums *stream = &sums->streams[cell->stream];
        if (!pf_is_buffered(cell->call) || stream->buffered_bytes <= 0) {
            continue;
        }
        double charge = stream->flush_ns * (double)cell->bytes / stream->buffered_bytes;
        sums->sites[cell->site].group.charged_flush_ns += charge;
        stream->messages.charged_flush_ns += charge;
        sums->threads[cell->thread].messages.charged_flush_ns += charge;
    }
}

static void cover(pf_sums *sums) {
    PfCoverage *coverage = &sums->coverage;
    coverage->is_known = sums->model->processes->len > 0;
    for (guint i = 0; i < sums->model->processes->len; i++) {
        const pf_model_process *process = pf_model_process_at(sums->model, i);
        coverage->is_known &= process->kernel_bytes_known;
        coverage->kernel_bytes += process->kernel_bytes;
    }
    if (coverage->is_known) {
        uint64_t seen = MIN(coverage->seen_bytes, coverage->kernel_bytes);
        coverage->percent = coverage->kernel_bytes != 0
                                ? 100.0 * (double)seen / (double)coverage->kernel_bytes
                                : 100;
    } else {
        coverage->kernel_bytes = 0;
    }
}

// --- the whole

static void begin(pf_sums *sums, const pf_model *model) {
    *sums = (pf_sums){.model = model, .rate = main_rate(model)};
    pf_octave_pool_init(&sums->pool);
    sums->sites = g_new0(pf_site_sums, model->sites->len);
    sums->streams = g_new0(pf_stream_sums, model->streams->len);
    sums->threads = g_new0(pf_thread_sums, model->threads->len);
    sums->functions = g_new0(pf_group, PF_CALL_COUNT);
    sums->templates = g_array_new(FALSE, TRUE, sizeof(pf_template_sums));
    pf_pair_map_init(&sums->template_of, 256);
    for (guint i = 0; i < model->sites->len; i++) {
        pf_estimator_init(&sums->sites[i].group.estimator, sums->rate);
    }
    for (guint i = 0; i < model->streams->len; i++) {
        pf_estimator_init(&sums->streams[i].messages.estimator, sums->rate);
        pf_estimator_init(&sums->streams[i].flushes.estimator, sums->rate);
    }
    for (guint i = 0; i < model->threads->len; i++) {
        pf_estimator_init(&sums->threads[i].messages.estimator, sums->rate);
        pf_estimator_init(&sums->threads[i].flushes.estimator, sums->rate);
    }
    for (guint i = 0; i < PF_CALL_COUNT; i++) {
        pf_estimator_init(&sums->functions[i].estimator, sums->rate);
    }
    pf_estimator_init(&sums->messages.estimator, sums->rate);
    pf_estimator_init(&sums->flushes.estimator, sums->rate);
}

static void end(pf_sums *sums) {
    for (guint i = 0; i < sums->model->sites->len; i++) {
        g_clear_pointer(&sums->sites[i].streams, g_array_unref);
        g_clear_pointer(&sums->sites[i].templates, g_array_unref);
    }
    g_free(sums->sites);
    g_free(sums->streams);
    g_free(sums->threads);
    g_free(sums->functions);
    g_array_unref(sums->templates);
    pf_pair_map_clear(&sums->template_of);
    pf_octave_pool_clear(&sums->pool);
}

// Details lie far apart; all of one is read, in no order that the processor could guess.
static void fetch(const GArray *cells, guint index) {
    if (index < cells->len) {
        const char *detail = (const char *)g_array_index(cells, pf_cell, index).detail;
        for (size_t at = 0; detail != NULL && at < sizeof(struct pf_detail); at += PF_UNIT) {
            __builtin_prefetch(detail + at);
        }
    }
}

// When the detail is there, its histogram.
static void fetch_histogram(const GArray *cells, guint index) {
    const pf_cell *cell = index < cells->len ? &g_array_index(cells, pf_cell, index) : NULL;
    for (unsigned i = 0; cell != NULL && cell->detail != NULL && i < PF_HIST_OCTAVES; i++) {
        uint32_t link = cell->detail->octave[i];
        if (link != 0) {
            __builtin_prefetch(pf_reader_at(cell->reader, link, PF_UNIT));
        }
    }
}

void pf_tables_make(pf_tables *ret_tables, const pf_model *model) {
    pf_sums sums;
    begin(&sums, model);
    for (guint i = 0; i < model->cells->len; i++) {
        fetch(model->cells, i + 3);
        fetch_histogram(model->cells, i + 1);
        add_cell(&sums, &g_array_index(model->cells, pf_cell, i));
    }
    charge_flushes(&sums);
    cover(&sums);
    pf_tables_rows(ret_tables, &sums);
    end(&sums);
}
