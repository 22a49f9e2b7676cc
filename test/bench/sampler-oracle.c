// SPDX-License-Identifier: Apache-2.0
// Allocations with hindsight: least width of the total (Neyman, cut off at 1), least width of the worst site.
#include "sampler-oracle.h"
#include <math.h>

#define STEPS 200

typedef struct {
    const trace *trace;
    guint fewest;    // calls of a site that is looked at
    gdouble *square; // sum of (x - mean)^2 of a site
} hindsight;

static gdouble neyman(const hindsight *self, guint site, gdouble scale) {
    return fmin(1, scale * sqrt(self->square[site] / (gdouble)self->trace->calls[site]));
}

// (1/p - 1) Q = (T / scale)^2: one relative width for all sites.
static gdouble alike(const hindsight *self, guint site, gdouble scale) {
    gdouble time = self->trace->mean_ns[site] * (gdouble)self->trace->calls[site];
    gdouble square = self->square[site];
    return square > 0 ? square / (square + time * time / (scale * scale)) : 0;
}

typedef gdouble (*rule)(const hindsight *self, guint site, gdouble scale);

// Raises rates by the largest scale with which no more than `timed` calls are timed.
static void raise_rates(const hindsight *self, gdouble *rate, rule how, gdouble timed) {
    gdouble low = 1e-12;
    gdouble high = 1e12;
    for (guint step = 0; step < STEPS; step++) {
        gdouble middle = sqrt(low * high);
        gdouble sum = 0;
        for (guint i = 0; i < self->trace->sites; i++) {
            gdouble calls = (gdouble)self->trace->calls[i];
            sum += calls > 0 ? calls * fmax(rate[i], how(self, i, middle)) : 0;
        }
        *(sum <= timed ? &low : &high) = middle;
    }
    for (guint i = 0; i < self->trace->sites; i++) {
        rate[i] = self->trace->calls[i] > 0 ? fmax(rate[i], how(self, i, low)) : 1;
    }
}

static void widths(const hindsight *self, const gdouble *rate, gdouble *ret_total,
                   gdouble *ret_worst) {
    gdouble total = 0;
    gdouble worst = 0;
    for (guint i = 0; i < self->trace->sites; i++) {
        gdouble calls = (gdouble)self->trace->calls[i];
        gdouble variance = rate[i] > 0 ? (1 / rate[i] - 1) * self->square[i] : 0;
        total += variance;
        if (calls >= self->fewest && self->trace->mean_ns[i] > 0) {
            worst = fmax(worst, sqrt(variance) / (self->trace->mean_ns[i] * calls));
        }
    }
    *ret_total = sqrt(total);
    *ret_worst = worst;
}

static gdouble part(gdouble a, gdouble of) { return of > 0 ? a / of : 0; }

void oracle(const trace *trace, gdouble timed, guint fewest_calls, oracle_widths *ret_widths) {
    g_autofree gdouble *square = g_new0(gdouble, trace->sites);
    g_autofree gdouble *rate = g_new0(gdouble, trace->sites);
    hindsight self = {trace, fewest_calls, square};
    gdouble fixed_total;
    gdouble fixed_worst;
    gdouble total;
    gdouble worst;
    for (gsize i = 0; i < trace->count; i++) {
        const trace_event *event = &trace->event[i];
        gdouble off = (gdouble)event->duration_ns - trace->mean_ns[event->site];
        square[event->site] += off * off;
    }
    for (guint i = 0; i < trace->sites; i++) {
        rate[i] = timed / (gdouble)trace->count;
    }
    widths(&self, rate, &fixed_total, &fixed_worst);
    for (guint half = 0; half < 3; half++) {
        for (guint i = 0; i < trace->sites; i++) {
            rate[i] = 0;
        }
        if (half > 0) {
            raise_rates(&self, rate, alike, timed / half);
        }
        if (half != 1) {
            raise_rates(&self, rate, neyman, timed);
        }
        widths(&self, rate, &total, &worst);
        if (half == 0) {
            ret_widths->total = part(total, fixed_total);
        } else if (half == 1) {
            ret_widths->worst = part(worst, fixed_worst);
            ret_widths->total_of_worst = part(total, fixed_total);
        } else {
            ret_widths->both_total = part(total, fixed_total);
            ret_widths->both_worst = part(worst, fixed_worst);
        }
    }
}
