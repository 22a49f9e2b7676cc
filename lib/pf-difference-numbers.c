// SPDX-License-Identifier: Apache-2.0
// What has changed from some runs to others, and how well that is known.
//
// A run differs from the next of the same program by more than sampling explains: machine, cache,
// neighbours.  No interval from within a run knows that.  Several runs of each side show it, and then their
// spread decides.  Of two runs alone `noise` is assumed, and what the machine's yardstick adds
// (pf-yardstick.c).  Latencies are compared by the mean of the middle half, which bursts of preempted calls
// do not move.
#include "pf-difference-private.h"
#include <math.h>

#define TRIMMED 0.25
#define WIDER 0.1         // the trim that the first is held against
#define LEAST_TIMED 140u  // as for every interval, docs/sampling.md
#define MOST_UNKNOWN 0.02 // share of all calls

// --- latencies

typedef struct {
    gdouble mean;
    gdouble chance; // squared relative error by which calls were timed
    gdouble fixed;  // by bucket and clock: alike in every run
    gboolean is_known;
} trimmed;

// The mean without `cut` of the values at either end; its error by the variance of the values with their
// ends drawn in, and by the width of the buckets: what lies in one bucket is known no better than that.
static trimmed trim(const pf_line_run *one, gdouble cut) {
    trimmed result = {0};
    gdouble all = one->histogram != NULL ? pf_histogram_get_weight(one->histogram) : 0;
    gdouble timed = one->histogram != NULL ? (gdouble)pf_histogram_get_count(one->histogram) : 0;
    gdouble seen = 0;
    gdouble sum = 0;
    gdouble square = 0;
    gdouble rounding = 0;
    gdouble least = -1;
    gdouble most = 0;
    guint64 low;
    guint64 end;
    gdouble weight;
    if (timed < LEAST_TIMED || all <= 0) {
        return result;
    }
    for (guint i = 0; pf_histogram_get_bucket(one->histogram, i, &low, &end, NULL, &weight); i++) {
        gdouble inside = MIN(seen + weight, (1 - cut) * all) - MAX(seen, cut * all);
        seen += weight;
        if (inside > 0) {
            gdouble middle = ((gdouble)low + (gdouble)end - 1) / 2;
            sum += inside * middle;
            square += inside * middle * middle;
            rounding += inside * inside * (gdouble)(end - low) * (gdouble)(end - low) / 12;
            least = least < 0 ? middle : least;
            most = middle;
        }
    }
    gdouble kept = all * (1 - 2 * cut);
    result.mean = sum / kept;
    gdouble drawn_sum = sum + cut * all * (least + most);
    gdouble drawn_square = square + cut * all * (least * least + most * most);
    gdouble variance = drawn_square / all - drawn_sum / all * (drawn_sum / all);
    gdouble sampling = MAX(variance, 0) / timed / ((1 - 2 * cut) * (1 - 2 * cut));
    gdouble clock = one->clock_ns * one->clock_ns / 4;
    result.chance = sampling / (result.mean * result.mean);
    result.fixed = (rounding / (kept * kept) + clock) / (result.mean * result.mean);
    result.is_known = result.mean > 0;
    return result;
}

// --- changes

// A number of a run, 0 when it is not known, with its squared relative errors.
typedef struct {
    gdouble value;
    gdouble chance;
    gdouble fixed;
} known;

// The logarithms of one number in all runs of a side.
typedef struct {
    guint count;
    gdouble plain; // mean of the numbers themselves
    gdouble mean;
    gdouble square; // sum of squared deviations
    gdouble within; // squared error of the mean as the runs themselves tell it
    gboolean is_known;
} sample;

static sample sample_of(const known *values, guint count) {
    sample result = {.count = count, .is_known = TRUE};
    for (guint i = 0; i < count; i++) {
        result.plain += values[i].value / count;
        result.is_known &= values[i].value > 0;
        result.mean += result.is_known ? log(values[i].value) / count : 0;
    }
    for (guint i = 0; result.is_known && i < count; i++) {
        gdouble off = log(values[i].value) - result.mean;
        result.square += off * off;
        result.within += (values[i].chance / count + values[i].fixed) / count;
    }
    return result;
}

// P(|T| < t) of Student's distribution with whole degrees of freedom (Abramowitz and Stegun 26.7.3, 26.7.4).
static gdouble student(gdouble t, guint freedom) {
    gdouble angle = atan(t / sqrt(freedom));
    gdouble cosine = cos(angle);
    gdouble term = freedom % 2 == 1 ? cosine : 1;
    gdouble sum = freedom == 1 ? 0 : term;
    for (guint i = freedom % 2 == 1 ? 3 : 2; i < freedom; i += 2) {
        term *= cosine * cosine * (i - 1) / i;
        sum += term;
    }
    return freedom % 2 == 1 ? (angle + sin(angle) * sum) * M_2_PI : sin(angle) * sum;
}

// Its quantile of 1 - p/2; without degrees of freedom the normal one.
static gdouble quantile(gdouble p, guint freedom) {
    gdouble low = 0;
    gdouble high = 1e6;
    for (guint i = 0; i < 100; i++) {
        gdouble t = (low + high) / 2;
        gdouble inside = freedom > 0 ? student(t, freedom) : 1 - erfc(t * M_SQRT1_2);
        *(inside < 1 - p ? &low : &high) = t;
    }
    return high;
}

// `noise`: what the logarithms of two runs differ by; of several runs their own spread says it.  `shift`: a part of
// their difference that may be the machine's.
static PfChange change_of(const sample *a, const sample *b, gdouble noise, gdouble shift,
                          gdouble p) {
    PfChange change = {.before = a->plain, .after = b->plain};
    if (!a->is_known || !b->is_known) {
        return change;
    }
    guint freedom = a->count + b->count - 2;
    gdouble error = a->within + b->within;
    if (freedom > 0) {
        gdouble each = (a->square + b->square) / freedom;
        error = MAX(each * (1.0 / a->count + 1.0 / b->count), error);
        shift = 0;
    } else {
        error += noise * noise;
    }
    gdouble ratio = b->mean - a->mean;
    gdouble half = quantile(p, freedom) * sqrt(error);
    change.percent = 100 * (exp(ratio) - 1);
    change.low = 100 * (exp(ratio - half - MAX(shift, 0)) - 1);
    change.high = 100 * (exp(ratio + half - MIN(shift, 0)) - 1);
    change.is_known = TRUE;
    return change;
}

enum { CALLS, BYTES, LATENCY, COST };

// Counts are exact, but how often a program does something varies as it may.
static void numbers_of(const pf_line_run *one, gboolean same_calls, known ret_numbers[PF_CHANGES]) {
    trimmed middle = trim(one, TRIMMED);
    gdouble counted = one->calls > 0 && !same_calls ? 1 / one->calls : 0;
    ret_numbers[CALLS] = (known){one->calls, counted, 0};
    ret_numbers[BYTES] = (known){one->bytes, counted, 0};
    ret_numbers[LATENCY] = (known){middle.mean, middle.chance, middle.fixed};
    ret_numbers[COST] = (known){one->calls * middle.mean, middle.chance + counted, middle.fixed};
}

static void see_same(GArray *const runs[2], gboolean *ret_calls, gboolean *ret_bytes) {
    const pf_line_run *first = &g_array_index(runs[0], pf_line_run, 0);
    *ret_calls = *ret_bytes = TRUE;
    for (guint s = 0; s < 2; s++) {
        for (guint i = 0; i < runs[s]->len; i++) {
            const pf_line_run *one = &g_array_index(runs[s], pf_line_run, i);
            *ret_calls &= one->calls == first->calls;
            *ret_bytes &= one->bytes == first->bytes;
        }
    }
}

static gboolean is_in_all(GArray *runs) {
    gboolean in_all = TRUE;
    for (guint i = 0; i < runs->len; i++) {
        in_all &= g_array_index(runs, pf_line_run, i).calls > 0;
    }
    return in_all;
}

guint pf_runs_count_varying(GArray *before, GArray *after) {
    gboolean same_calls;
    gboolean same_bytes;
    see_same((GArray *const[]){before, after}, &same_calls, &same_bytes);
    return is_in_all(before) && is_in_all(after) ? 1 + !same_calls + !same_bytes : 0;
}

// Two trims disagree about the change when a burst has hit a part of one run's calls.
static gdouble unevenness(GArray *const runs[2]) {
    gdouble shape[2] = {0};
    for (guint s = 0; s < 2; s++) {
        const pf_line_run *one = &g_array_index(runs[s], pf_line_run, 0);
        trimmed middle = trim(one, TRIMMED);
        shape[s] = middle.is_known ? log(trim(one, WIDER).mean / middle.mean) : 0;
    }
    return shape[1] - shape[0];
}

typedef sample sides[2];

static void compare(sides *const numbers, gboolean same_calls, gdouble noise, gdouble uneven,
                    const pf_machine *machine, gdouble p, PfChange *const changes[PF_CHANGES]) {
    gdouble of_times = hypot(noise, hypot(uneven, machine->error));
    for (guint m = 0; m < PF_CHANGES; m++) {
        gdouble between = m == CALLS && same_calls ? 0 : m < LATENCY ? noise : of_times;
        *changes[m] =
            change_of(&numbers[m][0], &numbers[m][1], between, m < LATENCY ? 0 : machine->shift, p);
    }
}

void pf_runs_compare(GArray *before, GArray *after, gdouble noise, const pf_machine *machine,
                     gdouble p, PfChange *const changes[PF_CHANGES]) {
    GArray *const runs[] = {before, after};
    gboolean same_calls;
    gboolean same_bytes;
    see_same(runs, &same_calls, &same_bytes);
    g_autofree known *values = g_new(known, MAX(runs[0]->len, runs[1]->len));
    sides all[PF_CHANGES];
    for (guint m = 0; m < PF_CHANGES; m++) {
        for (guint s = 0; s < 2; s++) {
            for (guint i = 0; i < runs[s]->len; i++) {
                known numbers[PF_CHANGES];
                numbers_of(&g_array_index(runs[s], pf_line_run, i), same_calls, numbers);
                values[i] = numbers[m];
            }
            all[m][s] = sample_of(values, runs[s]->len);
        }
    }
    compare(all, same_calls, noise, unevenness(runs), machine, p, changes);
}

// --- all lines together

typedef struct {
    gdouble calls;
    gdouble bytes;
    gdouble cost;
    gdouble wider;    // the cost by the other trim
    gdouble variance; // squared error of the cost
    gdouble unknown;  // calls of lines of which nothing was timed
} total;

static gdouble mean_of(PfHistogram *histogram) {
    gdouble sum = 0;
    guint64 low;
    guint64 end;
    gdouble weight;
    for (guint i = 0; pf_histogram_get_bucket(histogram, i, &low, &end, NULL, &weight); i++) {
        sum += weight * ((gdouble)low + (gdouble)end - 1) / 2;
    }
    gdouble all = pf_histogram_get_weight(histogram);
    return all > 0 ? sum / all : 0;
}

// A line of which few calls were timed counts by their mean, as if they were spread as far as they are long.
static void add_line(total *self, const pf_line_run *line) {
    trimmed middle = trim(line, TRIMMED);
    gdouble timed = line->histogram != NULL ? (gdouble)pf_histogram_get_count(line->histogram) : 0;
    gdouble cost = 0;
    self->calls += line->calls;
    self->bytes += line->bytes;
    if (middle.is_known) {
        cost = line->calls * middle.mean;
        self->wider += line->calls * trim(line, WIDER).mean;
        self->variance += cost * cost * (middle.chance + middle.fixed);
    } else if (timed > 0) {
        cost = line->calls * mean_of(line->histogram);
        self->wider += cost;
        self->variance += cost * cost / timed;
    } else {
        self->unknown += line->calls;
    }
    self->cost += cost;
}

// The runs of a side, each with all its lines.
static GArray *totals_of(GPtrArray *lines) {
    guint count = lines->len > 0 ? ((GArray *)lines->pdata[0])->len : 0;
    GArray *runs = g_array_sized_new(FALSE, TRUE, sizeof(total), count);
    g_array_set_size(runs, count);
    for (guint i = 0; i < count; i++) {
        for (guint k = 0; k < lines->len; k++) {
            GArray *line = g_ptr_array_index(lines, k);
            add_line(&g_array_index(runs, total, i), &g_array_index(line, pf_line_run, i));
        }
    }
    return runs;
}

static known number_of(const total *run, gboolean same_calls, guint change) {
    gboolean is_known = run->cost > 0 && run->unknown <= MOST_UNKNOWN * run->calls;
    gdouble counted = run->calls > 0 ? 1 / run->calls : 0;
    switch (change) {
    case CALLS: return (known){run->calls, same_calls ? 0 : counted, 0};
    case BYTES: return (known){run->bytes, counted, 0};
    case COST:
        return is_known ? (known){run->cost, run->variance / (run->cost * run->cost), 0}
                        : (known){0};
    default: return (known){0};
    }
}

void pf_totals_compare(GPtrArray *before, GPtrArray *after, gdouble noise,
                       const pf_machine *machine, gdouble p, PfChange *const changes[PF_CHANGES]) {
    GArray *const runs[] = {totals_of(before), totals_of(after)};
    g_autofree known *values = g_new(known, MAX(runs[0]->len, runs[1]->len));
    gdouble shape[2] = {0};
    gboolean same_calls = TRUE;
    for (guint s = 0; s < 2; s++) {
        for (guint i = 0; i < runs[s]->len; i++) {
            const total *run = &g_array_index(runs[s], total, i);
            shape[s] = run->cost > 0 && run->wider > 0 ? log(run->wider / run->cost) : 0;
            same_calls &= run->calls == g_array_index(runs[0], total, 0).calls;
        }
    }
    sides all[PF_CHANGES];
    for (guint m = 0; m < PF_CHANGES; m++) {
        for (guint s = 0; s < 2; s++) {
            for (guint i = 0; i < runs[s]->len; i++) {
                values[i] = number_of(&g_array_index(runs[s], total, i), same_calls, m);
            }
            all[m][s] = sample_of(values, runs[s]->len);
        }
    }
    compare(all, same_calls, noise, shape[1] - shape[0], machine, p, changes);
    g_array_unref(runs[0]);
    g_array_unref(runs[1]);
}
