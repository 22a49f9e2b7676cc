// SPDX-License-Identifier: Apache-2.0
// PfMultiExporter: a thread and a short queue for each exporter, so that none waits for another.
#include "pf-multi-exporter.h"
#include "pf-datadog-exporter.h"
#include "pf-exporter-private.h"
#include "pf-file-exporter.h"
#include "pf-opentelemetry-exporter.h"
#include "pf-prometheus-exporter.h"
#include <string.h>

// Of a receiver that is down only the newest set is worth keeping, since counters hold the older ones; a
// second place lets one wait while another is sent.
#define MOST_WAITING 2

typedef struct {
    PfMultiExporter *multi;
    PfExporter *exporter;
    GThread *thread;
    GQueue waiting; // PfMetricSet
    gboolean is_busy;
    guint sending; // points, while it is busy
    gboolean is_ending;
    guint64 arrived;   // points since the last report
    gchar *last_error; // likewise
} lane;

/**
 * PfMultiExporter:
 *
 * Hands each set to several exporters, each of which has a thread of its own; an export returns at once.
 * When an exporter is so late that two sets wait for it already, the older one is dropped and counted.
 */
struct _PfMultiExporter {
    PfExporter parent_instance;
    GPtrArray *lanes;
    GMutex lock;
    GCond changed;
    guint64 displaced;
};

G_DEFINE_FINAL_TYPE(PfMultiExporter, pf_multi_exporter, PF_TYPE_EXPORTER)

static void note(lane *self, PfExportResult *result) {
    self->arrived += result->exported_count;
    if (!result->success) {
        g_free(self->last_error);
        self->last_error =
            g_strdup_printf("%s: %s", pf_exporter_get_name(self->exporter), result->error_message);
    }
    pf_export_result_free(result);
}

static gpointer work(gpointer data) {
    lane *self = data;
    PfMultiExporter *multi = self->multi;
    g_mutex_lock(&multi->lock);
    while (!self->is_ending || self->waiting.length > 0) {
        PfMetricSet *set = g_queue_pop_head(&self->waiting);
        if (set == NULL) {
            g_cond_wait(&multi->changed, &multi->lock);
            continue;
        }
        self->is_busy = TRUE;
        self->sending = pf_metric_set_get_point_count(set);
        g_mutex_unlock(&multi->lock);
        PfExportResult *result = pf_exporter_export(self->exporter, set);
        pf_metric_set_unref(set);
        g_mutex_lock(&multi->lock);
        self->is_busy = FALSE;
        note(self, result);
        g_cond_broadcast(&multi->changed);
    }
    g_mutex_unlock(&multi->lock);
    return NULL;
}

static void post(lane *self, PfMetricSet *set) {
    if (self->waiting.length >= MOST_WAITING) {
        PfMetricSet *oldest = g_queue_pop_head(&self->waiting);
        pf_exporter_count_dropped(self->exporter, pf_metric_set_get_point_count(oldest));
        self->multi->displaced += pf_metric_set_get_point_count(oldest);
        pf_metric_set_unref(oldest);
    }
    g_queue_push_tail(&self->waiting, pf_metric_set_ref(set));
}

// What has happened since the last report; under the lock.
static PfExportResult *report(PfMultiExporter *self) {
    g_autoptr(GString) errors = g_string_new(NULL);
    guint64 arrived = 0;
    for (guint i = 0; i < self->lanes->len; i++) {
        lane *one = g_ptr_array_index(self->lanes, i);
        arrived += one->arrived;
        one->arrived = 0;
        if (one->last_error != NULL) {
            g_string_append_printf(errors, "%s%s", errors->len > 0 ? "; " : "", one->last_error);
            g_clear_pointer(&one->last_error, g_free);
        }
    }
    PfExportResult *result = errors->len > 0 ? pf_export_result_new_failure(errors->str, 0)
                                             : pf_export_result_new_success(arrived, 0);
    result->exported_count = arrived;
    return result;
}

static PfExportResult *export_set(PfExporter *exporter, PfMetricSet *set) {
    PfMultiExporter *self = PF_MULTI_EXPORTER(exporter);
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->lanes->len; i++) {
        post(g_ptr_array_index(self->lanes, i), set);
    }
    g_cond_broadcast(&self->changed);
    PfExportResult *result = report(self);
    g_mutex_unlock(&self->lock);
    return result;
}

guint64 pf_multi_exporter_displaced(PfMultiExporter *self) {
    g_mutex_lock(&self->lock);
    guint64 points = self->displaced;
    g_mutex_unlock(&self->lock);
    return points;
}

static gboolean is_idle(PfMultiExporter *self) {
    for (guint i = 0; i < self->lanes->len; i++) {
        const lane *one = g_ptr_array_index(self->lanes, i);
        if (one->is_busy || one->waiting.length > 0) {
            return FALSE;
        }
    }
    return TRUE;
}

static void note_late(PfMultiExporter *self) {
    for (guint i = 0; i < self->lanes->len; i++) {
        lane *one = g_ptr_array_index(self->lanes, i);
        if (one->is_busy && one->last_error == NULL) {
            one->last_error =
                g_strdup_printf("%s: no time left", pf_exporter_get_name(one->exporter));
        }
    }
}

/**
 * pf_multi_exporter_finish:
 * @self: an exporter
 * @milliseconds: the most time that it may take
 *
 * Waits until what was handed over has been sent, or the time is over.
 *
 * Returns: (transfer full): what has happened since the last export
 */
PfExportResult *pf_multi_exporter_finish(PfMultiExporter *self, guint milliseconds) {
    g_return_val_if_fail(PF_IS_MULTI_EXPORTER(self), NULL);
    // A little more than the exporters have, since each ends at its deadline by itself.
    gint64 until = g_get_monotonic_time() + ((gint64)milliseconds + 100) * G_TIME_SPAN_MILLISECOND;
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->lanes->len; i++) {
        pf_exporter_limit(((lane *)g_ptr_array_index(self->lanes, i))->exporter, milliseconds);
    }
    while (!is_idle(self) && g_cond_wait_until(&self->changed, &self->lock, until)) {
    }
    note_late(self);
    PfExportResult *result = report(self);
    g_mutex_unlock(&self->lock);
    return result;
}

// Exports end at their limit; what does not, hangs in a system call (getaddrinfo is one).
#define MOST_HANGING (300 * G_TIME_SPAN_MILLISECOND)

static gboolean is_done(PfMultiExporter *self, lane *one) {
    gint64 until = g_get_monotonic_time() + MOST_HANGING;
    gboolean in_time = TRUE;
    while (one->is_busy && in_time) {
        in_time = g_cond_wait_until(&self->changed, &self->lock, until);
    }
    return !one->is_busy;
}

static void lane_end(PfMultiExporter *self, lane *one) {
    g_mutex_lock(&self->lock);
    one->is_ending = TRUE;
    PfMetricSet *set;
    while ((set = g_queue_pop_head(&one->waiting)) != NULL) {
        pf_exporter_count_dropped(one->exporter, pf_metric_set_get_point_count(set));
        pf_metric_set_unref(set);
    }
    pf_exporter_limit(one->exporter, 0);
    g_cond_broadcast(&self->changed);
    gboolean done = is_done(self, one);
    if (!done) {
        pf_exporter_give_up(one->exporter, one->sending);
    }
    g_mutex_unlock(&self->lock);
    if (!done) {
        g_object_ref(self); // its thread goes on using us; the program is about to end
        return;
    }
    g_thread_join(one->thread);
    pf_exporter_close(one->exporter);
}

static void close_exporter(PfExporter *exporter) {
    PfMultiExporter *self = PF_MULTI_EXPORTER(exporter);
    for (guint i = 0; i < self->lanes->len; i++) {
        lane_end(self, g_ptr_array_index(self->lanes, i));
    }
}

static void lane_free(gpointer data) {
    lane *self = data;
    g_object_unref(self->exporter);
    g_free(self->last_error);
    g_free(self);
}

static void dispose(GObject *object) {
    pf_exporter_close(PF_EXPORTER(object));
    G_OBJECT_CLASS(pf_multi_exporter_parent_class)->dispose(object);
}

static void finalize(GObject *object) {
    PfMultiExporter *self = PF_MULTI_EXPORTER(object);
    g_ptr_array_unref(self->lanes);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    G_OBJECT_CLASS(pf_multi_exporter_parent_class)->finalize(object);
}

static void pf_multi_exporter_class_init(PfMultiExporterClass *class) {
    G_OBJECT_CLASS(class)->dispose = dispose;
    G_OBJECT_CLASS(class)->finalize = finalize;
    PF_EXPORTER_CLASS(class)->export_set = export_set;
    PF_EXPORTER_CLASS(class)->close = close_exporter;
}

static void pf_multi_exporter_init(PfMultiExporter *self) {
    self->lanes = g_ptr_array_new_with_free_func(lane_free);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
}

/**
 * pf_multi_exporter_new:
 *
 * One that hands on to nobody yet.
 *
 * Returns: (transfer full): a new exporter
 */
PfMultiExporter *pf_multi_exporter_new(void) {
    return g_object_new(PF_TYPE_MULTI_EXPORTER, "name", "multi", NULL);
}

/**
 * pf_multi_exporter_add:
 * @self: an exporter
 * @exporter: one that gets each set from now on; not to be used otherwise
 *
 * Adds an exporter.
 */
void pf_multi_exporter_add(PfMultiExporter *self, PfExporter *exporter) {
    g_return_if_fail(PF_IS_MULTI_EXPORTER(self) && PF_IS_EXPORTER(exporter));
    lane *one = g_new0(lane, 1);
    one->multi = self;
    one->exporter = g_object_ref(exporter);
    g_queue_init(&one->waiting);
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->lanes, one);
    g_mutex_unlock(&self->lock);
    one->thread = g_thread_new(pf_exporter_get_name(exporter), work, one);
}

/**
 * pf_multi_exporter_get_count:
 * @self: an exporter
 *
 * Tells how many exporters it has.
 *
 * Returns: how many
 */
guint pf_multi_exporter_get_count(PfMultiExporter *self) {
    g_return_val_if_fail(PF_IS_MULTI_EXPORTER(self), 0);
    return self->lanes->len;
}

/**
 * pf_multi_exporter_get:
 * @self: an exporter
 * @index: which one
 *
 * Gives one of its exporters.
 *
 * Returns: (transfer none) (nullable): the exporter
 */
PfExporter *pf_multi_exporter_get(PfMultiExporter *self, guint index) {
    g_return_val_if_fail(PF_IS_MULTI_EXPORTER(self), NULL);
    return index < self->lanes->len ? ((lane *)g_ptr_array_index(self->lanes, index))->exporter
                                    : NULL;
}

static PfExporter *make(const gchar *name, const PfExporterConfig *config, GError **error) {
    if (strcmp(name, "prometheus") == 0) {
        return (PfExporter *)pf_prometheus_exporter_new(config, error);
    }
    if (strcmp(name, "datadog") == 0) {
        return (PfExporter *)pf_datadog_exporter_new(config, error);
    }
    if (strcmp(name, "opentelemetry") == 0) {
        return (PfExporter *)pf_opentelemetry_exporter_new(config, error);
    }
    return (PfExporter *)pf_file_exporter_new(config, error);
}

/**
 * pf_multi_exporter_new_from_config:
 * @config: the settings of exporters
 * @ret_problems: (out) (optional) (array zero-terminated=1) (transfer full): a line for each exporter
 *   that could not be made
 *
 * One with the exporters that `EXPORTERS` names, as far as they can be made.
 *
 * Returns: (transfer full): a new exporter
 */
PfMultiExporter *pf_multi_exporter_new_from_config(const PfExporterConfig *config,
                                                   gchar ***ret_problems) {
    PfMultiExporter *self = pf_multi_exporter_new();
    g_autoptr(GStrvBuilder) problems = g_strv_builder_new();
    for (guint i = 0; config->exporters[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(PfExporter) exporter = make(config->exporters[i], config, &error);
        if (exporter != NULL) {
            pf_multi_exporter_add(self, exporter);
        } else {
            g_autofree gchar *line =
                g_strdup_printf("%s: %s", config->exporters[i], error->message);
            g_strv_builder_add(problems, line);
        }
    }
    gchar **lines = g_strv_builder_end(problems);
    if (ret_problems != NULL) {
        *ret_problems = lines;
    } else {
        g_strfreev(lines);
    }
    return self;
}
