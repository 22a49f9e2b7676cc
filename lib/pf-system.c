// SPDX-License-Identifier: Apache-2.0
// Reads /proc/stat, /proc/loadavg, /proc/meminfo and /proc/pressure.
//
// PSI's averages reach back 10 s and more; its totals, read twice, tell about the time in between.
#include "pf-system.h"
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static gboolean read_file(const gchar *folder, const gchar *name, gchar *text, gsize size) {
    gchar path[256];
    if (g_snprintf(path, sizeof path, "%s/%s", folder, name) >= (gint)sizeof path) {
        return FALSE;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return FALSE;
    }
    gsize got = fread(text, 1, size - 1, file);
    fclose(file);
    text[got] = 0;
    return got != 0;
}

static gboolean read_pressure(const gchar *folder, const gchar *name, guint64 *ret_us) {
    gchar text[512];
    const gchar *at = read_file(folder, name, text, sizeof text) ? strstr(text, "total=") : NULL;
    if (at == NULL || !g_str_has_prefix(text, "some ")) {
        return FALSE;
    }
    *ret_us = g_ascii_strtoull(at + 6, NULL, 10);
    return TRUE;
}

static gdouble pressure(const gchar *folder, const gchar *name, guint64 *last_us,
                        gint64 elapsed_us) {
    guint64 now = 0;
    if (!read_pressure(folder, name, &now)) {
        return -1;
    }
    guint64 before = *last_us;
    *last_us = now;
    return elapsed_us > 0 && now >= before
               ? MIN(100.0 * (gdouble)(now - before) / (gdouble)elapsed_us, 100)
               : -1;
}

static gdouble cpu_usage(pf_system *self, const gchar *folder) {
    gchar text[512];
    unsigned long long part[8] = {0};
    if (!read_file(folder, "stat", text, sizeof text) ||
        sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &part[0], &part[1], &part[2],
               &part[3], &part[4], &part[5], &part[6], &part[7]) < 4) {
        return -1;
    }
    guint64 all = 0;
    for (guint i = 0; i < G_N_ELEMENTS(part); i++) {
        all += part[i];
    }
    guint64 busy = all - part[3] - part[4];
    guint64 of = all - self->cpu_all;
    gdouble usage =
        self->cpu_all != 0 && of > 0 ? 100.0 * (gdouble)(busy - self->cpu_busy) / (gdouble)of : -1;
    self->cpu_all = all;
    self->cpu_busy = busy;
    return usage;
}

static gdouble memory_usage(const gchar *folder) {
    gchar text[2048];
    if (!read_file(folder, "meminfo", text, sizeof text)) {
        return -1;
    }
    const gchar *total = strstr(text, "MemTotal:");
    const gchar *available = strstr(text, "MemAvailable:");
    gdouble all = total != NULL ? g_ascii_strtod(total + 9, NULL) : 0;
    return all > 0 && available != NULL ? 100 * (1 - g_ascii_strtod(available + 13, NULL) / all)
                                        : -1;
}

// The fourth number of /proc/loadavg: tasks that run or want to, at this moment, with this one.
static gdouble runnable(const gchar *folder) {
    gchar text[128];
    guint tasks;
    glong cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (!read_file(folder, "loadavg", text, sizeof text) ||
        sscanf(text, "%*f %*f %*f %u/", &tasks) != 1 || cpus <= 0) {
        return -1;
    }
    return (gdouble)(tasks > 0 ? tasks - 1 : 0) / (gdouble)cpus;
}

void pf_system_read_at(pf_system *self, const gchar *folder, gint64 now_us,
                       PfSamplingContext *context) {
    gint64 elapsed = self->read_us != 0 ? now_us - self->read_us : 0;
    self->read_us = now_us;
    context->cpu_pressure_percent = pressure(folder, "pressure/cpu", &self->cpu_waited_us, elapsed);
    context->memory_pressure_percent =
        pressure(folder, "pressure/memory", &self->memory_waited_us, elapsed);
    context->cpu_usage_percent = cpu_usage(self, folder);
    context->memory_usage_percent = memory_usage(folder);
    context->runnable_per_cpu = runnable(folder);
}

void pf_system_read(pf_system *self, PfSamplingContext *context) {
    pf_system_read_at(self, "/proc", g_get_monotonic_time(), context);
}

// By the process's CPU clock, which counts ns; /proc/PID/stat counts ticks of 10 ms, too coarse for a
// program that mostly waits.
gdouble pf_system_cpu_seconds(guint pid) {
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        return -1;
    }
    return (gdouble)used.tv_sec + (gdouble)used.tv_nsec / 1e9;
}
