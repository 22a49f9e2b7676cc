// SPDX-License-Identifier: Apache-2.0
// One pass over the cells of a model, by several threads where there are many: every group's sums.
#include "pf-tables.h"
#include "pf-worker.h"

#define MOST_RATES 8

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

// --- sums, empty and freed

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

// --- the pass

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
        pf_run_add(sums, &run, cell);
    }
    pf_run_end(sums, &run);
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

void pf_tables_make(pf_tables *ret_tables, const pf_model *model) {
    pf_sums sums;
    pf_part parts[MOST_PARTS];
    uint32_t *order = order_of_cells(model);
    begin(&sums, model);
    guint count = share_out(&sums, order, parts);
    add_all_cells(&sums, parts, count);
    pf_cells_look_again(&sums);
    cover(&sums);
    pf_tables_rows(ret_tables, &sums);
    end(&sums);
    for (guint i = 1; i < count; i++) {
        end_part(&parts[i].own);
    }
    g_free(order);
}
