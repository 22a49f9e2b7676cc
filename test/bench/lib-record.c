// SPDX-License-Identifier: Apache-2.0
// What a message costs that a program records through libpf-profiling-1; `make bench-lib`.
//
// usage: bench-lib [messages per thread]
#include <pf-profiling.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static guint64 messages = 20000000;

#define BAR_NS 30.0 // a record at rate 1

typedef enum { RECORD, RECORD_TEXT, BEGIN_END } work_kind;

typedef struct {
    PfProfilingProcessor *processor;
    work_kind kind;
    gdouble cpu_seconds;
} job;

static gdouble seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (gdouble)time.tv_sec + (gdouble)time.tv_nsec / 1e9;
}

static const gchar text[] = "request 4711 from 10.0.0.1 took 12 ms and returned 200 to the client";

static gpointer work(gpointer data) {
    job *mine = data;
    gdouble begun = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (guint64 i = 0; i < messages; i++) {
        switch (mine->kind) {
        case RECORD:
            pf_profiling_processor_record(mine->processor, (gint64)(i & 4095), FALSE, 3);
            break;
        case RECORD_TEXT:
            pf_profiling_processor_record_text(mine->processor, text, sizeof text - 1,
                                               (gint64)(i & 4095), 3);
            break;
        case BEGIN_END: {
            gint64 start = pf_profiling_processor_begin(mine->processor);
            pf_profiling_processor_end(mine->processor, start, text, sizeof text - 1, 3);
        }
        }
    }
    mine->cpu_seconds = seconds(CLOCK_THREAD_CPUTIME_ID) - begun;
    return NULL;
}

static void measure(const gchar *title, work_kind kind, gdouble rate, guint threads) {
    g_autoptr(GError) error = NULL;
    g_autoptr(PfProfilingProcessor) processor = pf_profiling_processor_new(rate, &error);
    g_assert_no_error(error);
    g_autofree job *jobs = g_new0(job, threads);
    g_autofree GThread **running = g_new0(GThread *, threads);
    gdouble cpu = 0;
    gdouble begun = seconds(CLOCK_MONOTONIC);
    for (guint i = 0; i < threads; i++) {
        jobs[i] = (job){.processor = processor, .kind = kind};
        running[i] = g_thread_new("bench", work, &jobs[i]);
    }
    for (guint i = 0; i < threads; i++) {
        g_thread_join(running[i]);
        cpu += jobs[i].cpu_seconds;
    }
    gdouble wall = seconds(CLOCK_MONOTONIC) - begun;
    guint64 all = messages * threads;
    PfProfileMetrics *metrics = pf_profiling_processor_get_metrics(processor);
    g_assert_cmpuint(pf_profile_metrics_get_message_count(metrics), ==, all);
    gdouble cost_ns = cpu / (gdouble)all * 1e9;
    g_print("%-12s rate %-5g %2u threads  %6.1f ns of CPU a message  %7.1f M messages/s", title,
            rate, threads, cost_ns, (gdouble)all / wall / 1e6);
    if (strcmp(title, "record") == 0 && rate == 1) { // the others read clocks or texts
        g_print("   bar %.0f ns: %s", BAR_NS, cost_ns <= BAR_NS ? "kept" : "MISSED");
    }
    g_print("\n");
}

int main(int argc, char **argv) {
    static const struct {
        const gchar *title;
        work_kind kind;
    } kinds[] = {{"record", RECORD}, {"record_text", RECORD_TEXT}, {"begin/end", BEGIN_END}};
    static const gdouble rates[] = {1, 0.01};
    static const guint threads[] = {1, 2, 8};
    if (argc > 1) {
        messages = g_ascii_strtoull(argv[1], NULL, 10);
    }
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (guint r = 0; r < G_N_ELEMENTS(rates); r++) {
            for (guint t = 0; t < G_N_ELEMENTS(threads); t++) {
                measure(kinds[k].title, kinds[k].kind, rates[r], threads[t]);
            }
        }
    }
    return 0;
}
