// SPDX-License-Identifier: Apache-2.0
// The yardstick is a short write into memory, since that is what output is made of: system call, locks of the
// kernel, a copy.  A neighbour on the same core slows it by a quarter to a half, where arithmetic and
// the clock show next to nothing (docs/report.md has the figures).
#include "pf-yardstick.h"
#include "pf-time.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 24u // of which the middle half counts: the others may have been interrupted
#define WRITES 40u
#define SIZE 32u

#define LEAST_DURING 3u // readings; of fewer, those beside are better
#define SENSITIVITY 2.5 // by how much more a call of output feels what the yardstick feels
#define REPEATABLE 0.02 // what two readings differ by on an even machine
#define MOST_LN_NS 40.0 // seven years

static gint by_size(gconstpointer a, gconstpointer b) {
    gint64 one = *(const gint64 *)a;
    gint64 other = *(const gint64 *)b;
    return one < other ? -1 : one > other;
}

gdouble pf_yardstick_measure(void) {
    gchar text[SIZE];
    gint64 took[ROUNDS];
    gboolean good = TRUE;
    int fd = memfd_create("pfprof-yardstick", MFD_CLOEXEC);
    memset(text, '.', sizeof text);
    for (guint round = 0; round < ROUNDS; round++) {
        gint64 begun = pf_time_ns();
        for (guint i = 0; i < WRITES; i++) {
            good &= pwrite(fd, text, sizeof text, i * SIZE) == sizeof text;
        }
        took[round] = pf_time_ns() - begun;
    }
    if (fd >= 0) {
        close(fd);
    }
    qsort(took, ROUNDS, sizeof *took, by_size);
    gdouble sum = 0;
    for (guint i = ROUNDS / 4; i < 3 * ROUNDS / 4; i++) {
        sum += (gdouble)took[i];
    }
    return good ? sum / (ROUNDS / 2 * WRITES) : 0;
}

void pf_readings_add(pf_readings *self, gdouble ns) {
    if (ns > 0) {
        gdouble off = log(ns) - self->mean;
        self->count++;
        self->mean += off / (gdouble)self->count;
        self->square += off * (log(ns) - self->mean);
    }
}

gboolean pf_readings_are_sane(const pf_readings *self) {
    return self->count <= G_MAXUINT32 && fabs(self->mean) <= MOST_LN_NS && self->square >= 0 &&
           self->square <= MOST_LN_NS * MOST_LN_NS * (gdouble)self->count;
}

gboolean pf_yardsticks_choose(const pf_yardstick *before, const pf_yardstick *after,
                              const pf_readings **ret_before, const pf_readings **ret_after) {
    gboolean during = MIN(before->during.count, after->during.count) >= LEAST_DURING;
    *ret_before = during ? &before->during : &before->beside;
    *ret_after = during ? &after->during : &after->beside;
    return MIN((*ret_before)->count, (*ret_after)->count) >= 2;
}

// What the machine was like between two readings is not known: the error of their mean.
static gdouble error_of(const pf_readings *self) {
    gdouble count = (gdouble)self->count;
    return self->square / (count - 1) / count;
}

gdouble pf_readings_noise(const pf_readings *before, const pf_readings *after) {
    gdouble apart = after->mean - before->mean;
    gdouble square = apart * apart + error_of(before) + error_of(after) - REPEATABLE * REPEATABLE;
    return SENSITIVITY * sqrt(MAX(square, 0));
}
