// SPDX-License-Identifier: Apache-2.0
// not-worth, duplicates and cost: every limit of the rules, and what they say and save.
// link: segment-maker.c session-maker.c
//
//   limit                                            just below               just above
//   duplicates: a text of 8 bytes                    7                        8
//   duplicates: no conversion in it                  "%s..."                  none
//   duplicates: a format                             a masked text            a format
//   duplicates: nine tenths of the calls             8,999 of 10,000          9,000 of 10,000
//   duplicates: 10 ms saved at least                 1,064 ns each            1,065 ns each
//   duplicates: 2 % of the wall time                 1,876,472,233 ns         1,876,472,232 ns
//   duplicates: ten a second remain                  10 in 1 s and less, 40 in 4 s
//   not-worth: a tenth of the thread's time          3,760,000,001 ns         3,759,999,999 ns
//   not-worth: 2 % of the wall time                  18,800,000,001 ns        18,799,999,999 ns
//   not-worth: 10 ms saved at least                  1,063 ns each            1,064 ns each
//   not-worth: half with a level, or where logs go   5,000 of 10,000          5,001 of 10,000
//   not-worth: half above notice                     5,001 of 10,000          5,000 of 10,000
//   not-worth: two lines of three
//   cost: a price, and logs                          0; what is no log        0.01; a log
#include "finding-kit.h"

// Calls of one line; what is 0 is as in like_most.
typedef struct {
    uint64_t wall_ns;
    uint64_t lived_ns; // by the thread; 0: as long as that
    enum pf_kind kind;
    int fd;
    const char *name; // of the stream
    uint64_t count;
    uint64_t ns;
    const char *level;
    const char *format;
    bool is_masked;
    uint64_t others; // with another format and level
    const char *other_level;
} lines;

#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static made_session *said(const lines *what) {
    made_run run = {.session = made_session_new()};
    run.process = made_add_process(run.session, OR(what->wall_ns, MADE_SECOND), 1);
    run.thread = made_add_thread(run.process, "main", what->lived_ns);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_fprintf,
                        .stream = made_add_stream(run.process, OR(what->kind, PF_KIND_FILE),
                                                  OR(what->fd, 3), OR(what->name, "/var/data")),
                        .count = what->count,
                        .bytes = 40,
                        .ns = OR(what->ns, 4000),
                        .level = what->level,
                        .format = what->format,
                        .is_masked = what->is_masked};
    made_call(run.thread, &calls);
    calls.count = what->others;
    calls.level = what->other_level;
    calls.format = what->others != 0 ? "something else of %d\n" : NULL;
    made_call(run.thread, &calls);
    return run.session;
}

#define LINES(...) said(&(lines){__VA_ARGS__})
#define REFUSED "connection refused, trying again\n"

// --- duplicates

START_TEST(test_limits_of_duplicates) {
    ck_assert_limit("8 bytes", LINES(.count = 10000, .format = "123456\n"),
                    LINES(.count = 10000, .format = "1234567\n"), "duplicates");
    ck_assert_limit("a conversion", LINES(.count = 10000, .format = "%s refused, trying again\n"),
                    LINES(.count = 10000, .format = REFUSED), "duplicates");
    ck_assert_limit("a format", LINES(.count = 10000, .format = REFUSED, .is_masked = true),
                    LINES(.count = 10000, .format = REFUSED), "duplicates");
    ck_assert_limit("nine tenths", LINES(.count = 8999, .others = 1001, .format = REFUSED),
                    LINES(.count = 9000, .others = 1000, .format = REFUSED), "duplicates");
    ck_assert_limit("10 ms",
                    LINES(.count = 10000, .format = REFUSED, .ns = 1064, .wall_ns = 400 * MADE_MS),
                    LINES(.count = 10000, .format = REFUSED, .ns = 1065, .wall_ns = 400 * MADE_MS),
                    "duplicates");
    ck_assert_limit("2 %", LINES(.count = 10000, .format = REFUSED, .wall_ns = 1876472233),
                    LINES(.count = 10000, .format = REFUSED, .wall_ns = 1876472232), "duplicates");
}
END_TEST

START_TEST(test_duplicates) {
    const gchar *advice = "limit it: ten a second, then one line with the number of those left out";
    ck_assert_found(LINES(.count = 10000, .format = REFUSED), .kind = "duplicates",
                    .title = "orderd+0x10 says the same line again and again",
                    .evidence = "10 000 × \"connection refused, trying again\"",
                    .next_step = (gchar *)advice, .place = "orderd+0x10", .saved_ns = 39960000,
                    .low_ns = 37562400, .high_ns = 42357600, .saved_calls = 9990,
                    .wall_percent = 3.996, .thread_count = 1);
    ck_assert_found(LINES(.count = 10000, .format = REFUSED, .kind = PF_KIND_PIPE),
                    .kind = "duplicates", .title = "orderd+0x10 says the same line again and again",
                    .evidence = "10 000 × \"connection refused, trying again\"",
                    .next_step = (gchar *)advice, .place = "orderd+0x10", .saved_ns = 39960000,
                    .low_ns = 23976000, .high_ns = 63936000, .saved_calls = 9990,
                    .wall_percent = 3.996, .thread_count = 1);
    const char *sixty = "a line of which no more than sixty bytes are shown in a finding\n";
    ck_assert_found(
        LINES(.count = 100000, .format = sixty, .wall_ns = 4 * MADE_SECOND), .kind = "duplicates",
        .title = "orderd+0x10 says the same line again and again",
        .evidence = "100 000 × \"a line of which no more than sixty bytes are shown in a find\"",
        .next_step = (gchar *)advice, .place = "orderd+0x10", .saved_ns = 399840000,
        .low_ns = 375849600, .high_ns = 423830400, .saved_calls = 99960, .wall_percent = 9.996,
        .thread_count = 1);
}
END_TEST

// --- not worth its cost

#define LOG "/var/app.log"
#define LOGGED(...) LINES(.count = 100000, .name = LOG, __VA_ARGS__)

START_TEST(test_limits_of_time) {
    ck_assert_limit("a tenth", LOGGED(.wall_ns = 3760000001), LOGGED(.wall_ns = 3759999999),
                    "not-worth");
    ck_assert_limit("2 %", LOGGED(.wall_ns = 18800000001, .lived_ns = MADE_SECOND),
                    LOGGED(.wall_ns = 18799999999, .lived_ns = MADE_SECOND), "not-worth");
    ck_assert_limit(
        "10 ms", LINES(.count = 10000, .name = LOG, .ns = 1063, .wall_ns = 90 * MADE_MS),
        LINES(.count = 10000, .name = LOG, .ns = 1064, .wall_ns = 90 * MADE_MS), "not-worth");
}
END_TEST

START_TEST(test_limits_of_levels) {
    ck_assert_limit("half with a level", LINES(.count = 50000, .level = "info", .others = 50000),
                    LINES(.count = 50001, .level = "info", .others = 49999), "not-worth");
    ck_assert_limit(
        "half above notice",
        LINES(.count = 50001, .level = "warning", .others = 49999, .other_level = "info"),
        LINES(.count = 50000, .level = "warning", .others = 50000, .other_level = "info"),
        "not-worth");
    ck_assert_kinds(LINES(.count = 50001, .level = "notice", .others = 49999), "not-worth");
}
END_TEST

START_TEST(test_where_logs_go) {
    static const char *const logs[] = {"/var/app.log", "app.log", "/var/app.log.1", "/x/.log"};
    static const char *const others[] = {"/var/app.logs", "/var/log", "/var.log/x", "/var/catalog"};
    for (unsigned i = 0; i < G_N_ELEMENTS(logs); i++) {
        ck_assert_kinds(LINES(.count = 100000, .name = logs[i]), "not-worth");
        ck_assert_kinds(LINES(.count = 100000, .name = others[i]), "");
    }
    ck_assert_limit("stderr", LINES(.count = 100000, .fd = 1), LINES(.count = 100000, .fd = 2),
                    "not-worth");
    made_run run = made_run_begin(MADE_SECOND, 1);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_syslog, .stream = PF_STREAM_NONE,
              .count = 100000, .bytes = 40, .ns = 4000);
    ck_assert_kinds(run.session, "not-worth");
}
END_TEST

START_TEST(test_not_worth) {
    ck_assert_found(LOGGED(.level = "debug"), .kind = "not-worth",
                    .title = "turning orderd+0x10 off saves 40 % (38 to 42) of thread main's time",
                    .evidence =
                        "100 000 calls of fprintf, level debug; what else makes the message "
                        "comes on top",
                    .next_step = "raise the level, or test it before the message is made",
                    .place = "orderd+0x10", .saved_ns = 400e6, .low_ns = 376e6, .high_ns = 424e6,
                    .saved_calls = 100000, .wall_percent = 40, .thread_count = 1);
    ck_assert_found(
        LINES(.count = 50000, .name = LOG, .level = "debug", .others = 50000,
              .other_level = "info"),
        .kind = "not-worth",
        .title = "turning orderd+0x10 off saves 40 % (38 to 42) of thread main's time",
        .evidence = "100 000 calls of fprintf, no level above notice; what else makes the message "
                    "comes on top",
        .next_step = "lower what it says to a level that is off, sample it, or sum it up",
        .place = "orderd+0x10", .saved_ns = 400e6, .low_ns = 376e6, .high_ns = 424e6,
        .saved_calls = 100000, .wall_percent = 40, .thread_count = 1);
}
END_TEST

static const PfFinding *only_one(GPtrArray *found) {
    ck_assert_uint_eq(found->len, 1);
    return g_ptr_array_index(found, 0);
}

static void check_logged(made_session *session, const gchar *title, double saved_ns, double low_ns,
                         double high_ns, double percent) {
    g_autoptr(GPtrArray) found = find_in(session);
    made_session_free(session);
    const PfFinding *one = only_one(found);
    ck_assert_str_eq(one->title, title);
    ck_assert_to_the_digit(one->saved_ns, saved_ns);
    ck_assert_to_the_digit(one->low_ns, low_ns);
    ck_assert_to_the_digit(one->high_ns, high_ns);
    ck_assert_to_the_digit(one->wall_percent, percent);
}

// A thread that ends early: a share of its life in the title, of the run in what is saved.
START_TEST(test_a_thread_that_ended) {
    check_logged(LOGGED(.lived_ns = 500 * MADE_MS),
                 "turning orderd+0x10 off saves 80 % (75 to 85) of thread main's time", 400e6,
                 376e6, 424e6, 40);
    // An estimate of no more than the thread has lived.
    check_logged(LOGGED(.lived_ns = 390 * MADE_MS),
                 "turning orderd+0x10 off saves 100 % (96 to 100) of thread main's time", 390e6,
                 376e6, 390e6, 39);
}
END_TEST

// Three quarters of the calls by one thread: its share.  Threads in a row have one row.
START_TEST(test_whose_time) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_thread *other = made_add_thread(run.process, "other", 0);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_fprintf,
                        .stream = made_add_stream(run.process, PF_KIND_FILE, 3, LOG),
                        .count = 25000,
                        .bytes = 40,
                        .ns = 4000};
    made_call(run.thread, &calls);
    calls.count = 75000;
    made_call(other, &calls);
    made_slot(other)->threads = 3;
    check_logged(run.session,
                 "turning orderd+0x10 off saves 30 % (28 to 32) of the time of 3 threads, the last "
                 "of them other",
                 300e6, 282e6, 318e6, 30);
}
END_TEST

// A share of the process where nobody knows how long the thread lived.
START_TEST(test_no_thread) {
    made_run run = {.session = made_session_new()};
    run.process = made_add_process(run.session, MADE_SECOND, 1);
    run.thread = made_add_thread(run.process, "main", 1);
    made_slot(run.thread)->attached_ns = 0;
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf,
              .stream = made_add_stream(run.process, PF_KIND_FILE, 3, LOG), .count = 100000,
              .bytes = 40, .ns = 4000);
    check_logged(run.session, "turning orderd+0x10 off saves 40 % (38 to 42) of the process's time",
                 400e6, 376e6, 424e6, 40);
}
END_TEST

static made_session *partly(enum pf_kind kind, uint64_t flushed_ns, uint64_t blocked_ns) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_fprintf,
                        .stream = made_add_stream(run.process, kind, 2, "x"),
                        .count = 1000,
                        .bytes = 4000,
                        .ns = 200000};
    made_call(run.thread, &calls);
    calls.why = PF_WHY_FLUSH;
    calls.ns = flushed_ns;
    made_call(run.thread, &calls);
    calls.why = PF_WHY_BLOCKED;
    calls.count = blocked_ns != 0 ? 1000 : 0;
    calls.ns = blocked_ns;
    made_call(run.thread, &calls);
    return run.session;
}

// What was in the kernel costs more than it takes; of a file not what others did meanwhile.
START_TEST(test_parts_of_the_time) {
    const gchar *title = "turning orderd+0x10 off saves 42 % (38 to 52) of thread main's time";
    check_logged(partly(PF_KIND_FILE, 200000, 0), title, 424e6, 376e6, 524e6, 42.4);
    check_logged(partly(PF_KIND_FILE, 200000, 99999), title, 424e6, 376e6, 524e6, 42.4);
    check_logged(partly(PF_KIND_PIPE, 200000, 99999),
                 "turning orderd+0x10 off saves 52 % (30 to 90) of thread main's time", 523999000,
                 299999400, 899998400, 52.3999);
}
END_TEST

START_TEST(test_two_of_three) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, LOG);
    for (unsigned i = 1; i <= 3; i++) {
        MADE_CALL(run.thread, .site = MADE_LINE(i), .call = PF_CALL_fprintf, .stream = stream,
                  .count = 100000, .bytes = 40, .ns = 1000 + 1000 * i);
    }
    g_autoptr(GPtrArray) found = find_in(run.session);
    made_session_free(run.session);
    ck_assert_uint_eq(found->len, 2);
    ck_assert_str_eq(((const PfFinding *)g_ptr_array_index(found, 0))->place, "orderd+0x30");
    ck_assert_str_eq(((const PfFinding *)g_ptr_array_index(found, 1))->place, "orderd+0x20");
}
END_TEST

// --- cost

START_TEST(test_cost) {
    g_setenv("PROVIDE_PROFILING_COST_PER_GB", "0.5", TRUE);
    ck_assert_found(LINES(.count = 9000, .name = LOG, .ns = 10), .kind = "cost",
                    .title = "logs cost 466.56 a month at this rate (933.12 GB at 0.50)",
                    .evidence = "most of it, 100 %, from orderd+0x10",
                    .next_step = "shorten or sample what that line says", .place = "orderd+0x10",
                    .saved_ns = -1, .low_ns = -1, .high_ns = -1, .saved_calls = -1,
                    .wall_percent = -1, .thread_count = 1);
    ck_assert_kinds(LINES(.count = 9000, .ns = 10), ""); // no log
    // It comes last.
    ck_assert_kinds(LINES(.count = 100000, .name = LOG), "not-worth cost");
    g_setenv("PROVIDE_PROFILING_COST_PER_GB", "0.01", TRUE);
    ck_assert_kinds(LINES(.count = 9000, .name = LOG, .ns = 10), "cost");
    g_setenv("PROVIDE_PROFILING_COST_PER_GB", "0", TRUE);
    ck_assert_kinds(LINES(.count = 9000, .name = LOG, .ns = 10), "");
}
END_TEST

START_TEST(test_most_of_the_cost) {
    g_setenv("PROVIDE_PROFILING_COST_PER_GB", "2", TRUE);
    made_run run = made_run_begin(10 * MADE_SECOND, 1);
    unsigned log = made_add_stream(run.process, PF_KIND_FILE, 3, LOG);
    unsigned data = made_add_stream(run.process, PF_KIND_FILE, 4, "/var/data");
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf, .stream = log,
              .count = 100, .bytes = 100, .ns = 10);
    MADE_CALL(run.thread, .site = MADE_LINE(2), .call = PF_CALL_fprintf, .stream = log,
              .count = 300, .bytes = 100, .ns = 10);
    MADE_CALL(run.thread, .site = MADE_LINE(3), .call = PF_CALL_fprintf, .stream = data,
              .count = 900, .bytes = 100, .ns = 10);
    g_autoptr(GPtrArray) found = find_in(run.session);
    made_session_free(run.session);
    const PfFinding *one = only_one(found);
    ck_assert_str_eq(one->title, "logs cost 20.74 a month at this rate (10.37 GB at 2.00)");
    ck_assert_str_eq(one->evidence, "most of it, 75 %, from orderd+0x20");
    ck_assert_str_eq(one->place, "orderd+0x20");
}
END_TEST

int main(void) {
    // No file of whoever runs this sets a price.
    g_setenv("PROVIDE_PROFILING_CONFIG", "/dev/null", TRUE);
    return pf_test_run("findings-worth",
                       (const TTest *[]){test_limits_of_duplicates, test_duplicates,
                                         test_limits_of_time, test_limits_of_levels,
                                         test_where_logs_go, test_not_worth,
                                         test_a_thread_that_ended, test_whose_time, test_no_thread,
                                         test_parts_of_the_time, test_two_of_three, test_cost,
                                         test_most_of_the_cost, NULL});
}
