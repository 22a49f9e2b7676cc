// SPDX-License-Identifier: Apache-2.0
// Findings of sampled runs: how what is not known of the other calls widens the limits, to the digit.
// link: segment-maker.c session-maker.c
//
// One call in ten was timed, all alike, so that of the reasons only their number is uncertain.  Half of the interval of a
// reason's time is 1.96 times the root of n s (s - 1) x^2, with n timed calls of x ns that stand for s each; of a share
// of all n it is 3 / n (docs/sampling.md).
//
//   limit                                          just below               just above
//   an interval: 140 timed calls                   139 of 1,390             140 of 1,400
//   shares and sums of a reason: 30 timed calls    29 of 290                30 of 300
//   where nothing was timed                        1 of 100,001             -
#include "finding-kit.h"

static made_session *wrote(unsigned one_of, uint64_t count) {
    made_run run = made_run_begin(MADE_SECOND, one_of);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_write,
              .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data"), .count = count,
              .bytes = 40, .ns = 4000, .why = PF_WHY_FLUSH);
    return run.session;
}

START_TEST(test_tiny) {
    ck_assert_found(
        wrote(10, 10000), .kind = "tiny-writes",
        .title = "orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 9 951 system calls",
        .evidence = "10 000 writes of less than 512 B to /var/data, 40 B on average",
        .next_step = "gather messages in a buffer of 8 KiB, or write through stdio",
        .place = "orderd+0x10", .saved_ns = 43727203.0651, .low_ns = 35681199.6118,
        .high_ns = 61892075.7919, .saved_calls = 9951.171875, .wall_percent = 4.37272030651,
        .thread_count = 1);
}
END_TEST

static made_session *waited(uint64_t count, uint64_t ns) {
    made_run run = made_run_begin(10 * MADE_SECOND, 10);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_write,
              .stream = made_add_stream(run.process, PF_KIND_PIPE, 3, "pipe:[7]"), .count = count,
              .bytes = 4096, .ns = ns, .why = PF_WHY_BLOCKED);
    return run.session;
}

START_TEST(test_blocked) {
    ck_assert_limit("140", waited(1390, MADE_MS), waited(1400, MADE_MS), "blocked");
    ck_assert_found(waited(2000, MADE_MS), .kind = "blocked",
                    .title = "orderd+0x10 is blocked by a pipe whose reader is too slow",
                    .evidence =
                        "100 % (95 %: 98 to 100) of the time in calls to pipe:[7] the thread "
                        "was switched out; the longest call took 1.00 ms",
                    .next_step = "make the reader quicker, or write from a thread of its own",
                    .place = "orderd+0x10", .saved_ns = 2000e6, .low_ns = 1876306831.23147,
                    .high_ns = 2120e6, .saved_calls = -1, .wall_percent = 20, .thread_count = 1);
}
END_TEST

static made_session *logged(uint64_t count, uint64_t flushed, const char *format) {
    made_run run = made_run_begin(200 * MADE_MS, 10);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_fprintf,
                        .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/app.log"),
                        .count = count,
                        .bytes = 40,
                        .ns = flushed != 0 ? 1000 : 4000,
                        .format = format};
    made_call(run.thread, &calls);
    calls.count = flushed;
    calls.ns = 4000;
    calls.why = PF_WHY_FLUSH;
    calls.format = NULL;
    made_call(run.thread, &calls);
    return run.session;
}

static void check_time(made_session *session, const gchar *kind, double saved_ns, double low_ns,
                       double high_ns) {
    g_autoptr(GPtrArray) found = find_in(session);
    made_session_free(session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_str_eq(one->kind, kind);
    ck_assert_to_the_digit(one->saved_ns, saved_ns);
    ck_assert_to_the_digit(one->low_ns, low_ns);
    ck_assert_to_the_digit(one->high_ns, high_ns);
}

// A sum of two reasons is known as well as the squares of their errors say.
START_TEST(test_lines) {
    check_time(logged(10000, 0, "the same line again\n"), "duplicates", 39960000, 36603047.7097,
               43316952.2903);
    check_time(logged(5000, 5000, NULL), "not-worth", 27400000, 22722124.66447537,
               37277875.33552463);
}
END_TEST

// All that a few calls took, were each timed: without 30 of them nothing is known of a reason's part.
START_TEST(test_fewest) {
    static const uint64_t counts[] = {29, 30};
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        made_run run = made_run_begin(MADE_SECOND, 1);
        unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 2, "/dev/null");
        MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf, .stream = stream,
                  .count = counts[i], .bytes = 40, .ns = 10 * MADE_MS, .level = "info");
        ck_assert_kinds(run.session, i == 0 ? "" : "not-worth");
    }
}
END_TEST

// One in more than there are: none was timed.
static made_session *untimed(void) { return wrote(100001, 100000); }

// Counted only: no time, nothing that would save any.
START_TEST(test_nothing_timed) { ck_assert_kinds(untimed(), ""); }
END_TEST

int main(void) {
    return pf_test_run("findings-sampled",
                       (const TTest *[]){test_tiny, test_blocked, test_lines, test_fewest,
                                         test_nothing_timed, NULL});
}
