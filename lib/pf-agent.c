// SPDX-License-Identifier: Apache-2.0
// PfAgent: one look a second, one export an interval and one when processes have ended.
#include "pf-agent.h"
#include "pf-agent-watch.h"
#include "pf-errors.h"
#include "pf-exporter-private.h"
#include "pf-scrape-server.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/**
 * PfAgent:
 *
 * Watches the profiled processes of this user (root: of all users) and sends what they count to the
 * exporters of its configuration.  A target never waits for it: it only reads their segments.
 */
struct _PfAgent {
    GObject parent_instance;
    PfExporterConfig *config;
    PfAggregator *aggregator;
    pf_agent_watch *watch;
    PfMultiExporter *exporters;
    pf_scrape_server *health;
    gchar **problems;
    gchar *last_error;
    int wake;
    guint64 dropped_before; // the last export
    gint64 looked_at;       // us, monotonic; also read by the health page's thread
    guint running;          // likewise
};

G_DEFINE_FINAL_TYPE(PfAgent, pf_agent, G_TYPE_OBJECT)

static guint message_signal;

static void finalize(GObject *object) {
    PfAgent *self = PF_AGENT(object);
    pf_scrape_server_free(self->health);
    g_clear_object(&self->exporters);
    pf_agent_watch_free(self->watch);
    g_clear_object(&self->aggregator);
    pf_exporter_config_free(self->config);
    g_strfreev(self->problems);
    g_free(self->last_error);
    close(self->wake);
    G_OBJECT_CLASS(pf_agent_parent_class)->finalize(object);
}

static void pf_agent_class_init(PfAgentClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
    /**
     * PfAgent::message:
     * @self: an agent
     * @text: one line, without secrets
     *
     * Something that whoever runs the agent should read.
     */
    message_signal = g_signal_new("message", PF_TYPE_AGENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void pf_agent_init(PfAgent *self) { self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static void say(PfAgent *self, const gchar *text) { g_signal_emit(self, message_signal, 0, text); }

/**
 * pf_agent_new:
 * @config: a configuration
 * @folder: (nullable): the folder to watch; %NULL: all of this user
 *
 * An agent that has not begun.
 *
 * Returns: (transfer full): a new agent
 */
PfAgent *pf_agent_new(PfProfilingConfig *config, const gchar *folder) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(config), NULL);
    PfAgent *self = g_object_new(PF_TYPE_AGENT, NULL);
    self->config = pf_profiling_config_get_exporter(config);
    self->aggregator = pf_aggregator_new(self->config->max_sites);
    self->watch = pf_agent_watch_new(self->aggregator, folder);
    return self;
}

// --- health

static gboolean make_page(gpointer user, const pf_page_request *request, pf_page *ret_page) {
    PfAgent *self = user;
    if (strcmp(request->path, "/healthz") != 0) {
        return FALSE;
    }
    gint64 age = g_get_monotonic_time() - __atomic_load_n(&self->looked_at, __ATOMIC_RELAXED);
    gboolean is_well = age < 30 * G_TIME_SPAN_SECOND;
    ret_page->status = is_well ? 200 : 503;
    ret_page->content_type = "application/json";
    g_string_printf(ret_page->body,
                    "{\"schema_version\":1,\"healthy\":%s,\"processes\":%u,\"exporters\":{",
                    is_well ? "true" : "false", __atomic_load_n(&self->running, __ATOMIC_RELAXED));
    for (guint i = 0; i < pf_multi_exporter_get_count(self->exporters); i++) {
        PfExporter *one = pf_multi_exporter_get(self->exporters, i);
        g_string_append_printf(
            ret_page->body,
            "%s\"%s\":{\"exported\":%" G_GUINT64_FORMAT ",\"dropped\":%" G_GUINT64_FORMAT "}",
            i > 0 ? "," : "", pf_exporter_get_name(one), pf_exporter_get_exported_count(one),
            pf_exporter_get_dropped_count(one));
    }
    g_string_append(ret_page->body, "}}\n");
    return TRUE;
}

// --- exporting

static void note_result(PfAgent *self, const PfExportResult *result) {
    const gchar *error = result->error_message;
    if (error != NULL && g_strcmp0(error, self->last_error) != 0) {
        say(self, error); // once, not at each interval
        g_free(self->last_error);
        self->last_error = g_strdup(error);
    } else if (error == NULL && self->last_error != NULL && result->exported_count > 0) {
        say(self, "delivers again");
        g_clear_pointer(&self->last_error, g_free);
    }
}

// But those that a newer set makes good.
static guint64 dropped_count(PfAgent *self) {
    guint64 sum = 0;
    for (guint i = 0; i < pf_multi_exporter_get_count(self->exporters); i++) {
        sum += pf_exporter_get_dropped_count(pf_multi_exporter_get(self->exporters, i));
    }
    return sum - pf_multi_exporter_displaced(self->exporters);
}

static void export_now(PfAgent *self) {
    self->dropped_before = dropped_count(self);
    for (guint i = 0; i < pf_multi_exporter_get_count(self->exporters); i++) {
        PfExporter *one = pf_multi_exporter_get(self->exporters, i);
        const gchar *name = pf_exporter_get_name(one);
        pf_aggregator_count(self->aggregator, "exported", name,
                            pf_exporter_get_exported_count(one));
        pf_aggregator_count(self->aggregator, "dropped", name, pf_exporter_get_dropped_count(one));
    }
    pf_aggregator_count(self->aggregator, "unreadable", NULL,
                        pf_agent_watch_unreadable(self->watch));
    g_autoptr(PfMetricSet) set = pf_aggregator_collect(self->aggregator);
    g_autoptr(PfExportResult) result = pf_exporter_export(PF_EXPORTER(self->exporters), set);
    note_result(self, result);
}

static gboolean make_exporters(PfAgent *self, GError **error) {
    self->exporters = pf_multi_exporter_new_from_config(self->config, &self->problems);
    for (guint i = 0; self->problems[i] != NULL; i++) {
        say(self, self->problems[i]);
    }
    if (pf_multi_exporter_get_count(self->exporters) == 0) {
        g_set_error(
            error, PF_EXPORTER_ERROR, PF_EXPORTER_ERROR_FAILED,
            self->problems[0] != NULL
                ? "no exporter is left"
                : "PROVIDE_PROFILING_EXPORTERS names none; it is a list such as prometheus,file");
        return FALSE;
    }
    return TRUE;
}

/**
 * pf_agent_start:
 * @self: an agent
 * @error: return location for an error
 *
 * Makes the exporters and takes the place of this user's agent.
 *
 * Returns: whether it can run: not when another agent does, or no exporter is left
 */
gboolean pf_agent_start(PfAgent *self, GError **error) {
    g_return_val_if_fail(PF_IS_AGENT(self), FALSE);
    __atomic_store_n(&self->looked_at, g_get_monotonic_time(), __ATOMIC_RELAXED);
    if (!pf_agent_watch_lock(self->watch, error) || !make_exporters(self, error)) {
        return FALSE;
    }
    if (*self->config->agent_listen != 0) {
        self->health = pf_scrape_server_new(self->config->agent_listen, make_page, self, error);
        return self->health != NULL;
    }
    return TRUE;
}

static gboolean is_stopped(PfAgent *self) {
    struct pollfd one = {.fd = self->wake, .events = POLLIN};
    return poll(&one, 1, 1000) > 0;
}

/**
 * pf_agent_run:
 * @self: an agent that has been started
 * @idle_seconds: end by itself after so many seconds without a process; 0: never
 *
 * Watches and exports until [method@Agent.stop].
 */
void pf_agent_run(PfAgent *self, guint idle_seconds) {
    g_return_if_fail(PF_IS_AGENT(self) && self->exporters != NULL);
    gint64 interval = (gint64)self->config->flush_interval_seconds * G_TIME_SPAN_SECOND;
    gint64 next = 0;
    gint64 busy_at = g_get_monotonic_time();
    do {
        gint64 now = g_get_monotonic_time();
        gboolean is_due = now >= next;
        guint ended = pf_agent_watch_look(self->watch, is_due);
        guint running = pf_agent_watch_running(self->watch);
        __atomic_store_n(&self->looked_at, now, __ATOMIC_RELAXED);
        __atomic_store_n(&self->running, running, __ATOMIC_RELAXED);
        if (is_due || ended > 0) {
            export_now(self);
        }
        next = is_due ? now + interval : next;
        busy_at = running > 0 || ended > 0 ? now : busy_at;
        if (idle_seconds > 0 && now - busy_at > (gint64)idle_seconds * G_TIME_SPAN_SECOND) {
            // Who begins now finds no lock and starts another agent; who began just before is seen.
            pf_agent_watch_unlock(self->watch);
            if (pf_agent_watch_look(self->watch, FALSE) == 0 &&
                pf_agent_watch_running(self->watch) == 0) {
                return;
            }
            if (!pf_agent_watch_lock(self->watch, NULL)) {
                return; // that other agent has it
            }
            busy_at = now;
        }
    } while (!is_stopped(self));
}

/**
 * pf_agent_run_once:
 * @self: an agent
 * @paths: (array zero-terminated=1) (nullable): segments; %NULL or none: all that there are
 *
 * Reads segments and exports them, once.
 */
void pf_agent_run_once(PfAgent *self, const gchar *const *paths) {
    g_return_if_fail(PF_IS_AGENT(self));
    g_autoptr(GError) error = NULL;
    if (self->exporters == NULL && !make_exporters(self, &error)) {
        say(self, error->message);
        return;
    }
    if (paths == NULL || *paths == NULL) {
        pf_agent_watch_look(self->watch, TRUE);
    } else {
        for (; *paths != NULL; paths++) {
            pf_agent_watch_take(self->watch, *paths);
        }
    }
    export_now(self);
}

/**
 * pf_agent_stop:
 * @self: an agent
 *
 * Makes [method@Agent.run] return.  May be called by any thread, and in a signal handler.
 */
void pf_agent_stop(PfAgent *self) {
    guint64 one = 1;
    int kept = errno;
    if (write(self->wake, &one, sizeof one) < 0) {
        errno = kept; // it is full: then it has been told already
    }
}

#define AFTERWARDS_US 50000 // for what is to be said and freed once time is up

/**
 * pf_agent_finish:
 * @self: an agent
 *
 * Reads everything once more and exports it, in `EXIT_TIMEOUT_SECONDS` at most.
 *
 * Returns: how many points of this last export did not arrive
 */
guint64 pf_agent_finish(PfAgent *self) {
    g_return_val_if_fail(PF_IS_AGENT(self), 0);
    if (self->exporters == NULL) {
        return 0;
    }
    gint64 end = g_get_monotonic_time() +
                 (gint64)self->config->exit_timeout_seconds * G_TIME_SPAN_SECOND - AFTERWARDS_US;
    if (self->looked_at != 0) {
        pf_agent_watch_look(self->watch, TRUE);
        export_now(self);
    }
    gint64 left_ms = MAX(end - g_get_monotonic_time(), 0) / 1000;
    g_autoptr(PfExportResult) result = pf_multi_exporter_finish(self->exporters, (guint)left_ms);
    pf_exporter_close(PF_EXPORTER(self->exporters));
    guint64 lost = dropped_count(self) - self->dropped_before;
    note_result(self, result);
    if (lost > 0) {
        g_autofree gchar *line =
            g_strdup_printf("%" G_GUINT64_FORMAT " points were not delivered", lost);
        say(self, line);
    }
    return lost;
}

/**
 * pf_agent_get_exporters:
 * @self: an agent
 *
 * Gives its exporters, with their counts.
 *
 * Returns: (transfer none) (nullable): the exporters; %NULL before it was started
 */
PfMultiExporter *pf_agent_get_exporters(PfAgent *self) {
    g_return_val_if_fail(PF_IS_AGENT(self), NULL);
    return self->exporters;
}
