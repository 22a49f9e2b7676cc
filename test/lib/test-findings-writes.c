// SPDX-License-Identifier: Apache-2.0
// tiny-writes, and endl of what C++ writes: every limit of the rule, and what it says and saves.
// link: segment-maker.c session-maker.c
//
//   limit                                      just below               just above
//   500 tiny writes                            499                      500
//   10 to a stream, for it to count            9 to a second one        10 to a second one
//   half of the stream's calls                 5,000 of 10,001          5,000 of 10,000
//   less than 512 B, more than none            512 B; 0 B               511 B; 1 B
//   less than 8 KiB on average                 8,192 B                  8,191.5 B
//   files, pipes and what is not known         terminal, device, ...    file, pipe, unknown
//   nine tenths of stdio's calls write         8,999 of 10,000          9,000 of 10,000
//   10 ms saved at least                       1,093 ns each            1,094 ns each
//   2 % of the wall time                       1,829,367,583 ns         1,829,367,582 ns
//   four times the lower limit at most         lines of 4,112 B         of 4,111 B
//   100 us switched out: who makes way         100,000 ns               99,999 ns
#include "finding-kit.h"

// Writes of one line; what is 0 is as in like_most.
typedef struct {
    uint64_t wall_ns;
    enum pf_kind kind;
    unsigned streams;
    uint64_t count; // to each stream
    uint64_t bytes;
    uint64_t ns;
    uint64_t large; // calls besides, of so many bytes each
    uint64_t large_bytes;
    uint64_t blocked; // calls besides in which the thread was switched out
    uint64_t blocked_ns;
} writes;

static const writes like_most = {.wall_ns = MADE_SECOND,
                                 .kind = PF_KIND_FILE,
                                 .streams = 1,
                                 .count = 10000,
                                 .bytes = 40,
                                 .ns = 4000};

#define OR_AS_MOST(what, name) ((what)->name != 0 ? (what)->name : like_most.name)

static made_session *written(const writes *what) {
    made_run run = made_run_begin(OR_AS_MOST(what, wall_ns), 1);
    for (unsigned i = 0; i < OR_AS_MOST(what, streams); i++) {
        g_autofree gchar *name = g_strdup_printf("/var/data%u", i);
        unsigned stream = made_add_stream(run.process, OR_AS_MOST(what, kind), 3, name);
        made_calls calls = {.site = MADE_LINE(1),
                            .call = PF_CALL_write,
                            .stream = stream,
                            .count = OR_AS_MOST(what, count),
                            .bytes = OR_AS_MOST(what, bytes),
                            .ns = OR_AS_MOST(what, ns),
                            .why = PF_WHY_FLUSH};
        made_call(run.thread, &calls);
        made_calls large = calls;
        large.count = what->large;
        large.bytes = what->large_bytes;
        made_call(run.thread, &large);
        made_calls blocked = calls;
        blocked.count = what->blocked;
        blocked.ns = what->blocked_ns;
        blocked.why = PF_WHY_BLOCKED;
        made_call(run.thread, &blocked);
    }
    return run.session;
}

#define WRITES(...) written(&(writes){__VA_ARGS__})

START_TEST(test_limits_of_counts) {
    ck_assert_limit("500", WRITES(.count = 499, .ns = 400000), WRITES(.count = 500, .ns = 400000),
                    "tiny-writes");
    ck_assert_limit("half", WRITES(.count = 5000, .large = 5001, .large_bytes = 600, .ns = 40000),
                    WRITES(.count = 5000, .large = 5000, .large_bytes = 600, .ns = 40000),
                    "tiny-writes");
    ck_assert_limit("512 B", WRITES(.bytes = 512), WRITES(.bytes = 511), "tiny-writes");
    ck_assert_limit("1 B", WRITES(.count = 1, .large = 10000, .large_bytes = 0), WRITES(.bytes = 1),
                    "tiny-writes");
    const uint64_t slow = 4 * MADE_SECOND; // so little is saved of calls that are large on average
    ck_assert_limit("8 KiB",
                    WRITES(.count = 1000, .large = 1000, .large_bytes = 16344, .ns = slow,
                           .wall_ns = MADE_SECOND / 10),
                    WRITES(.count = 1000, .large = 1000, .large_bytes = 16343, .ns = slow,
                           .wall_ns = MADE_SECOND / 10),
                    "tiny-writes");
}
END_TEST

START_TEST(test_limits_of_time) {
    ck_assert_limit("10 ms", WRITES(.ns = 1093, .wall_ns = 400 * MADE_MS),
                    WRITES(.ns = 1094, .wall_ns = 400 * MADE_MS), "tiny-writes");
    ck_assert_limit("2 %", WRITES(.wall_ns = 1829367583), WRITES(.wall_ns = 1829367582),
                    "tiny-writes");
    const writes beyond = {.kind = PF_KIND_PIPE,
                           .count = 5000,
                           .ns = 40000,
                           .large = 5000,
                           .large_bytes = 4112,
                           .blocked = 5000,
                           .blocked_ns = 90000};
    writes within = beyond;
    within.large_bytes = 4111;
    ck_assert_limit("four times", written(&beyond), written(&within), "tiny-writes");
}
END_TEST

START_TEST(test_what_may_wait) {
    static const enum pf_kind found[] = {PF_KIND_FILE, PF_KIND_PIPE, PF_KIND_UNKNOWN};
    static const enum pf_kind not [] = {PF_KIND_SOCKET, PF_KIND_TTY, PF_KIND_DEVICE,
                                        PF_KIND_MEMORY};
    for (unsigned i = 0; i < G_N_ELEMENTS(not ); i++) {
        ck_assert_kinds(WRITES(.kind = not [i]), "");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(found); i++) {
        made_run run = made_run_begin(MADE_SECOND, 1);
        MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_write,
                  .stream = made_add_stream(run.process, found[i], 3, "x"), .count = 10000,
                  .bytes = 40, .ns = 4000, .why = PF_WHY_FLUSH);
        ck_assert_kinds(run.session, "tiny-writes");
    }
}
END_TEST

static made_session *through_stdio(uint64_t flushed) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_fwrite,
                        .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data"),
                        .count = flushed,
                        .bytes = 40,
                        .ns = 4000,
                        .why = PF_WHY_FLUSH};
    made_call(run.thread, &calls);
    calls.count = 10000 - flushed;
    calls.ns = 100;
    calls.why = PF_WHY_FORMAT;
    made_call(run.thread, &calls);
    return run.session;
}

// Which of stdio's calls write is known where nine tenths do.
START_TEST(test_stdio) {
    ck_assert_limit("nine tenths", through_stdio(8999), through_stdio(9000), "tiny-writes");
    ck_assert_found(
        through_stdio(9000), .kind = "tiny-writes",
        .title = "orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 9 951 system calls",
        .evidence = "10 000 writes of less than 512 B to /var/data, 40 B on average",
        .next_step = "give the stream a whole buffer: setvbuf (file, NULL, _IOFBF, 8192), and "
                     "flush where a reader waits",
        .place = "orderd+0x10", .saved_ns = 39354482.7586, .low_ns = 32928616.4915,
        .high_ns = 54876502.7484, .saved_calls = 9951.171875, .wall_percent = 3.93544827586,
        .thread_count = 1);
}
END_TEST

START_TEST(test_a_file) {
    ck_assert_found(
        WRITES(0), .kind = "tiny-writes",
        .title = "orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 9 951 system calls",
        .evidence = "10 000 writes of less than 512 B to /var/data0, 40 B on average",
        .next_step = "gather messages in a buffer of 8 KiB, or write through stdio",
        .place = "orderd+0x10", .saved_ns = 43727203.0651, .low_ns = 36587351.6572,
        .high_ns = 60973891.9426, .saved_calls = 9951.171875, .wall_percent = 4.37272030651,
        .thread_count = 1);
}
END_TEST

// The reader of a pipe that is woken: what is saved is less certain, and each call more may cost up to 1 us.
START_TEST(test_a_pipe) {
    ck_assert_found(
        WRITES(.kind = PF_KIND_PIPE), .kind = "tiny-writes",
        .title = "orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 9 951 system calls",
        .evidence = "10 000 writes of less than 512 B to /var/data0, 40 B on average",
        .next_step = "gather messages in a buffer of 8 KiB, or write through stdio",
        .place = "orderd+0x10", .saved_ns = 39042145.5939, .low_ns = 23408053.5638,
        .high_ns = 91946590.2014, .saved_calls = 9951.171875, .wall_percent = 3.90421455939,
        .thread_count = 1);
}
END_TEST

static void check_time(made_session *session, double saved_ns, double low_ns, double high_ns) {
    g_autoptr(GPtrArray) found = find_in(session);
    made_session_free(session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_to_the_digit(one->saved_ns, saved_ns);
    ck_assert_to_the_digit(one->low_ns, low_ns);
    ck_assert_to_the_digit(one->high_ns, high_ns);
}

// Who had the processor while a write made way, the reader or a stranger, is not known: up to all that time is
// saved.  A thread that waited for longer waited for somebody, and one that writes to a file for a stranger.
START_TEST(test_who_makes_way) {
    writes what = {.kind = PF_KIND_PIPE, .blocked = 1000, .blocked_ns = 1000};
    check_time(written(&what), 39539704.1876, 23675954.894, 93754856.9717);
    what.blocked_ns = 99999;
    check_time(written(&what), 78084291.1877, 27510811.4524, 185496944.305);
    what.blocked_ns = 100000;
    made_session *blocked = written(&what);
    g_autoptr(GPtrArray) found = find_in(blocked);
    made_session_free(blocked);
    ck_assert_uint_eq(found->len, 2); // and it is blocked
    const PfFinding *tiny = g_ptr_array_index(found, 1);
    ck_assert_str_eq(tiny->kind, "tiny-writes");
    ck_assert_to_the_digit(tiny->saved_ns, 39042145.5939);
    ck_assert_to_the_digit(tiny->low_ns, 23408053.5638);
    ck_assert_to_the_digit(tiny->high_ns, 92941707.3889);
    what.blocked_ns = 90000;
    what.kind = PF_KIND_UNKNOWN;
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned unknown = made_add_stream(run.process, PF_KIND_UNKNOWN, 3, "x");
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_write, .stream = unknown,
              .count = 10000, .bytes = 40, .ns = 4000, .why = PF_WHY_FLUSH);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_write, .stream = unknown,
              .count = 1000, .bytes = 40, .ns = 90000, .why = PF_WHY_BLOCKED);
    check_time(run.session, 82769348.659, 38033304.0438, 148907268.034);
    what.kind = PF_KIND_FILE;
    check_time(written(&what), 43727203.0651, 36587351.6572, 60973891.9426);
}
END_TEST

// One line that writes to many: what it saves is the sum.
START_TEST(test_one_line_of_many_files) {
    ck_assert_found(
        WRITES(.streams = 20, .count = 3000), .kind = "tiny-writes",
        .title = "orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 59 707 system calls",
        .evidence = "60 000 writes of less than 512 B to /var/data0 and 19 more, 40 B on average",
        .next_step = "gather messages in a buffer of 8 KiB, or write through stdio",
        .place = "orderd+0x10", .saved_ns = 262363218.391, .low_ns = 219524109.943,
        .high_ns = 365843351.656, .saved_calls = 59707.03125, .wall_percent = 26.2363218391,
        .thread_count = 1);
}
END_TEST

static void check_second_file(uint64_t count, const gchar *evidence) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    const uint64_t counts[] = {10000, count};
    for (unsigned i = 0; i < 2; i++) {
        MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_write,
                  .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data"),
                  .count = counts[i], .bytes = 40, .ns = 4000, .why = PF_WHY_FLUSH);
    }
    g_autoptr(GPtrArray) found = find_in(run.session);
    made_session_free(run.session);
    ck_assert_uint_eq(found->len, 1);
    ck_assert_str_eq(((const PfFinding *)g_ptr_array_index(found, 0))->evidence, evidence);
}

// Whoever writes a few lines to each of many files can't gather them.
START_TEST(test_ten_to_a_stream) {
    check_second_file(9, "10 000 writes of less than 512 B to /var/data, 40 B on average");
    check_second_file(10,
                      "10 010 writes of less than 512 B to /var/data and 1 more, 40 B on average");
}
END_TEST

// A line of its own writes to each: neither makes 500.
START_TEST(test_lines_are_apart) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    for (unsigned i = 0; i < 2; i++) {
        MADE_CALL(run.thread, .site = MADE_LINE(1 + i), .call = PF_CALL_write,
                  .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "x"), .count = 499,
                  .bytes = 40, .ns = 400000, .why = PF_WHY_FLUSH);
    }
    ck_assert_kinds(run.session, "");
}
END_TEST

// Streams of C++ have a buffer: who writes each line says std::endl.  The library's own line is not to blame.
START_TEST(test_cxx) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_calls calls = {.site = MADE_IN_CXX(5),
                        .call = PF_CALL_fwrite,
                        .stream = made_add_stream(run.process, PF_KIND_FILE, 1, "/var/out"),
                        .count = 10000,
                        .bytes = 40,
                        .ns = 4000,
                        .why = PF_WHY_FLUSH};
    made_call(run.thread, &calls);
    made_stack(run.process, &calls, (uint64_t[]){MADE_IN_CXX(5), MADE_IN_CXX(9), MADE_LINE(7)}, 3);
    ck_assert_found(
        run.session, .kind = "endl",
        .title = "orderd+0x70 flushes after 40 B each: a full buffer saves 9 951 system calls",
        .evidence = "10 000 writes of less than 512 B to /var/out, 40 B on average",
        .next_step = "write '\\n' where std::endl is, and flush once, where a reader waits",
        .place = "orderd+0x70", .saved_ns = 43727203.0651, .low_ns = 36587351.6572,
        .high_ns = 60973891.9426, .saved_calls = 9951.171875, .wall_percent = 4.37272030651,
        .thread_count = 1);
}
END_TEST

int main(void) {
    return pf_test_run("findings-writes",
                       (const TTest *[]){test_limits_of_counts, test_limits_of_time,
                                         test_what_may_wait, test_stdio, test_a_file, test_a_pipe,
                                         test_who_makes_way, test_one_line_of_many_files,
                                         test_ten_to_a_stream, test_lines_are_apart, test_cxx,
                                         NULL});
}
