// SPDX-License-Identifier: Apache-2.0
// What a machine was like beside a run, and while it ran: a fixed piece of work, timed now and then.  Internal.
#pragma once
#include <glib.h>

// Logarithms of its times.
typedef struct {
    guint64 count;
    gdouble mean;
    gdouble square; // sum of squared deviations
} pf_readings;

typedef struct {
    pf_readings beside; // before and after the run
    pf_readings during;
} pf_yardstick;

// ns; 0 when it could not be done.  Takes half a millisecond.
gdouble pf_yardstick_measure(void);
// Takes no 0.
void pf_readings_add(pf_readings *self, gdouble ns);
// Whether they can be what pf_readings_add() made: those of a file may be anything.
gboolean pf_readings_are_sane(const pf_readings *self);

// Which readings of two runs compare; *ret_after may be what they are in the other.  FALSE: none do.
gboolean pf_yardsticks_choose(const pf_yardstick *before, const pf_yardstick *after,
                              const pf_readings **ret_before, const pf_readings **ret_after);
// By what the logarithms of latencies of two runs may differ for the machine's sake; 0 on an even one.
gdouble pf_readings_noise(const pf_readings *before, const pf_readings *after);
