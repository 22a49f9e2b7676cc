// SPDX-License-Identifier: Apache-2.0
// Rules on how bytes reach the kernel: too few at a time, or pushed out one by one.
#include "pf-findings-private.h"
#include "pf-text-writer.h"
#include <string.h>

// A person waits for what goes to a terminal, and what goes to a device may have to go at once.
static gboolean may_wait(const PfStream *stream) {
    return stream->kind == PF_STREAM_KIND_FILE || stream->kind == PF_STREAM_KIND_PIPE ||
           stream->kind == PF_STREAM_KIND_UNKNOWN;
}

#define WITHOUT_ENDL "write '\\n' where std::endl is, and flush once, where a reader waits"

// --- tiny writes

static void find_tiny(pf_search *self, const PfStream *stream) {
    const PfStats *stats = &stream->stats;
    gdouble tiny = stream->tiny_write_count;
    gdouble calls = (gdouble)stats->message_count;
    if (!may_wait(stream) || tiny < PF_LEAST_CALLS || tiny < 0.5 * calls) {
        return;
    }
    gdouble each = calls > 0 ? (gdouble)stats->bytes / calls : 0;
    gdouble fewer = 1 - each / PF_BUFFER;
    pf_saving saving = pf_saving_of_reason(stats, PF_REASON_FLUSH, fewer * tiny / calls);
    if (pf_search_makes_way(stats)) {
        saving = pf_saving_add(saving,
                               pf_saving_of_reason(stats, PF_REASON_BLOCKED, fewer * tiny / calls));
    }
    if (fewer <= 0 || !pf_saving_is_worth(self, saving)) {
        return;
    }
    const PfCallSite *site = NULL;
    g_autofree gchar *place = pf_search_place_of_stream(self, stream, TRUE, &site);
    g_autofree gchar *name = pf_stream_title(stream);
    g_autofree gchar *count = pf_grouped_text((guint64)tiny);
    g_autofree gchar *saved = pf_grouped_text((guint64)(tiny * fewer));
    unsigned call = site != NULL ? pf_call_named(site->function) : PF_CALL_COUNT;
    gboolean is_stdio = call != PF_CALL_COUNT && pf_is_buffered(call);
    // Streams of C++ have a buffer: who empties it after each line says std::endl, or std::flush.
    gboolean is_endl = site != NULL && pf_site_is_iostream(site);
    PfFinding *found = pf_search_add(
        self, is_endl ? "endl" : "tiny-writes",
        g_strdup_printf(is_endl
                            ? "%s flushes after %.0f B each: a full buffer saves %s system calls"
                            : "%s writes %.0f B per call: a buffer of 8 KiB saves "
                              "%s system calls",
                        place != NULL ? place : name, each, saved),
        g_strdup_printf("%s writes of less than 512 B to %s, %.0f B on average", count, name, each),
        g_strdup(is_endl ? WITHOUT_ENDL
                 : is_stdio
                     ? "give the stream a whole buffer: setvbuf (file, NULL, _IOFBF, 8192), and "
                       "flush where a reader waits"
                     : "gather messages in a buffer of 8 KiB, or write through stdio"),
        saving);
    found->place = g_steal_pointer(&place);
    found->saved_calls = tiny * fewer;
}

void pf_find_tiny_writes(pf_search *self) {
    GPtrArray *streams = pf_snapshot_get_streams(self->snapshot);
    for (guint i = 0; i < streams->len; i++) {
        find_tiny(self, g_ptr_array_index(streams, i));
    }
}

// --- flushes

static gboolean is_sync(const gchar *function) { return strstr(function, "sync") != NULL; }

// Of a flush for each line those remain that a buffer of 8 KiB needs; of syncs one each second or every
// hundredth, whatever is more.
static gdouble remaining(const pf_search *self, const PfStream *stream, gboolean sync) {
    gdouble by_size = (gdouble)stream->stats.bytes / PF_BUFFER;
    gdouble seconds = self->wall_ns / 1e9;
    gdouble hundredth = (gdouble)stream->flushes.message_count / 100;
    return sync ? MAX(seconds, hundredth) : by_size;
}

// That many are copied to a file in the time that a call alone takes.
#define BYTES_LIKE_A_CALL 1024.0

// Of the calls at the line that makes most of them, for this stream: a slow fclose at the end is none of them.
// What copying takes is taken in a larger buffer too.
static pf_saving saving_of_flushes(const PfCallSite *site, const PfStream *stream, gdouble fewer,
                                   gboolean sync) {
    gdouble flushes = (gdouble)MAX(stream->flushes.message_count, 1);
    gdouble here = flushes / (gdouble)MAX(site->stats.message_count, 1);
    gdouble each = (gdouble)stream->stats.bytes / flushes;
    gdouble call = sync ? 1 : 1 / (1 + each / BYTES_LIKE_A_CALL);
    return pf_saving_of(&site->stats, fewer * MIN(here, 1) * call);
}

static gchar *advice_on_flushes(const PfCallSite *site, gboolean endl, gboolean sync) {
    return g_strdup(endl   ? WITHOUT_ENDL
                    : sync ? "sync a group of records at once (every 100, or once a second), or "
                             "open with O_DSYNC what must be safe at once"
                    : g_str_has_prefix(site->function, "fclose")
                        ? "keep the file open from one message to the next"
                        : "flush when the buffer is full and before waiting, not after each line");
}

static void find_flush(pf_search *self, const PfStream *stream) {
    const PfStats *flushes = &stream->flushes;
    gdouble count = (gdouble)flushes->message_count;
    gdouble messages = (gdouble)stream->stats.message_count;
    const PfCallSite *site = NULL;
    g_autofree gchar *place = pf_search_place_of_stream(self, stream, FALSE, &site);
    if (site == NULL || stream->kind == PF_STREAM_KIND_TTY) {
        return;
    }
    gboolean sync = is_sync(site->function);
    // stdio's streams have fflush counted beside their messages; a sync may follow several writes.
    if (count < (sync ? 50 : PF_LEAST_CALLS) || count < 0.2 * messages) {
        return;
    }
    gdouble fewer = 1 - remaining(self, stream, sync) / count;
    pf_saving saving = saving_of_flushes(site, stream, MAX(fewer, 0), sync);
    if (!pf_saving_is_worth(self, saving)) {
        return;
    }
    gboolean endl = pf_site_is_iostream(site) && !sync;
    g_autofree gchar *name = pf_stream_title(stream);
    g_autofree gchar *flush_text = pf_grouped_text(flushes->message_count);
    g_autofree gchar *message_text = pf_grouped_text(stream->stats.message_count);
    PfFinding *found = pf_search_add(
        self, endl ? "endl" : "flush-per-line",
        messages < 1.05 * count
            ? g_strdup_printf("%s calls %s after every message", place, site->function)
            : g_strdup_printf("%s calls %s for every %.1f messages", place, site->function,
                              messages / count),
        g_strdup_printf("%s flushes of %s for %s messages", flush_text, name, message_text),
        advice_on_flushes(site, endl, sync), saving);
    found->place = g_steal_pointer(&place);
    found->saved_calls = count * fewer;
}

void pf_find_flushes(pf_search *self) {
    GPtrArray *streams = pf_snapshot_get_streams(self->snapshot);
    for (guint i = 0; i < streams->len; i++) {
        find_flush(self, g_ptr_array_index(streams, i));
    }
}
