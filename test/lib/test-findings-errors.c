// SPDX-License-Identifier: Apache-2.0
// errors and short-writes: every limit of the rules, and what they say and save.
// link: segment-maker.c session-maker.c
//
//   limit                                      just below               just above
//   100 failed calls                           99                       100
//   a fifth of the calls fails                 100 of 501               100 of 500
//   three quarters, with EAGAIN                7,499 of 10,000          7,500 of 10,000
//   10 with ENOSPC, EDQUOT, EIO, EFBIG         9 of 10,000              10 of 10,000
//   3 short writes that were left              2                        3
//   more were left than continued              4 and 4                  4 and 3
#include "finding-kit.h"
#include <errno.h>

// --- errors

static void calls_at(made_thread *thread, unsigned line, unsigned stream, uint64_t failed,
                     int error, uint64_t good) {
    made_calls calls = {.site = MADE_LINE(line),
                        .call = PF_CALL_write,
                        .stream = stream,
                        .count = failed,
                        .ns = 4000,
                        .why = PF_WHY_FLUSH,
                        .error = error};
    made_call(thread, &calls);
    calls.count = good;
    calls.bytes = 4096;
    calls.error = 0;
    made_call(thread, &calls);
}

static made_session *failed(uint64_t count, int error, uint64_t good) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data");
    calls_at(run.thread, 1, stream, count, error, good);
    return run.session;
}

START_TEST(test_limits_of_errors) {
    static const int lost[] = {ENOSPC, EDQUOT, EIO, EFBIG};
    ck_assert_limit("100", failed(99, EBADF, 0), failed(100, EBADF, 0), "errors");
    ck_assert_limit("a fifth", failed(100, EBADF, 401), failed(100, EBADF, 400), "errors");
    ck_assert_limit("three quarters", failed(7499, EAGAIN, 2501), failed(7500, EAGAIN, 2500),
                    "errors");
    for (unsigned i = 0; i < G_N_ELEMENTS(lost); i++) {
        ck_assert_limit("10", failed(9, lost[i], 9991), failed(10, lost[i], 9990), "errors");
    }
}
END_TEST

static void check_error(made_session *session, const gchar *title, const gchar *evidence,
                        const gchar *next_step, const gchar *place, double calls) {
    ck_assert_found(session, .kind = "errors", .title = (gchar *)title,
                    .evidence = (gchar *)evidence, .next_step = (gchar *)next_step,
                    .place = (gchar *)place, .saved_ns = -1, .low_ns = -1, .high_ns = -1,
                    .saved_calls = calls, .wall_percent = -1, .thread_count = 1);
}

START_TEST(test_all_fail) {
    const gchar *place = "orderd+0x10";
    ck_assert_found(failed(10000, EBADF, 0), .kind = "errors",
                    .title = "orderd+0x10 goes on when write fails with EBADF",
                    .evidence = "10 000 of 10 000 calls failed so",
                    .next_step = "look at the result of the call: these messages are lost",
                    .place = (gchar *)place, .saved_ns = 40e6, .low_ns = 37.6e6, .high_ns = 42.4e6,
                    .saved_calls = 10000, .wall_percent = 4, .thread_count = 1);
    ck_assert_found(failed(10000, EPIPE, 0), .kind = "errors",
                    .title = "orderd+0x10 goes on when write fails with EPIPE",
                    .evidence = "10 000 of 10 000 calls failed so",
                    .next_step = "stop writing when the reader has gone", .place = (gchar *)place,
                    .saved_ns = 40e6, .low_ns = 37.6e6, .high_ns = 42.4e6, .saved_calls = 10000,
                    .wall_percent = 4, .thread_count = 1);
}
END_TEST

// What a failed call takes is not known: a quarter of the time of the others, or four times that.
START_TEST(test_some_fail) {
    ck_assert_found(failed(18750, EAGAIN, 6250), .kind = "errors",
                    .title = "orderd+0x10 goes on when write fails with EAGAIN",
                    .evidence = "18 750 of 25 000 calls failed so",
                    .next_step = "wait for POLLOUT, or drop the message and count it; do not try "
                                 "again at once",
                    .place = "orderd+0x10", .saved_ns = 75e6, .low_ns = 42543671.4136,
                    .high_ns = 92883126.4889, .saved_calls = 18750, .wall_percent = 7.5,
                    .thread_count = 1);
}
END_TEST

START_TEST(test_data_is_lost) {
    check_error(failed(10, ENOSPC, 9990), "orderd+0x10 goes on when write fails with ENOSPC",
                "10 of 10 000 calls failed so",
                "what was written is lost: look at the result, say so elsewhere, and stop",
                "orderd+0x10", 10);
}
END_TEST

// Errors are counted by function: of two lines that met some nobody knows which met which.
START_TEST(test_several_lines) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data");
    calls_at(run.thread, 1, stream, 60, EBADF, 0);
    calls_at(run.thread, 2, stream, 40, EBADF, 100);
    calls_at(run.thread, 3, stream, 0, 0, 5000); // never failed
    check_error(run.session, "one of 2 lines goes on when write fails with EBADF",
                "100 of 200 calls failed so",
                "look at the result of the call: these messages are lost", NULL, 100);
}
END_TEST

// One word, on the most frequent one that is worth it.
START_TEST(test_several_errors) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data");
    calls_at(run.thread, 1, stream, 5000, EAGAIN, 3000); // 0.25 of the calls at both
    calls_at(run.thread, 1, stream, 4000, EPIPE, 8000);
    calls_at(run.thread, 1, stream, 10, ENOSPC, 0);
    check_error(run.session, "orderd+0x10 goes on when write fails with ENOSPC",
                "10 of 20 010 calls failed so",
                "what was written is lost: look at the result, say so elsewhere, and stop",
                "orderd+0x10", 10);
}
END_TEST

// --- short writes

static made_session *shortened(uint64_t continued, uint64_t left) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    const made_calls calls = {.site = MADE_LINE(1),
                              .call = PF_CALL_write,
                              .stream = made_add_stream(run.process, PF_KIND_PIPE, 3, "pipe:[7]"),
                              .count = 100,
                              .bytes = 4000,
                              .ns = 4000,
                              .why = PF_WHY_FLUSH};
    made_call(run.thread, &calls);
    made_short_writes(run.thread, &calls,
                      &(struct pf_short){.count = continued + left,
                                         .continued = continued,
                                         .left = left,
                                         .left_bytes = left * 903});
    return run.session;
}

START_TEST(test_limits_of_short_writes) {
    ck_assert_limit("3", shortened(0, 2), shortened(0, 3), "short-writes");
    ck_assert_limit("more than continued", shortened(4, 4), shortened(3, 4), "short-writes");
    ck_assert_kinds(shortened(5, 0), "");
}
END_TEST

#define REST                                                                                       \
    "look at the result: write what is left, from where the call stopped, once poll says POLLOUT"

START_TEST(test_short_writes) {
    ck_assert_found(shortened(3, 4), .kind = "short-writes",
                    .title = "orderd+0x10 goes on after a short write: 3 612 B were left out",
                    .evidence =
                        "7 calls took fewer bytes than they were given; after 4 of them the "
                        "thread went on with other bytes than those that were left",
                    .next_step = REST, .place = "orderd+0x10", .saved_ns = -1, .low_ns = -1,
                    .high_ns = -1, .saved_calls = -1, .wall_percent = -1, .thread_count = 1);
}
END_TEST

// What all threads saw at a line; the line that left most.
START_TEST(test_short_writes_of_threads) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_thread *other = made_add_thread(run.process, "other", 0);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_send,
                        .stream = made_add_stream(run.process, PF_KIND_SOCKET, 3, "socket:[7]"),
                        .count = 100,
                        .bytes = 4000,
                        .ns = 4000,
                        .why = PF_WHY_FLUSH};
    const struct pf_short two = {.count = 2, .left = 2, .left_bytes = 2000};
    made_call(run.thread, &calls);
    made_call(other, &calls);
    made_short_writes(run.thread, &calls, &two);
    made_short_writes(other, &calls, &two);
    calls.site = MADE_LINE(2);
    made_call(other, &calls);
    made_short_writes(other, &calls, &(struct pf_short){.count = 3, .left = 3, .left_bytes = 9000});
    ck_assert_found(run.session, .kind = "short-writes",
                    .title = "orderd+0x10 goes on after a short send: 4 000 B were left out",
                    .evidence =
                        "4 calls took fewer bytes than they were given; after 4 of them the "
                        "thread went on with other bytes than those that were left",
                    .next_step = REST, .place = "orderd+0x10", .saved_ns = -1, .low_ns = -1,
                    .high_ns = -1, .saved_calls = -1, .wall_percent = -1, .thread_count = 1);
}
END_TEST

int main(void) {
    return pf_test_run("findings-errors",
                       (const TTest *[]){test_limits_of_errors, test_all_fail, test_some_fail,
                                         test_data_is_lost, test_several_lines, test_several_errors,
                                         test_limits_of_short_writes, test_short_writes,
                                         test_short_writes_of_threads, NULL});
}
