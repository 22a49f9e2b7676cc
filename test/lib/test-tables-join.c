// SPDX-License-Identifier: Apache-2.0
// So many cells that several threads add them up (where there are processors): nothing is counted
// twice, forgotten, or told of another.
// link: segment-maker.c
#include "pf-test.h"
#include "segment-maker.h"

#define SITES 160u
#define THREADS 180u
#define OF_THREAD 80u // sites
#define STREAMS 3u
#define TEMPLATES 7u

static segment_maker maker;
static guint64 site_calls[SITES];
static guint64 thread_calls[THREADS];
static guint64 stream_calls[STREAMS];
static guint64 template_count[TEMPLATES];
static guint64 level_count[2];
static guint64 all_calls;
static guint64 all_ns;

static guint site_of(guint thread, guint i) { return (thread * 7 + i) % SITES; }

static void add_cell(struct pf_slot *slot, guint thread, guint site, const uint32_t *templates) {
    guint64 timed = 1 + (thread + site) % 3;
    guint64 calls = timed + thread + site;
    struct pf_entry *entry = maker_add_entry(
        &maker, slot, maker_key(MAKER_SITE + site * 16, PF_CALL_fwrite, 2 + site % STREAMS), calls,
        calls * 10);
    for (guint64 i = 0; i < timed; i++) {
        maker_time(&maker, entry, 0.1, 100 + thread, PF_WHY_FORMAT);
    }
    struct pf_detail *detail = maker_detail(&maker, entry, 0.1);
    detail->template_link[0] = templates[site % TEMPLATES];
    detail->template_count[0] = detail->template_seen = (uint32_t)timed;
    detail->level_text = (uint32_t)timed;
    detail->level[3 + site % 2] = (uint32_t)timed;
    site_calls[site] += calls;
    thread_calls[thread] += calls;
    stream_calls[site % STREAMS] += calls;
    template_count[site % TEMPLATES] += timed;
    level_count[site % 2] += timed;
    all_calls += calls;
    all_ns += timed * (100 + thread);
}

static void make(void) {
    uint32_t templates[TEMPLATES];
    maker_init(&maker, (size_t)64 << 20);
    maker_header(&maker)->rate = maker_header(&maker)->control.rate = 0.1;
    for (guint i = 0; i < TEMPLATES; i++) {
        g_autofree gchar *text = g_strdup_printf("template %u", i);
        templates[i] = maker_add_template(&maker, text, 1000 + i);
    }
    for (guint i = 0; i < STREAMS; i++) {
        g_autofree gchar *name = g_strdup_printf("/stream-%u", i);
        maker_add_stream(&maker, 2 + i, PF_KIND_FILE, (int)i + 3, name);
    }
    for (guint thread = 0; thread < THREADS; thread++) {
        struct pf_slot *slot = maker_add_slot(&maker, thread + 1, "worker");
        for (guint i = 0; i < OF_THREAD; i++) {
            add_cell(slot, thread, site_of(thread, i), templates);
        }
    }
}

static void check_sites(PfSnapshot *snapshot) {
    GPtrArray *sites = pf_snapshot_get_call_sites(snapshot);
    ck_assert_uint_eq(sites->len, SITES);
    for (guint i = 0; i < sites->len; i++) {
        const PfCallSite *row = g_ptr_array_index(sites, i);
        guint site = (guint)(row->address - MAKER_SITE) / 16;
        g_autofree gchar *text = g_strdup_printf("template %u", site % TEMPLATES);
        ck_assert_uint_eq(row->stats.message_count, site_calls[site]);
        ck_assert_uint_eq(row->templates->len, 1);
        ck_assert_str_eq(((PfTemplateCount *)g_ptr_array_index(row->templates, 0))->text, text);
        guint threads = 0;
        for (guint thread = 0; thread < THREADS; thread++) {
            threads += (site + SITES * 8 - thread * 7 % SITES) % SITES < OF_THREAD;
        }
        ck_assert_uint_eq(row->thread_count, threads);
    }
}

static void check_threads(PfSnapshot *snapshot) {
    GPtrArray *threads = pf_snapshot_get_threads(snapshot);
    ck_assert_uint_eq(threads->len, THREADS);
    for (guint i = 0; i < threads->len; i++) {
        const PfThread *row = g_ptr_array_index(threads, i);
        ck_assert_uint_eq(row->stats.message_count, thread_calls[row->tid - 1]);
        ck_assert_uint_eq(pf_histogram_get_count(row->stats.histogram), row->stats.sampled_count);
    }
}

static void check_templates(PfSnapshot *snapshot) {
    GPtrArray *templates = pf_snapshot_get_templates(snapshot);
    ck_assert_uint_eq(templates->len, TEMPLATES);
    for (guint i = 0; i < templates->len; i++) {
        const PfTemplateCount *row = g_ptr_array_index(templates, i);
        ck_assert_uint_eq(row->sampled_count, template_count[row->hash - 1000]);
    }
}

START_TEST(every_cell_once) {
    make();
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSnapshot) snapshot = pf_snapshot_new_from_bytes(bytes, PF_SNAPSHOT_DEFAULT, &error);
    ck_assert_ptr_nonnull(snapshot);
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    ck_assert_uint_eq(messages->message_count, all_calls);
    ck_assert_uint_eq(messages->bytes, all_calls * 10);
    ck_assert_uint_eq(messages->total_duration_ns, all_ns);
    ck_assert_uint_eq(pf_histogram_get_count(messages->histogram), messages->sampled_count);
    const PfFunction *function = g_ptr_array_index(pf_snapshot_get_functions(snapshot), 0);
    ck_assert_uint_eq(function->stats.message_count, all_calls);
    ck_assert_double_eq_tol(function->stats.estimate.low_ns / messages->estimate.low_ns, 1, 1e-9);
    ck_assert_uint_eq(pf_snapshot_get_coverage(snapshot)->seen_bytes, all_calls * 10);
    check_sites(snapshot);
    check_threads(snapshot);
    check_templates(snapshot);
    GPtrArray *streams = pf_snapshot_get_streams(snapshot);
    ck_assert_uint_eq(streams->len, STREAMS);
    for (guint i = 0; i < streams->len; i++) {
        const PfStream *row = g_ptr_array_index(streams, i);
        ck_assert_uint_eq(row->stats.message_count, stream_calls[row->fd - 3]);
    }
    GPtrArray *levels = pf_snapshot_get_levels(snapshot);
    for (guint i = 0; i < 2; i++) {
        ck_assert_uint_eq(((PfLevelCount *)g_ptr_array_index(levels, i))->sampled_count,
                          level_count[i]);
    }
    maker_clear(&maker);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {every_cell_once, NULL};
    return pf_test_run("tables-join", tests);
}
