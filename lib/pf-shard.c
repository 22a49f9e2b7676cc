// SPDX-License-Identifier: Apache-2.0
// Finds a thread's shard in a few loads, hands those of ended threads on, and sums.
#include "pf-shard.h"
#include "pf-emoji.h"
#include <string.h>

// A store is a release and a reader's load an acquire: a reader that sees one of a message's numbers
// sees those that were stored before it.  On x86 and most others that is free.
#define GET(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define SET(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)

#define CACHED 4

// initial-exec: one load instead of a call of the loader's.  64 bytes fit into what glibc keeps for
// libraries that come by dlopen (as with Python).
static __thread struct {
    guint64 set_id;
    pf_shard *shard;
} cache[CACHED] __attribute__((tls_model("initial-exec")));

static void shard_unref(pf_shard *shard) {
    if (__atomic_sub_fetch(&shard->references, 1, __ATOMIC_ACQ_REL) == 0) {
        g_aligned_free(shard);
    }
}

// The thread ends: its numbers stay, and its shards are for the next thread.
static void disown(gpointer data) {
    pf_shard *shard = data;
    SET(&shard->owned, 0);
    shard_unref(shard);
}

static void thread_ends(gpointer data) {
    memset(cache, 0, sizeof cache);
    g_ptr_array_unref(data);
}

static GPrivate thread_shards = G_PRIVATE_INIT(thread_ends);

static GPtrArray *my_shards(void) {
    GPtrArray *mine = g_private_get(&thread_shards);
    if (mine == NULL) {
        mine = g_ptr_array_new_with_free_func(disown);
        g_private_set(&thread_shards, mine);
    }
    return mine;
}

// This thread's shard if it has one; on the way, lets go of those whose set is gone.
static pf_shard *find_mine(GPtrArray *mine, guint64 set_id) {
    pf_shard *found = NULL;
    for (guint i = mine->len; i-- > 0;) {
        pf_shard *shard = mine->pdata[i];
        if (GET(&shard->dead)) {
            g_ptr_array_remove_index_fast(mine, i);
        } else if (shard->set_id == set_id) {
            found = shard;
        }
    }
    return found;
}

static pf_shard *adopt(pf_shard_set *set) {
    for (guint i = 0; i < set->shards->len; i++) {
        pf_shard *shard = set->shards->pdata[i];
        if (!GET(&shard->owned)) {
            return shard;
        }
    }
    return NULL;
}

static pf_shard *create(pf_shard_set *set) {
    pf_shard *shard = g_aligned_alloc0(1, sizeof *shard, G_ALIGNOF(pf_shard));
    shard->generation = set->generation;
    shard->set_id = set->id;
    shard->references = 1;
    shard->random = (guint64)g_random_int() << 32 | g_random_int() | 1;
    shard->skip = pf_skip_draw(set->factor, &shard->random);
    g_ptr_array_add(set->shards, shard);
    return shard;
}

static pf_shard *take_one(pf_shard_set *set, GPtrArray *mine) {
    g_mutex_lock(&set->lock);
    pf_shard *shard = adopt(set);
    if (shard == NULL) {
        shard = create(set);
    }
    SET(&shard->owned, 1);
    __atomic_add_fetch(&shard->references, 1, __ATOMIC_RELAXED);
    g_mutex_unlock(&set->lock);
    g_ptr_array_add(mine, shard);
    return shard;
}

static __attribute__((noinline)) pf_shard *look_up(pf_shard_set *set) {
    GPtrArray *mine = my_shards();
    pf_shard *shard = find_mine(mine, set->id);
    if (shard == NULL) {
        shard = take_one(set, mine);
    }
    cache[set->id % CACHED].set_id = set->id;
    cache[set->id % CACHED].shard = shard;
    return shard;
}

// The owner's part of a reset.
static __attribute__((noinline)) void begin_again(pf_shard *shard, guint64 generation) {
    SET(&shard->messages, 0);
    SET(&shard->sampled, 0);
    SET(&shard->duration_ns, 0);
    SET(&shard->emoji, 0);
    SET(&shard->fields, 0);
    SET(&shard->bytes, 0);
    SET(&shard->max_ns, 0);
    SET(&shard->clock_reads, 0);
    gdouble none = 0;
    __atomic_store(&shard->sumsq, &none, __ATOMIC_RELEASE);
    __atomic_store(&shard->weight, &none, __ATOMIC_RELEASE);
    __atomic_store(&shard->weighted_ns, &none, __ATOMIC_RELEASE);
    __atomic_store(&shard->spread, &none, __ATOMIC_RELEASE);
    __atomic_store(&shard->spread_ns, &none, __ATOMIC_RELEASE);
    __atomic_store(&shard->spread_ns2, &none, __ATOMIC_RELEASE);
    for (guint i = 0; i < PF_HIST_BUCKETS; i++) {
        SET(&shard->buckets[i], 0);
    }
    SET(&shard->generation, generation); // last: readers pass over the shard until here
}

// The calling thread's shard, of the current generation.
static inline pf_shard *my_shard(pf_shard_set *set) {
    pf_shard *shard = cache[set->id % CACHED].shard;
    if (G_UNLIKELY(cache[set->id % CACHED].set_id != set->id)) {
        shard = look_up(set);
    }
    guint64 generation = GET(&set->generation);
    if (G_UNLIKELY(shard->generation != generation)) {
        begin_again(shard, generation);
    }
    return shard;
}

#define LEAST_RATE 1e-6

// A wait is drawn at one rate and stays at it, so every message in it was timed with that probability.
static __attribute__((noinline)) gboolean is_due_steered(pf_shard_set *set, pf_shard *shard) {
    if (shard->skip-- > 0) {
        return FALSE;
    }
    gdouble rate;
    __atomic_load(&set->steered_rate, &rate, __ATOMIC_RELAXED);
    shard->due_period = shard->period > 0 ? shard->period : 1 / MAX(set->rate, LEAST_RATE);
    shard->period = 1 / rate;
    shard->skip = pf_skip_draw(pf_skip_factor(rate), &shard->random);
    return TRUE;
}

// Is this message to be timed?
static inline gboolean is_due(pf_shard_set *set, pf_shard *shard) {
    if (G_UNLIKELY(set->is_steered)) {
        return is_due_steered(set, shard);
    }
    if (set->factor >= 0) {
        return set->factor == 0; // rate 1 or 0: nothing to draw
    }
    if (shard->skip-- > 0) {
        return FALSE;
    }
    shard->skip = pf_skip_draw(set->factor, &shard->random);
    return TRUE;
}

static inline void seen(pf_shard *shard, guint64 bytes) {
    SET(&shard->messages, shard->messages + 1);
    SET(&shard->bytes, pf_add_capped(shard->bytes, bytes));
}

static inline void add(gdouble *sum, gdouble value) {
    gdouble total = *sum + value;
    __atomic_store(sum, &total, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void add_weighted(pf_shard *shard, gdouble ns) {
    gdouble w = shard->due_period;
    add(&shard->weight, w);
    add(&shard->weighted_ns, w * ns);
    add(&shard->spread, w * (w - 1));
    add(&shard->spread_ns, w * (w - 1) * ns);
    add(&shard->spread_ns2, w * (w - 1) * ns * ns);
}

// After seen(): a reader that sees the message timed sees it counted.
static inline void timed(pf_shard *shard, const pf_message *message) {
    guint64 *bucket = &shard->buckets[pf_hist_bucket(message->duration_ns)];
    gdouble ns = (gdouble)message->duration_ns;
    gdouble sumsq = shard->sumsq + ns * ns;
    SET(&shard->sampled, shard->sampled + 1);
    SET(&shard->duration_ns, pf_add_capped(shard->duration_ns, message->duration_ns));
    SET(&shard->fields, pf_add_capped(shard->fields, message->fields));
    SET(bucket, *bucket + 1);
    __atomic_store(&shard->sumsq, &sumsq, __ATOMIC_RELEASE);
    if (G_UNLIKELY(shard->due_period > 0)) {
        add_weighted(shard, ns);
    }
    if (message->clock_reads > 0) {
        SET(&shard->clock_reads, shard->clock_reads + message->clock_reads);
    }
    if (message->emoji) {
        SET(&shard->emoji, shard->emoji + 1);
    }
    if (message->duration_ns > shard->max_ns) {
        SET(&shard->max_ns, message->duration_ns);
    }
}

void pf_shard_set_record(pf_shard_set *set, gint64 duration_ns, gboolean emoji, guint fields) {
    pf_shard *shard = my_shard(set);
    seen(shard, 0);
    if (is_due(set, shard)) {
        pf_message message = {
            .duration_ns = (guint64)MAX(duration_ns, 0), .fields = fields, .emoji = emoji};
        timed(shard, &message);
    }
}

void pf_shard_set_record_text(pf_shard_set *set, const gchar *text, gssize length,
                              gint64 duration_ns, guint fields) {
    gsize bytes = length < 0 ? strlen(text) : (gsize)length;
    pf_shard *shard = my_shard(set);
    seen(shard, bytes);
    if (is_due(set, shard)) {
        pf_message message = {.duration_ns = (guint64)MAX(duration_ns, 0),
                              .fields = fields,
                              .emoji = pf_has_emoji(text, bytes)};
        timed(shard, &message);
    }
}

gboolean pf_shard_set_is_due(pf_shard_set *set) { return is_due(set, my_shard(set)); }

void pf_shard_set_add(pf_shard_set *set, const pf_message *message, gboolean is_timed) {
    pf_shard *shard = my_shard(set);
    seen(shard, message->bytes);
    if (is_timed) {
        timed(shard, message);
    }
}

pf_shard_set *pf_shard_set_new(gdouble rate) {
    static guint64 last_id;
    pf_shard_set *set = g_aligned_alloc0(1, sizeof *set, G_ALIGNOF(pf_shard_set));
    set->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    set->generation = 1;
    set->rate = rate;
    set->factor = pf_skip_factor(rate);
    g_mutex_init(&set->lock);
    set->shards = g_ptr_array_new();
    return set;
}

void pf_shard_set_steer(pf_shard_set *set, gdouble rate) {
    rate = CLAMP(rate, LEAST_RATE, 1);
    __atomic_store(&set->steered_rate, &rate, __ATOMIC_RELAXED);
    set->is_steered = TRUE;
}

void pf_shard_set_free(pf_shard_set *set) {
    for (guint i = 0; i < set->shards->len; i++) {
        pf_shard *shard = set->shards->pdata[i];
        SET(&shard->dead, 1);
        shard_unref(shard);
    }
    g_ptr_array_unref(set->shards);
    g_mutex_clear(&set->lock);
    g_aligned_free(set);
}

void pf_shard_set_reset(pf_shard_set *set) {
    g_mutex_lock(&set->lock);
    SET(&set->generation, set->generation + 1);
    g_mutex_unlock(&set->lock);
}

static void read_histogram(const pf_shard *shard, struct pf_stratum *stratum, pf_totals *totals) {
    for (guint i = 0; i < PF_HIST_BUCKETS; i++) {
        guint64 count = GET(&shard->buckets[i]);
        if (count != 0) {
            gdouble middle = pf_hist_middle(i);
            stratum->mid_sum += (gdouble)count * middle;
            stratum->mid_sumsq += (gdouble)count * middle * middle;
            stratum->sumcube += (gdouble)count * middle * middle * middle;
            totals->histogram[i] += (gdouble)count;
        }
    }
}

// In the reverse order of the stores, so that no part is larger than its whole.
static void read_shard(const pf_shard *shard, pf_totals *totals, struct pf_stratum *stratum) {
    *stratum = (struct pf_stratum){.max_ns = GET(&shard->max_ns)};
    totals->clock_reads += GET(&shard->clock_reads);
    guint64 emoji = GET(&shard->emoji);
    __atomic_load(&shard->sumsq, &stratum->sumsq, __ATOMIC_ACQUIRE);
    __atomic_load(&shard->weight, &stratum->weight, __ATOMIC_ACQUIRE);
    __atomic_load(&shard->weighted_ns, &stratum->weighted_ns, __ATOMIC_ACQUIRE);
    __atomic_load(&shard->spread, &stratum->spread, __ATOMIC_ACQUIRE);
    __atomic_load(&shard->spread_ns, &stratum->spread_ns, __ATOMIC_ACQUIRE);
    __atomic_load(&shard->spread_ns2, &stratum->spread_ns2, __ATOMIC_ACQUIRE);
    totals->sumsq += stratum->sumsq;
    read_histogram(shard, stratum, totals);
    guint64 fields = GET(&shard->fields);
    stratum->sum_ns = GET(&shard->duration_ns);
    stratum->sampled = GET(&shard->sampled);
    guint64 bytes = GET(&shard->bytes);
    stratum->calls = GET(&shard->messages);
    totals->messages += stratum->calls;
    totals->sampled += stratum->sampled;
    totals->emoji += emoji;
    totals->duration_ns = pf_add_capped(totals->duration_ns, stratum->sum_ns);
    totals->fields = pf_add_capped(totals->fields, fields);
    totals->bytes = pf_add_capped(totals->bytes, bytes);
    totals->max_ns = MAX(totals->max_ns, stratum->max_ns);
}

void pf_shard_set_sum(pf_shard_set *set, pf_totals *ret_totals) {
    struct pf_estimator estimator;
    memset(ret_totals, 0, sizeof *ret_totals);
    pf_estimator_init(&estimator, set->rate);
    g_mutex_lock(&set->lock); // no reset meanwhile, so no owner begins again
    for (guint i = 0; i < set->shards->len; i++) {
        const pf_shard *shard = set->shards->pdata[i];
        if (GET(&shard->generation) == set->generation) {
            struct pf_stratum stratum;
            read_shard(shard, ret_totals, &stratum);
            pf_estimator_add(&estimator, &stratum);
        }
    }
    g_mutex_unlock(&set->lock);
    pf_estimator_finish(&estimator, &ret_totals->estimate);
}
