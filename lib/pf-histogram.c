// SPDX-License-Identifier: Apache-2.0
// PfHistogram: the buckets from the first to the last that holds something.
#include "pf-histogram.h"
#include "pf-group.h"
#include <math.h>

struct _PfHistogram {
    gatomicrefcount references;
    guint first; // bucket
    guint count; // of buckets
    guint64 max_ns;
    guint64 total_count;
    gdouble total_weight;
    struct {
        guint64 count;
        gdouble weight;
    } bucket[];
};

G_DEFINE_BOXED_TYPE(PfHistogram, pf_histogram, pf_histogram_ref, pf_histogram_unref)

static PfHistogram *histogram_new(guint first, guint count, guint64 max_ns) {
    PfHistogram *self = g_malloc0(sizeof *self + count * sizeof *self->bucket);
    g_atomic_ref_count_init(&self->references);
    self->first = first;
    self->count = count;
    self->max_ns = max_ns;
    return self;
}

static void add(PfHistogram *self, guint bucket, guint64 count, gdouble weight) {
    self->bucket[bucket - self->first].count += count;
    self->bucket[bucket - self->first].weight += weight;
    self->total_count += count;
    self->total_weight += weight;
}

PfHistogram *pf_histogram_new_from_octaves(pf_octave_sum *const *octaves, guint64 max_ns) {
    guint first = PF_HIST_OCTAVES;
    guint end = 0;
    for (guint octave = 0; octave < PF_HIST_OCTAVES; octave++) {
        if (octaves[octave] != NULL) {
            first = MIN(first, octave);
            end = octave + 1;
        }
    }
    if (end == 0) {
        return histogram_new(0, 0, max_ns);
    }
    PfHistogram *self = histogram_new(first * PF_HIST_SUB, (end - first) * PF_HIST_SUB, max_ns);
    guint64 total_count = 0;
    gdouble total_weight = 0;
    for (guint octave = first; octave < end; octave++) {
        const pf_octave_sum *from = octaves[octave];
        for (guint i = 0; from != NULL && i < PF_HIST_SUB; i++) {
            guint to = (octave - first) * PF_HIST_SUB + i;
            self->bucket[to].count = from->count[i];
            self->bucket[to].weight = from->weight[i];
            total_count += from->count[i];
            total_weight += from->weight[i];
        }
    }
    self->total_count = total_count;
    self->total_weight = total_weight;
    return self;
}

/**
 * pf_histogram_new_from_values:
 * @values_ns: (array length=value_count): latencies in ns
 * @value_count: how many
 *
 * Makes a histogram of values that each stand for themselves.
 *
 * Returns: (transfer full): the histogram
 */
PfHistogram *pf_histogram_new_from_values(const guint64 *values_ns, gsize value_count) {
    guint64 max_ns = 0;
    guint first = PF_HIST_BUCKETS;
    guint end = 0;
    for (gsize i = 0; i < value_count; i++) {
        guint bucket = pf_hist_bucket(values_ns[i]);
        first = MIN(first, bucket);
        end = MAX(end, bucket + 1);
        max_ns = MAX(max_ns, values_ns[i]);
    }
    PfHistogram *self = histogram_new(end == 0 ? 0 : first, end == 0 ? 0 : end - first, max_ns);
    for (gsize i = 0; i < value_count; i++) {
        add(self, pf_hist_bucket(values_ns[i]), 1, 1);
    }
    return self;
}

/**
 * pf_histogram_ref:
 * @self: a histogram
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */
PfHistogram *pf_histogram_ref(PfHistogram *self) {
    g_atomic_ref_count_inc(&self->references);
    return self;
}

/**
 * pf_histogram_unref:
 * @self: (transfer full) (nullable): a histogram
 *
 * Gives a reference back.
 */
void pf_histogram_unref(PfHistogram *self) {
    if (self != NULL && g_atomic_ref_count_dec(&self->references)) {
        g_free(self);
    }
}

/**
 * pf_histogram_merge:
 * @self: a histogram
 * @other: another one
 *
 * Adds two histograms; nothing is lost, because all have the same buckets.
 *
 * Returns: (transfer full): the sum
 */
PfHistogram *pf_histogram_merge(PfHistogram *self, PfHistogram *other) {
    guint first = MIN(self->count ? self->first : PF_HIST_BUCKETS,
                      other->count ? other->first : PF_HIST_BUCKETS);
    guint end = MAX(self->count ? self->first + self->count : 0,
                    other->count ? other->first + other->count : 0);
    PfHistogram *sum = histogram_new(end == 0 ? 0 : first, end == 0 ? 0 : end - first,
                                     MAX(self->max_ns, other->max_ns));
    for (guint i = 0; i < self->count; i++) {
        add(sum, self->first + i, self->bucket[i].count, self->bucket[i].weight);
    }
    for (guint i = 0; i < other->count; i++) {
        add(sum, other->first + i, other->bucket[i].count, other->bucket[i].weight);
    }
    return sum;
}

/**
 * pf_histogram_get_count:
 * @self: a histogram
 *
 * Tells how many timed calls it holds.
 *
 * Returns: how many timed calls it holds
 */
guint64 pf_histogram_get_count(PfHistogram *self) { return self->total_count; }

/**
 * pf_histogram_get_weight:
 * @self: a histogram
 *
 * Tells how many calls, timed or not, those stand for.
 *
 * Returns: how many calls, timed or not, those stand for
 */
gdouble pf_histogram_get_weight(PfHistogram *self) { return self->total_weight; }

/**
 * pf_histogram_get_quantile:
 * @self: a histogram
 * @share: from 0 to 1: 0.99 for p99
 * @ret_ns: (out) (optional): the quantile: the middle of its bucket, at most the longest call
 * @ret_low_ns: (out) (optional): the quantile of the timed calls is not below this
 * @ret_high_ns: (out) (optional): and not above this
 *
 * Gives the latency that @share of the calls do not exceed.  The two limits are those of the bucket,
 * within 1/16 of each other; what sampling adds is not in them.
 *
 * Returns: whether there are any calls in the histogram
 */
gboolean pf_histogram_get_quantile(PfHistogram *self, gdouble share, gdouble *ret_ns,
                                   gdouble *ret_low_ns, gdouble *ret_high_ns) {
    gdouble left = CLAMP(share, 0, 1) * self->total_weight;
    for (guint i = 0; i < self->count; i++) {
        left -= self->bucket[i].weight;
        if (self->bucket[i].weight <= 0 || left > 1e-9 * self->total_weight) {
            continue;
        }
        guint bucket = self->first + i;
        gdouble max = (gdouble)self->max_ns;
        gdouble low = MIN((gdouble)pf_hist_low(bucket), max);
        if (ret_ns != NULL) {
            *ret_ns = MIN(pf_hist_middle(bucket), max);
        }
        if (ret_low_ns != NULL) {
            *ret_low_ns = low;
        }
        if (ret_high_ns != NULL) {
            *ret_high_ns =
                bucket + 1 < PF_HIST_BUCKETS ? MIN((gdouble)pf_hist_low(bucket + 1) - 1, max) : max;
        }
        return TRUE;
    }
    return FALSE;
}

/**
 * pf_histogram_get_weight_up_to:
 * @self: a histogram
 * @ns: a latency
 *
 * Counts the calls that took at most @ns; within the bucket of @ns they are taken to be spread evenly.
 *
 * Returns: how many calls, timed or not
 */
gdouble pf_histogram_get_weight_up_to(PfHistogram *self, gdouble ns) {
    gdouble sum = 0;
    for (guint i = 0; i < self->count; i++) {
        gdouble low = (gdouble)pf_hist_low(self->first + i);
        gdouble end = (gdouble)pf_hist_low(self->first + i + 1);
        gdouble part = CLAMP((ns + 1 - low) / (end - low), 0, 1);
        sum += part * self->bucket[i].weight;
    }
    return sum;
}

/**
 * pf_histogram_get_bucket_count:
 * @self: a histogram
 *
 * Gets the number of buckets from the first to the last that holds something.
 *
 * Returns: the number of buckets from the first to the last that holds something
 */
guint pf_histogram_get_bucket_count(PfHistogram *self) { return self->count; }

/**
 * pf_histogram_get_bucket:
 * @self: a histogram
 * @index: which bucket
 * @ret_low_ns: (out) (optional): its lowest latency
 * @ret_end_ns: (out) (optional): the lowest latency above it
 * @ret_count: (out) (optional): timed calls in it
 * @ret_weight: (out) (optional): calls that those stand for
 *
 * Gives a bucket; empty ones lie in between.
 *
 * Returns: whether there is a bucket @index
 */
gboolean pf_histogram_get_bucket(PfHistogram *self, guint index, guint64 *ret_low_ns,
                                 guint64 *ret_end_ns, guint64 *ret_count, gdouble *ret_weight) {
    if (index >= self->count) {
        return FALSE;
    }
    if (ret_low_ns != NULL) {
        *ret_low_ns = pf_hist_low(self->first + index);
    }
    if (ret_end_ns != NULL) {
        *ret_end_ns = pf_hist_low(self->first + index + 1);
    }
    if (ret_count != NULL) {
        *ret_count = self->bucket[index].count;
    }
    if (ret_weight != NULL) {
        *ret_weight = self->bucket[index].weight;
    }
    return TRUE;
}

// Shared by both ends of the bar: on a scale of octaves.
static gdouble position(gdouble ns, gdouble from, gdouble to, guint columns) {
    return log2(MAX(ns, from) / from) / log2(to / from) * columns;
}

/**
 * pf_histogram_to_bar:
 * @self: a histogram
 * @from_ns: where the first column begins, at least 1
 * @to_ns: where the last column ends, more than that
 * @columns: how many characters
 *
 * Draws the histogram in a line: a column for each step of latency (logarithmic; what lies outside
 * falls into the first or last), a step of height for a factor of four in calls, so that the rare slow
 * call is seen beside the many fast ones.
 *
 * Returns: (transfer full): the line
 */
gchar *pf_histogram_to_bar(PfHistogram *self, guint64 from_ns, guint64 to_ns, guint columns) {
    static const gchar *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    g_autofree gdouble *sums = g_new0(gdouble, MAX(columns, 1));
    gdouble from = (gdouble)MAX(from_ns, 1);
    gdouble to = MAX((gdouble)to_ns, from * 2);
    gdouble most = 0;
    for (guint i = 0; i < self->count && columns > 0; i++) {
        gdouble at = position(pf_hist_middle(self->first + i), from, to, columns);
        guint column = (guint)CLAMP(at, 0, columns - 1);
        sums[column] += self->bucket[i].weight;
        most = MAX(most, sums[column]);
    }
    GString *bar = g_string_new(NULL);
    for (guint i = 0; i < columns; i++) {
        guint height = 8;
        for (gdouble level = most; height > 1 && sums[i] < level; level /= 4) {
            height--;
        }
        g_string_append(bar, sums[i] <= 0 ? "·" : blocks[height - 1]);
    }
    return g_string_free(bar, FALSE);
}
