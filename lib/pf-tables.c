// SPDX-License-Identifier: Apache-2.0
// One pass over the cells of a model: every group's sums.
#include "pf-tables.h"
#include "pf-worker.h"

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

// The same one of several processes (or twice in one) is one.
uint32_t *pf_same_template(pf_sums *sums, const pf_template_sums *template) {
    return pf_pair_map_at(&sums->template_of, (uint64_t)1 << 63 | template->is_format,
                          template->hash);
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
        .text = g_string_chunk_insert_const(sums->strings, text),
        .hash = from->hash,
        .is_format = from->kind == PF_TEMPLATE_FORMAT,
    };
    g_free(text);
    uint32_t *same = pf_same_template(sums, &template);
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
        site->part = sums;
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
        if (numbers->levels[i] == 0) {
            continue;
        }
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

// Cells are taken by site and stream, so that what is added up most often is in the nearest cache and
// goes to the site and to the stream once for all its threads.
typedef struct {
    pf_group group;
    uint32_t site;
    uint32_t stream;
} pf_run;

static gboolean goes_on(const pf_run *run, const pf_cell *cell) {
    return run->site == cell->site && run->stream == cell->stream;
}

static pf_group *group_of_stream(pf_sums *sums, uint32_t stream, unsigned call) {
    return pf_is_message(call) ? &sums->streams[stream].messages : &sums->streams[stream].flushes;
}

static void end_run(pf_sums *sums, pf_run *run) {
    if (run->group.calls != 0) {
        unsigned call = pf_model_site_at(sums->model, run->site)->call;
        pf_group_merge(&sums->sites[run->site].group, &sums->pool, &run->group);
        pf_group_merge(group_of_stream(sums, run->stream, call), &sums->pool, &run->group);
    }
    pf_group_empty(&run->group, &sums->pool);
    pf_estimator_init(&run->group.estimator, sums->rate);
}

static void add_cell(pf_sums *sums, pf_run *run, const pf_cell *cell) {
    const pf_model_process *process =
        pf_model_process_at(sums->model, pf_model_thread_at(sums->model, cell->thread)->process);
    pf_site_sums *site = &sums->sites[cell->site];
    gboolean is_message = pf_is_message(cell->call);
    pf_numbers n;
    pf_numbers_read(&n, cell, process);
    if (n.calls == 0) {
        return;
    }
    pf_numbers_prepare(&n);
    if (pf_is_scope(cell->call)) { // no message, no stream, no output of its thread
        pf_group_add(&site->group, &sums->pool, &n, cell->call);
        pf_estimator_add(&site->group.estimator, &n.stratum);
        pf_scopes_add(site, cell);
        return;
    }
    pf_thread_sums *of_thread = &sums->threads[cell->thread];
    pf_group *thread = is_message ? &of_thread->messages : &of_thread->flushes;
    pf_group_add(&run->group, &sums->pool, &n, cell->call);
    pf_group_add(thread, &sums->pool, &n, cell->call);
    if (!pf_calls[cell->call].never_timed) {
        pf_estimator_add(&run->group.estimator, &n.stratum);
        pf_estimator_add(&thread->estimator, &n.stratum);
    }
    note_flushes(&sums->streams[cell->stream], cell, &n);
    note_stream(site, cell->stream);
    if (is_message) {
        note_levels(sums, &n);
    }
    if (cell->detail != NULL) {
        note_templates(sums, cell, site, &n);
    }
    PfStreamKind kind = g_array_index(sums->model->streams, pf_model_stream, cell->stream).kind;
    if (counted_by_kernel(cell->call, kind)) {
        sums->coverage.seen_bytes += n.bytes;
        sums->coverage.unknown_count += pf_calls[cell->call].bytes_unknown ? n.calls : 0;
    }
}

// A site's threads, in whose order the cells are.
static void count_thread(pf_site_sums *site, const pf_cell *cell) {
    gboolean has_calls =
        cell->calls != 0 || (cell->detail != NULL && pf_numbers_count_timed(cell) != 0);
    if (has_calls && !pf_is_scope(cell->call) && site->last_thread != cell->thread + 1) {
        site->thread_count++;
        site->last_thread = cell->thread + 1;
    }
}

// A stream's flushes are charged to those who filled its buffer, by exact bytes.
static void charge_flushes(pf_sums *sums, const pf_cell *cell) {
    pf_stream_sums *stream = &sums->streams[cell->stream];
    if (pf_is_buffered(cell->call) && stream->buffered_bytes > 0) {
        double charge = stream->flush_ns * (double)cell->bytes / stream->buffered_bytes;
        sums->sites[cell->site].group.charged_flush_ns += charge;
        stream->messages.charged_flush_ns += charge;
        sums->threads[cell->thread].messages.charged_flush_ns += charge;
    }
}

static void look_at_cells_again(pf_sums *sums) {
    for (guint i = 0; i < sums->model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(sums->model->cells, pf_cell, i);
        count_thread(&sums->sites[cell->site], cell);
        charge_flushes(sums, cell);
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

// One that shares its sites with others: each adds up cells of other sites.
static void begin_part(pf_sums *sums, const pf_model *model, double rate, pf_site_sums *sites) {
    *sums = (pf_sums){.model = model, .rate = rate, .sites = sites};
    pf_octave_pool_init(&sums->pool);
    sums->streams = g_new0(pf_stream_sums, model->streams->len);
    sums->threads = g_new0(pf_thread_sums, model->threads->len);
    sums->templates = g_array_new(FALSE, TRUE, sizeof(pf_template_sums));
    sums->strings = g_string_chunk_new(1024);
    pf_pair_map_init(&sums->template_of, 256);
    for (guint i = 0; i < model->streams->len; i++) {
        pf_estimator_init(&sums->streams[i].messages.estimator, rate);
        pf_estimator_init(&sums->streams[i].flushes.estimator, rate);
    }
    for (guint i = 0; i < model->threads->len; i++) {
        pf_estimator_init(&sums->threads[i].messages.estimator, rate);
        pf_estimator_init(&sums->threads[i].flushes.estimator, rate);
    }
}

static void begin(pf_sums *sums, const pf_model *model) {
    double rate = main_rate(model);
    begin_part(sums, model, rate, g_new0(pf_site_sums, model->sites->len));
    sums->functions = g_new0(pf_group, PF_CALL_COUNT);
    for (guint i = 0; i < model->sites->len; i++) {
        pf_estimator_init(&sums->sites[i].group.estimator, rate);
    }
    for (guint i = 0; i < PF_CALL_COUNT; i++) {
        pf_estimator_init(&sums->functions[i].estimator, rate);
    }
    pf_estimator_init(&sums->messages.estimator, rate);
    pf_estimator_init(&sums->flushes.estimator, rate);
}

static void end_part(pf_sums *sums) {
    g_free(sums->streams);
    g_free(sums->threads);
    g_array_unref(sums->templates);
    g_string_chunk_free(sums->strings);
    pf_pair_map_clear(&sums->template_of);
    pf_octave_pool_clear(&sums->pool);
}

static void end(pf_sums *sums) {
    for (guint i = 0; i < sums->model->sites->len; i++) {
        g_clear_pointer(&sums->sites[i].streams, g_array_unref);
        g_clear_pointer(&sums->sites[i].templates, g_array_unref);
    }
    g_free(sums->sites);
    g_free(sums->functions);
    end_part(sums);
}

// Details lie far apart; all of one is read, in no order that the processor could guess.
static void fetch(const pf_cell *cell) {
    const char *detail = (const char *)cell->detail;
    for (size_t at = 0; detail != NULL && at < sizeof(struct pf_detail); at += PF_UNIT) {
        __builtin_prefetch(detail + at);
    }
}

// When the detail is there, its histogram.
static void fetch_histogram(const pf_cell *cell) {
    const struct pf_detail *detail = cell->detail;
    for (unsigned i = detail != NULL ? pf_next_octave(detail, 0) : PF_HIST_OCTAVES;
         i < PF_HIST_OCTAVES; i = pf_next_octave(detail, i + 1)) {
        __builtin_prefetch(pf_reader_at(cell->reader, detail->octave[i], PF_UNIT));
    }
}

// Indices of the cells in the order of one of their indices below `count`, otherwise as they were.
static void sort_by(const pf_model *model, size_t member, guint count, const uint32_t *from,
                    uint32_t *to) {
    uint32_t *place = g_new0(uint32_t, count + 1);
    const char *cells = model->cells->data;
#define INDEX_OF(i)                                                                                \
    (*(const uint32_t *)(const void *)(cells + (size_t)(i) * sizeof(pf_cell) + member))
    for (guint i = 0; i < model->cells->len; i++) {
        place[INDEX_OF(i) + 1]++;
    }
    for (guint i = 0; i < count; i++) {
        place[i + 1] += place[i];
    }
    for (guint i = 0; i < model->cells->len; i++) {
        to[place[INDEX_OF(from[i])]++] = from[i];
    }
#undef INDEX_OF
    g_free(place);
}

// By site, and by stream where that is the same.
static uint32_t *order_of_cells(const pf_model *model) {
    guint count = model->cells->len;
    uint32_t *order = g_new(uint32_t, count);
    uint32_t *by_stream = g_new(uint32_t, count);
    for (guint i = 0; i < count; i++) {
        order[i] = i;
    }
    sort_by(model, offsetof(pf_cell, stream), model->streams->len, order, by_stream);
    sort_by(model, offsetof(pf_cell, site), model->sites->len, by_stream, order);
    g_free(by_stream);
    return order;
}

// Some of the cells in that order: all of some sites, by one thread.
typedef struct {
    pf_sums *sums;
    const uint32_t *order;
    guint first;
    guint end;
    pf_sums own;
    pf_worker worker;
} pf_part;

static void add_cells(gpointer data) {
    const pf_part *part = data;
    pf_sums *sums = part->sums;
    const pf_cell *cells = (const pf_cell *)(const void *)sums->model->cells->data;
    const uint32_t *order = part->order;
    pf_run run = {.site = 0};
    pf_estimator_init(&run.group.estimator, sums->rate);
    for (guint i = part->first; i < part->end; i++) {
        const pf_cell *cell = &cells[order[i]];
        if (i + 3 < part->end) {
            fetch(&cells[order[i + 3]]);
        }
        if (i + 1 < part->end) {
            fetch_histogram(&cells[order[i + 1]]);
        }
        if (!goes_on(&run, cell)) {
            end_run(sums, &run);
            run.site = cell->site;
            run.stream = cell->stream;
        }
        add_cell(sums, &run, cell);
    }
    end_run(sums, &run);
}

// Fewer cells take less time than a thread that starts and what it has to add up afterwards.
#define LEAST_CELLS 4096u
#define MOST_PARTS 4u

static guint next_site(const pf_model *model, const uint32_t *order, guint at) {
    const pf_cell *cells = (const pf_cell *)(const void *)model->cells->data;
    while (at > 0 && at < model->cells->len && cells[order[at]].site == cells[order[at - 1]].site) {
        at++;
    }
    return at;
}

static guint share_out(pf_sums *sums, const uint32_t *order, pf_part *parts) {
    const pf_model *model = sums->model;
    guint count = pf_worker_count(model->cells->len, LEAST_CELLS, MOST_PARTS);
    guint first = 0;
    for (guint i = 0; i < count; i++) {
        guint end = next_site(model, order, model->cells->len / count * (i + 1));
        end = i + 1 < count ? MAX(end, first) : model->cells->len;
        parts[i] = (pf_part){.sums = sums, .order = order, .first = first, .end = end};
        first = end;
    }
    return count;
}

static void add_all_cells(pf_sums *sums, pf_part *parts, guint count) {
    for (guint i = 1; i < count; i++) {
        begin_part(&parts[i].own, sums->model, sums->rate, sums->sites);
        parts[i].sums = &parts[i].own;
        pf_worker_start(&parts[i].worker, add_cells, &parts[i]);
    }
    add_cells(&parts[0]);
    for (guint i = 1; i < count; i++) {
        pf_worker_join(&parts[i].worker);
        pf_sums_join(sums, &parts[i].own);
    }
}

void pf_tables_make(pf_tables *ret_tables, const pf_model *model) {
    pf_sums sums;
    pf_part parts[MOST_PARTS];
    uint32_t *order = order_of_cells(model);
    begin(&sums, model);
    guint count = share_out(&sums, order, parts);
    add_all_cells(&sums, parts, count);
    look_at_cells_again(&sums);
    cover(&sums);
    pf_tables_rows(ret_tables, &sums);
    end(&sums);
    for (guint i = 1; i < count; i++) {
        end_part(&parts[i].own);
    }
    g_free(order);
}
