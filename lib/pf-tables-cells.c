// SPDX-License-Identifier: Apache-2.0
// What one cell of a model tells: of its site, stream, thread, templates, levels.
#include "pf-tables.h"

#define MOST_SITE_TEMPLATES 64u
#define TINY_CLASSES 10u // of size_classes: less than 512 bytes

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

static pf_group *group_of_stream(pf_sums *sums, uint32_t stream, unsigned call) {
    return pf_is_message(call) ? &sums->streams[stream].messages : &sums->streams[stream].flushes;
}

void pf_run_end(pf_sums *sums, pf_run *run) {
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

void pf_run_add(pf_sums *sums, pf_run *run, const pf_cell *cell) {
    if (run->site != cell->site || run->stream != cell->stream) {
        pf_run_end(sums, run);
        run->site = cell->site;
        run->stream = cell->stream;
    }
    add_cell(sums, run, cell);
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

void pf_cells_look_again(pf_sums *sums) {
    for (guint i = 0; i < sums->model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(sums->model->cells, pf_cell, i);
        count_thread(&sums->sites[cell->site], cell);
        charge_flushes(sums, cell);
    }
}
