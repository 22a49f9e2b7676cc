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
// Measures `count` times, some ms apart, each time on another processor: that of `turn`, which goes on.
void pf_readings_take(pf_readings *self, guint count, guint *turn);
// Takes no 0.
void pf_readings_add(pf_readings *self, gdouble ns);
// Whether they can be what pf_readings_add() made: those of a file may be anything.
gboolean pf_readings_are_sane(const pf_readings *self);

// What the machine did to the latencies of a second run against those of a first, as logarithms.
typedef struct {
    gboolean is_known;
    gdouble before; // of the yardstick's times
    gdouble after;
    gdouble shift; // latencies may be larger by anything up to this; negative: smaller
    gdouble error; // standard deviation on top, since nobody knows which of its moods a run met
} pf_machine;

pf_machine pf_yardsticks_compare(const pf_yardstick *before, const pf_yardstick *after);
