// SPDX-License-Identifier: Apache-2.0
// How busy the machine is, from /proc.  Internal.
#pragma once
#include "pf-sampler.h"

// What the differences are taken from; begin with {0}.
typedef struct {
    guint64 cpu_busy;
    guint64 cpu_all;
    guint64 cpu_waited_us;
    guint64 memory_waited_us;
    gint64 read_us;
} pf_system;

// Fills the readings of a context.  The first call knows no differences: pressure and usage are -1.
void pf_system_read(pf_system *self, PfSamplingContext *context);
// Likewise from a folder that looks like /proc, at a moment of a monotonic clock.
void pf_system_read_at(pf_system *self, const gchar *folder, gint64 now_us,
                       PfSamplingContext *context);

// CPU time of a process so far in seconds; -1: not known.
gdouble pf_system_cpu_seconds(guint pid);
