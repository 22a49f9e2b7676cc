// SPDX-License-Identifier: Apache-2.0
// What a change saves: a time with its limits, and what makes them wider than sampling does.
#include "pf-findings-private.h"
#include <math.h>

pf_saving pf_saving_of(const PfStats *stats, gdouble factor) {
    if (!pf_stats_has_estimate(stats)) {
        return (pf_saving){0};
    }
    const PfEstimate *estimate = &stats->estimate;
    return (pf_saving){factor * estimate->total_ns, factor * estimate->low_ns,
                       factor * estimate->high_ns};
}

// The part of a total: both are uncertain.  The limits of the product are those of a part of the whole
// when the part is nearly all of it, and of the part when the total is well known.
pf_saving pf_saving_of_reason(const PfStats *stats, PfReason reason, gdouble factor) {
    const PfReasonShare *share = &stats->reasons[reason];
    if (!pf_stats_has_estimate(stats) || share->share < 0) {
        return (pf_saving){0};
    }
    const PfEstimate *estimate = &stats->estimate;
    gdouble low = share->low >= 0 ? share->low : 0;
    gdouble high = share->high >= 0 ? share->high : 1;
    return (pf_saving){factor * share->share * estimate->total_ns, factor * low * estimate->low_ns,
                       factor * high * estimate->high_ns};
}

pf_saving pf_saving_add(pf_saving a, pf_saving b) {
    return (pf_saving){a.ns + b.ns, a.low + b.low, a.high + b.high};
}

pf_saving pf_saving_times(pf_saving saving, pf_factor factor) {
    gdouble ns = factor.middle * saving.ns;
    gdouble below =
        hypot(factor.middle * (saving.ns - saving.low), saving.ns * (factor.middle - factor.low));
    gdouble above =
        hypot(factor.middle * (saving.high - saving.ns), saving.ns * (factor.high - factor.middle));
    return (pf_saving){ns, MAX(ns - below, 0), ns + above};
}

// One run differs from the next by so much (docs/findings.md).
#define RERUN_NOISE 0.06

pf_saving pf_saving_of_rerun(pf_saving saving) {
    return pf_saving_times(saving, (pf_factor){1, 1 - RERUN_NOISE, 1 + RERUN_NOISE});
}

// A reader on the same processor, on another, awake or asleep: by that a write of 28 B took 2.0 to 3.6 us.
#define LEAST_BY_READER 0.6
#define MOST_BY_READER 1.6

static gboolean is_read(PfStreamKind kind) {
    return kind == PF_STREAM_KIND_PIPE || kind == PF_STREAM_KIND_SOCKET;
}

static pf_saving of_rerun_on(PfStreamKind kind, pf_saving saving) {
    const pf_factor beside_a_reader = {1, LEAST_BY_READER, MOST_BY_READER};
    return is_read(kind) ? pf_saving_times(saving, beside_a_reader) : pf_saving_of_rerun(saving);
}

// That many bytes are copied in the time that a call alone takes: in a larger buffer they are copied too.
#define BYTES_LIKE_A_CALL 2048
#define LEAST_LIKE_A_CALL 1024
#define MOST_LIKE_A_CALL 8192

static pf_factor fixed_part(gdouble bytes) {
    return (pf_factor){1 / (1 + bytes / BYTES_LIKE_A_CALL), 1 / (1 + bytes / LEAST_LIKE_A_CALL),
                       1 / (1 + bytes / MOST_LIKE_A_CALL)};
}

// Who enters the kernel pays for it afterwards too, by what that drove out of the caches: the more, the dearer entering is
// on that machine.  A reader at the other end, which is woken each time, gets in the way, or shares what is in the caches.
#define AFTERMATH 0.12
#define MOST_AFTERMATH 0.5
#define MOST_OF_A_READER_NS 1000

static pf_saving with_aftermath(pf_saving saving, gdouble in_kernel_ns, gdouble read_entries) {
    gdouble middle = read_entries > 0 ? 0 : AFTERMATH;
    return pf_saving_add(
        saving, (pf_saving){middle * in_kernel_ns, 0,
                            MOST_AFTERMATH * in_kernel_ns + MOST_OF_A_READER_NS * read_entries});
}

// Switched out for so short on average that nobody was waited for.
#define MAKES_WAY_NS 100e3

gboolean pf_makes_way(const PfStats *stats) {
    const PfReasonShare *blocked = &stats->reasons[PF_REASON_BLOCKED];
    return blocked->count > 0 &&
           (gdouble)blocked->total_ns < MAKES_WAY_NS * (gdouble)blocked->count;
}

// Sums of parts: calls in which the thread was switched out are few and long, and what is known of the others' time is
// not spoilt by how badly that of these is known.
static pf_saving sum_of_parts(const PfStats *stats, guint parts) {
    gdouble sum = 0;
    gdouble squares = 0;
    for (guint i = 0; i < PF_REASON_COUNT; i++) {
        const PfReasonShare *part = &stats->reasons[i];
        if (part->estimated_ns < 0 || !pf_stats_has_estimate(stats)) {
            return (pf_saving){0};
        }
        if (parts >> i & 1) {
            sum += part->estimated_ns;
            squares += part->half_ns * part->half_ns;
        }
    }
    return (pf_saving){sum, MAX(sum - sqrt(squares), 0), sum + sqrt(squares)};
}

static pf_factor exactly(gdouble factor) { return (pf_factor){factor, factor, factor}; }

pf_saving pf_saving_of_entries(const PfStats *stats, gdouble factor, gdouble bytes,
                               PfStreamKind kind) {
    pf_saving saving = sum_of_parts(stats, 1u << PF_REASON_FLUSH);
    if (saving.ns <= 0) {
        return saving;
    }
    saving = pf_saving_times(pf_saving_times(saving, exactly(factor)), fixed_part(bytes));
    gdouble in_kernel = saving.ns;
    gdouble read_entries = is_read(kind) ? factor * (gdouble)stats->message_count : 0;
    // Who had the processor then, the reader or a stranger, is not known: all that time may be saved, or none.
    // The middle stays near what is certain, so that strangers do not hide it.
    if (kind != PF_STREAM_KIND_FILE && pf_makes_way(stats)) {
        pf_saving away = pf_saving_of_reason(stats, PF_REASON_BLOCKED, factor);
        saving = pf_saving_add(saving, (pf_saving){MIN(away.ns / 2, saving.ns), 0, away.high});
    }
    return with_aftermath(of_rerun_on(kind, saving), in_kernel, read_entries);
}

// Of calls on a file, the calls in which the thread was switched out are left out: other programs had the
// processor, and they would have had it elsewhere.
pf_saving pf_saving_of_calls(const PfStats *stats, gdouble share, PfStreamKind kind) {
    guint unblocked = ~(1u << PF_REASON_BLOCKED);
    pf_saving all =
        kind == PF_STREAM_KIND_FILE ? sum_of_parts(stats, unblocked) : pf_saving_of(stats, 1);
    gdouble in_kernel = sum_of_parts(stats, 1u << PF_REASON_FLUSH).ns;
    pf_saving saving = with_aftermath(of_rerun_on(kind, all), in_kernel, 0);
    return all.ns > 0 ? pf_saving_times(saving, exactly(share)) : all;
}

// The lower limit decides: what may be nothing is not said.
gboolean pf_saving_is_worth(const pf_search *self, pf_saving saving) {
    return saving.low >= PF_WORTH_NS && saving.low >= PF_WORTH_SHARE * self->wall_ns &&
           saving.ns <= 4 * saving.low;
}
