// SPDX-License-Identifier: Apache-2.0
// The text summary's answers to where and why: causes, levels, sites, streams, threads, slowest calls.
#include "pf-callers.h"
#include "pf-process.h"
#include "pf-symbol.h"
#include "pf-text.h"

#define MOST_CALLERS 4u
#define MOST_STREAMS 6u
#define MOST_THREADS 6u
#define MOST_SLOWEST 3u

// --- cells

void pf_text_cut(struct pf_out *out, const char *text, size_t most) {
    size_t length = pf_length(text);
    if (length <= most) {
        pf_out(out, text);
        return;
    }
    while (most > 1 && ((unsigned char)text[most - 1] & 0xc0) == 0x80) {
        most--; // not in the middle of a character
    }
    pf_out_bytes(out, text, most - 1);
    pf_out(out, "…");
}

void pf_text_plain(struct pf_out *out, const char *text, size_t most) {
    size_t from = out->used;
    pf_text_cut(out, text, most);
    for (size_t i = from; i < out->used; i++) {
        unsigned char c = (unsigned char)out->text[i];
        out->text[i] = c < 0x20 || c == 0x7f ? '.' : (char)c;
    }
}

void pf_text_cut_left(struct pf_out *out, const char *text, size_t length, size_t most) {
    if (length > most) {
        text += length - most + 1;
        length = most - 1;
        while (length > 0 && ((unsigned char)*text & 0xc0) == 0x80) {
            text++;
            length--;
        }
        pf_out(out, "…");
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char plain = c < 0x20 || c == 0x7f ? '.' : (char)c;
        pf_out_bytes(out, &plain, 1);
    }
}

void pf_text_total(struct pf_out *out, const struct pf_stats *stats) {
    if (pf_estimate_has_total(&stats->estimate)) {
        pf_out_duration(out, stats->estimate.total_ns);
    } else {
        pf_out(out, "–");
    }
}

void pf_text_bytes(struct pf_out *out, const struct pf_stats *stats) {
    if (stats->bytes_unknown == stats->calls) {
        pf_out(out, "–");
    } else {
        pf_out_size(out, (double)stats->bytes);
    }
}

static void put_percent(struct pf_out *out, double share) {
    pf_out_fixed(out, 100 * share, share > 0 && share < 0.0995 ? 1 : 0);
    pf_out(out, " %");
}

static void put_place(struct pf_out *out, uint64_t address, size_t most) {
    struct pf_symbol symbol;
    if (address == 0) {
        pf_out(out, "(per function only)");
    } else if (!pf_symbol_find(address, &symbol)) {
        pf_out_hex(out, address);
    } else {
        char text[300];
        struct pf_out whole = {.text = text, .size = sizeof text - 1};
        if (symbol.name[0]) {
            pf_out(&whole, symbol.name);
            pf_out(&whole, "+");
            pf_out_hex(&whole, symbol.name_offset);
            pf_out(&whole, " in ");
            pf_out(&whole, symbol.module);
        } else {
            pf_out(&whole, symbol.module);
            pf_out(&whole, "+");
            pf_out_hex(&whole, symbol.offset);
        }
        text[whole.used] = 0;
        pf_text_plain(out, text, most);
    }
}

// The cause that took most of the time, where it says something: a call that always goes to the
// kernel spends its time there.
static void put_cause(struct pf_out *out, const struct pf_stats *stats, unsigned call) {
    double most = 0.05;
    unsigned cause = PF_WHY_COUNT;
    for (unsigned i = pf_is_buffered(call) ? PF_WHY_FLUSH : PF_WHY_LOCK; i < PF_WHY_COUNT; i++) {
        double share;
        double half;
        if (pf_why_share(&stats->why, i, &share, &half) && share > most) {
            most = share;
            cause = i;
        }
    }
    if (cause == PF_WHY_COUNT) {
        pf_out(out, "–");
        return;
    }
    pf_out(out, pf_why_names[cause]);
    pf_out(out, " ");
    put_percent(out, most);
}

// --- all messages together

void pf_text_why(struct pf_out *out, const struct pf_stats *stats) {
    bool begun = false;
    for (unsigned i = 0; i < PF_WHY_COUNT; i++) {
        double share;
        double half;
        if (!pf_why_share(&stats->why, i, &share, &half)) {
            return;
        }
        if (share < 0.0005) {
            continue;
        }
        pf_out(out, begun ? ", " : "  where messages went: ");
        pf_out(out, pf_why_names[i]);
        pf_out(out, " ");
        put_percent(out, share);
        if (half >= 0.005) {
            pf_out(out, " ± ");
            pf_out_fixed(out, 100 * half, 0);
        }
        begun = true;
    }
    pf_out(out, begun ? "\n" : "");
}

void pf_text_levels(struct pf_out *out, const struct pf_stats *stats) {
    bool begun = false;
    for (unsigned i = 0; i < PF_LEVEL_NONE; i++) {
        if (stats->level[i] > 0) {
            pf_out(out, begun ? ", " : "  levels: ");
            pf_out(out, pf_level_names[i]);
            pf_out(out, " ");
            put_percent(out, pf_ratio(stats->level[i], (double)stats->calls));
            begun = true;
        }
    }
    pf_out(out, begun ? "\n" : "");
}

// --- sites

static void put_callers(struct pf_out *out, const struct pf_summary *summary,
                        const struct pf_row *site) {
    struct pf_callers callers;
    if (summary->segment == NULL || site->site == 0) {
        return;
    }
    pf_callers_find(summary->segment, site->site, site->call, &callers);
    // One caller for nearly all calls tells nothing that the site does not.
    if (callers.count < 2 || (double)callers.caller[0].weight > 0.98 * (double)callers.weight) {
        return;
    }
    for (size_t i = 0; i < callers.count && i < MOST_CALLERS; i++) {
        pf_out(out, "    from ");
        LEFT(out, 46, put_place(out, callers.caller[i].address, 46));
        RIGHT(out, 6,
              put_percent(out, pf_ratio((double)callers.caller[i].weight, (double)callers.weight)));
        pf_out(out, "\n");
    }
    if (callers.count > MOST_CALLERS) {
        pf_out(out, "    and ");
        pf_out_uint(out, callers.count - MOST_CALLERS);
        pf_out(out, callers.count == PF_MOST_CALLERS ? " or more callers\n" : " more callers\n");
    }
}

void pf_text_sites(struct pf_out *out, const struct pf_summary *summary) {
    pf_out(out,
           "\n  hottest call sites                           calls   total share     mostly in\n");
    double all = summary->output.total_ns;
    bool known = pf_estimate_has_total(&summary->output) && all > 0;
    for (size_t i = 0; i < summary->hottest_count; i++) {
        const struct pf_group *site = &summary->hottest[i];
        pf_out(out, "  ");
        LEFT(out, 30, put_place(out, site->first->site, 29));
        LEFT(out, 13, pf_text_cut(out, pf_calls[site->first->call].name, 12));
        RIGHT(out, 7, pf_out_count(out, (double)site->stats.calls));
        RIGHT(out, 8, pf_text_total(out, &site->stats));
        bool share = known && pf_estimate_has_total(&site->stats.estimate);
        RIGHT(out, 6,
              share ? put_percent(out, site->stats.estimate.total_ns / all) : pf_out(out, "–"));
        RIGHT(out, 14, put_cause(out, &site->stats, site->first->call));
        pf_out(out, "\n");
        put_callers(out, summary, site->first);
    }
    if (summary->all_hottest > PF_MOST_HOTTEST) {
        pf_out(out, "  and ");
        pf_out_uint(out, summary->all_hottest - PF_MOST_HOTTEST);
        pf_out(out, " more sites\n");
    }
}

// --- streams

static void put_stream_name(struct pf_out *out, const struct pf_summary *summary,
                            const struct pf_row *row) {
    const struct pf_stream *stream = pf_summary_stream(summary, row->stream);
    if (stream != NULL) {
        pf_text_cut_left(out, stream->name, stream->name_size, 34);
    } else if (row->stream == PF_STREAM_NONE) {
        pf_out(out, row->kind == PF_KIND_MEMORY ? "(streams in memory)" : "(syslog, loggers)");
    } else if (row->stream == PF_STREAM_MANY + PF_KIND_UNKNOWN) {
        pf_out(out, "(descriptors that are not open)");
    } else {
        pf_out(out, "(further streams)");
    }
}

void pf_text_streams(struct pf_out *out, const struct pf_summary *summary) {
    pf_out(out, "\n  streams                                    calls    bytes   total   tiny\n");
    for (size_t i = 0; i < summary->stream_count && i < MOST_STREAMS; i++) {
        const struct pf_group *stream = &summary->streams[i];
        const struct pf_stats *stats = &stream->stats;
        pf_out(out, "  ");
        LEFT(out, 35, put_stream_name(out, summary, stream->first));
        LEFT(out, 6, pf_out(out, pf_kind_names[stream->first->kind]));
        RIGHT(out, 7, pf_out_count(out, (double)stats->calls));
        RIGHT(out, 9, pf_text_bytes(out, stats));
        RIGHT(out, 8, pf_text_total(out, stats));
        RIGHT(out, 7, put_percent(out, pf_ratio(stats->tiny, (double)stats->calls)));
        pf_out(out, "\n");
    }
    if (summary->stream_count > MOST_STREAMS) {
        pf_out(out, "  and ");
        pf_out_uint(out, summary->stream_count - MOST_STREAMS);
        pf_out(out, " more streams\n");
    }
}

// --- threads

static void put_thread_name(struct pf_out *out, const struct pf_slot *slot) {
    char name[40];
    struct pf_out text = {.text = name, .size = sizeof name - 1};
    pf_out_bytes(&text, slot->name, pf_length_most(slot->name, sizeof slot->name));
    if (slot->threads > 1) {
        pf_out(&text, " ×");
        pf_out_uint(&text, slot->threads);
    }
    name[text.used] = 0;
    pf_text_plain(out, name, 24);
}

// An estimate may be longer than the thread has lived: then all that is known is a limit.
static void put_share_of_wall(struct pf_out *out, double share) {
    if (share > 1) {
        pf_out(out, "≤");
    }
    put_percent(out, share < 1 ? share : 1);
}

void pf_text_threads(struct pf_out *out, const struct pf_summary *summary) {
    if (summary->all_threads < 2) {
        return;
    }
    pf_out(out, "\n  threads              tid   calls    bytes   total  of wall   longest\n");
    for (size_t i = 0; i < summary->thread_count && i < MOST_THREADS; i++) {
        const struct pf_group *thread = &summary->threads[i];
        const struct pf_slot *slot = thread->first->slot;
        if (slot == NULL) {
            continue;
        }
        pf_out(out, "  ");
        LEFT(out, 17, put_thread_name(out, slot));
        RIGHT(out, 8, pf_out_uint(out, slot->tid));
        RIGHT(out, 8, pf_out_count(out, (double)thread->stats.calls));
        RIGHT(out, 9, pf_text_bytes(out, &thread->stats));
        RIGHT(out, 8, pf_text_total(out, &thread->stats));
        double wall = pf_thread_wall_ns(slot);
        bool known = pf_estimate_has_total(&thread->stats.estimate);
        RIGHT(out, 9,
              known ? put_share_of_wall(out, pf_ratio(thread->stats.estimate.total_ns, wall))
                    : pf_out(out, "–"));
        const struct pf_event *longest = pf_summary_longest(slot);
        RIGHT(out, 10, pf_out_duration(out, longest ? (double)longest->duration_ns : 0));
        uint64_t since = slot->in_call_ns;
        if (since != 0) {
            pf_out(out, "  still in ");
            pf_out(out, pf_calls[pf_key_call(slot->in_call_key) % PF_CALL_COUNT].name);
        }
        pf_out(out, "\n");
    }
    if (summary->thread_count > MOST_THREADS) {
        pf_out(out, "  and ");
        pf_out_uint(out, summary->thread_count - MOST_THREADS);
        pf_out(out, " more\n");
    }
}

// --- slowest calls

// 20:31:07.123 of the day, UTC.
static void put_time_of_day(struct pf_out *out, uint64_t unix_ns) {
    char text[32];
    struct pf_out utc = {.text = text, .size = sizeof text};
    pf_out_utc(&utc, unix_ns / 1000000000u);
    if (utc.used >= 20) {
        pf_out_bytes(out, text + 11, 8);
    }
    uint64_t milliseconds = unix_ns / 1000000 % 1000;
    pf_out(out, milliseconds < 10 ? ".00" : milliseconds < 100 ? ".0" : ".");
    pf_out_uint(out, milliseconds);
}

void pf_text_slowest(struct pf_out *out, const struct pf_summary *summary) {
    for (size_t i = 0; i < summary->slowest_count && i < MOST_SLOWEST; i++) {
        const struct pf_event *event = &summary->slowest[i].event;
        unsigned call = pf_key_call(event->key) % PF_CALL_COUNT;
        pf_out(out, i == 0 ? "\n  slowest    " : "             ");
        RIGHT(out, 7, pf_out_duration(out, (double)event->duration_ns));
        pf_out(out, " at ");
        put_time_of_day(out, pf_summary_unix_ns(event->start_ns));
        pf_out(out, " ");
        LEFT(out, 10, pf_text_cut(out, pf_calls[call].name, 10));
        pf_out(out, " ");
        LEFT(out, 22, put_place(out, event->key & PF_KEY_SITE_MASK, 22));
        pf_out(out, " ");
        if (event->error != 0) {
            char name[24];
            pf_errno_name(event->error, name);
            pf_out(out, name);
        } else {
            pf_out(out, pf_why_names[event->why % PF_WHY_COUNT]);
        }
        pf_out(out, "\n");
    }
}
