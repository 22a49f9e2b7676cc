// SPDX-License-Identifier: Apache-2.0
// Rules on how bytes reach the kernel: too few at a time, or pushed out one by one.
#include "pf-findings-private.h"
#include "pf-text-writer.h"

// A person waits for what goes to a terminal, and what goes to a device may have to go at once.
static gboolean may_wait(const PfStream *stream) {
    return stream->kind == PF_STREAM_KIND_FILE || stream->kind == PF_STREAM_KIND_PIPE ||
           stream->kind == PF_STREAM_KIND_UNKNOWN;
}

#define WITHOUT_ENDL "write '\\n' where std::endl is, and flush once, where a reader waits"

// --- tiny writes

static gboolean is_tiny(const PfStream *stream) {
    return may_wait(stream) && stream->tiny_write_count >= PF_LEAST_OF_ONE &&
           stream->tiny_write_count >= 0.5 * (gdouble)stream->stats.message_count &&
           stream->stats.bytes < PF_BUFFER * (gdouble)stream->stats.message_count;
}

static void find_tiny(pf_search *self, const pf_stream_group *all) {
    g_autoptr(pf_stream_group) group = pf_group_filter(all, is_tiny);
    gdouble tiny = 0;
    gdouble fewer = 0;
    gdouble bytes = 0;
    gdouble calls = 0;
    pf_saving saving = {0};
    for (guint i = 0; i < group->streams->len; i++) {
        const PfStream *stream = g_ptr_array_index(group->streams, i);
        gdouble count = (gdouble)stream->stats.message_count;
        gdouble each = (gdouble)stream->stats.bytes / count;
        gdouble buffers = MAX((gdouble)stream->stats.bytes / PF_BUFFER, 1);
        gdouble spared = MAX(stream->tiny_write_count * (1 - buffers / count), 0);
        tiny += stream->tiny_write_count;
        fewer += spared;
        bytes += (gdouble)stream->stats.bytes;
        calls += count;
        saving = pf_saving_add(
            saving, pf_saving_of_entries(&stream->stats, spared / count, each, stream->kind));
    }
    if (tiny < PF_LEAST_CALLS || !pf_saving_is_worth(self, saving)) {
        return;
    }
    const PfCallSite *site = group->site;
    g_autofree gchar *place = pf_search_place(self, site);
    g_autofree gchar *name = pf_group_title(group);
    g_autofree gchar *count = pf_grouped_text((guint64)tiny);
    g_autofree gchar *saved = pf_grouped_text((guint64)fewer);
    unsigned call = pf_call_named(site->function);
    gboolean is_stdio = call != PF_CALL_COUNT && pf_is_buffered(call);
    // Streams of C++ have a buffer: who empties it after each line says std::endl, or std::flush.
    gboolean is_endl = pf_site_is_iostream(site);
    PfFinding *found = pf_search_add(
        self, is_endl ? "endl" : "tiny-writes",
        g_strdup_printf(is_endl
                            ? "%s flushes after %.0f B each: a full buffer saves %s system calls"
                            : "%s writes %.0f B per call: a buffer of 8 KiB saves "
                              "%s system calls",
                        place, bytes / calls, saved),
        g_strdup_printf("%s writes of less than 512 B to %s, %.0f B on average", count, name,
                        bytes / calls),
        g_strdup(is_endl ? WITHOUT_ENDL
                 : is_stdio
                     ? "give the stream a whole buffer: setvbuf (file, NULL, _IOFBF, 8192), and "
                       "flush where a reader waits"
                     : "gather messages in a buffer of 8 KiB, or write through stdio"),
        saving);
    pf_search_of_threads(self, found, NULL, group->streams);
    found->place = g_steal_pointer(&place);
    found->saved_calls = fewer;
}

void pf_find_tiny_writes(pf_search *self) {
    for (guint i = 0; i < self->written->len; i++) {
        find_tiny(self, g_ptr_array_index(self->written, i));
    }
}

// --- flushes

static gboolean is_sync(const gchar *function) { return pf_is_sync(pf_call_named(function)); }

// Of a flush for each line those remain that a buffer of 8 KiB needs; of syncs one each second or every
// hundredth, whatever is more.
static gdouble remaining(const pf_search *self, const PfStream *stream, gboolean sync) {
    gdouble by_size = MAX((gdouble)stream->stats.bytes / PF_BUFFER, 1);
    gdouble seconds = self->wall_ns / 1e9;
    gdouble hundredth = (gdouble)stream->flushes.message_count / 100;
    return sync ? MAX(seconds, hundredth) : by_size;
}

// Disks differ more from run to run than processors do.
static const pf_factor of_disks = {1, 0.7, 1.4};
// Who closes a file to have it written opens it again, and what that takes is not timed.
static const pf_factor of_reopening = {2.2, 1, 4};

static gboolean is_close(const gchar *function) { return g_str_has_prefix(function, "fclose"); }

// Of the calls at the line that makes most of them, for this stream: a slow fclose at the end is none of them.
static pf_saving saving_of_flushes(const PfCallSite *site, const PfStream *stream, gdouble fewer) {
    gdouble flushes = (gdouble)MAX(stream->flushes.message_count, 1);
    gdouble here = flushes / (gdouble)MAX(site->stats.message_count, 1);
    gdouble share = fewer * MIN(here, 1);
    if (is_sync(site->function)) {
        return pf_saving_times(pf_saving_of(&site->stats, share), of_disks);
    }
    pf_saving saving = pf_saving_of_entries(&site->stats, share,
                                            (gdouble)stream->stats.bytes / flushes, stream->kind);
    return is_close(site->function) ? pf_saving_times(saving, of_reopening) : saving;
}

static gchar *advice_on_flushes(const PfCallSite *site, gboolean endl, gboolean sync) {
    return g_strdup(endl   ? WITHOUT_ENDL
                    : sync ? "sync a group of records at once (every 100, or once a second), or "
                             "open with O_DSYNC what must be safe at once"
                    : is_close(site->function)
                        ? "keep the file open from one message to the next"
                        : "flush when the buffer is full and before waiting, not after each line");
}

static gboolean is_flushed(const PfStream *stream) { return stream->kind != PF_STREAM_KIND_TTY; }

static void find_flush(pf_search *self, const pf_stream_group *all) {
    g_autoptr(pf_stream_group) group = pf_group_filter(all, is_flushed);
    const PfCallSite *site = group->site;
    gboolean sync = is_sync(site->function);
    gdouble flushes = 0;
    gdouble messages = 0;
    gdouble fewer = 0;
    pf_saving saving = {0};
    for (guint i = 0; i < group->streams->len; i++) {
        const PfStream *stream = g_ptr_array_index(group->streams, i);
        gdouble count = (gdouble)stream->flushes.message_count;
        gdouble spared = MAX(count - remaining(self, stream, sync), 0);
        flushes += count;
        messages += (gdouble)stream->stats.message_count;
        fewer += spared;
        saving = pf_saving_add(saving, saving_of_flushes(site, stream, spared / MAX(count, 1)));
    }
    // stdio's streams have fflush counted beside their messages; a sync may follow several writes.
    if (flushes < (sync ? 50 : PF_LEAST_CALLS) || flushes < 0.2 * messages ||
        !pf_saving_is_worth(self, saving)) {
        return;
    }
    gboolean endl = pf_site_is_iostream(site) && !sync;
    g_autofree gchar *place = pf_search_place(self, site);
    g_autofree gchar *name = pf_group_title(group);
    g_autofree gchar *flush_text = pf_grouped_text((guint64)flushes);
    g_autofree gchar *message_text = pf_grouped_text((guint64)messages);
    PfFinding *found = pf_search_add(
        self, endl ? "endl" : "flush-per-line",
        messages < 1.05 * flushes
            ? g_strdup_printf("%s calls %s after every message", place, site->function)
            : g_strdup_printf("%s calls %s for every %.1f messages", place, site->function,
                              messages / flushes),
        g_strdup_printf("%s flushes of %s for %s messages", flush_text, name, message_text),
        advice_on_flushes(site, endl, sync), saving);
    pf_search_of_threads(self, found, site, group->streams);
    found->place = g_steal_pointer(&place);
    found->saved_calls = fewer;
}

void pf_find_flushes(pf_search *self) {
    for (guint i = 0; i < self->flushed->len; i++) {
        find_flush(self, g_ptr_array_index(self->flushed, i));
    }
}
