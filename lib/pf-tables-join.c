// SPDX-License-Identifier: Apache-2.0
// Sums that were made in parts, each of the cells of other sites.
#include "pf-tables.h"

static void join_streams(pf_sums *sums, const pf_sums *part) {
    for (guint i = 0; i < sums->model->streams->len; i++) {
        pf_stream_sums *stream = &sums->streams[i];
        const pf_stream_sums *from = &part->streams[i];
        pf_group_merge(&stream->messages, &sums->pool, &from->messages);
        pf_group_merge(&stream->flushes, &sums->pool, &from->flushes);
        stream->flush_ns += from->flush_ns;
        stream->buffered_bytes += from->buffered_bytes;
        stream->tiny_writes += from->tiny_writes;
    }
}

static void join_threads(pf_sums *sums, const pf_sums *part) {
    for (guint i = 0; i < sums->model->threads->len; i++) {
        pf_group_merge(&sums->threads[i].messages, &sums->pool, &part->threads[i].messages);
        pf_group_merge(&sums->threads[i].flushes, &sums->pool, &part->threads[i].flushes);
    }
}

static void add_tally(pf_tally *tally, const pf_tally *other) {
    tally->sampled += other->sampled;
    tally->calls += other->calls;
}

static void join_templates(pf_sums *sums, const pf_sums *part) {
    for (guint i = 0; i < part->templates->len; i++) {
        const pf_template_sums *from = &g_array_index(part->templates, pf_template_sums, i);
        uint32_t *same = pf_same_template(sums, from);
        if (*same == PF_PAIR_NEW) {
            *same = sums->templates->len;
            g_array_append_val(sums->templates, *from);
        } else {
            add_tally(&g_array_index(sums->templates, pf_template_sums, *same).tally, &from->tally);
        }
    }
}

void pf_sums_join(pf_sums *sums, const pf_sums *part) {
    join_streams(sums, part);
    join_threads(sums, part);
    join_templates(sums, part);
    for (unsigned i = 0; i < PF_LEVEL_COUNT; i++) {
        add_tally(&sums->levels[i], &part->levels[i]);
    }
    sums->coverage.seen_bytes += part->coverage.seen_bytes;
    sums->coverage.unknown_count += part->coverage.unknown_count;
}
