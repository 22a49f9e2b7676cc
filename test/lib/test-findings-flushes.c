// SPDX-License-Identifier: Apache-2.0
// flush-per-line, and endl of what C++ flushes: every limit of the rule, and what it says and saves.
// link: segment-maker.c session-maker.c
//
//   limit                                       just below              just above
//   500 flushes                                 499                     500
//   50 syncs                                    49                      50
//   10 of each stream by one line               9 of each of 60         10 of each of 60
//                                               9 each by three lines   10 by each of three
//   one for every fifth message                 1,000 for 5,001         1,000 for 5,000
//   no terminal                                 a terminal              file, pipe, socket, device, unknown
//   10 ms saved at least: flushes               1,093 ns each           1,094 ns each
//                         syncs                 48,100 ns each          48,101 ns each
//                         fclose                965 ns each             966 ns each
//   2 % of the wall time: flushes               1,829,367,583 ns        1,829,367,582 ns
//                         syncs                 10,144,927,537 ns       10,144,927,536 ns
//   syncs that remain: each hundredth, or one a second, whatever is more: 3 of 300 in 1 s, 10 in 10 s
//   "after every message" up to 1.05 messages   10,500 for 10,000       10,499 for 10,000
#include "finding-kit.h"

// Messages, and flushes of what they said; what is 0 is as in like_most.
typedef struct {
    uint64_t wall_ns;
    enum pf_kind kind;
    unsigned streams;
    uint64_t messages; // to each stream
    uint64_t bytes;
    uint64_t count; // of flushes
    uint64_t ns;
    enum pf_call call;
    uint64_t site;
} flushes;

static const flushes like_most = {.wall_ns = MADE_SECOND,
                                  .kind = PF_KIND_FILE,
                                  .streams = 1,
                                  .messages = 10000,
                                  .bytes = 40,
                                  .count = 10000,
                                  .ns = 4000,
                                  .call = PF_CALL_fflush,
                                  .site = MADE_LINE(2)};

#define OR_AS_MOST(what, name) ((what)->name != 0 ? (what)->name : like_most.name)

static made_session *flushed(const flushes *what) {
    made_run run = made_run_begin(OR_AS_MOST(what, wall_ns), 1);
    for (unsigned i = 0; i < OR_AS_MOST(what, streams); i++) {
        g_autofree gchar *name = g_strdup_printf("/var/data%u", i);
        unsigned stream = made_add_stream(run.process, OR_AS_MOST(what, kind), 3, name);
        MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf, .stream = stream,
                  .count = OR_AS_MOST(what, messages), .bytes = OR_AS_MOST(what, bytes), .ns = 200);
        MADE_CALL(run.thread, .site = OR_AS_MOST(what, site), .call = OR_AS_MOST(what, call),
                  .stream = stream, .count = OR_AS_MOST(what, count), .ns = OR_AS_MOST(what, ns),
                  .why = PF_WHY_FLUSH);
    }
    return run.session;
}

#define FLUSHES(...) flushed(&(flushes){__VA_ARGS__})
#define SYNCS(...)                                                                                 \
    flushed(&(flushes){.call = PF_CALL_fsync, .count = 300, .messages = 300, __VA_ARGS__})
#define FEW_SYNCS(number)                                                                          \
    flushed(&(flushes){.call = PF_CALL_fsync, .count = (number), .messages = 49, .ns = MADE_MS})

START_TEST(test_limits_of_counts) {
    ck_assert_limit("500", FLUSHES(.messages = 500, .count = 499, .ns = 400000),
                    FLUSHES(.messages = 500, .count = 500, .ns = 400000), "flush-per-line");
    ck_assert_limit("50 syncs", FEW_SYNCS(49), FEW_SYNCS(50), "flush-per-line");
    ck_assert_limit("10 of each", FLUSHES(.streams = 60, .count = 9, .messages = 10, .ns = 400000),
                    FLUSHES(.streams = 60, .count = 10, .messages = 10, .ns = 400000),
                    "flush-per-line");
    ck_assert_limit("a fifth", FLUSHES(.count = 1000, .messages = 5001, .ns = 40000),
                    FLUSHES(.count = 1000, .messages = 5000, .ns = 40000), "flush-per-line");
}
END_TEST

START_TEST(test_limits_of_time) {
    const uint64_t wall = 400 * MADE_MS;
    ck_assert_limit("10 ms", FLUSHES(.ns = 1093, .wall_ns = wall),
                    FLUSHES(.ns = 1094, .wall_ns = wall), "flush-per-line");
    ck_assert_limit("10 ms of syncs", SYNCS(.ns = 48100, .wall_ns = wall),
                    SYNCS(.ns = 48101, .wall_ns = wall), "flush-per-line");
    ck_assert_limit("10 ms of fclose", FLUSHES(.ns = 965, .wall_ns = wall, .call = PF_CALL_fclose),
                    FLUSHES(.ns = 966, .wall_ns = wall, .call = PF_CALL_fclose), "flush-per-line");
    ck_assert_limit("2 %", FLUSHES(.wall_ns = 1829367583), FLUSHES(.wall_ns = 1829367582),
                    "flush-per-line");
    ck_assert_limit("2 % of syncs", SYNCS(.ns = MADE_MS, .wall_ns = 10144927537),
                    SYNCS(.ns = MADE_MS, .wall_ns = 10144927536), "flush-per-line");
}
END_TEST

START_TEST(test_who_sees_it) {
    static const enum pf_kind found[] = {PF_KIND_FILE, PF_KIND_PIPE, PF_KIND_SOCKET,
                                         PF_KIND_DEVICE};
    ck_assert_kinds(FLUSHES(.kind = PF_KIND_TTY), "");
    for (unsigned i = 0; i < G_N_ELEMENTS(found); i++) {
        ck_assert_kinds(FLUSHES(.kind = found[i]), "flush-per-line");
    }
}
END_TEST

START_TEST(test_fflush) {
    ck_assert_found(FLUSHES(.bytes = 1500, .wall_ns = 500 * MADE_MS), .kind = "flush-per-line",
                    .title = "orderd+0x20 calls fflush after every message",
                    .evidence = "10 000 flushes of /var/data0 for 10 000 messages",
                    .next_step =
                        "flush when the buffer is full and before waiting, not after each line",
                    .place = "orderd+0x20", .saved_ns = 21124689.9662, .low_ns = 13143622.3794,
                    .high_ns = 37122138.5779, .saved_calls = 8168.9453125,
                    .wall_percent = 4.22493799324, .thread_count = 1);
}
END_TEST

START_TEST(test_fflush_of_a_pipe) {
    ck_assert_found(FLUSHES(.kind = PF_KIND_PIPE), .kind = "flush-per-line",
                    .title = "orderd+0x20 calls fflush after every message",
                    .evidence = "10 000 flushes of /var/data0 for 10 000 messages",
                    .next_step =
                        "flush when the buffer is full and before waiting, not after each line",
                    .place = "orderd+0x20", .saved_ns = 39042145.5939, .low_ns = 23408053.5638,
                    .high_ns = 91946590.2014, .saved_calls = 9951.171875,
                    .wall_percent = 3.90421455939, .thread_count = 1);
}
END_TEST

// Who closes a file to have it written opens it again, and that is not timed.
START_TEST(test_fclose) {
    ck_assert_found(FLUSHES(.call = PF_CALL_fclose), .kind = "flush-per-line",
                    .title = "orderd+0x20 calls fclose after every message",
                    .evidence = "10 000 flushes of /var/data0 for 10 000 messages",
                    .next_step = "keep the file open from one message to the next",
                    .place = "orderd+0x20", .saved_ns = 96199846.7433, .low_ns = 41426592.9719,
                    .high_ns = 183576908.462, .saved_calls = 9951.171875,
                    .wall_percent = 9.61998467433, .thread_count = 1);
}
END_TEST

// Of syncs each hundredth remains, or one a second.
START_TEST(test_syncs) {
    const gchar *advice = "sync a group of records at once (every 100, or once a second), or open "
                          "with O_DSYNC what must be safe at once";
    ck_assert_found(SYNCS(.ns = MADE_MS), .kind = "flush-per-line",
                    .title = "orderd+0x20 calls fsync after every message",
                    .evidence = "300 flushes of /var/data0 for 300 messages",
                    .next_step = (gchar *)advice, .place = "orderd+0x20", .saved_ns = 297000000,
                    .low_ns = 207900000, .high_ns = 415800000, .saved_calls = 297,
                    .wall_percent = 29.7, .thread_count = 1);
    ck_assert_found(SYNCS(.ns = MADE_MS, .wall_ns = 10 * MADE_SECOND), .kind = "flush-per-line",
                    .title = "orderd+0x20 calls fsync after every message",
                    .evidence = "300 flushes of /var/data0 for 300 messages",
                    .next_step = (gchar *)advice, .place = "orderd+0x20", .saved_ns = 290000000,
                    .low_ns = 203000000, .high_ns = 406000000, .saved_calls = 290,
                    .wall_percent = 2.9, .thread_count = 1);
}
END_TEST

static void check_title(made_session *session, const gchar *title, const gchar *evidence) {
    g_autoptr(GPtrArray) found = find_in(session);
    made_session_free(session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_str_eq(one->title, title);
    ck_assert_str_eq(one->evidence, evidence);
}

START_TEST(test_how_often) {
    check_title(FLUSHES(.messages = 10499), "orderd+0x20 calls fflush after every message",
                "10 000 flushes of /var/data0 for 10 499 messages");
    check_title(FLUSHES(.messages = 10500), "orderd+0x20 calls fflush for every 1.1 messages",
                "10 000 flushes of /var/data0 for 10 500 messages");
    check_title(FLUSHES(.messages = 30000), "orderd+0x20 calls fflush for every 3.0 messages",
                "10 000 flushes of /var/data0 for 30 000 messages");
    check_title(FLUSHES(.streams = 20, .count = 500, .messages = 500),
                "orderd+0x20 calls fflush after every message",
                "10 000 flushes of /var/data0 and 19 more for 10 000 messages");
}
END_TEST

// A record for each sync, fifty records for each: what is said is what both may be.
START_TEST(test_groups_are_healthy) {
    flushes what = {.call = PF_CALL_fsync, .count = 300, .messages = 15000, .ns = MADE_MS};
    ck_assert_kinds(flushed(&what), "");
    what.messages = 1500;
    ck_assert_kinds(flushed(&what), "flush-per-line");
}
END_TEST

// One flush by hand, and a slow fclose at the end by another line: the time is that of the line that flushes most.
START_TEST(test_another_line) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data0");
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf, .stream = stream,
              .count = 10000, .bytes = 40, .ns = 200);
    MADE_CALL(run.thread, .site = MADE_LINE(2), .call = PF_CALL_fflush, .stream = stream,
              .count = 9999, .ns = 4000, .why = PF_WHY_FLUSH);
    MADE_CALL(run.thread, .site = MADE_LINE(3), .call = PF_CALL_fclose, .stream = stream,
              .count = 1, .ns = 500 * MADE_MS, .why = PF_WHY_FLUSH);
    g_autoptr(GPtrArray) found = find_in(run.session);
    made_session_free(run.session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_str_eq(one->place, "orderd+0x20");
    ck_assert_to_the_digit(one->saved_ns, 43722830.3448);
}
END_TEST

// Each line flushed and synced: of two lines with as many calls the dearer one is named, wherever the loader puts them.
static made_session *twice(unsigned fflush_line, unsigned fsync_line) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data0");
    MADE_CALL(run.thread, .site = MADE_LINE(9), .call = PF_CALL_fprintf, .stream = stream,
              .count = 1000, .bytes = 40, .ns = 200);
    MADE_CALL(run.thread, .site = MADE_LINE(fflush_line), .call = PF_CALL_fflush, .stream = stream,
              .count = 1000, .ns = 4000, .why = PF_WHY_FLUSH);
    MADE_CALL(run.thread, .site = MADE_LINE(fsync_line), .call = PF_CALL_fsync, .stream = stream,
              .count = 1000, .ns = 400000, .why = PF_WHY_FLUSH);
    return run.session;
}

START_TEST(test_of_two_lines) {
    check_title(twice(1, 2), "orderd+0x20 calls fsync after every message",
                "2 000 flushes of /var/data0 for 1 000 messages");
    check_title(twice(2, 1), "orderd+0x10 calls fsync after every message",
                "2 000 flushes of /var/data0 for 1 000 messages");
}
END_TEST

// A file for each line, written, flushed, synced and closed: none of these lines does that to one file often.
static made_session *small_files(uint64_t times) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    static const enum pf_call calls[] = {PF_CALL_fflush, PF_CALL_fsync, PF_CALL_fclose};
    for (unsigned i = 0; i < 200; i++) {
        unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/data");
        MADE_CALL(run.thread, .site = MADE_LINE(9), .call = PF_CALL_fprintf, .stream = stream,
                  .count = times, .bytes = 40, .ns = 200);
        for (unsigned k = 0; k < G_N_ELEMENTS(calls); k++) {
            MADE_CALL(run.thread, .site = MADE_LINE(k + 1), .call = calls[k], .stream = stream,
                      .count = times, .ns = 100000, .why = PF_WHY_FLUSH);
        }
    }
    return run.session;
}

START_TEST(test_many_small_files) {
    ck_assert_limit("10 by one line", small_files(9), small_files(10), "flush-per-line");
}
END_TEST

// What C++ flushes is std::endl; a sync is none, whoever calls it.
START_TEST(test_cxx) {
    const made_calls calls = {
        .site = MADE_IN_CXX(5), .call = PF_CALL_fflush, .stream = 2, .count = 10000};
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned stream = made_add_stream(run.process, PF_KIND_FILE, 1, "/var/out");
    MADE_CALL(run.thread, .site = MADE_IN_CXX(4), .call = PF_CALL_fwrite, .stream = stream,
              .count = 10000, .bytes = 40, .ns = 200);
    MADE_CALL(run.thread, .site = MADE_IN_CXX(5), .call = PF_CALL_fflush, .stream = stream,
              .count = 10000, .ns = 4000, .why = PF_WHY_FLUSH);
    made_stack(run.process, &calls, (uint64_t[]){MADE_IN_CXX(5), MADE_LINE(7)}, 2);
    ck_assert_found(
        run.session, .kind = "endl", .title = "orderd+0x70 calls fflush after every message",
        .evidence = "10 000 flushes of /var/out for 10 000 messages",
        .next_step = "write '\\n' where std::endl is, and flush once, where a reader waits",
        .place = "orderd+0x70", .saved_ns = 43727203.0651, .low_ns = 36587351.6572,
        .high_ns = 60973891.9426, .saved_calls = 9951.171875, .wall_percent = 4.37272030651,
        .thread_count = 1);
    ck_assert_kinds(SYNCS(.ns = MADE_MS, .site = MADE_IN_CXX(5)), "flush-per-line");
}
END_TEST

int main(void) {
    return pf_test_run("findings-flushes",
                       (const TTest *[]){test_limits_of_counts, test_limits_of_time,
                                         test_who_sees_it, test_fflush, test_fflush_of_a_pipe,
                                         test_fclose, test_syncs, test_how_often,
                                         test_groups_are_healthy, test_another_line,
                                         test_of_two_lines, test_many_small_files, test_cxx, NULL});
}
