// SPDX-License-Identifier: Apache-2.0
// Which bins of a timeline the counts of looks go into, to the digit; how bins become wider; who led them.
// link: segment-maker.c
//
//   limit                                    just below                    just above
//   bins are halved from 240 widths on       a look at 240 s - 1 ns        at 240 s
//   a crowd is counted up to 64              64 lines: all counts          65: all lowered by the smallest
//   four leaders of a bin                    the fourth                    the fifth is not named
//   bins in a file                           240                           241: none
#include "pf-test.h"
#include "pf-timeline-leaders.h"
#include "pf-timeline-private.h"
#include "segment-maker.h"
#include <math.h>

#define SECOND G_GINT64_CONSTANT(1000000000)
#define START (100 * SECOND) // of the timeline, by the clock of its snapshots
#define MOST 70u

// A process of one thread; `line` is one of its lines.
typedef struct {
    segment_maker maker;
    struct pf_slot *slot;
    struct pf_entry *line[MOST];
} process;

static void begin(process *self, uint32_t pid, gint64 after_ns) {
    maker_init(&self->maker, (size_t)1 << 20);
    struct pf_segment *header = maker_header(&self->maker);
    header->pid = pid;
    header->start_unix_ns = (uint64_t)(SECOND * 1700000000 + after_ns);
    header->start_monotonic_ns = (uint64_t)(START + after_ns);
    header->rate = header->control.rate = 1;
    self->slot = maker_add_slot(&self->maker, pid, "main");
    for (unsigned i = 0; i < MOST; i++) {
        self->line[i] = maker_add_entry(&self->maker, self->slot,
                                        maker_key(MAKER_SITE + 16 * i, PF_CALL_write, 2), 0, 0);
    }
}

static void end(process *self) { maker_clear(&self->maker); }

static void write_lines(process *self, unsigned line, uint64_t count, uint64_t bytes, uint64_t ns) {
    self->line[line]->calls += count;
    self->line[line]->bytes += count * bytes;
    if (ns != 0) {
        maker_time_alike(&self->maker, self->line[line], 1,
                         &(maker_timed){.count = count, .bytes = bytes, .ns = ns});
    }
}

static PfSnapshot *at(process *self, gint64 after_ns) {
    maker_header(&self->maker)->end_monotonic_ns = (uint64_t)(START + after_ns);
    g_autoptr(GBytes) bytes = maker_bytes(&self->maker);
    PfSnapshot *snapshot = pf_snapshot_new_from_bytes(bytes, PF_SNAPSHOT_DEFAULT, NULL);
    ck_assert_ptr_nonnull(snapshot);
    return snapshot;
}

static void look(PfTimeline *timeline, process *self, gint64 after_ns) {
    g_autoptr(PfSnapshot) snapshot = at(self, after_ns);
    pf_timeline_add(timeline, snapshot, pf_snapshot_get_taken_monotonic_ns(snapshot));
}

static PfTimeline *by_seconds(void) {
    return pf_timeline_new_at(SECOND * 1700000000, START, (guint64)SECOND);
}

// The calls of all bins are these, and there are no others.
static void check_calls(PfTimeline *timeline, const gdouble *calls, guint count) {
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), count);
    for (guint i = 0; i < count; i++) {
        ck_assert_double_eq_tol(pf_timeline_get_bin(timeline, i)->calls, calls[i], 1e-9);
    }
    ck_assert_ptr_null(pf_timeline_get_bin(timeline, count));
}
#define CHECK_CALLS(timeline, ...)                                                                 \
    check_calls(timeline, (const gdouble[]){__VA_ARGS__},                                          \
                G_N_ELEMENTS(((const gdouble[]){__VA_ARGS__})))

// --- where counts go

// Evenly over the time since the last look, whatever bins that touches.
START_TEST(test_evenly) {
    process one;
    begin(&one, 7, 0);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&one, 0, 100, 40, 4000);
    look(timeline, &one, SECOND / 2);
    CHECK_CALLS(timeline, 100);
    write_lines(&one, 0, 150, 40, 4000);
    look(timeline, &one, 2 * SECOND);
    CHECK_CALLS(timeline, 150, 100, 0);
    write_lines(&one, 0, 30, 40, 4000);
    look(timeline, &one, 5 * SECOND);
    CHECK_CALLS(timeline, 150, 100, 10, 10, 10, 0);
    const PfTimelineBin *first = pf_timeline_get_bin(timeline, 0);
    ck_assert_double_eq_tol(first->bytes, 150 * 40, 1e-9);
    ck_assert_double_eq_tol(first->cost_ns, 150 * 4000, 1e-6);
    ck_assert_float_eq(first->octaves[11], 150); // 2,048 to 4,095 ns
    ck_assert_float_eq(first->octaves[10] + first->octaves[12], 0);
    end(&one);
}
END_TEST

// From the start of the process, or of the timeline, or from the look at which it was not there yet.
START_TEST(test_from_when) {
    process before;
    process within;
    process after;
    begin(&before, 7, -3 * SECOND);
    begin(&within, 8, SECOND);
    begin(&after, 9, SECOND);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&before, 0, 10, 40, 0);
    look(timeline, &before, SECOND / 2);
    CHECK_CALLS(timeline, 10);
    write_lines(&within, 0, 20, 40, 0);
    look(timeline, &within, 3 * SECOND);
    CHECK_CALLS(timeline, 10, 10, 10, 0);
    pf_timeline_note_look(timeline, START + 3 * SECOND);
    write_lines(&after, 0, 40, 40, 0);
    look(timeline, &after, 4 * SECOND);
    CHECK_CALLS(timeline, 10, 10, 10, 40, 0);
    end(&before);
    end(&within);
    end(&after);
}
END_TEST

START_TEST(test_what_was_before) {
    process one;
    begin(&one, 7, -10 * SECOND);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&one, 0, 1000, 40, 4000);
    g_autoptr(PfSnapshot) known = at(&one, 0);
    pf_timeline_ignore(timeline, known);
    write_lines(&one, 0, 20, 40, 4000);
    look(timeline, &one, 2 * SECOND);
    CHECK_CALLS(timeline, 10, 10, 0);
    ck_assert_double_eq_tol(pf_timeline_get_bin(timeline, 0)->sites[0].calls, 10, 1e-9);
    end(&one);
}
END_TEST

// A look at no other time, and one at a count that has sunk: nothing is less than nothing.
START_TEST(test_no_time_and_less) {
    process one;
    begin(&one, 7, 0);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&one, 0, 10, 40, 0);
    look(timeline, &one, SECOND / 2);
    write_lines(&one, 0, 5, 40, 0);
    look(timeline, &one, SECOND / 2);
    CHECK_CALLS(timeline, 15);
    one.line[0]->calls = 3;
    look(timeline, &one, SECOND);
    CHECK_CALLS(timeline, 15, 0);
    one.line[0]->calls = 7;
    look(timeline, &one, 2 * SECOND);
    CHECK_CALLS(timeline, 15, 4, 0);
    end(&one);
}
END_TEST

// `ctl reset`: all counts begin anew.
START_TEST(test_reset) {
    process one;
    begin(&one, 7, 0);
    struct pf_segment *header = maker_header(&one.maker);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&one, 0, 10, 40, 0);
    look(timeline, &one, SECOND);
    header->control.reset = one.slot->reset = 1;
    header->control.reset_monotonic_ns = header->end_monotonic_ns;
    one.line[0]->calls = 6;
    look(timeline, &one, 2 * SECOND);
    CHECK_CALLS(timeline, 10, 6, 0);
    end(&one);
}
END_TEST

// --- wider bins

START_TEST(test_halved) {
    process one;
    begin(&one, 7, 0);
    g_autoptr(PfTimeline) timeline = by_seconds();
    for (guint i = 1; i <= 4; i++) {
        write_lines(&one, i, i, 40, 0);
        look(timeline, &one, i * SECOND);
    }
    CHECK_CALLS(timeline, 1, 2, 3, 4, 0);
    look(timeline, &one, PF_TIMELINE_BINS * SECOND - 1);
    ck_assert_uint_eq(pf_timeline_get_width_ns(timeline), (guint64)SECOND);
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), PF_TIMELINE_BINS);
    look(timeline, &one, PF_TIMELINE_BINS * SECOND);
    ck_assert_uint_eq(pf_timeline_get_width_ns(timeline), (guint64)(2 * SECOND));
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), PF_TIMELINE_BINS / 2 + 1);
    const gdouble calls[] = {3, 7, 0};
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        ck_assert_double_eq_tol(pf_timeline_get_bin(timeline, i)->calls, calls[i], 1e-9);
    }
    const PfTimelineBin *second = pf_timeline_get_bin(timeline, 1);
    ck_assert_double_eq_tol(second->sites[0].calls, 4, 1e-9);
    ck_assert_double_eq_tol(second->sites[1].calls, 3, 1e-9);
    ck_assert_double_eq_tol(second->threads[0].calls, 7, 1e-9);
    write_lines(&one, 0, 8, 40, 0);
    look(timeline, &one, 8 * PF_TIMELINE_BINS * SECOND); // several times at once
    ck_assert_uint_eq(pf_timeline_get_width_ns(timeline), (guint64)(16 * SECOND));
    ck_assert_double_eq_tol(pf_timeline_get_bin(timeline, 0)->calls, 10, 1e-9);
    end(&one);
}
END_TEST

// --- leaders

static guint64 site_id(unsigned line) {
    return pf_leader_of_site("write", NULL, MAKER_SITE + 16 * (guint64)line);
}

static gdouble led_by(PfTimeline *timeline, guint64 id) {
    const PfTimelineBin *bin = pf_timeline_get_bin(timeline, 0);
    for (guint i = 0; i < PF_TIMELINE_LEADERS; i++) {
        if (bin->sites[i].id == id) {
            return bin->sites[i].calls;
        }
    }
    return 0;
}

START_TEST(test_four_leaders) {
    process one;
    begin(&one, 7, 0);
    g_autoptr(PfTimeline) timeline = by_seconds();
    for (guint i = 0; i < 5; i++) {
        write_lines(&one, i, 100 - i, 40, 0);
    }
    look(timeline, &one, SECOND / 2);
    const PfTimelineBin *bin = pf_timeline_get_bin(timeline, 0);
    for (guint i = 0; i < PF_TIMELINE_LEADERS; i++) {
        ck_assert_uint_eq(bin->sites[i].id, site_id(i));
        ck_assert_double_eq(bin->sites[i].calls, 100 - i);
    }
    ck_assert_double_eq(led_by(timeline, site_id(4)), 0);
    ck_assert_uint_eq(bin->threads[0].id, pf_leader_of_thread(7, 7));
    ck_assert_double_eq(bin->threads[0].calls, 490);
    ck_assert_uint_eq(bin->threads[1].id, 0);
    end(&one);
}
END_TEST

// Whoever leads all looks is not lost because others lead single ones; where the crowd has no more room, all are
// lowered by the smallest.
static gdouble led_in_a_crowd(unsigned others) {
    process one;
    begin(&one, 7, 0);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&one, 0, 50, 40, 0);
    for (unsigned i = 1; i <= others; i++) {
        write_lines(&one, i, 10, 40, 0);
        look(timeline, &one, i * SECOND / 100);
    }
    gdouble calls = led_by(timeline, site_id(0));
    end(&one);
    return calls;
}

START_TEST(test_a_crowd) {
    ck_assert_double_eq_tol(led_in_a_crowd(PF_MOST_IN_CROWD - 1), 50, 1e-9);
    ck_assert_double_eq_tol(led_in_a_crowd(PF_MOST_IN_CROWD), 40, 1e-9);
}
END_TEST

// Lines of two processes are the same, their threads are not.
START_TEST(test_two_processes) {
    process one;
    process other;
    begin(&one, 7, 0);
    begin(&other, 8, 0);
    g_autoptr(PfTimeline) timeline = by_seconds();
    write_lines(&one, 0, 3, 40, 0);
    write_lines(&other, 0, 4, 40, 0);
    look(timeline, &one, SECOND / 2);
    look(timeline, &other, SECOND / 2);
    const PfTimelineBin *bin = pf_timeline_get_bin(timeline, 0);
    ck_assert_double_eq(bin->calls, 7);
    ck_assert_double_eq(led_by(timeline, site_id(0)), 7);
    ck_assert_uint_eq(bin->threads[0].id, pf_leader_of_thread(8, 8));
    ck_assert_double_eq(bin->threads[0].calls, 4);
    ck_assert_uint_eq(bin->threads[1].id, pf_leader_of_thread(7, 7));
    ck_assert_double_eq(bin->threads[1].calls, 3);
    end(&one);
    end(&other);
}
END_TEST

// --- bytes

#define HEAD 32u // magic, start, width, count, size of a bin

static GBytes *bytes_of(guint bins) {
    g_autoptr(PfTimeline) timeline = by_seconds();
    process one;
    begin(&one, 7, 0);
    write_lines(&one, 0, 10 * bins, 40, 4000);
    look(timeline, &one, bins * SECOND - 1);
    end(&one);
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), bins);
    return pf_timeline_to_bytes(timeline);
}

START_TEST(test_bytes) {
    g_autoptr(GBytes) bytes = bytes_of(3);
    g_autoptr(PfTimeline) timeline = pf_timeline_new_from_bytes(bytes);
    ck_assert_ptr_nonnull(timeline);
    ck_assert_int_eq(pf_timeline_get_start_unix_ns(timeline), SECOND * 1700000000);
    ck_assert_uint_eq(pf_timeline_get_width_ns(timeline), (guint64)SECOND);
    ck_assert_uint_eq(pf_timeline_get_bin_count(timeline), 3);
    g_autoptr(GBytes) again = pf_timeline_to_bytes(timeline);
    ck_assert(g_bytes_equal(bytes, again));
}
END_TEST

// Whether it is a timeline with so many bytes of it, `size` of them at `at` another.
static gboolean is_read(GBytes *bytes, gsize at, const void *value, gsize size, gsize kept) {
    gsize all = 0;
    gconstpointer data = g_bytes_get_data(bytes, &all);
    g_autofree guint8 *bent = g_malloc0(MAX(all, kept));
    memcpy(bent, data, MIN(all, kept));
    memcpy(bent + at, value, size);
    g_autoptr(GBytes) other = g_bytes_new(bent, kept);
    g_autoptr(PfTimeline) timeline = pf_timeline_new_from_bytes(other);
    return timeline != NULL;
}

START_TEST(test_bytes_that_lie) {
    g_autoptr(GBytes) bytes = bytes_of(2);
    const gsize all = HEAD + 2 * sizeof(PfTimelineBin);
    const guint64 zero = 0;
    const guint64 widest = G_MAXINT64 / PF_TIMELINE_BINS;
    const guint64 wider = widest + 1;
    const guint32 three = 3;
    const guint32 other = sizeof(PfTimelineBin) - 8;
    const gdouble bad[] = {-1, NAN, INFINITY};
    ck_assert_uint_eq(g_bytes_get_size(bytes), all);
    ck_assert(is_read(bytes, 16, &widest, 8, all));
    ck_assert(!is_read(bytes, 16, &wider, 8, all));
    ck_assert(!is_read(bytes, 16, &zero, 8, all));
    ck_assert(!is_read(bytes, 0, &zero, 8, all));
    ck_assert(!is_read(bytes, 24, &three, 4, all));
    ck_assert(!is_read(bytes, 28, &other, 4, all));
    ck_assert(!is_read(bytes, 0, &zero, 0, all - 1));
    ck_assert(!is_read(bytes, 0, &zero, 0, all + 1));
    ck_assert(!is_read(bytes, 0, &zero, 0, HEAD - 1));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        const gfloat narrow = (gfloat)bad[i];
        for (gsize field = 0; field < 3; field++) {
            ck_assert(!is_read(bytes, HEAD + sizeof(PfTimelineBin) + 8 * field, &bad[i], 8, all));
        }
        ck_assert(!is_read(bytes, HEAD + G_STRUCT_OFFSET(PfTimelineBin, sites[3].calls), &bad[i], 8,
                           all));
        ck_assert(!is_read(bytes, HEAD + G_STRUCT_OFFSET(PfTimelineBin, threads[0].calls), &bad[i],
                           8, all));
        ck_assert(
            !is_read(bytes, HEAD + G_STRUCT_OFFSET(PfTimelineBin, octaves[43]), &narrow, 4, all));
    }
}
END_TEST

START_TEST(test_as_many_bins_as_there_can_be) {
    g_autoptr(GBytes) bytes = bytes_of(PF_TIMELINE_BINS);
    const guint64 zero = 0;
    const guint32 more = PF_TIMELINE_BINS + 1;
    const gsize all = HEAD + PF_TIMELINE_BINS * sizeof(PfTimelineBin);
    ck_assert(is_read(bytes, 0, &zero, 0, all));
    ck_assert(!is_read(bytes, 24, &more, 4, all + sizeof(PfTimelineBin)));
}
END_TEST

int main(void) {
    return pf_test_run("timeline-bins",
                       (const TTest *[]){test_evenly, test_from_when, test_what_was_before,
                                         test_no_time_and_less, test_reset, test_halved,
                                         test_four_leaders, test_a_crowd, test_two_processes,
                                         test_bytes, test_bytes_that_lie,
                                         test_as_many_bins_as_there_can_be, NULL});
}
