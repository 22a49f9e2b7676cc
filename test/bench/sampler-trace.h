// SPDX-License-Identifier: Apache-2.0
// Traces of real programs: every call's site, start and latency, out of segments that timed them all.
#pragma once
#include <glib.h>

typedef struct {
    guint64 start_ns;
    guint64 duration_ns;
    guint32 site;
    guint32 process; // number of the segment
} trace_event;

typedef struct {
    trace_event *event; // by start
    gsize count;
    guint sites;
    guint processes;
    gdouble seconds;
    gdouble *mean_ns; // of each site
    guint64 *calls;   // likewise
    struct trace_process {
        guint64 calls;
        guint64 first_ns;
        guint64 last_ns;
    } * process;
} trace;

// Appends the events of segments to a file.
int trace_extract(const char *to, char **segments, int count);
gboolean trace_load(trace *ret_trace, const char *path);
void trace_clear(trace *self);
