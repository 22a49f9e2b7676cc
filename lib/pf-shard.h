// SPDX-License-Identifier: Apache-2.0
// Counters of many threads without a shared line: each thread adds to a shard of its own, a reader
// sums.  Internal.
#pragma once
#include "pf-estimate.h"
#include "pf-hist.h"
#include "pf-skip.h"
#include <glib.h>

// Written by its owner only, with plain loads and stores: nothing can be lost, and no instruction is
// locked.  128 bytes apart, because processors fetch lines in pairs.
typedef struct pf_shard {
    // The generation that the numbers belong to.  A reset raises that of the set; the owner then
    // starts from 0 at its next message, and readers pass over the shard meanwhile.
    guint64 generation;
    guint64 messages;
    guint64 sampled;
    guint64 duration_ns;
    guint64 emoji;
    guint64 fields;
    guint64 bytes;
    guint64 max_ns;
    guint64 clock_reads;
    gdouble sumsq;
    gdouble period;     // of the wait that is running: 1 / rate when it was drawn
    gdouble due_period; // of the one that has run out
    gdouble weight;     // sums as in struct pf_stratum
    gdouble weighted_ns;
    gdouble spread;
    gdouble spread_ns;
    gdouble spread_ns2;
    guint64 random;
    gint32 skip;
    gint32 references; // of the set and of the owner
    gint32 owned;      // by a living thread; else another may take it over
    gint32 dead;       // the set is gone
    guint64 set_id;
    guint64 buckets[PF_HIST_BUCKETS];
} __attribute__((aligned(128))) pf_shard;

typedef struct {
    // Read by every message, written by a reset only.
    guint64 id; // never used again: a cached shard cannot be taken for that of a later set
    guint64 generation;
    gdouble rate;
    gdouble factor;    // see pf_skip_factor
    gint32 is_steered; // the rate may change: each wait remembers its own
    gdouble steered_rate;
    // Everything below under the lock.
    GMutex lock __attribute__((aligned(128)));
    GPtrArray *shards;
} pf_shard_set;

// What is handed in for one message.
typedef struct {
    guint64 duration_ns;
    guint64 fields;
    guint64 bytes;
    guint64 clock_reads; // of ours
    gboolean emoji;
} pf_message;

// The sum of all shards.
typedef struct {
    guint64 messages;
    guint64 sampled; // never more than `messages`
    guint64 duration_ns;
    guint64 emoji; // never more than `sampled`
    guint64 fields;
    guint64 bytes;
    guint64 max_ns;
    guint64 clock_reads;
    gdouble sumsq;
    gdouble histogram[PF_HIST_BUCKETS];
    struct pf_estimate estimate;
} pf_totals;

pf_shard_set *pf_shard_set_new(gdouble rate);
void pf_shard_set_free(pf_shard_set *set); // nobody may be recording into it
void pf_shard_set_reset(pf_shard_set *set);
// Each thread draws its next wait with this rate, and weighs what it times with the rate that its wait was
// drawn with: estimates stay unbiased.
void pf_shard_set_steer(pf_shard_set *set, gdouble rate);
void pf_shard_set_sum(pf_shard_set *set, pf_totals *ret_totals);

// Records one message that is timed if it is due; a negative duration counts as 0.
void pf_shard_set_record(pf_shard_set *set, gint64 duration_ns, gboolean emoji, guint fields);
// Looks for emoji in `text` itself, in timed messages only.
void pf_shard_set_record_text(pf_shard_set *set, const gchar *text, gssize length,
                              gint64 duration_ns, guint fields);

// The same in two halves: whether the calling thread's next message is due ...
gboolean pf_shard_set_is_due(pf_shard_set *set);
// ... and one more message, timed or not.
void pf_shard_set_add(pf_shard_set *set, const pf_message *message, gboolean timed);

// Sums end at the largest number instead of beginning again at 0.
static inline guint64 pf_add_capped(guint64 a, guint64 b) {
    guint64 sum;
    return __builtin_add_overflow(a, b, &sum) ? G_MAXUINT64 : sum;
}
