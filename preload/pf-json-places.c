// SPDX-License-Identifier: Apache-2.0
// The JSON summary's answers to where: sites, streams, threads, slowest calls.
#include "pf-callers.h"
#include "pf-json.h"
#include "pf-process.h"
#include "pf-symbol.h"

#define MOST_TEMPLATES 8u

void pf_json_place(struct pf_out *out, uint64_t address) {
    struct pf_symbol symbol;
    pf_json_name(out, "address");
    pf_out(out, "\"");
    pf_out_hex(out, address);
    pf_out(out, "\"");
    if (pf_symbol_find(address, &symbol)) {
        pf_json_text(out, "module", symbol.module);
        pf_json_uint(out, "offset", symbol.offset);
        pf_json_name(out, "symbol");
        if (symbol.name[0]) {
            pf_out_json(out, symbol.name, pf_length(symbol.name));
            pf_json_uint(out, "symbol_offset", symbol.name_offset);
        } else {
            pf_out(out, "null");
        }
    }
}

static void put_stream(struct pf_out *out, const struct pf_summary *summary, unsigned number) {
    const struct pf_stream *stream = pf_summary_stream(summary, number);
    pf_json_name(out, "fd");
    if (stream == NULL) {
        pf_out(out, "null");
        pf_json_name(out, "path");
        pf_out(out, "null");
        return;
    }
    pf_out_uint(out, (uint64_t)stream->fd);
    pf_json_name(out, "path");
    pf_out_json(out, stream->name, stream->name_size);
    pf_json_uint(out, "opens", stream->opens);
}

// The callers behind a wrapper; empty when the site is nobody's wrapper, or no stacks were taken.
static void put_callers(struct pf_out *out, const struct pf_summary *summary,
                        const struct pf_row *site) {
    struct pf_callers callers = {.count = 0};
    if (summary->segment != NULL && site->site != 0) {
        pf_callers_find(summary->segment, site->site, site->call, &callers);
    }
    bool own = callers.count == 1 && callers.caller[0].address == site->site;
    pf_json_name(out, "callers");
    pf_out(out, "[");
    for (size_t i = 0; i < callers.count && !own; i++) {
        pf_json_element(out);
        pf_json_place(out, callers.caller[i].address);
        pf_json_fixed(out, "share",
                      pf_ratio((double)callers.caller[i].weight, (double)callers.weight), 4);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

// Formats, and hashes of other text, that the site's timed calls were seen with.
struct seen {
    const struct pf_template *what;
    double calls;
};

static void add_template(struct seen *seen, size_t *count, const struct pf_template *what,
                         double calls) {
    size_t i = 0;
    while (i < *count && (seen[i].what->hash != what->hash || seen[i].what->kind != what->kind)) {
        i++;
    }
    if (i == *count) {
        if (i == MOST_TEMPLATES) {
            return;
        }
        seen[(*count)++] = (struct seen){.what = what};
    }
    seen[i].calls += calls;
}

static void put_templates(struct pf_out *out, const struct pf_group *site) {
    struct seen seen[MOST_TEMPLATES];
    size_t count = 0;
    for (size_t r = 0; r < site->count; r++) {
        const struct pf_detail *detail = site->first[r].detail;
        for (unsigned i = 0; detail != NULL && detail->template_seen != 0 && i < 4; i++) {
            uint32_t at = __atomic_load_n(&detail->template_link[i], __ATOMIC_ACQUIRE);
            if (at != 0) {
                add_template(seen, &count, pf_at(pf_process.segment, at),
                             (double)site->first[r].calls * detail->template_count[i] /
                                 detail->template_seen);
            }
        }
    }
    pf_json_name(out, "templates");
    pf_out(out, "[");
    for (size_t i = 0; i < count; i++) {
        pf_json_element(out);
        pf_json_name(out, seen[i].what->kind == PF_TEMPLATE_FORMAT ? "format" : "example");
        if (seen[i].what->size != 0) {
            pf_out_json(out, seen[i].what->text, seen[i].what->size);
        } else {
            pf_out(out, "null");
        }
        pf_json_name(out, "hash");
        pf_out(out, "\"");
        pf_out_hex(out, seen[i].what->hash);
        pf_out(out, "\"");
        pf_json_fixed(out, "message_count", seen[i].calls, 0);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

void pf_json_sites(struct pf_out *out, const struct pf_summary *summary) {
    pf_json_name(out, "call_sites");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->site_count; i++) {
        const struct pf_row *row = summary->sites[i].first;
        pf_json_element(out);
        pf_json_text(out, "function", pf_calls[row->call].name);
        pf_json_place(out, row->site);
        pf_json_stats(out, &summary->sites[i].stats);
        put_callers(out, summary, row);
        put_templates(out, &summary->sites[i]);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

// Calls of the flush family, those that wait for the device apart.
static void put_flushes_of(struct pf_out *out, const struct pf_summary *summary, unsigned stream) {
    uint64_t flushes = 0;
    uint64_t syncs = 0;
    for (size_t i = 0; i < summary->row_count; i++) {
        const struct pf_row *row = &summary->rows[i];
        if (row->stream == stream && pf_calls[row->call].family == PF_FAMILY_FLUSH) {
            bool sync = pf_is_sync(row->call);
            flushes += sync ? 0 : row->calls;
            syncs += sync ? row->calls : 0;
        }
    }
    pf_json_uint(out, "flush_count", flushes);
    pf_json_uint(out, "fsync_count", syncs);
}

void pf_json_streams(struct pf_out *out, const struct pf_summary *summary) {
    pf_json_name(out, "streams");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->stream_count; i++) {
        const struct pf_row *row = summary->streams[i].first;
        pf_json_element(out);
        put_stream(out, summary, row->stream);
        pf_json_text(out, "kind", pf_kind_names[row->kind]);
        pf_json_name(out, "many");
        pf_out(out, row->stream >= PF_STREAM_MANY ? "true" : "false");
        pf_json_stats(out, &summary->streams[i].stats);
        put_flushes_of(out, summary, row->stream);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

static void put_call(struct pf_out *out, uint64_t key) {
    pf_json_text(out, "function", pf_calls[pf_key_call(key) % PF_CALL_COUNT].name);
    pf_json_place(out, key & PF_KEY_SITE_MASK);
}

// The thread's longest timed call, when it was and where.
static void put_longest(struct pf_out *out, const struct pf_slot *slot) {
    const struct pf_event *longest = pf_summary_longest(slot);
    pf_json_name(out, "longest");
    if (longest == NULL) {
        pf_out(out, "null");
        return;
    }
    pf_out(out, "{");
    pf_json_uint(out, "duration_ns", longest->duration_ns);
    pf_json_fixed(out, "time", (double)pf_summary_unix_ns(longest->start_ns) / 1e9, 6);
    put_call(out, longest->key);
    pf_out(out, "}");
}

// A timed call that has not come back.
static void put_in_call(struct pf_out *out, const struct pf_slot *slot) {
    uint64_t since = slot->in_call_ns;
    pf_json_name(out, "in_call");
    if (since == 0) {
        pf_out(out, "null");
        return;
    }
    pf_out(out, "{");
    pf_json_fixed(out, "since", (double)pf_summary_unix_ns(since) / 1e9, 6);
    put_call(out, slot->in_call_key);
    pf_out(out, "}");
}

void pf_json_threads(struct pf_out *out, const struct pf_summary *summary) {
    pf_json_name(out, "threads");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->thread_count; i++) {
        const struct pf_group *thread = &summary->threads[i];
        const struct pf_slot *slot = thread->first->slot;
        if (slot == NULL) {
            continue;
        }
        double wall = pf_thread_wall_ns(slot);
        pf_json_element(out);
        pf_json_uint(out, "tid", slot->tid);
        pf_json_name(out, "name");
        pf_out_json(out, slot->name, pf_length_most(slot->name, sizeof slot->name));
        pf_json_uint(out, "thread_count", slot->threads);
        pf_json_fixed(out, "wall_seconds", wall / 1e9, 9);
        bool is_limit = false;
        pf_json_name(out, "output_share_percent");
        if (summary->thread_output_ns[i] >= 0) {
            double percent = pf_ratio(100 * summary->thread_output_ns[i], wall);
            is_limit = percent > 100;
            pf_out_fixed(out, is_limit ? 100 : percent, 4);
        } else {
            pf_out(out, "null");
        }
        pf_json_name(out, "output_share_is_limit");
        pf_out(out, is_limit ? "true" : "false");
        pf_json_stats(out, &thread->stats);
        put_longest(out, slot);
        put_in_call(out, slot);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}

void pf_json_slowest(struct pf_out *out, const struct pf_summary *summary) {
    pf_json_name(out, "slowest");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->slowest_count; i++) {
        const struct pf_event *slow = &summary->slowest[i].event;
        pf_json_element(out);
        pf_json_text(out, "function", pf_calls[pf_key_call(slow->key) % PF_CALL_COUNT].name);
        pf_json_uint(out, "duration_ns", slow->duration_ns);
        pf_json_fixed(out, "time", (double)pf_summary_unix_ns(slow->start_ns) / 1e9, 6);
        pf_json_uint(out, "bytes", slow->bytes);
        pf_json_uint(out, "tid", summary->slowest[i].slot->tid);
        put_stream(out, summary, (unsigned)(slow->key >> PF_KEY_STREAM_SHIFT));
        pf_json_text(out, "why", pf_why_names[slow->why % PF_WHY_COUNT]);
        pf_json_uint(out, "lock_ns", slow->lock_ns);
        if (slow->level < PF_LEVEL_NONE) {
            pf_json_uint(out, "level", slow->level);
        }
        if (slow->error != 0) {
            char text[24];
            pf_errno_name(slow->error, text);
            pf_json_text(out, "error", text);
        }
        pf_json_place(out, slow->key & PF_KEY_SITE_MASK);
        pf_out(out, "}");
    }
    pf_out(out, "]");
}
