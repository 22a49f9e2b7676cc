// SPDX-License-Identifier: Apache-2.0
// Adds the segment up: rows sorted by call, site, stream and thread, each group with its statistics.
#include "pf-summary.h"
#include "pf-clock.h"
#include "pf-end.h"
#include "pf-libc.h"
#include "pf-probe.h"
#include "pf-process.h"

const char *const pf_lost_names[PF_LOST_COUNT] = {"memory", "reentry", "child", "early"};
const char *const pf_kind_names[PF_KIND_COUNT] = {"other", "file",   "pipe",  "socket",
                                                  "tty",   "device", "memory"};
const char *const pf_level_names[PF_LEVEL_COUNT] = {"emerg",  "alert", "crit",  "error", "warning",
                                                    "notice", "info",  "debug", "none"};

static bool is_messages(const struct pf_row *row) { return pf_is_message(row->call); }

// Messages first, then flushes, then scopes.
static uint64_t class_of(const struct pf_row *row) {
    return is_messages(row) ? 0 : pf_is_scope(row->call) ? 2 : 1;
}

// --- rows

// A stream of stdio without a descriptor is one in memory.
static enum pf_kind kind_of(const struct pf_row *row) {
    if (row->stream != PF_STREAM_NONE) {
        return pf_stream_kind(row->stream);
    }
    unsigned family = pf_calls[row->call].family;
    return family == PF_FAMILY_STDIO || family == PF_FAMILY_FORMAT || family == PF_FAMILY_WIDE
               ? PF_KIND_MEMORY
               : PF_KIND_UNKNOWN;
}

static void add_row(struct pf_summary *summary, size_t room, const struct pf_slot *slot,
                    const struct pf_entry *entry) {
    if (entry->key == 0) {
        return;
    }
    if (summary->row_count == room) {
        unsigned call = pf_key_call(entry->key);
        if (call < PF_CALL_COUNT) {
            summary->crowded[call].calls += __atomic_load_n(&entry->calls, __ATOMIC_RELAXED);
            summary->crowded[call].bytes += __atomic_load_n(&entry->bytes, __ATOMIC_RELAXED);
            summary->segment->partial = 1;
        }
        return;
    }
    struct pf_row *row = &summary->rows[summary->row_count];
    uint32_t at = __atomic_load_n(&entry->detail, __ATOMIC_ACQUIRE);
    const struct pf_detail *detail = pf_at(summary->segment, at);
    *row = (struct pf_row){
        .slot = slot,
        .detail = detail,
        .site = entry->key & 0xffffffffffffull,
        .call = (uint8_t)pf_key_call(entry->key),
        .stream = (uint8_t)(entry->key >> PF_KEY_STREAM_SHIFT),
    };
    if (detail != NULL) {
        row->timed.sampled = detail->timed.count;
        row->timed.sum_ns = detail->timed.sum_ns;
        row->timed.sumsq_ns2 =
            (double)detail->timed.sumsq_ns2[0] + (double)detail->timed.sumsq_ns2[1] * 0x1p64;
        row->timed.certain = detail->certain;
        row->timed.certain_ns = detail->certain_ns;
        row->timed.max_ns = detail->max_ns;
        row->timed.emoji = detail->emoji;
        row->timed.fields = detail->fields;
        row->timed.errors = detail->errors;
        bool all = detail->period == 1;
        row->timed.weight = detail->weight + (all ? (double)detail->timed.count : 0);
        row->timed.weighted_ns = detail->weighted_ns + (all ? (double)detail->timed.sum_ns : 0);
        row->timed.spread = detail->spread;
        row->timed.spread_ns = detail->spread_ns;
        row->timed.spread_ns2 = detail->variance_ns2;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    row->bytes = __atomic_load_n(&entry->bytes, __ATOMIC_RELAXED);
    row->calls = __atomic_load_n(&entry->calls, __ATOMIC_RELAXED);
    row->kind = (uint8_t)kind_of(row);
    if (row->call == PF_CALL_pf_profile_begin) { // one row with its ends
        row->call = PF_CALL_pf_profile_end;
        row->begun = row->calls;
        row->calls = 0;
        row->detail = NULL;
        row->timed = (__typeof__(row->timed)){0};
    }
    summary->row_count += row->calls + row->begun != 0;
}

static void add_slots(struct pf_summary *summary, size_t room) {
    struct pf_segment *segment = summary->segment;
    uint64_t at = __atomic_load_n(&segment->first_slot, __ATOMIC_ACQUIRE);
    for (; at != 0; at = ((struct pf_slot *)pf_at(segment, at))->next) {
        const struct pf_slot *slot = pf_at(segment, at);
        if (slot->reset != segment->control.reset) {
            continue; // nothing since the reset
        }
        for (unsigned i = 0; i < PF_CACHE_ENTRIES; i++) {
            add_row(summary, room, slot, &slot->cache[i]);
        }
        const struct pf_more *more = pf_at(segment, slot->more);
        for (; more != NULL; more = pf_at(segment, more->next)) {
            for (uint64_t i = 0; i < more->entries; i++) {
                add_row(summary, room, slot, &more->entry[i]);
            }
        }
        summary->all_threads += slot->threads;
    }
}

static void add_spill(struct pf_summary *summary, const struct pf_spill *spill) {
    for (unsigned call = 0; call < PF_CALL_COUNT; call++) {
        if (spill[call].calls != 0 || spill[call].bytes != 0) {
            summary->rows[summary->row_count++] = (struct pf_row){
                .calls = spill[call].calls,
                .bytes = spill[call].bytes,
                .call = (uint8_t)call,
                .stream = PF_STREAM_MANY, // some descriptor, and its bytes did go to the kernel
            };
        }
    }
}

// --- sorting: in place, no allocation (libc's qsort may allocate), never worse than n log n

enum order { BY_CALL, BY_SITE, BY_STREAM, BY_THREAD };

static uint64_t key_of(const struct pf_row *row, enum order order) {
    switch (order) {
    case BY_CALL: return class_of(row) << 8 | row->call;
    case BY_SITE: return class_of(row) << 60 | (uint64_t)row->call << 48 | row->site;
    case BY_STREAM: return class_of(row) << 16 | (uint64_t)row->stream << 8 | row->kind;
    default: return class_of(row) << 60 | (uint64_t)(uintptr_t)row->slot;
    }
}

static void sift(struct pf_row *rows, size_t root, size_t count, enum order order) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && key_of(&rows[child], order) < key_of(&rows[child + 1], order)) {
            child++;
        }
        if (key_of(&rows[root], order) >= key_of(&rows[child], order)) {
            return;
        }
        struct pf_row row = rows[root];
        rows[root] = rows[child];
        rows[child] = row;
        root = child;
    }
}

static void sort(struct pf_row *rows, size_t count, enum order order) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(rows, i, count, order);
    }
    for (size_t end = count; end > 1; end--) {
        struct pf_row row = rows[0];
        rows[0] = rows[end - 1];
        rows[end - 1] = row;
        sift(rows, 0, end - 1, order);
    }
}

// --- statistics of a run of rows

static const uint32_t *octave_of(const struct pf_detail *detail, unsigned octave) {
    uint32_t at = __atomic_load_n(&detail->octave[octave], __ATOMIC_ACQUIRE);
    return pf_at(pf_process.segment, at);
}

// Adds the row's histogram, each timed call weighing as many calls as it stands for, and gives the
// stratum its moments at the bucket middles.
static void add_weighted(double *histogram, const struct pf_row *row, struct pf_stratum *stratum) {
    const struct pf_detail *detail = row->detail;
    uint64_t others = row->calls - row->timed.certain;
    double weight = row->timed.sampled ? (double)others / (double)row->timed.sampled : 0;
    for (unsigned octave = 0; octave < PF_HIST_OCTAVES; octave++) {
        const uint32_t *counts = octave_of(detail, octave);
        for (unsigned i = 0; counts != NULL && i < PF_HIST_SUB; i++) {
            double middle = pf_hist_middle(octave * PF_HIST_SUB + i);
            histogram[octave * PF_HIST_SUB + i] += counts[i] * weight;
            stratum->mid_sum += counts[i] * middle;
            stratum->mid_sumsq += counts[i] * middle * middle;
            stratum->sumcube += counts[i] * middle * middle * middle;
        }
    }
    if (row->timed.certain) {
        uint64_t mean = row->timed.certain_ns / row->timed.certain;
        histogram[pf_hist_bucket(mean)] += (double)row->timed.certain;
    }
}

static void read_histogram(struct pf_stats *stats, const double *histogram) {
    static const double shares[4] = {0.5, 0.9, 0.99, 0.999};
    double total = 0;
    for (unsigned i = 0; i < PF_HIST_BUCKETS; i++) {
        total += histogram[i];
        unsigned octave = i < 16 ? 0 : i / 16 - 1; // octave 0 begins at 16 ns
        unsigned column = octave / 2 < PF_SHAPE_COLUMNS ? octave / 2 : PF_SHAPE_COLUMNS - 1;
        stats->shape[column] += histogram[i];
    }
    for (unsigned q = 0; q < 4; q++) {
        double left = shares[q] * total;
        stats->quantile_ns[q] = -1;
        for (unsigned i = 0; i < PF_HIST_BUCKETS && total > 0; i++) {
            left -= histogram[i];
            if (left <= 0 && histogram[i] > 0) {
                double middle = pf_hist_middle(i);
                stats->quantile_ns[q] =
                    middle < (double)stats->max_ns ? middle : (double)stats->max_ns;
                break;
            }
        }
    }
}

// The timed calls of which something is known stand for all calls of their site.
static void add_levels_and_sizes(struct pf_stats *stats, const struct pf_row *row) {
    const struct pf_detail *detail = row->detail;
    uint64_t timed = row->timed.sampled + row->timed.certain;
    if (timed == 0) {
        return;
    }
    double looked = detail->level_text != 0 ? detail->level_text : (double)timed;
    double named = 0;
    for (unsigned i = 0; i < PF_LEVEL_NONE; i++) {
        double calls = detail->level[i] / looked * (double)row->calls;
        stats->level[i] += calls;
        named += calls;
    }
    stats->level[PF_LEVEL_NONE] += (double)row->calls > named ? (double)row->calls - named : 0;
    uint64_t tiny = 0;
    for (unsigned bits = 1; bits <= 7; bits++) {
        tiny += detail->sizes[bits];
    }
    stats->tiny += (double)tiny / (double)timed * (double)row->calls;
}

// What timed output calls in scopes took of the time of these scopes.
static void add_inclusive(struct pf_stats *stats, const struct pf_detail *detail) {
    const struct pf_scope_sums *sums = pf_at(pf_process.segment, detail->scope);
    if (sums != NULL) {
        stats->whole_ns += (double)sums->whole.exact_ns + sums->whole.weighted_ns;
        stats->whole_variance += sums->whole.variance_ns2;
        stats->whole_count += sums->whole.count;
        stats->output_ns += (double)sums->output.exact_ns + sums->output.weighted_ns;
        stats->output_variance += sums->output.variance_ns2;
        stats->output_count += sums->output.count;
    }
}

static void add_up(struct pf_stats *stats, const struct pf_row *rows, size_t count, double rate) {
    double histogram[PF_HIST_BUCKETS] = {0};
    struct pf_estimator estimator;
    *stats = (struct pf_stats){0};
    pf_estimator_init(&estimator, rate);
    for (size_t i = 0; i < count; i++) {
        const struct pf_row *row = &rows[i];
        stats->calls += row->calls;
        stats->begun += row->begun;
        stats->bytes += row->bytes;
        stats->bytes_unknown += pf_calls[row->call].bytes_unknown ? row->calls : 0;
        stats->timed += row->timed.certain + row->timed.sampled;
        stats->timed_ns += row->timed.certain_ns + row->timed.sum_ns;
        stats->errors += row->timed.errors;
        stats->emoji += row->timed.emoji;
        stats->fields += row->timed.fields;
        stats->max_ns = row->timed.max_ns > stats->max_ns ? row->timed.max_ns : stats->max_ns;
        struct pf_stratum stratum = {.calls = row->calls - row->timed.certain,
                                     .certain_calls = row->timed.certain,
                                     .certain_ns = row->timed.certain_ns,
                                     .sampled = row->timed.sampled,
                                     .sum_ns = row->timed.sum_ns,
                                     .sumsq = row->timed.sumsq_ns2,
                                     .max_ns = row->timed.max_ns,
                                     .weight = row->timed.weight,
                                     .weighted_ns = row->timed.weighted_ns,
                                     .spread = row->timed.spread,
                                     .spread_ns = row->timed.spread_ns,
                                     .spread_ns2 = row->timed.spread_ns2};
        if (row->detail != NULL) {
            stratum.no_chance = row->detail->period == 0 && row->timed.sampled == 0;
            add_weighted(histogram, row, &stratum);
            if (pf_is_scope(row->call)) {
                add_inclusive(stats, row->detail);
            } else {
                pf_why_add(&stats->why, row->detail, (double)row->calls);
                add_levels_and_sizes(stats, row);
            }
        }
        if (!pf_calls[row->call].never_timed) {
            pf_estimator_add(&estimator, &stratum);
        }
    }
    pf_estimator_finish(&estimator, &stats->estimate);
    read_histogram(stats, histogram);
}

// What a group cost, for sorting: the estimate, or at least what was measured.
static double cost_of(const struct pf_group *group) {
    double cost = group->stats.estimate.total_ns;
    return cost > 0 ? cost : (double)group->stats.timed_ns;
}

// Keeps the `room` dearest groups, dearest first.
static size_t keep(struct pf_group *groups, size_t count, size_t room, const struct pf_group *new) {
    size_t at = count < room ? count : room;
    while (at > 0 && cost_of(&groups[at - 1]) < cost_of(new)) {
        if (at < room) {
            groups[at] = groups[at - 1];
        }
        at--;
    }
    if (at < room) {
        groups[at] = *new;
    }
    return count < room ? count + 1 : room;
}

static size_t group(struct pf_summary *summary, const struct pf_row *rows, size_t row_count,
                    enum order order, struct pf_group *groups, size_t room, size_t *ret_all) {
    size_t count = 0;
    size_t all = 0;
    double rate = summary->segment != NULL ? summary->segment->rate : 1;
    for (size_t start = 0, end; start < row_count; start = end) {
        for (end = start + 1;
             end < row_count && key_of(&rows[start], order) == key_of(&rows[end], order); end++) {
        }
        struct pf_group new = {.first = &rows[start], .count = end - start};
        add_up(&new.stats, new.first, new.count, rate);
        count = keep(groups, count, room, &new);
        all++;
    }
    *ret_all = all;
    return count;
}

// What a thread spent in output: its messages and its flushes.
static void add_thread_flushes(struct pf_summary *summary, const struct pf_row *rows, size_t count,
                               double rate) {
    for (size_t i = 0; i < summary->thread_count; i++) {
        const struct pf_group *thread = &summary->threads[i];
        size_t start = 0;
        while (start < count && rows[start].slot != thread->first->slot) {
            start++;
        }
        size_t end = start;
        while (end < count && rows[end].slot == thread->first->slot) {
            end++;
        }
        struct pf_stats flushes;
        add_up(&flushes, &rows[start], end - start, rate);
        bool known = pf_estimate_has_total(&thread->stats.estimate) &&
                     pf_estimate_has_total(&flushes.estimate);
        summary->thread_output_ns[i] =
            known ? thread->stats.estimate.total_ns + flushes.estimate.total_ns : -1;
    }
}

// --- the rest

const struct pf_error *pf_next_error(struct pf_segment *segment, struct pf_error_walk *walk) {
    for (;;) {
        if (walk->slot == NULL) {
            walk->slot = segment != NULL ? pf_at(segment, segment->first_slot) : NULL;
        } else if (walk->more == NULL ? walk->next == PF_SLOT_ERRORS : walk->next == 15) {
            uint64_t at = walk->more == NULL ? walk->slot->more_errors : walk->more->next;
            walk->next = 0;
            walk->more = pf_at(segment, at);
            if (walk->more == NULL) {
                walk->slot = pf_at(segment, walk->slot->next);
                if (walk->slot == NULL) {
                    return NULL;
                }
            }
        }
        if (walk->slot == NULL) {
            return NULL;
        }
        const struct pf_error *errors = walk->more != NULL ? walk->more->error : walk->slot->errors;
        const struct pf_error *error = &errors[walk->next++];
        if (error->count != 0) {
            return error;
        }
    }
}

const struct pf_stream *pf_summary_stream(const struct pf_summary *summary, unsigned stream) {
    if (summary->segment == NULL || stream < PF_STREAM_FIRST || stream >= PF_STREAM_MANY) {
        return NULL;
    }
    return pf_at(summary->segment,
                 __atomic_load_n(&summary->segment->stream[stream], __ATOMIC_ACQUIRE));
}

const struct pf_event *pf_summary_longest(const struct pf_slot *slot) {
    const struct pf_event *longest = NULL;
    for (unsigned i = 0; i < PF_SLOT_SLOWEST; i++) {
        const struct pf_event *event = &slot->slowest[i];
        if (event->key != 0 && event->duration_ns != UINT64_MAX &&
            (longest == NULL || event->duration_ns > longest->duration_ns)) {
            longest = event;
        }
    }
    return longest;
}

uint64_t pf_summary_unix_ns(uint64_t monotonic_ns) {
    return pf_process.start_unix_ns + monotonic_ns - pf_process.start_monotonic_ns;
}

static void take_slowest(struct pf_summary *summary) {
    struct pf_segment *segment = summary->segment;
    uint64_t at = segment->first_slot;
    for (; at != 0; at = ((struct pf_slot *)pf_at(segment, at))->next) {
        const struct pf_slot *slot = pf_at(segment, at);
        for (unsigned i = 0; i < PF_SLOT_SLOWEST; i++) {
            // A thread that still runs may be writing it: what is the same before and after is whole.
            const uint64_t *duration = &slot->slowest[i].duration_ns;
            uint64_t before = __atomic_load_n(duration, __ATOMIC_ACQUIRE);
            struct pf_event slow = slot->slowest[i];
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            size_t place = summary->slowest_count;
            if (slow.key == 0 || before == UINT64_MAX || slot->reset != segment->control.reset ||
                before != __atomic_load_n(duration, __ATOMIC_RELAXED)) {
                continue;
            }
            slow.duration_ns = before;
            while (place > 0 && summary->slowest[place - 1].event.duration_ns < slow.duration_ns) {
                if (place < PF_MOST_SLOWEST) {
                    summary->slowest[place] = summary->slowest[place - 1];
                }
                place--;
            }
            if (place < PF_MOST_SLOWEST) {
                summary->slowest[place] = (struct pf_slowest){slow, slot};
                summary->slowest_count += summary->slowest_count < PF_MOST_SLOWEST;
            }
        }
    }
}

// Does the kernel's wchar count what this row wrote?
static bool counted_by_kernel(const struct pf_row *row) {
    if (row->kind == PF_KIND_MEMORY) {
        return false;
    }
    switch (pf_calls[row->call].family) {
    case PF_FAMILY_WRITE:
    case PF_FAMILY_STDIO:
    case PF_FAMILY_FORMAT:
    case PF_FAMILY_WIDE:
    case PF_FAMILY_GLIB:
    case PF_FAMILY_ERROR: return true;
    case PF_FAMILY_COPY:
        return row->call == PF_CALL_sendfile || row->call == PF_CALL_sendfile64 ||
               row->call == PF_CALL_copy_file_range;
    default: return false;
    }
}

static void cover(struct pf_summary *summary) {
    struct pf_coverage *coverage = &summary->coverage;
    for (size_t i = 0; i < summary->row_count; i++) {
        const struct pf_row *row = &summary->rows[i];
        if (counted_by_kernel(row)) {
            coverage->seen_bytes += row->bytes;
            coverage->unknown_calls += pf_calls[row->call].bytes_unknown ? row->calls : 0;
        }
    }
    coverage->known = pf_end_kernel_bytes(&coverage->kernel_bytes, &coverage->with_children);
    if (!coverage->known) {
        return;
    }
    coverage->pending_bytes = pf_libc_pending();
    uint64_t gone = coverage->seen_bytes > coverage->pending_bytes
                        ? coverage->seen_bytes - coverage->pending_bytes
                        : 0;
    gone = gone < coverage->kernel_bytes ? gone : coverage->kernel_bytes;
    coverage->percent =
        coverage->kernel_bytes ? 100.0 * (double)gone / (double)coverage->kernel_bytes : 100;
}

double pf_thread_wall_ns(const struct pf_slot *slot) {
    uint64_t now = pf_now();
    uint64_t wall = slot->attached_ns;
    if (slot->attach_ns != 0 && now > slot->attach_ns) {
        wall += now - slot->attach_ns;
    }
    return (double)wall;
}

static void *carve(char **at, const char *end, size_t size) {
    size = (size + 63) & ~(size_t)63;
    if ((size_t)(end - *at) < size) {
        return NULL;
    }
    void *piece = *at;
    *at += size;
    return piece;
}

static double calls_of(const struct pf_summary *s) {
    return (double)(s->messages.calls + s->flushes.calls + s->scope_calls.calls);
}

static double timed_of(const struct pf_summary *s) {
    return (double)(s->messages.timed + s->flushes.timed + s->scope_calls.timed);
}

// Each order keeps its own copy of the rows, because groups point into them.
#define COPIES 5
// Calls of a function without a site: of the segment, of before it, of what found no row.
#define SPILLS 3

size_t pf_summary_need(void) {
    const struct pf_segment *segment = pf_process.segment;
    uint64_t used = segment != NULL ? segment->used : 0;
    size_t entries =
        (size_t)(used + (256u << 10)) / sizeof(struct pf_entry); // and what may come yet
    return PF_SUMMARY_LEAST + entries * COPIES * sizeof(struct pf_row);
}

struct pf_summary *pf_summary_make(void *scratch, size_t size, const char *how, int status) {
    char *at = scratch;
    const char *end = at + size;
    struct pf_summary *summary = carve(&at, end, sizeof *summary);
    struct pf_slot *practice = carve(&at, end, sizeof *practice);
    if (summary == NULL || practice == NULL) {
        return NULL;
    }
    struct pf_row *copies[COPIES - 1];
    // Less what carve() may take to align each copy.
    size_t room = (size_t)(end - at) / sizeof(struct pf_row) / COPIES;
    if (room < (SPILLS + 1) * PF_CALL_COUNT) {
        return NULL;
    }
    summary->rows = carve(&at, end, --room * sizeof(struct pf_row));
    room -= SPILLS * PF_CALL_COUNT;
    summary->segment = pf_process.segment;
    summary->how = how;
    summary->status = status;
    summary->uptime_ns = (double)pf_since(pf_process.start_monotonic_ns, pf_now());
    if (summary->segment != NULL) {
        add_slots(summary, room);
        add_spill(summary, summary->segment->spill);
        take_slowest(summary);
    }
    add_spill(summary, pf_process.early);
    add_spill(summary, summary->crowded);
    for (unsigned i = 0; i < PF_LOST_COUNT; i++) {
        summary->lost[i] =
            pf_process.early_lost[i] + (summary->segment != NULL ? summary->segment->lost[i] : 0);
    }
    size_t messages = 0;
    for (unsigned order = 0; order < COPIES - 1; order++) {
        copies[order] = carve(&at, end, summary->row_count * sizeof(struct pf_row));
        if (copies[order] == NULL) {
            return NULL;
        }
        for (size_t i = 0; i < summary->row_count; i++) {
            copies[order][i] = summary->rows[i];
        }
        sort(copies[order], summary->row_count, order);
    }
    while (messages < summary->row_count && is_messages(&copies[BY_CALL][messages])) {
        messages++;
    }
    double rate = summary->segment != NULL ? summary->segment->rate : 1;
    size_t flushes = 0;
    while (messages + flushes < summary->row_count &&
           class_of(&copies[BY_CALL][messages + flushes]) == 1) {
        flushes++;
    }
    const size_t others = messages + flushes; // then come scopes
    size_t all;
    add_up(&summary->messages, copies[BY_CALL], messages, rate);
    add_up(&summary->flushes, copies[BY_CALL] + messages, flushes, rate);
    summary->message_function_count =
        group(summary, copies[BY_CALL], messages, BY_CALL, summary->functions, PF_CALL_COUNT, &all);
    summary->function_count = summary->message_function_count +
                              group(summary, copies[BY_CALL] + messages, flushes, BY_CALL,
                                    summary->functions + summary->message_function_count,
                                    PF_CALL_COUNT - summary->message_function_count, &all);
    summary->site_count = group(summary, copies[BY_SITE], messages, BY_SITE, summary->sites,
                                PF_MOST_GROUPS, &summary->all_sites);
    summary->stream_count = group(summary, copies[BY_STREAM], messages, BY_STREAM, summary->streams,
                                  PF_MOST_GROUPS, &all);
    summary->thread_count = group(summary, copies[BY_THREAD], messages, BY_THREAD, summary->threads,
                                  PF_MOST_GROUPS, &all);
    summary->scope_count = group(summary, copies[BY_SITE] + others, summary->row_count - others,
                                 BY_SITE, summary->scopes, PF_MOST_GROUPS, &summary->all_scopes);
    add_up(&summary->scope_calls, copies[BY_CALL] + others, summary->row_count - others, rate);
    add_thread_flushes(summary, copies[BY_THREAD] + messages, flushes, rate);
    cover(summary);
    summary->overhead_ns = pf_end_measure_overhead(practice, calls_of(summary), timed_of(summary));
    return summary;
}
