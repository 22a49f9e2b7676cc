// SPDX-License-Identifier: Apache-2.0
// The yardstick is a short write into memory, since that is what output is made of: system call, locks of the
// kernel, a copy.  A neighbour on the same core slows it by a quarter to a half, where arithmetic and
// the clock show next to nothing (docs/report.md has the figures).  Of two processors of a virtual machine one may have
// a neighbour and the other none for seconds, so each is read in turn: where a run was is not known.
#include "pf-yardstick.h"
#include "pf-time.h"
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 24u // of which the middle half counts: the others may have been interrupted
#define WRITES 40u
#define SIZE 32u

#define SENSITIVITY 2.5 // by how much more a call of output may feel what the yardstick feels
#define REPEATABLE 0.02 // what two readings differ by on an even machine
#define PAUSE_US 2000   // between readings, since some moods last for some ms
#define MOST_LN_NS 40.0 // seven years

static gint by_size(gconstpointer a, gconstpointer b) {
    gint64 one = *(const gint64 *)a;
    gint64 other = *(const gint64 *)b;
    return one < other ? -1 : one > other;
}

// By the kernel's name: where pfprof itself is profiled, these are no writes of its.
static gboolean put(int fd) {
    static const gchar text[SIZE] = "................................";
    gboolean good = lseek(fd, 0, SEEK_SET) == 0;
    for (guint i = 0; good && i < WRITES; i++) {
        good = syscall(SYS_write, fd, text, sizeof text) == (long)sizeof text;
    }
    return good;
}

gdouble pf_yardstick_measure(void) {
    gint64 took[ROUNDS];
    gboolean good = TRUE;
    int fd = memfd_create("pfprof-yardstick", MFD_CLOEXEC);
    for (guint round = 0; good && round < ROUNDS; round++) {
        gint64 begun = pf_time_ns();
        good = put(fd);
        took[round] = pf_time_ns() - begun;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!good) {
        return 0;
    }
    qsort(took, ROUNDS, sizeof *took, by_size);
    gdouble sum = 0;
    for (guint i = ROUNDS / 4; i < 3 * ROUNDS / 4; i++) {
        sum += (gdouble)took[i];
    }
    return sum / (ROUNDS / 2 * WRITES);
}

static guint nth_of(const cpu_set_t *set, guint n) {
    for (guint cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, set) && n-- == 0) {
            return cpu;
        }
    }
    return 0;
}

// On the processor whose turn it is, of those that this thread may use; on any where that cannot be told.
static gdouble measure_on(guint turn) {
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) != 0) {
        return pf_yardstick_measure();
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(nth_of(&all, turn % (guint)CPU_COUNT(&all)), &one);
    gboolean moved = sched_setaffinity(0, sizeof one, &one) == 0;
    gdouble ns = pf_yardstick_measure();
    if (moved) {
        sched_setaffinity(0, sizeof all, &all);
    }
    return ns;
}

void pf_readings_take(pf_readings *self, guint count, guint *turn) {
    for (guint i = 0; i < count; i++) {
        if (i > 0) {
            g_usleep(PAUSE_US);
        }
        pf_readings_add(self, measure_on((*turn)++));
    }
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

// Of what a run met.  Readings, be they as many as they may, say what moods and processors there are, not which of them
// the run was in: so it is their variance, not that of their mean.
static gdouble square_error(const pf_readings *self) {
    return self->square / ((gdouble)self->count - 1);
}

static gdouble beyond_repeatable(gdouble apart) {
    return copysign(MAX(fabs(apart) - REPEATABLE, 0), apart);
}

// What was read during both runs says more than what was read beside them.
pf_machine pf_yardsticks_compare(const pf_yardstick *before, const pf_yardstick *after) {
    gboolean during = MIN(before->during.count, after->during.count) >= 2;
    const pf_readings *one = during ? &before->during : &before->beside;
    const pf_readings *other = during ? &after->during : &after->beside;
    if (MIN(one->count, other->count) < 2) {
        return (pf_machine){0};
    }
    gdouble square = square_error(one) + square_error(other) - REPEATABLE * REPEATABLE;
    return (pf_machine){
        .is_known = TRUE,
        .before = one->mean,
        .after = other->mean,
        .shift = SENSITIVITY * beyond_repeatable(other->mean - one->mean),
        .error = SENSITIVITY * sqrt(MAX(square, 0)),
    };
}
