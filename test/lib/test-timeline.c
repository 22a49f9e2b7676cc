// SPDX-License-Identifier: Apache-2.0
// What a timeline makes of the counts of one process: whatever is done to clocks and counts meanwhile, and who
// is said to have led.
// link: segment-maker.c
#include "pf-test.h"
#include "pf-timeline-private.h"
#include "segment-maker.h"
#include <time.h>

#define SECOND G_GINT64_CONSTANT(1000000000)
#define SITES 90u

static segment_maker maker;
static struct pf_entry *entries[SITES];

static gint64 monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static gint64 wall(void) { return g_get_real_time() * 1000; }

// A process that began just now; its wall clock was off by so much then.
static void begin(gint64 off_ns) {
    maker_init(&maker, (size_t)4 << 20);
    struct pf_segment *header = maker_header(&maker);
    struct pf_slot *slot = maker_add_slot(&maker, 7, "worker");
    header->start_unix_ns = (uint64_t)(wall() + off_ns);
    header->start_monotonic_ns = (uint64_t)monotonic();
    for (guint i = 0; i < SITES; i++) {
        entries[i] =
            maker_add_entry(&maker, slot, maker_key(MAKER_SITE + 16 * i, PF_CALL_fwrite, 2), 0, 0);
    }
}

// As it is `after_ns` after the start.
static void look(PfTimeline *timeline, gint64 after_ns) {
    struct pf_segment *header = maker_header(&maker);
    header->end_monotonic_ns = header->start_monotonic_ns + (uint64_t)after_ns;
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    g_autoptr(PfSession) session = pf_session_new();
    g_autofree gchar *path = NULL;
    gint fd = g_file_open_tmp("pf-timeline-XXXXXX", &path, NULL);
    gsize size = 0;
    gconstpointer data = g_bytes_get_data(bytes, &size);
    ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
    ck_assert(pf_session_add_file(session, path, NULL));
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot(session, NULL);
    ck_assert_ptr_nonnull(snapshot);
    ck_assert_int_eq(pf_snapshot_get_taken_monotonic_ns(snapshot),
                     (gint64)header->end_monotonic_ns);
    pf_timeline_add(timeline, snapshot, pf_snapshot_get_taken_monotonic_ns(snapshot));
    close(fd);
    g_unlink(path);
}

static gdouble calls_from(PfTimeline *timeline, guint first, guint end) {
    gdouble sum = 0;
    for (guint i = first; i < MIN(end, pf_timeline_get_bin_count(timeline)); i++) {
        sum += pf_timeline_get_bin(timeline, i)->calls;
    }
    return sum;
}

static PfTimeline *from_its_start(void) {
    return pf_timeline_new_at(wall(), (gint64)maker_header(&maker)->start_monotonic_ns,
                              SECOND / 10);
}

// A wall clock that was set between the start of the process and ours is nothing to it.
static void check_clock(gint64 off_ns) {
    begin(off_ns);
    g_autoptr(PfTimeline) timeline = from_its_start();
    for (guint i = 1; i <= 20; i++) {
        entries[0]->calls += 100;
        look(timeline, i * SECOND / 10);
    }
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), 21);
    for (guint i = 0; i < 20; i++) {
        ck_assert_double_eq_tol(calls_from(timeline, i, i + 1), 100, 1e-6);
    }
    maker_clear(&maker);
}

START_TEST(test_a_clock_that_was_set) {
    check_clock(0);
    check_clock(-3600 * SECOND);
    check_clock(3600 * SECOND);
}
END_TEST

// What began 450 s ago by the wall clock, on the clock that snapshots are taken by: within 40 s.
START_TEST(test_a_start_by_the_wall_clock) {
    begin(0);
    g_autoptr(PfTimeline) timeline = pf_timeline_new(wall() - 450 * SECOND, 100 * SECOND);
    look(timeline, 0);
    entries[0]->calls = 70;
    look(timeline, 10 * SECOND);
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), 5);
    ck_assert_double_eq_tol(calls_from(timeline, 4, 5), 70, 1e-6);
    maker_clear(&maker);
}
END_TEST

// `ctl reset`: what came before stays in the timeline, and what comes goes on.
START_TEST(test_counts_that_begin_anew) {
    begin(0);
    struct pf_segment *header = maker_header(&maker);
    g_autoptr(PfTimeline) timeline = from_its_start();
    for (guint i = 1; i <= 20; i++) {
        entries[0]->calls += 100;
        look(timeline, i * SECOND / 10);
        if (i == 10) {
            header->control.reset++;
            header->control.reset_monotonic_ns = header->end_monotonic_ns;
            header->control.reset_unix_ns = header->start_unix_ns + SECOND;
            struct pf_slot *slot = maker_at(&maker, header->first_slot);
            slot->reset = header->control.reset;
            entries[0]->calls = 0;
        }
    }
    for (guint i = 0; i < 20; i++) {
        ck_assert_double_eq_tol(calls_from(timeline, i, i + 1), 100, 1e-6);
    }
    maker_clear(&maker);
}
END_TEST

// A process makes its segment when it first writes: what it wrote by then lies after the look that found none.
START_TEST(test_a_late_writer) {
    for (gboolean looked = FALSE; looked <= TRUE; looked++) {
        begin(0);
        g_autoptr(PfTimeline) timeline = pf_timeline_new(wall(), SECOND / 10);
        if (looked) {
            pf_timeline_note_look(timeline, (gint64)maker_header(&maker)->start_monotonic_ns +
                                                18 * SECOND / 10);
        }
        entries[0]->calls += 2000;
        look(timeline, 2 * SECOND);
        ck_assert_double_eq_tol(calls_from(timeline, 0, 240), 2000, 1e-6);
        ck_assert_double_eq_tol(calls_from(timeline, 0, 17), looked ? 0 : 1700, 101);
        ck_assert(!looked || calls_from(timeline, 0, 17) < 1e-9);
        maker_clear(&maker);
    }
}
END_TEST

// More bins than there are: pairs become one, twice here, and nothing is lost.
START_TEST(test_bins_that_double) {
    begin(0);
    g_autoptr(PfTimeline) timeline = pf_timeline_new(wall(), SECOND / 50);
    for (guint i = 1; i <= 300; i++) {
        entries[0]->calls += 7;
        look(timeline, i * SECOND / 25);
    }
    guint bins = pf_timeline_get_bin_count(timeline);
    ck_assert_uint_eq(pf_timeline_get_width_ns(timeline), 80000000);
    ck_assert_msg(bins >= 149 && bins <= 151, "%u bins", bins);
    ck_assert_double_eq_tol(calls_from(timeline, 0, bins), 2100, 1e-6);
    for (guint i = 1; i < bins - 2; i++) {
        ck_assert_double_eq_tol(calls_from(timeline, i, i + 1), 14, 1e-6);
    }
    maker_clear(&maker);
}
END_TEST

// In each look another site leads, and over all of them one that never does.
START_TEST(test_leaders_of_many_looks) {
    begin(0);
    g_autoptr(PfTimeline) timeline = pf_timeline_new(wall(), 1000 * SECOND);
    for (guint i = 1; i < SITES; i++) {
        entries[0]->calls += 10;
        for (guint k = 0; k < 5; k++) {
            entries[1 + (i + k * 17) % (SITES - 1)]->calls += 15;
        }
        look(timeline, i * SECOND / 10);
    }
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), 1);
    const PfTimelineBin *bin = pf_timeline_get_bin(timeline, 0);
    gdouble most = 0;
    for (guint i = 0; i < PF_TIMELINE_LEADERS; i++) {
        most = MAX(most, bin->sites[i].calls);
    }
    // 890 calls of it; the others have 75 each.  Counts may be too low, never too high.
    ck_assert_double_gt(most, 600);
    ck_assert_double_le(most, 890);
    ck_assert_double_eq_tol(bin->threads[0].calls, bin->calls, 1e-6);
    ck_assert_uint_eq(bin->threads[1].id, 0);
    maker_clear(&maker);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_a_clock_that_was_set,
                                  test_a_start_by_the_wall_clock,
                                  test_counts_that_begin_anew,
                                  test_a_late_writer,
                                  test_bins_that_double,
                                  test_leaders_of_many_looks,
                                  NULL};
    return pf_test_run("timeline", tests);
}
