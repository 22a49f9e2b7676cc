// SPDX-License-Identifier: Apache-2.0
// The summary: rows grouped by call, site, stream and thread, each group with its statistics.
#include "pf-clock.h"
#include "pf-end.h"
#include "pf-libc.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-summary-parts.h"

const char *const pf_lost_names[PF_LOST_COUNT] = {"memory", "reentry", "child", "early"};
const char *const pf_kind_names[PF_KIND_COUNT] = {"other", "file",   "pipe",  "socket",
                                                  "tty",   "device", "memory"};
const char *const pf_level_names[PF_LEVEL_COUNT] = {"emerg",  "alert", "crit",  "error", "warning",
                                                    "notice", "info",  "debug", "none"};

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

// `count` groups are there already.
static size_t group_more(struct pf_summary *summary, const struct pf_row *rows, size_t row_count,
                         enum pf_order order, struct pf_group *groups, size_t count, size_t room,
                         size_t *ret_all) {
    size_t all = 0;
    double rate = summary->segment != NULL ? summary->segment->rate : 1;
    for (size_t start = 0, end; start < row_count; start = end) {
        for (end = start + 1;
             end < row_count && pf_row_key(&rows[start], order) == pf_row_key(&rows[end], order);
             end++) {
        }
        struct pf_group new = {.first = &rows[start], .count = end - start};
        pf_stats_add_up(&new.stats, new.first, new.count, rate);
        count = keep(groups, count, room, &new);
        all++;
    }
    *ret_all = all;
    return count;
}

static size_t group(struct pf_summary *summary, const struct pf_row *rows, size_t row_count,
                    enum pf_order order, struct pf_group *groups, size_t room, size_t *ret_all) {
    return group_more(summary, rows, row_count, order, groups, 0, room, ret_all);
}

// The dearest sites are those of messages, as far as they are there, with those that flush among them.
static void take_hottest(struct pf_summary *summary, const struct pf_row *flushes, size_t count) {
    size_t kept = summary->site_count < PF_MOST_HOTTEST ? summary->site_count : PF_MOST_HOTTEST;
    size_t all;
    for (size_t i = 0; i < kept; i++) {
        summary->hottest[i] = summary->sites[i];
    }
    summary->hottest_count = group_more(summary, flushes, count, PF_BY_SITE, summary->hottest, kept,
                                        PF_MOST_HOTTEST, &all);
    summary->all_hottest = summary->all_sites + all;
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
        pf_stats_add_up(&flushes, &rows[start], end - start, rate);
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
        pf_rows_add_slots(summary, room);
        pf_rows_add_spill(summary, summary->segment->spill);
        take_slowest(summary);
    }
    pf_rows_add_spill(summary, pf_process.early);
    pf_rows_add_spill(summary, summary->crowded);
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
        pf_rows_sort(copies[order], summary->row_count, order);
    }
    while (messages < summary->row_count && pf_row_class(&copies[PF_BY_CALL][messages]) == 0) {
        messages++;
    }
    double rate = summary->segment != NULL ? summary->segment->rate : 1;
    size_t flushes = 0;
    while (messages + flushes < summary->row_count &&
           pf_row_class(&copies[PF_BY_CALL][messages + flushes]) == 1) {
        flushes++;
    }
    const size_t others = messages + flushes; // then come scopes
    size_t all;
    pf_stats_add_up(&summary->messages, copies[PF_BY_CALL], messages, rate);
    pf_stats_add_up(&summary->flushes, copies[PF_BY_CALL] + messages, flushes, rate);
    pf_estimate_sum(&summary->messages.estimate, &summary->flushes.estimate, &summary->output);
    summary->message_function_count = group(summary, copies[PF_BY_CALL], messages, PF_BY_CALL,
                                            summary->functions, PF_CALL_COUNT, &all);
    summary->function_count = summary->message_function_count +
                              group(summary, copies[PF_BY_CALL] + messages, flushes, PF_BY_CALL,
                                    summary->functions + summary->message_function_count,
                                    PF_CALL_COUNT - summary->message_function_count, &all);
    summary->site_count = group(summary, copies[PF_BY_SITE], messages, PF_BY_SITE, summary->sites,
                                PF_MOST_GROUPS, &summary->all_sites);
    take_hottest(summary, copies[PF_BY_SITE] + messages, flushes);
    summary->stream_count = group(summary, copies[PF_BY_STREAM], messages, PF_BY_STREAM,
                                  summary->streams, PF_MOST_GROUPS, &all);
    summary->thread_count = group(summary, copies[PF_BY_THREAD], messages, PF_BY_THREAD,
                                  summary->threads, PF_MOST_GROUPS, &all);
    summary->scope_count = group(summary, copies[PF_BY_SITE] + others, summary->row_count - others,
                                 PF_BY_SITE, summary->scopes, PF_MOST_GROUPS, &summary->all_scopes);
    pf_stats_add_up(&summary->scope_calls, copies[PF_BY_CALL] + others, summary->row_count - others,
                    rate);
    add_thread_flushes(summary, copies[PF_BY_THREAD] + messages, flushes, rate);
    cover(summary);
    summary->overhead_ns = pf_end_measure_overhead(practice, calls_of(summary), timed_of(summary));
    return summary;
}
