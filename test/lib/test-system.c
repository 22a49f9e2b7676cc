// SPDX-License-Identifier: Apache-2.0
// The machine's load as /proc tells it, and the load sampler on it: from a made-up /proc, in made-up time, so that no
// load of this machine helps or hurts.
#include "pf-system.h"
#include "pf-test.h"
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define CEILING 0.5
#define RELIEF 5.0     // the moment at which the load goes away, in s
#define NOTICEABLE 1.1 // as in pf-steering.c: a rate that changes by less is not said

static gchar *proc; // the made-up one

static void put(const gchar *name, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
static void put(const gchar *name, const gchar *format, ...) {
    g_autofree gchar *path = g_build_filename(proc, name, NULL);
    va_list words;
    va_start(words, format);
    g_autofree gchar *text = g_strdup_vprintf(format, words);
    va_end(words);
    FILE *file = fopen(path, "we");
    ck_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void make_proc(void) {
    // In memory where there is such a folder: it is written some ten thousand times.
    const gchar *shm = g_file_test("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir();
    proc = g_build_filename(shm, "pf-proc-XXXXXX", NULL);
    ck_assert_ptr_nonnull(g_mkdtemp(proc));
    g_autofree gchar *pressure = g_build_filename(proc, "pressure", NULL);
    ck_assert_int_eq(g_mkdir(pressure, 0700), 0);
}

static void remove_proc(void) {
    static const gchar *const names[] = {
        "pressure/cpu", "pressure/memory", "pressure", "loadavg", "meminfo", "stat", ""};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree gchar *path = g_build_filename(proc, names[i], NULL);
        g_remove(path);
    }
    g_free(proc);
}

// What it is that the machine is short of; of what is not known the file is missing.
typedef enum { CPU_PRESSURE, MEMORY_PRESSURE, TASKS, CPU, MEMORY, SHORTAGES } shortage;
static const gchar *const shortages[] = {"pressure on the CPU", "pressure on memory", "tasks",
                                         "CPU", "memory"};

static void put_pressure(const gchar *name, gboolean short_of, gdouble now) {
    // The averages are the kernel's: right after relief they are nearly what they were.
    gdouble busy = short_of ? MIN(now, RELIEF) : 0;
    gdouble average = 95 * exp(-MAX(now - RELIEF, 0) / 10) * short_of;
    put(name, "some avg10=%.2f avg60=%.2f avg300=%.2f total=%.0f\n", average, average, average,
        1e9 + busy * 1e6);
}

static void put_machine(shortage what, gdouble now) {
    gboolean loaded = now < RELIEF;
    glong cpus = sysconf(_SC_NPROCESSORS_ONLN);
    gdouble busy = MIN(now, RELIEF) * (what == CPU);
    gdouble load = 8 * (gdouble)cpus * exp(-MAX(now - RELIEF, 0) / 60);
    if (what != TASKS && what != CPU) {
        put_pressure("pressure/cpu", what == CPU_PRESSURE, now);
        put_pressure("pressure/memory", what == MEMORY_PRESSURE, now);
    }
    if (what != CPU) {
        put("loadavg", "%.2f %.2f %.2f %ld/500 4242\n", load, load, load,
            what == TASKS && loaded ? 8 * cpus + 1 : 1);
    }
    put("stat", "cpu  %.0f 0 0 %.0f 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n", 1000 + busy * 100,
        1000 + (now - busy) * 100);
    put("meminfo", "MemTotal: 1000000 kB\nMemFree: 10 kB\nMemAvailable: %u kB\n",
        what == MEMORY && loaded ? 5000 : 600000);
}

// Seconds from relief until the rate that is in force is the ceiling.
static gdouble back_after(shortage what, gdouble interval, gdouble phase) {
    g_autoptr(PfLoadBasedSampler) sampler = pf_load_based_sampler_new(CEILING, NULL);
    pf_system system = {0};
    gdouble said = CEILING;
    gdouble lowest = CEILING;
    gdouble now = RELIEF - 1.2 + phase;
    for (gdouble last = 0; now < RELIEF + 5; last = now, now += interval) {
        PfSamplingContext context = {.interval_seconds = last > 0 ? now - last : 0};
        put_machine(what, now);
        pf_system_read_at(&system, proc, (gint64)(1e6 * now), &context);
        g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(&context);
        pf_sampler_decide(PF_SAMPLER(sampler), &context, decision);
        gdouble rate = pf_sampling_decision_get_default_rate(decision);
        ck_assert(rate <= CEILING);
        said = rate / said > NOTICEABLE || said / rate > NOTICEABLE ? rate : said;
        lowest = MIN(lowest, said);
        if (now >= RELIEF && said == CEILING) {
            break;
        }
    }
    ck_assert_msg(lowest < 0.011 * CEILING, "shortage %u was not noticed: %g", what, lowest);
    return now - RELIEF;
}

START_TEST(the_rate_is_back_within_two_seconds_of_relief) {
    static const gdouble intervals[] = {0.1, 0.2, 0.4}; // 0.4: a program that makes no calls
    for (shortage what = 0; what < SHORTAGES; what++) {
        make_proc();
        gdouble longest = 0;
        for (guint i = 0; i < G_N_ELEMENTS(intervals); i++) {
            for (gdouble phase = 0.001; phase < intervals[i]; phase += intervals[i] / 8) {
                gdouble seconds = back_after(what, intervals[i], phase);
                ck_assert_msg(seconds <= 2, "%s, a look every %g s, phase %g: back after %g s",
                              shortages[what], intervals[i], phase, seconds);
                longest = MAX(longest, seconds);
            }
        }
        g_print("%s: back after %.2f s at most\n", shortages[what], longest);
        remove_proc();
    }
}
END_TEST

START_TEST(pressure_is_the_growth_of_its_total) {
    make_proc();
    pf_system system = {0};
    PfSamplingContext context = {0};
    put("pressure/cpu", "some avg10=99.00 avg60=99.00 avg300=99.00 total=5000000\n");
    pf_system_read_at(&system, proc, 1000000, &context);
    ck_assert(context.cpu_pressure_percent < 0);    // no difference is known yet
    ck_assert(context.memory_pressure_percent < 0); // there is no such file
    put("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5050000\n");
    pf_system_read_at(&system, proc, 1200000, &context);
    ck_assert_double_eq_tol(context.cpu_pressure_percent, 25, 1e-9);
    pf_system_read_at(&system, proc, 1300000, &context);
    ck_assert(context.cpu_pressure_percent == 0);
    put("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    pf_system_read_at(&system, proc, 1400000, &context);
    ck_assert(context.cpu_pressure_percent < 0); // a counter that went back says nothing
    put("pressure/cpu", "nonsense\n");
    pf_system_read_at(&system, proc, 1500000, &context);
    ck_assert(context.cpu_pressure_percent < 0);
    remove_proc();
}
END_TEST

int main(void) {
    const TTest *const tests[] = {the_rate_is_back_within_two_seconds_of_relief,
                                  pressure_is_the_growth_of_its_total, NULL};
    return pf_test_run("system", tests);
}
