// SPDX-License-Identifier: Apache-2.0
// What `pfprof diff` takes for a change: of made runs to the digit, and how often by mistake of runs that are drawn by
// chance with a fixed seed, the same each time.
#include "pf-difference-private.h"
#include "pf-test.h"
#include "pf-yardstick.h"
#include <math.h>
#include <sched.h>

#define LINES 3u
#define PAIRS 300u
#define SPREADS 65536u

static GRand *chance;

static gdouble
    spread[SPREADS]; // by what a call is longer or shorter: drawn once, picked from again and again

static gdouble normal(void) {
    gdouble u = g_rand_double_range(chance, 1e-12, 1);
    return sqrt(-2 * log(u)) * cos(2 * G_PI * g_rand_double(chance));
}

static void begin_chance(void) {
    chance = g_rand_new_with_seed(20);
    for (guint i = 0; i < SPREADS; i++) {
        spread[i] = exp(0.2 * normal());
    }
}

// A run whose mean is off by `drift`, of calls that vary by a fifth; `burst`: the share of them that a
// busy machine made ten times longer.
static pf_line_run draw(guint timed, gdouble mean, gdouble drift, gdouble burst) {
    g_autofree guint64 *values = g_new(guint64, timed);
    gdouble off = exp(drift * normal());
    for (guint i = 0; i < timed; i++) {
        gdouble value = mean * off * spread[g_rand_int(chance) % SPREADS];
        values[i] = (guint64)(burst > 0 && g_rand_double(chance) < burst ? 10 * value : value);
    }
    return (pf_line_run){timed, timed * 30, 20, pf_histogram_new_from_values(values, timed)};
}

static void clear_run(gpointer data) { pf_histogram_unref(((pf_line_run *)data)->histogram); }

// --- to the digit

#define P_OF_FOUR 0.0125     // of four numbers, so that one comparison in twenty errs in any
#define Z_OF_FOUR 2.49770547 // the normal quantile for it
#define T_4 2.77644511       // Student's for p = 0.05, four degrees of freedom

// `same` calls of `ns`, and as many of `other`.
static pf_line_run made_run(gdouble calls, guint same, guint64 ns, guint64 other) {
    g_autofree guint64 *values = g_new(guint64, 2 * same);
    for (guint i = 0; i < same; i++) {
        values[i] = ns;
        values[same + i] = other;
    }
    return (pf_line_run){calls, 20 * calls, 0, pf_histogram_new_from_values(values, 2 * same)};
}

static GArray *side_of(const pf_line_run *runs, guint count) {
    GArray *side = g_array_new(FALSE, TRUE, sizeof(pf_line_run));
    g_array_set_clear_func(side, clear_run);
    return g_array_append_vals(side, runs, count);
}

// What two sides of `count` runs each are compared to; they are given away.
static void compare_runs(const pf_line_run *before, const pf_line_run *after, guint count,
                         gdouble noise, gdouble p, PfChange ret_change[PF_CHANGES]) {
    PfChange *const changes[] = {&ret_change[0], &ret_change[1], &ret_change[2], &ret_change[3]};
    g_autoptr(GArray) a = side_of(before, count);
    g_autoptr(GArray) b = side_of(after, count);
    pf_runs_compare(a, b, noise, &(pf_machine){0}, p, changes);
}

static void check_limits(const PfChange *change, gdouble ratio, gdouble half) {
    ck_assert(change->is_known);
    ck_assert_double_eq_tol(change->percent, 100 * (exp(ratio) - 1), 1e-5);
    ck_assert_double_eq_tol(change->low, 100 * (exp(ratio - half) - 1), 1e-5);
    ck_assert_double_eq_tol(change->high, 100 * (exp(ratio + half) - 1), 1e-5);
}

// 10,000 ns lie in a bucket of 9,728 to 10,239, 11,000 in one of 10,752 to 11,263: their middles are known, and by
// the width of a bucket how well.
#define BEFORE_NS 9983.5
#define AFTER_NS 11007.5
#define WIDTH_NS 512.0

START_TEST(test_a_pair_to_the_digit) {
    PfChange change[PF_CHANGES] = {0};
    gdouble bucket = WIDTH_NS * WIDTH_NS / 12;
    gdouble one = bucket / (BEFORE_NS * BEFORE_NS);
    gdouble other = bucket / (AFTER_NS * AFTER_NS);
    pf_line_run before = made_run(4000, 200, 10000, 10000);
    pf_line_run after = made_run(4000, 200, 11000, 11000);
    compare_runs(&before, &after, 1, 0.03, P_OF_FOUR, change);
    gdouble ratio = log(AFTER_NS / BEFORE_NS);
    check_limits(&change[2], ratio, Z_OF_FOUR * sqrt(one + other + 0.0009));
    check_limits(&change[3], ratio, Z_OF_FOUR * sqrt(one + other + 0.0009));
    check_limits(&change[0], 0, 0); // the same number of calls: no doubt
    check_limits(&change[1], 0, Z_OF_FOUR * 0.03);
    ck_assert_double_eq(change[3].before, 4000 * BEFORE_NS);
    ck_assert_double_eq(change[3].after, 4000 * AFTER_NS);
    // Other numbers of calls: how often something happens varies by its root.
    before = made_run(4000, 200, 10000, 10000);
    after = made_run(5000, 200, 10000, 10000);
    compare_runs(&before, &after, 1, 0.03, P_OF_FOUR, change);
    gdouble counted = 1.0 / 4000 + 1.0 / 5000;
    check_limits(&change[0], log(1.25), Z_OF_FOUR * sqrt(counted + 0.0009));
    check_limits(&change[3], log(1.25), Z_OF_FOUR * sqrt(counted + 2 * one + 0.0009));
    // A clock that costs 40 ns tells latencies no better than half of that.
    before = made_run(4000, 200, 10000, 10000);
    after = made_run(4000, 200, 10000, 10000);
    before.clock_ns = 40;
    compare_runs(&before, &after, 1, 0, P_OF_FOUR, change);
    check_limits(&change[2], 0, Z_OF_FOUR * sqrt(2 * one + 400 / (BEFORE_NS * BEFORE_NS)));
}
END_TEST

// The middle half of two lengths is both, in equal parts, with their spread as its error; and what is in the outer
// quarters does not move it.
START_TEST(test_the_middle_half) {
    PfChange change[PF_CHANGES] = {0};
    pf_line_run before = made_run(4000, 200, 10000, 11000);
    pf_line_run after = made_run(4000, 200, 10000, 11000);
    compare_runs(&before, &after, 1, 0, P_OF_FOUR, change);
    gdouble mean = (BEFORE_NS + AFTER_NS) / 2;
    gdouble deviation = (AFTER_NS - BEFORE_NS) / 2;
    gdouble sampling = 4 * deviation * deviation / 400;
    gdouble buckets = 2 * WIDTH_NS * WIDTH_NS / 12 / 4;
    ck_assert_double_eq(change[2].before, mean);
    check_limits(&change[2], 0, Z_OF_FOUR * sqrt(2 * (sampling + buckets)) / mean);
    guint64 values[400];
    for (guint i = 0; i < 400; i++) {
        values[i] = i < 80 ? 10 : i < 320 ? 10000 : 90000000;
    }
    before = (pf_line_run){4000, 4000, 0, pf_histogram_new_from_values(values, 400)};
    after = made_run(4000, 200, 10000, 10000);
    compare_runs(&before, &after, 1, 0, P_OF_FOUR, change);
    ck_assert_double_eq(change[2].before, BEFORE_NS);
    ck_assert_double_eq(change[2].percent, 0);
    // Nor does a burst over a fifth of one run; but then the middle four fifths say something else of the change, and by
    // how much is how well it is known.
    for (guint i = 0; i < 400; i++) {
        values[i] = i < 320 ? 10000 : 100000; // in a bucket of 98,304 to 102,399
    }
    before = made_run(4000, 200, 10000, 10000);
    after = (pf_line_run){4000, 4000, 0, pf_histogram_new_from_values(values, 400)};
    compare_runs(&before, &after, 1, 0, P_OF_FOUR, change);
    gdouble uneven = log((280 * BEFORE_NS + 40 * 100351.5) / 320 / BEFORE_NS);
    gdouble one = WIDTH_NS * WIDTH_NS / 12 / (BEFORE_NS * BEFORE_NS);
    check_limits(&change[2], 0, Z_OF_FOUR * sqrt(2 * one + uneven * uneven));
    // 138 timed calls are too few, 140 are enough.
    for (guint timed = 138; timed <= 140; timed += 2) {
        before = made_run(4000, timed / 2, 10000, 10000);
        after = made_run(4000, 200, 11000, 11000);
        compare_runs(&before, &after, 1, 0, P_OF_FOUR, change);
        ck_assert_int_eq(change[2].is_known, timed == 140);
    }
}
END_TEST

START_TEST(test_several_to_the_digit) {
    PfChange change[PF_CHANGES] = {0};
    // Logarithms a tenth's apart: each side's squared deviations are 2 L^2.
    pf_line_run before[3] = {{1000, 1, 0, NULL}, {1100, 1, 0, NULL}, {1210, 1, 0, NULL}};
    pf_line_run after[3] = {{2000, 1, 0, NULL}, {2200, 1, 0, NULL}, {2420, 1, 0, NULL}};
    compare_runs(before, after, 3, 5, 0.05, change); // their own spread counts, not the noise
    check_limits(&change[0], log(2), T_4 * log(1.1) * sqrt(2.0 / 3));
    ck_assert_double_eq_tol(change[0].before, 3310.0 / 3, 1e-9);
    // Runs that differ less than chance has it: it is not believed.
    for (guint i = 0; i < 3; i++) {
        before[i].calls = 1000;
        after[i].calls = 2000;
    }
    compare_runs(before, after, 3, 5, 0.05, change);
    check_limits(&change[0], log(2), T_4 * sqrt(0.001 / 3 + 0.0005 / 3));
}
END_TEST

// --- by chance

typedef struct {
    guint runs;
    guint timed;
    gdouble drift;
    gdouble burst;
    gdouble change;     // factor on the mean of the first line
    pf_machine machine; // what the yardstick says
    gdouble variety;    // relative deviation of calls, and of bytes, from run to run
} situation;

static GArray *draw_side(const situation *what, guint s, guint line) {
    GArray *side = g_array_new(FALSE, TRUE, sizeof(pf_line_run));
    g_array_set_clear_func(side, clear_run);
    for (guint i = 0; i < what->runs; i++) {
        gdouble factor = s == 1 && line == 0 ? what->change : 1;
        gdouble burst = i == 0 && s == 1 ? what->burst : 0;
        pf_line_run one = draw(what->timed, 10000 * factor, what->drift, burst);
        one.calls = round(one.calls * exp(what->variety * normal()));
        one.bytes = round(one.bytes * exp(what->variety * normal()));
        g_array_append_val(side, one);
    }
    return side;
}

static gboolean is_any_significant(const PfChange change[PF_CHANGES]) {
    return pf_change_is_significant(&change[0]) || pf_change_is_significant(&change[1]) ||
           pf_change_is_significant(&change[3]);
}

// How many of the pairs show a change of cost, calls or bytes in a line or in all together; *ret_first: how
// often it is the first that costs more or less; *ret_sum: how often all do.
static guint alarms(const situation *what, guint *ret_first, guint *ret_sum) {
    guint count = 0;
    *ret_first = *ret_sum = 0;
    for (guint pair = 0; pair < PAIRS; pair++) {
        gboolean alarm = FALSE;
        GPtrArray *sides[2];
        guint varying = 0;
        guint of_sum = 0;
        for (guint s = 0; s < 2; s++) {
            sides[s] = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
            for (guint line = 0; line < LINES; line++) {
                g_ptr_array_add(sides[s], draw_side(what, s, line));
            }
        }
        for (guint line = 0; line < LINES; line++) {
            guint of_line = pf_runs_count_varying(sides[0]->pdata[line], sides[1]->pdata[line]);
            varying += of_line;
            of_sum = MAX(of_sum, of_line);
        }
        gdouble p = 0.05 / (varying + of_sum);
        for (guint line = 0; line <= LINES; line++) {
            PfChange change[PF_CHANGES] = {0};
            PfChange *const changes[] = {&change[0], &change[1], &change[2], &change[3]};
            if (line < LINES) {
                pf_runs_compare(sides[0]->pdata[line], sides[1]->pdata[line], 0.03, &what->machine,
                                p, changes);
            } else {
                pf_totals_compare(sides[0], sides[1], 0.03, &what->machine, p, changes);
            }
            check_often(change[3].is_known, "line %u", line);
            alarm |= is_any_significant(change);
            *ret_first += line == 0 && pf_change_is_significant(&change[3]);
            *ret_sum += line == LINES && pf_change_is_significant(&change[3]);
        }
        g_ptr_array_unref(sides[0]);
        g_ptr_array_unref(sides[1]);
        count += alarm;
    }
    return count;
}

// Five per hundred, and what chance adds to that in so many pairs (four standard deviations).
static guint most(void) { return (guint)(0.05 * PAIRS + 4 * sqrt(0.05 * 0.95 * PAIRS)); }

START_TEST(test_no_change) {
    // Two runs that differ by 3 %, as --noise says; a burst over a tenth of a run; runs that differ a lot;
    // programs that say something else each time.
    const situation same[] = {
        {1, 400, 0.0212, 0, 1, {0}, 0},  {1, 400, 0, 0.1, 1, {0}, 0},
        {3, 400, 0.1, 0, 1, {0}, 0},     {5, 400, 0.02, 0.1, 1, {0}, 0},
        {1, 400, 0.02, 0, 1, {0}, 0.02}, {3, 400, 0.05, 0, 1, {0}, 0.05},
        {5, 400, 0.02, 0, 1, {0}, 0.2},
    };
    for (guint i = 0; i < G_N_ELEMENTS(same); i++) {
        guint first;
        guint sum;
        guint count = alarms(&same[i], &first, &sum);
        ck_assert_msg(count <= most(), "situation %u: %u alarms of %u", i, count, PAIRS);
    }
}
END_TEST

START_TEST(test_a_tenth) {
    // One run of each side on a quiet machine; five on one whose runs differ by 3 %.
    const situation more[] = {{1, 2000, 0.003, 0, 1.1, {0}, 0}, {5, 400, 0.021, 0, 1.1, {0}, 0}};
    for (guint i = 0; i < G_N_ELEMENTS(more); i++) {
        guint first;
        guint sum;
        alarms(&more[i], &first, &sum);
        ck_assert_msg(first >= 0.95 * PAIRS, "situation %u: seen in %u of %u", i, first, PAIRS);
    }
}
END_TEST

// One line of three by two fifths: all together cost 13 % more.
START_TEST(test_sum) {
    guint first;
    guint sum;
    const situation more = {1, 2000, 0.003, 0, 1.4, {0}, 0};
    alarms(&more, &first, &sum);
    ck_assert_uint_ge(sum, (guint)(0.95 * PAIRS));
    // What was not timed is not known, unless it is next to nothing.
    for (guint few = 0; few < 2; few++) {
        GPtrArray *sides[2];
        PfChange change[PF_CHANGES] = {0};
        PfChange *const changes[] = {&change[0], &change[1], &change[2], &change[3]};
        for (guint s = 0; s < 2; s++) {
            pf_line_run untimed = {few ? 2 : 100, 3000, 20, NULL};
            GArray *line = g_array_new(FALSE, TRUE, sizeof untimed);
            sides[s] = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
            g_ptr_array_add(sides[s], draw_side(&(situation){1, 400, 0, 0, 1, {0}, 0}, s, 0));
            g_ptr_array_add(sides[s], g_array_append_val(line, untimed));
        }
        pf_totals_compare(sides[0], sides[1], 0.03, &(pf_machine){0}, 0.05, changes);
        ck_assert_int_eq(change[3].is_known, few == 1);
        ck_assert_double_eq(change[0].before, few ? 402 : 500);
        ck_assert(change[0].is_known && change[1].is_known && !change[2].is_known);
        g_ptr_array_unref(sides[0]);
        g_ptr_array_unref(sides[1]);
    }
}
END_TEST

// What may be the machine's is taken off that side of the interval only.
START_TEST(test_shift) {
    guint first;
    guint sum;
    const situation slower = {1, 2000, 0.003, 0, 1.1, {.shift = 0.3}, 0};
    const situation faster = {1, 2000, 0.003, 0, 1.1, {.shift = -0.3}, 0};
    ck_assert_uint_eq(alarms(&slower, &first, &sum), 0);
    alarms(&faster, &first, &sum);
    ck_assert_uint_ge(first, (guint)(0.95 * PAIRS));
}
END_TEST

// A machine that is nothing but moody: one run of each is fooled, unless the yardstick tells; five are not.
START_TEST(test_moody) {
    guint first;
    guint sum;
    const situation pair = {1, 400, 0.05, 0, 1, {0}, 0};
    const situation told = {1, 400, 0.05, 0, 1, {.error = 0.07}, 0};
    const situation five = {5, 400, 0.05, 0, 1, {0}, 0};
    ck_assert_uint_gt(alarms(&pair, &first, &sum), 2 * most());
    ck_assert_uint_le(alarms(&told, &first, &sum), most());
    ck_assert_uint_le(alarms(&five, &first, &sum), most());
}
END_TEST

static pf_readings readings_of(const gdouble *ns, guint count) {
    pf_readings all = {0};
    for (guint i = 0; i < count; i++) {
        pf_readings_add(&all, ns[i]);
    }
    return all;
}

START_TEST(test_yardstick) {
    gdouble ns = pf_yardstick_measure(); // 0 where there is no memfd_create
    ck_assert_msg(ns >= 0 && ns < 1e6 && (ns == 0 || ns > 10), "a short write took %g ns", ns);
    const gdouble even[] = {400, 404};
    const gdouble slow[] = {600, 606};
    const gdouble turned[] = {400, 600}; // it became slow meanwhile
    const pf_yardstick calm = {.beside = readings_of(even, 2)};
    const pf_yardstick late = {.beside = readings_of(slow, 2)};
    const pf_yardstick half = {.beside = readings_of(turned, 2)};
    pf_machine found = pf_yardsticks_compare(&calm, &calm);
    ck_assert(found.is_known && found.shift == 0 && found.error == 0);
    // A call may feel more of it than the yardstick does: output was 1.7 times as slow where that was 1.3 to 1.45.
    found = pf_yardsticks_compare(&calm, &late);
    ck_assert_double_ge(found.shift, log(1.7) / log(1.4) * log(1.5));
    ck_assert_double_lt(found.shift, 3 * log(1.5));
    ck_assert_double_eq_tol(found.shift, 2.5 * (log(1.5) - 0.02),
                            1e-9); // two readings differ by 2 % anyway
    ck_assert_double_eq(found.error, 0);
    ck_assert_double_eq_tol(pf_yardsticks_compare(&late, &calm).shift, -found.shift, 1e-9);
    found = pf_yardsticks_compare(&calm, &half);
    ck_assert_double_ge(found.error, log(1.5) / 2);
    gdouble squares = log(1.01) * log(1.01) / 2 + log(1.5) * log(1.5) / 2;
    ck_assert_double_eq_tol(found.error, 2.5 * sqrt(squares - 0.0004), 1e-9);
    ck_assert_double_eq_tol(pf_yardsticks_compare(&half, &calm).error, found.error, 1e-9);
    // What was read during both runs says more than what was read beside them.
    const gdouble many[] = {500, 800, 500, 800, 500, 800, 500, 800, 500, 800, 500, 800};
    pf_yardstick one = {.beside = calm.beside, .during = readings_of(many, 2)};
    pf_yardstick other = {.beside = late.beside, .during = readings_of(many, 1)};
    ck_assert_double_gt(pf_yardsticks_compare(&one, &other).shift, 0);
    other.during = readings_of(many, 2);
    found = pf_yardsticks_compare(&one, &other);
    ck_assert_double_eq(found.shift, 0);
    ck_assert_double_gt(found.error, log(1.6) / 2);
    // However many there are, nobody knows which of those moods a run was in.
    one.during = other.during = readings_of(many, 12);
    found = pf_yardsticks_compare(&one, &other);
    ck_assert_double_eq(found.shift, 0);
    ck_assert_double_ge(found.error, sqrt(2) * log(1.6) / 2);
    // One reading, or none, says nothing; nor does one that could not be made.
    other = (pf_yardstick){.beside = readings_of(even, 1)};
    ck_assert(!pf_yardsticks_compare(&one, &other).is_known);
    pf_readings_add(&other.beside, 0);
    ck_assert_uint_eq(other.beside.count, 1);
    // Each processor in turn, and then where it was.
    cpu_set_t before;
    cpu_set_t after;
    pf_readings taken = {0};
    guint turn = 0;
    gboolean can = sched_getaffinity(0, sizeof before, &before) == 0;
    pf_readings_take(&taken, 3, &turn);
    ck_assert_uint_eq(turn, 3);
    ck_assert_uint_eq(taken.count, ns > 0 ? 3 : 0);
    ck_assert(!can || sched_getaffinity(0, sizeof after, &after) == 0);
    ck_assert(!can || CPU_EQUAL(&before, &after));
}
END_TEST

START_TEST(test_readings_of_a_file) {
    const pf_readings sane[] = {{0}, {1, 6, 0}, {2, 6, 0.01}, {G_MAXUINT32, -3, 40}};
    const pf_readings lies[] = {{2, NAN, 0}, {2, INFINITY, 0},   {2, 6, -1},
                                {2, 6, NAN}, {2, 6, INFINITY},   {2, 6, 1e9},
                                {2, 41, 0},  {G_MAXUINT64, 6, 0}};
    for (guint i = 0; i < G_N_ELEMENTS(sane); i++) {
        ck_assert_msg(pf_readings_are_sane(&sane[i]), "%u", i);
    }
    for (guint i = 0; i < G_N_ELEMENTS(lies); i++) {
        ck_assert_msg(!pf_readings_are_sane(&lies[i]), "%u", i);
    }
}
END_TEST

// Nothing is known of a line that is new, or that was timed too seldom.
START_TEST(test_unknown) {
    GArray *side[2];
    for (guint s = 0; s < 2; s++) {
        pf_line_run none = {s == 0 ? 0 : 100, s == 0 ? 0 : 4000, 20, NULL};
        side[s] = g_array_new(FALSE, TRUE, sizeof(pf_line_run));
        g_array_append_val(side[s], none);
    }
    PfChange change[PF_CHANGES] = {0};
    PfChange *const changes[] = {&change[0], &change[1], &change[2], &change[3]};
    pf_runs_compare(side[0], side[1], 0.03, &(pf_machine){0}, 0.05, changes);
    for (guint i = 0; i < PF_CHANGES; i++) {
        ck_assert(!change[i].is_known && !pf_change_is_significant(&change[i]));
    }
    ck_assert_double_eq(change[0].after, 100);
    // Nothing is compared, or one number, two, three.
    ck_assert_uint_eq(pf_runs_count_varying(side[0], side[1]), 0);
    ck_assert_uint_eq(pf_runs_count_varying(side[1], side[1]), 1);
    g_array_index(side[0], pf_line_run, 0).calls = 100;
    ck_assert_uint_eq(pf_runs_count_varying(side[0], side[1]), 2);
    g_array_index(side[0], pf_line_run, 0).calls = 99;
    ck_assert_uint_eq(pf_runs_count_varying(side[0], side[1]), 3);
    g_array_unref(side[0]);
    g_array_unref(side[1]);
}
END_TEST

int main(void) {
    begin_chance();
    const TTest *const tests[] = {
        test_a_pair_to_the_digit,
        test_the_middle_half,
        test_several_to_the_digit,
        test_no_change,
        test_a_tenth,
        test_sum,
        test_shift,
        test_moody,
        test_yardstick,
        test_readings_of_a_file,
        test_unknown,
        NULL,
    };
    return pf_test_run("difference", tests);
}
