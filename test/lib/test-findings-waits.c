// SPDX-License-Identifier: Apache-2.0
// lock and blocked: every limit of the rules, and what they say and save.
// link: segment-maker.c session-maker.c
//
//   limit                                          just below                   just above
//   lock: a tenth of the time on the stream        999 ns of 9,999              1,000 ns of 10,000
//   lock: 10 ms                                    999 ns, 10,000 times         1,000 ns
//   lock: 2 % of the wall time                     20 ms of 1,000,000,001 ns    of 1,000,000,000 ns
//   blocked: half of the time on the stream        200,000 ns of 400,001        of 400,000
//   blocked: 100 us on average                     99,999 ns                    100,000 ns
//   blocked: 10 ms saved at least                  106,382 ns, 100 times        106,383 ns
//   blocked: 2 % of the wall time                  94 ms of 4,700,000,001 ns    of 4,699,999,999 ns
//   blocked: whoever reads slowly                  file, device, unknown        pipe, socket, terminal, syslog
#include "finding-kit.h"

// --- lock

static made_session *waited(uint64_t wall_ns, uint64_t count, uint64_t ns, uint64_t lock_ns) {
    made_run run = made_run_begin(wall_ns, 1);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fputs,
              .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data"), .count = count,
              .bytes = 40, .ns = ns, .lock_ns = lock_ns);
    return run.session;
}

START_TEST(test_limits_of_lock) {
    ck_assert_limit("a tenth", waited(MADE_SECOND, 100000, 9000, 999),
                    waited(MADE_SECOND, 100000, 9000, 1000), "lock");
    ck_assert_limit("10 ms", waited(MADE_SECOND / 2, 10000, 1000, 999),
                    waited(MADE_SECOND / 2, 10000, 1000, 1000), "lock");
    ck_assert_limit("2 %", waited(MADE_SECOND + 1, 10000, 2000, 2000),
                    waited(MADE_SECOND, 10000, 2000, 2000), "lock");
}
END_TEST

// What threads waited is known, not what that saves.
START_TEST(test_lock) {
    ck_assert_found(
        waited(MADE_SECOND, 10000, 2000, 6000), .kind = "lock",
        .title = "threads wait for one another at the lock of /var/data, 60.0 ms in all",
        .evidence =
            "60.0 ms to 60.0 ms (95 %), added up over all threads: 75 % of the time in calls "
            "to it; most calls come from orderd+0x10. What a run saves depends on processors "
            "that are free",
        .next_step =
            "give each thread a buffer or a file of its own, or let one thread write; make what is "
            "done under the lock shorter (no flush, no unbuffered stream)",
        .place = "orderd+0x10", .saved_ns = -1, .low_ns = -1, .high_ns = -1, .saved_calls = -1,
        .wall_percent = -1, .thread_count = 1);
}
END_TEST

// --- blocked

typedef struct {
    uint64_t wall_ns;  // 0: 1 s
    enum pf_kind kind; // 0: a pipe
    int fd;            // 0: 3
    const char *name;
    uint64_t count; // of calls in which the thread was switched out
    uint64_t ns;
    uint64_t other_ns; // calls in which it was not; 0: none
} waits;

static made_session *blocked(const waits *what) {
    made_run run = made_run_begin(what->wall_ns != 0 ? what->wall_ns : MADE_SECOND, 1);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_write,
                        .stream = made_add_stream(run.process,
                                                  what->kind != 0 ? what->kind : PF_KIND_PIPE,
                                                  what->fd != 0 ? what->fd : 3,
                                                  what->name != NULL ? what->name : "pipe:[7]"),
                        .count = what->count,
                        .bytes = 4096,
                        .ns = what->ns,
                        .why = PF_WHY_BLOCKED};
    made_call(run.thread, &calls);
    calls.count = what->other_ns != 0 ? what->count : 0;
    calls.ns = what->other_ns;
    calls.why = PF_WHY_FLUSH;
    made_call(run.thread, &calls);
    return run.session;
}

#define BLOCKED(...) blocked(&(waits){__VA_ARGS__})

START_TEST(test_limits_of_blocked) {
    ck_assert_limit("half", BLOCKED(.count = 500, .ns = 200000, .other_ns = 200001),
                    BLOCKED(.count = 500, .ns = 200000, .other_ns = 200000), "blocked");
    ck_assert_limit("100 us", BLOCKED(.count = 1000, .ns = 99999),
                    BLOCKED(.count = 1000, .ns = 100000), "blocked");
    ck_assert_limit("10 ms", BLOCKED(.count = 100, .ns = 106382, .wall_ns = 400 * MADE_MS),
                    BLOCKED(.count = 100, .ns = 106383, .wall_ns = 400 * MADE_MS), "blocked");
    ck_assert_limit("2 %", BLOCKED(.count = 100, .ns = MADE_MS, .wall_ns = 4700000001),
                    BLOCKED(.count = 100, .ns = MADE_MS, .wall_ns = 4699999999), "blocked");
}
END_TEST

static void check_blocked(made_session *session, const gchar *title, const gchar *evidence,
                          const gchar *next_step) {
    ck_assert_found(session, .kind = "blocked", .title = (gchar *)title,
                    .evidence = (gchar *)evidence, .next_step = (gchar *)next_step,
                    .place = "orderd+0x10", .saved_ns = 100e6, .low_ns = 94e6, .high_ns = 106e6,
                    .saved_calls = -1, .wall_percent = 5, .thread_count = 1);
}

START_TEST(test_who_reads_slowly) {
    const gchar *quicker = "make the reader quicker, or write from a thread of its own";
    const gchar *queue =
        "hand messages to a thread of their own through a bounded queue that drops "
        "and counts, or make the reader quicker";
    const gchar *evidence = "100 % (95 %: 100 to 100) of the time in calls to pipe:[7] the thread "
                            "was switched out; the longest call took 1.00 ms";
    waits what = {.count = 100, .ns = MADE_MS, .wall_ns = 2 * MADE_SECOND};
    check_blocked(blocked(&what), "orderd+0x10 is blocked by a pipe whose reader is too slow",
                  evidence, quicker);
    what.fd = 2;
    check_blocked(blocked(&what), "orderd+0x10 is blocked by a pipe whose reader is too slow",
                  evidence, queue);
    what.fd = 3;
    what.kind = PF_KIND_SOCKET;
    check_blocked(blocked(&what), "orderd+0x10 is blocked by a socket whose peer is too slow",
                  evidence, quicker);
    what.kind = PF_KIND_TTY;
    check_blocked(blocked(&what), "orderd+0x10 is blocked by a terminal that does not keep up",
                  evidence, quicker);
    static const enum pf_kind others[] = {PF_KIND_FILE, PF_KIND_DEVICE, PF_KIND_MEMORY};
    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
        what.kind = others[i];
        ck_assert_kinds(blocked(&what), "");
    }
}
END_TEST

static made_session *syslog_blocked(void) {
    made_run run = made_run_begin(2 * MADE_SECOND, 1);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_syslog, .stream = PF_STREAM_NONE,
              .count = 100, .bytes = 80, .ns = MADE_MS, .why = PF_WHY_BLOCKED);
    return run.session;
}

START_TEST(test_the_system_log) {
    check_blocked(syslog_blocked(),
                  "orderd+0x10 is blocked by a logger (the system log, say) that does not keep up",
                  "100 % (95 %: 100 to 100) of the time in calls to syslog, loggers the thread was "
                  "switched out; the longest call took 1.00 ms",
                  "hand messages to a thread of their own through a bounded queue that drops and "
                  "counts, or make the reader quicker");
}
END_TEST

// What several threads wait for at once is more than the wall time: of their time it is a share, and no more
// than that can be saved.
START_TEST(test_of_several_threads) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned pipe = made_add_stream(run.process, PF_KIND_PIPE, 3, "pipe:[7]");
    made_thread *other = made_add_thread(run.process, "other", 0);
    const made_calls calls = {.site = MADE_LINE(1),
                              .call = PF_CALL_write,
                              .stream = pipe,
                              .count = 100,
                              .bytes = 4096,
                              .ns = 8 * MADE_MS,
                              .why = PF_WHY_BLOCKED};
    made_call(run.thread, &calls);
    made_call(other, &calls);
    ck_assert_found(run.session, .kind = "blocked",
                    .title = "orderd+0x10 is blocked by a pipe whose reader is too slow",
                    .evidence = "100 % (95 %: 100 to 100) of the time in calls to pipe:[7] the "
                                "thread was switched out; the longest call took 8.00 ms",
                    .next_step = "make the reader quicker, or write from a thread of its own",
                    .place = "orderd+0x10", .saved_ns = 1600e6, .low_ns = 1504e6, .high_ns = 1696e6,
                    .saved_calls = -1, .wall_percent = 80, .thread_count = 2);
}
END_TEST

static void check_threads(uint64_t lived_ns, unsigned threads, double saved_ns, double percent) {
    made_session *session = made_session_new();
    made_process *process = made_add_process(session, MADE_SECOND, 1);
    unsigned pipe = made_add_stream(process, PF_KIND_PIPE, 3, "pipe:[7]");
    for (unsigned i = 0; i < 2; i++) {
        MADE_CALL(made_add_thread(process, "one", lived_ns), .site = MADE_LINE(1),
                  .call = PF_CALL_write, .stream = pipe, .count = 100, .bytes = 4096,
                  .ns = 8 * MADE_MS, .why = PF_WHY_BLOCKED);
    }
    g_autoptr(GPtrArray) found = find_in(session);
    made_session_free(session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_uint_eq(one->thread_count, threads);
    ck_assert_to_the_digit(one->saved_ns, saved_ns);
    ck_assert_to_the_digit(one->wall_percent, percent);
}

// Threads that lived one after the other, up to 1 % more than the wall time, are one at a time.
START_TEST(test_one_after_the_other) {
    check_threads(505 * MADE_MS, 1, 1000e6, 100);
    check_threads(505 * MADE_MS + 1, 2, 1010000002, 100);
    check_threads(400 * MADE_MS, 1, 800e6, 80);
}
END_TEST

int main(void) {
    return pf_test_run("findings-waits",
                       (const TTest *[]){test_limits_of_lock, test_lock, test_limits_of_blocked,
                                         test_who_reads_slowly, test_the_system_log,
                                         test_of_several_threads, test_one_after_the_other, NULL});
}
