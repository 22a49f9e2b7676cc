// SPDX-License-Identifier: Apache-2.0
// storm: every limit of the rule on made timelines, and what it says and saves.
// link: segment-maker.c session-maker.c
//
//   limit                                          just below              just above
//   a run of 5 s                                   49 bins of 0.1 s        50
//   a third of it at most                          34 bins of 100          33
//   something is written in three tenths           in 2, beside the storm  in 3
//   a peak of 1,000 calls a second                 99 in 0.1 s             100
//   500 calls                                      499                     500
//   ten times what is usual                        10,000 where 1,000.1    where 1,000 are
//   half of the calls by lines that log            4,999 of 10,000         5,000
//   10 ms saved at least                           2,131 ns each           2,132 ns
//   2 % of the storm's time                        2,131 ns each           2,132 ns
//   its end: two bins with less than a tenth       one such bin            two
//   of the peak
//   threads that are named: 5 % of the calls       499 of 10,000           500
#include "finding-kit.h"

#define BINS 100u
#define LOG "/var/app.log"

// A run of 10 s in which a line logs 20 times a second, and 1,000 times in each of the bins 40 to 49.
typedef struct {
    made_run run;
    made_thread *other;
    PfTimelineBin *bins;
    unsigned count;
    uint64_t ns;
} weather;

static void bin_is(weather *self, unsigned index, double calls, enum pf_call call) {
    PfTimelineBin *bin = &self->bins[index];
    bin->calls = calls;
    bin->sites[0].id = made_leader_of_site(call, MADE_LINE(1));
    bin->sites[0].calls = calls;
    bin->threads[0].id = made_leader_of_thread(self->run.thread);
    bin->threads[0].calls = calls;
}

static void weather_begin(weather *self, unsigned bins, uint64_t ns) {
    self->run = made_run_begin(bins * 100 * MADE_MS, 1);
    self->other = made_add_thread(self->run.process, "other", 0);
    self->bins = made_timeline(self->run.session, 100 * MADE_MS, bins);
    self->count = bins;
    self->ns = ns;
    for (unsigned i = 0; i < bins; i++) {
        bin_is(self, i, 2, PF_CALL_fprintf);
    }
}

static void fill(weather *self, unsigned first, unsigned end, double calls) {
    for (unsigned i = first; i < end; i++) {
        bin_is(self, i, calls, PF_CALL_fprintf);
    }
}

// The line's calls are those of all bins.
static made_session *weather_end(weather *self) {
    double calls = 0;
    for (unsigned i = 0; i < self->count; i++) {
        calls += self->bins[i].sites[0].calls;
    }
    MADE_CALL(self->run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf,
              .stream = made_add_stream(self->run.process, PF_KIND_FILE, 3, LOG),
              .count = (uint64_t)calls, .bytes = 40, .ns = self->ns, .level = "error");
    return self->run.session;
}

// A storm in so many bins of so many calls each, in a run of so many bins.
static made_session *storm(unsigned bins, unsigned stormy, double calls, uint64_t ns) {
    weather made = {0};
    weather_begin(&made, bins, ns);
    fill(&made, bins / 5 * 2, bins / 5 * 2 + stormy, calls);
    return weather_end(&made);
}

START_TEST(test_limits_of_the_run) {
    ck_assert_limit("5 s", storm(49, 10, 1000, 4000), storm(50, 10, 1000, 4000), "storm");
    ck_assert_limit("a third", storm(BINS, 34, 1000, 4000), storm(BINS, 33, 1000, 4000), "storm");
    ck_assert_kinds(storm(BINS, 0, 0, 4000), "");
}
END_TEST

START_TEST(test_limits_of_the_peak) {
    ck_assert_limit("1,000 a second", storm(BINS, 10, 99, 40000), storm(BINS, 10, 100, 40000),
                    "storm");
    weather fewer = {0};
    weather enough = {0};
    weather_begin(&fewer, BINS, 40000);
    weather_begin(&enough, BINS, 40000);
    fill(&fewer, 40, 44, 100);
    fill(&fewer, 44, 45, 99);
    fill(&enough, 40, 45, 100);
    ck_assert_limit("500", weather_end(&fewer), weather_end(&enough), "storm");
}
END_TEST

START_TEST(test_limits_of_time) {
    ck_assert_limit("10 ms", storm(BINS, 5, 1000, 2131), storm(BINS, 5, 1000, 2132), "storm");
    ck_assert_limit("2 %", storm(BINS, 10, 1000, 2131), storm(BINS, 10, 1000, 2132), "storm");
}
END_TEST

// Something is written in the first tenths of the run only.
static made_session *silent_but(unsigned tenths) {
    weather made = {0};
    weather_begin(&made, BINS, 4000);
    fill(&made, 10 * (tenths - 1) + 1, BINS, 0);
    fill(&made, 40, 50, 1000);
    return weather_end(&made);
}

START_TEST(test_who_writes_once) {
    ck_assert_limit("three tenths", silent_but(2), silent_but(3), "storm");
}
END_TEST

// Ninety bins outside, of which nine tenths, the lowest, have `calls` in all: 4 of nothing at the storm's edges,
// 76 of 105, and one of ten of 120.
static made_session *usual(double calls) {
    weather made = {0};
    weather_begin(&made, BINS, 4000);
    fill(&made, 0, BINS, 105);
    fill(&made, 0, 10, 120);
    fill(&made, 10, 11, 105 + calls - 8100);
    fill(&made, 38, 52, 0);
    fill(&made, 40, 50, 1000);
    return weather_end(&made);
}

START_TEST(test_ten_times_the_usual) {
    ck_assert_limit("ten times", usual(8101), usual(8100), "storm");
}
END_TEST

// Some of the storm by a line that is no log.
static made_session *logged(double calls) {
    weather made = {0};
    weather_begin(&made, BINS, 8000);
    for (unsigned i = 40; i < 50; i++) {
        bin_is(&made, i, calls, PF_CALL_fprintf);
        made.bins[i].calls = 1000;
        made.bins[i].sites[1].id = made_leader_of_site(PF_CALL_write, MADE_LINE(2));
        made.bins[i].sites[1].calls = 1000 - calls;
    }
    MADE_CALL(made.run.thread, .site = MADE_LINE(2), .call = PF_CALL_write,
              .stream = made_add_stream(made.run.process, PF_KIND_FILE, 4, "/var/data"),
              .count = (uint64_t)(10000 - 10 * calls), .bytes = 4000, .ns = 100,
              .why = PF_WHY_FLUSH);
    return weather_end(&made);
}

START_TEST(test_half_by_lines_that_log) {
    ck_assert_limit("half", logged(499.9), logged(500), "storm");
}
END_TEST

static void check_storm(made_session *session, const gchar *title, const gchar *evidence,
                        double calls) {
    g_autoptr(GPtrArray) found = find_in(session);
    made_session_free(session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_str_eq(one->kind, "storm");
    ck_assert_str_eq(one->title, title);
    ck_assert_str_eq(one->evidence, evidence);
    ck_assert_to_the_digit(one->saved_calls, calls);
}

START_TEST(test_storm) {
    ck_assert_found(
        storm(BINS, 10, 1000, 4000), .kind = "storm",
        .title = "log storm of 1.00 s from orderd+0x10: up to 10 000 output calls a "
                 "second, where 20 are usual",
        .evidence = "it began at 2023-11-14 22:13:24, 4.00 s after the start: 10 000 of "
                    "10 000 calls are log lines; 1 thread, 100 % of them by main",
        .next_step = "put a limit on that line: so many a second, then one line with the "
                     "number of those left out",
        .place = "orderd+0x10", .saved_ns = 39920000, .low_ns = 37524800, .high_ns = 42315200,
        .saved_calls = 9980, .wall_percent = 0.3992, .thread_count = 1);
}
END_TEST

// One bin without does not end it, two do; what follows is then outside.
START_TEST(test_where_it_ends) {
    weather one = {0};
    weather_begin(&one, BINS, 4000);
    fill(&one, 40, 51, 1000);
    fill(&one, 45, 46, 99);
    check_storm(
        weather_end(&one),
        "log storm of 1.10 s from orderd+0x10: up to 10 000 output calls a second, where 20 "
        "are usual",
        "it began at 2023-11-14 22:13:24, 4.00 s after the start: 10 099 of 10 099 calls are "
        "log lines; 1 thread, 100 % of them by main",
        10099 - 11.0 / 89 * 178);
    weather two = {0};
    weather_begin(&two, BINS, 4000);
    fill(&two, 40, 45, 1000);
    fill(&two, 47, 52, 999);
    check_storm(
        weather_end(&two),
        "log storm of 0.50 s from orderd+0x10: up to 10 000 output calls a second, where 20 "
        "are usual",
        "it began at 2023-11-14 22:13:24, 4.00 s after the start: 5 000 of 5 000 calls are "
        "log lines; 1 thread, 100 % of them by main",
        5000 - 5.0 / 95 * (90 * 2 + 5 * 999));
}
END_TEST

// A tenth of the peak is a part of it, less is not.
START_TEST(test_its_fringes) {
    weather more = {0};
    weather_begin(&more, BINS, 4000);
    fill(&more, 39, 51, 100);
    fill(&more, 40, 50, 1000);
    check_storm(
        weather_end(&more),
        "log storm of 1.20 s from orderd+0x10: up to 10 000 output calls a second, where 20 "
        "are usual",
        "it began at 2023-11-14 22:13:23, 3.90 s after the start: 10 200 of 10 200 calls are "
        "log lines; 1 thread, 100 % of them by main",
        10200 - 12.0 / 88 * 176);
    weather less = {0};
    weather_begin(&less, BINS, 4000);
    fill(&less, 39, 51, 99);
    fill(&less, 40, 50, 1000);
    check_storm(
        weather_end(&less),
        "log storm of 1.00 s from orderd+0x10: up to 10 000 output calls a second, where 20 "
        "are usual",
        "it began at 2023-11-14 22:13:24, 4.00 s after the start: 10 000 of 10 000 calls are "
        "log lines; 1 thread, 100 % of them by main",
        10000 - 10.0 / 90 * (88 * 2 + 2 * 99));
}
END_TEST

// Of the storm's calls so many by another thread.
static made_session *of_threads(double calls) {
    weather made = {0};
    weather_begin(&made, BINS, 4000);
    fill(&made, 40, 50, 1000);
    for (unsigned i = 40; i < 50; i++) {
        made.bins[i].threads[0].calls = 1000 - calls / 10;
        made.bins[i].threads[1].id = made_leader_of_thread(made.other);
        made.bins[i].threads[1].calls = calls / 10;
    }
    return weather_end(&made);
}

static void check_threads(made_session *session, const gchar *threads) {
    g_autofree gchar *evidence = g_strdup_printf(
        "it began at 2023-11-14 22:13:24, 4.00 s after the start: 10 000 of 10 000 calls are log "
        "lines; %s",
        threads);
    check_storm(
        session,
        "log storm of 1.00 s from orderd+0x10: up to 10 000 output calls a second, where 20 "
        "are usual",
        evidence, 9980);
}

START_TEST(test_by_how_many_threads) {
    check_threads(of_threads(499), "1 thread, 95 % of them by main");
    check_threads(of_threads(500), "2 threads, 95 % of them by main");
    check_threads(of_threads(7000), "2 threads, 70 % of them by other");
    weather four = {0};
    weather_begin(&four, BINS, 4000);
    fill(&four, 40, 50, 1000);
    for (unsigned i = 40; i < 50; i++) {
        for (unsigned t = 0; t < PF_TIMELINE_LEADERS; t++) {
            four.bins[i].threads[t].id = made_leader_of_thread(four.run.thread) + 2 * t;
            four.bins[i].threads[t].calls = t == 0 ? 251 : 200;
        }
    }
    check_threads(weather_end(&four), "at least 4 threads, 25 % of them by main");
    weather gone = {0};
    weather_begin(&gone, BINS, 4000);
    fill(&gone, 40, 50, 1000);
    for (unsigned i = 40; i < 50; i++) {
        gone.bins[i].threads[0].id = 77;
    }
    check_threads(weather_end(&gone), "threads that have ended");
}
END_TEST

// The line that made most of it; what both cost beyond what they cost outside.
START_TEST(test_two_lines) {
    weather made = {0};
    weather_begin(&made, BINS, 4000);
    fill(&made, 40, 50, 1000);
    for (unsigned i = 40; i < 50; i++) {
        made.bins[i].sites[0].calls = 400;
        made.bins[i].sites[1].id = made_leader_of_site(PF_CALL_fprintf, MADE_LINE(2));
        made.bins[i].sites[1].calls = 600;
    }
    MADE_CALL(made.run.thread, .site = MADE_LINE(2), .call = PF_CALL_fprintf,
              .stream = made_add_stream(made.run.process, PF_KIND_FILE, 4, "/var/b.log"),
              .count = 12000, .bytes = 40, .ns = 6000, .level = "error");
    g_autoptr(GPtrArray) found = find_in(weather_end(&made));
    made_session_free(made.run.session);
    ck_assert_uint_eq(found->len, 1);
    const PfFinding *one = g_ptr_array_index(found, 0);
    ck_assert_str_eq(one->place, "orderd+0x20");
    ck_assert_to_the_digit(one->saved_calls, 9980);
    ck_assert_to_the_digit(one->saved_ns, 3980 * 4000.0 + 6000 * 6000.0);
}
END_TEST

// Who only writes in the end, in steps or evenly.
START_TEST(test_healthy) {
    weather made = {0};
    weather_begin(&made, BINS, 4000);
    fill(&made, 0, BINS, 0);
    fill(&made, 90, BINS, 1000);
    ck_assert_kinds(weather_end(&made), "");
    weather even = {0};
    weather_begin(&even, BINS, 100);
    fill(&even, 0, BINS, 1000);
    ck_assert_kinds(weather_end(&even), "");
    made_run run = made_run_begin(10 * MADE_SECOND, 1); // no timeline
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf,
              .stream = made_add_stream(run.process, PF_KIND_FILE, 3, LOG), .count = 10180,
              .bytes = 40, .ns = 4000, .level = "error");
    ck_assert_kinds(run.session, "");
}
END_TEST

int main(void) {
    g_setenv("TZ", "UTC", TRUE);
    return pf_test_run("findings-storm",
                       (const TTest *[]){test_limits_of_the_run, test_limits_of_the_peak,
                                         test_limits_of_time, test_who_writes_once,
                                         test_ten_times_the_usual, test_half_by_lines_that_log,
                                         test_storm, test_where_it_ends, test_its_fringes,
                                         test_by_how_many_threads, test_two_lines, test_healthy,
                                         NULL});
}
