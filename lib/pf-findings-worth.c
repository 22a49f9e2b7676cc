// SPDX-License-Identifier: Apache-2.0
// Rules on what is said at all: a site that costs more than logging should, the same line again and
// again, and bytes as money.
#include "pf-config-parts.h"
#include "pf-findings-private.h"
#include "pf-text-writer.h"
#include <string.h>
#include <unistd.h>

// --- not worth its cost, duplicates

#define LEVEL_WARNING 4u

static gdouble level_share(const PfStats *stats, guint from, guint to) {
    gdouble all = 0;
    gdouble some = 0;
    for (guint i = 0; i < PF_LEVELS; i++) {
        all += (gdouble)stats->levels[i];
        some += i >= from && i <= to ? (gdouble)stats->levels[i] : 0;
    }
    return all > 0 ? some / all : 0;
}

// The first that it wrote to; NULL: none.
static const PfStream *stream_of(const pf_search *self, const PfCallSite *site) {
    GPtrArray *streams = pf_snapshot_get_streams(self->snapshot);
    guint id = site->streams->len > 0 ? g_array_index(site->streams, guint, 0) : G_MAXUINT;
    for (guint i = 0; i < streams->len; i++) {
        const PfStream *stream = g_ptr_array_index(streams, i);
        if (stream->id == id) {
            return stream;
        }
    }
    return NULL;
}

static PfStreamKind kind_of(const pf_search *self, const PfCallSite *site) {
    const PfStream *stream = stream_of(self, site);
    return stream != NULL ? stream->kind : PF_STREAM_KIND_UNKNOWN;
}

// Logging, rather than what the program is there to write: it has levels, or goes where logs go.
gboolean pf_search_is_log(const pf_search *self, const PfCallSite *site) {
    const PfStream *stream = stream_of(self, site);
    g_autofree gchar *base =
        stream != NULL && *stream->name != 0 ? g_path_get_basename(stream->name) : g_strdup("");
    return level_share(&site->stats, 0, LEVEL_WARNING + 3) > 0.5 ||
           (stream != NULL &&
            (stream->fd == STDERR_FILENO || stream->kind == PF_STREAM_KIND_NONE)) ||
           g_str_has_suffix(base, ".log") || strstr(base, ".log.") != NULL;
}

// The thread that made most of a site's calls, and which share of them.
static const PfThread *thread_of(const pf_search *self, const PfCallSite *site,
                                 gdouble *ret_share) {
    const pf_model *model = self->snapshot->model;
    g_autofree guint64 *calls = g_new0(guint64, MAX(model->threads->len, 1));
    guint64 all = 0;
    guint best = 0;
    for (guint i = 0; i < model->cells->len; i++) {
        const pf_cell *cell = &g_array_index(model->cells, pf_cell, i);
        if (pf_search_site(self, cell->site) == site) {
            calls[cell->thread] += cell->calls;
            all += cell->calls;
            best = calls[cell->thread] > calls[best] ? cell->thread : best;
        }
    }
    GPtrArray *threads = pf_snapshot_get_threads(self->snapshot);
    const pf_model_thread *most = all > 0 ? pf_model_thread_at(model, best) : NULL;
    guint pid = most != NULL ? pf_model_process_at(model, most->process)->facts->pid : 0;
    for (guint i = 0; most != NULL && i < threads->len; i++) {
        const PfThread *thread = g_ptr_array_index(threads, i);
        if (thread->tid == most->tid && thread->pid == pid && thread->wall_ns > 0) {
            *ret_share = (gdouble)calls[best] / (gdouble)all;
            return thread;
        }
    }
    return NULL;
}

// A text without conversions is the same line each time.
static const PfTemplateCount *constant_text(const PfCallSite *site) {
    const PfTemplateCount *first =
        site->templates->len > 0 ? g_ptr_array_index(site->templates, 0) : NULL;
    return first != NULL && first->is_format && strlen(first->text) >= 8 &&
                   strchr(first->text, '%') == NULL &&
                   first->message_count >= 0.9 * (gdouble)site->stats.message_count
               ? first
               : NULL;
}

static gboolean find_duplicates(pf_search *self, const PfCallSite *site) {
    const PfTemplateCount *text = constant_text(site);
    gdouble calls = (gdouble)site->stats.message_count;
    gdouble allowed = 10 * MAX(self->wall_ns / 1e9, 1); // of a limiter of 10 a second
    pf_saving saving =
        pf_saving_of_calls(&site->stats, MAX(1 - allowed / MAX(calls, 1), 0), kind_of(self, site));
    if (text == NULL || !pf_saving_is_worth(self, saving)) {
        return FALSE;
    }
    g_autofree gchar *place = pf_search_place(self, site);
    g_autofree gchar *count = pf_grouped_text(site->stats.message_count);
    g_autofree gchar *shown = g_strndup(text->text, 60);
    g_autofree gchar *valid = g_utf8_make_valid(g_strchomp(shown), -1);
    PfFinding *found = pf_search_add(
        self, "duplicates", g_strdup_printf("%s says the same line again and again", place),
        g_strdup_printf("%s × \"%s\"", count, valid),
        g_strdup("limit it: ten a second, then one line with the number of those left out"),
        saving);
    pf_search_of_threads(self, found, site, NULL);
    found->place = g_steal_pointer(&place);
    found->saved_calls = MAX(calls - allowed, 0);
    return TRUE;
}

// Threads that followed one another share a row.
static gchar *whose_time(const PfThread *thread) {
    return thread == NULL ? g_strdup("the process's time")
           : thread->thread_count > 1
               ? g_strdup_printf("the time of %u threads, the last of them %s",
                                 thread->thread_count, thread->name)
               : g_strdup_printf("thread %s's time", thread->name);
}

static gboolean find_dear_site(pf_search *self, const PfCallSite *site) {
    gdouble share = 1;
    const PfThread *thread = thread_of(self, site, &share);
    gdouble wall = thread != NULL ? (gdouble)thread->wall_ns : self->wall_ns;
    pf_saving saving = pf_saving_of_calls(&site->stats, 1, kind_of(self, site));
    // No thread is in calls for longer than it lives, whatever an estimate says.
    pf_saving of_thread = {MIN(saving.ns * share, wall), MIN(saving.low * share, wall),
                           MIN(saving.high * share, wall)};
    if (!pf_search_is_log(self, site) || wall <= 0 || of_thread.low < 0.1 * wall ||
        !pf_saving_is_worth(self, saving) || level_share(&site->stats, 0, LEVEL_WARNING) > 0.5) {
        return FALSE;
    }
    gdouble percent = 100 / wall;
    g_autofree gchar *place = pf_search_place(self, site);
    g_autofree gchar *count = pf_grouped_text(site->stats.message_count);
    g_autofree gchar *whose = whose_time(thread);
    gboolean debug = level_share(&site->stats, 7, 7) > 0.5;
    PfFinding *found = pf_search_add(
        self, "not-worth",
        g_strdup_printf("turning %s off saves %.0f %% (%.0f to %.0f) of %s", place,
                        percent * of_thread.ns, percent * of_thread.low, percent * of_thread.high,
                        whose),
        g_strdup_printf("%s calls of %s, %s; what else makes the message comes on top", count,
                        site->function, debug ? "level debug" : "no level above notice"),
        g_strdup(debug ? "raise the level, or test it before the message is made"
                       : "lower what it says to a level that is off, sample it, or sum it up"),
        of_thread);
    found->place = g_steal_pointer(&place);
    found->saved_calls = (gdouble)site->stats.message_count;
    return TRUE;
}

void pf_find_not_worth(pf_search *self) {
    GPtrArray *sites = pf_snapshot_get_call_sites(self->snapshot);
    guint said = 0;
    for (guint i = 0; i < sites->len && said < 2; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        if (site->is_message && (find_duplicates(self, site) || find_dear_site(self, site))) {
            said++;
        }
    }
}

// --- money

void pf_find_cost(pf_search *self) {
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new_from_environment();
    gdouble price = pf_profiling_config_get(config, PF_SETTING_COST_PER_GB)->real;
    GPtrArray *sites = pf_snapshot_get_call_sites(self->snapshot);
    const PfCallSite *most = NULL;
    gdouble bytes = 0;
    for (guint i = 0; price > 0 && i < sites->len; i++) {
        const PfCallSite *site = g_ptr_array_index(sites, i);
        if (site->is_message && pf_search_is_log(self, site)) {
            bytes += (gdouble)site->stats.bytes;
            most = most == NULL || site->stats.bytes > most->stats.bytes ? site : most;
        }
    }
    if (most == NULL || self->wall_ns <= 0 || bytes <= 0) {
        return;
    }
    gdouble monthly = bytes / self->wall_ns * 1e9 * 86400 * 30 / 1e9;
    g_autofree gchar *place = pf_search_place(self, most);
    PfFinding *found =
        pf_search_add(self, "cost",
                      g_strdup_printf("logs cost %.2f a month at this rate (%.2f GB at %.2f)",
                                      monthly * price, monthly, price),
                      g_strdup_printf("most of it, %.0f %%, from %s",
                                      100 * (gdouble)most->stats.bytes / bytes, place),
                      g_strdup("shorten or sample what that line says"), (pf_saving){0});
    found->place = g_steal_pointer(&place);
}
