// SPDX-License-Identifier: Apache-2.0
// PfExporter: names, counts and deadlines, which all exporters have alike.
#include "pf-exporter-private.h"

typedef struct {
    gchar *name;
    guint timeout_seconds;
    GMutex lock;
    GCond changed;
    GMutex one_at_a_time;
    gint64 deadline; // of the export that goes on, on the monotonic clock in us
    gint64 limit;    // of all exports; 0: none
    guint64 exported;
    guint64 dropped;
    gboolean is_closed;
    gboolean is_given_up; // its counts are final
} PfExporterPrivate;

/**
 * PfExporter:
 *
 * Sends sets of metrics somewhere.  An export blocks its caller for `EXPORT_TIMEOUT_SECONDS` at most,
 * with all its retries; [class@MultiExporter] gives each exporter a thread of its own.
 */
G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(PfExporter, pf_exporter, G_TYPE_OBJECT)

enum { PROPERTY_NONE, PROPERTY_NAME, PROPERTY_TIMEOUT, PROPERTY_COUNT };
static GParamSpec *properties[PROPERTY_COUNT];

static PfExporterPrivate *private_of(PfExporter *self) {
    return pf_exporter_get_instance_private(self);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
    PfExporterPrivate *private = private_of(PF_EXPORTER(object));
    switch (id) {
    case PROPERTY_NAME: g_value_set_string(value, private->name); break;
    case PROPERTY_TIMEOUT: g_value_set_uint(value, private->timeout_seconds); break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
    PfExporterPrivate *private = private_of(PF_EXPORTER(object));
    switch (id) {
    case PROPERTY_NAME:
        private
        ->name = g_value_dup_string(value);
        break;
    case PROPERTY_TIMEOUT:
        private
        ->timeout_seconds = g_value_get_uint(value);
        break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void finalize(GObject *object) {
    PfExporterPrivate *private = private_of(PF_EXPORTER(object));
    g_free(private->name);
    g_mutex_clear(&private->lock);
    g_mutex_clear(&private->one_at_a_time);
    g_cond_clear(&private->changed);
    G_OBJECT_CLASS(pf_exporter_parent_class)->finalize(object);
}

static void pf_exporter_class_init(PfExporterClass *class) {
    GObjectClass *object_class = G_OBJECT_CLASS(class);
    const GParamFlags once = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
    object_class->get_property = get_property;
    object_class->set_property = set_property;
    object_class->finalize = finalize;
    /**
     * PfExporter:name: (getter get_name)
     *
     * The name, as `EXPORTERS` has it.
     */
    properties[PROPERTY_NAME] = g_param_spec_string("name", NULL, NULL, "exporter", once);
    /**
     * PfExporter:timeout-seconds:
     *
     * How long an export may take, with all its retries.
     */
    properties[PROPERTY_TIMEOUT] =
        g_param_spec_uint("timeout-seconds", NULL, NULL, 1, 3600, 30, once);
    g_object_class_install_properties(object_class, PROPERTY_COUNT, properties);
}

static void pf_exporter_init(PfExporter *self) {
    PfExporterPrivate *private = private_of(self);
    g_mutex_init(&private->lock);
    g_mutex_init(&private->one_at_a_time);
    g_cond_init(&private->changed);
}

static void begin(PfExporterPrivate *private) {
    g_mutex_lock(&private->lock);
    private->deadline =
        g_get_monotonic_time() + (gint64) private->timeout_seconds * G_TIME_SPAN_SECOND;
    g_mutex_unlock(&private->lock);
}

static void note(PfExporterPrivate *private, const PfExportResult *result) {
    g_mutex_lock(&private->lock);
    private->exported += private->is_given_up ? 0 : result->exported_count;
    g_mutex_unlock(&private->lock);
}

/**
 * pf_exporter_export:
 * @self: an exporter
 * @set: metrics
 *
 * Sends a set.  What could not be sent is counted as dropped; counters in the next set make it good.
 *
 * Returns: (transfer full): how it went; points are counted
 */
PfExportResult *pf_exporter_export(PfExporter *self, PfMetricSet *set) {
    g_return_val_if_fail(PF_IS_EXPORTER(self) && set != NULL, NULL);
    PfExporterPrivate *private = private_of(self);
    PfExportResult *result;
    g_mutex_lock(&private->one_at_a_time);
    if (private->is_closed) {
        pf_exporter_count_dropped(self, pf_metric_set_get_point_count(set));
        result = pf_export_result_new_failure("the exporter is closed", 0);
    } else {
        gint64 begun = g_get_monotonic_time();
        begin(private);
        result = PF_EXPORTER_GET_CLASS(self)->export_set(self, set);
        result->response_time_ms = (gdouble)(g_get_monotonic_time() - begun) / 1000;
        note(private, result);
    }
    g_mutex_unlock(&private->one_at_a_time);
    return result;
}

/**
 * pf_exporter_limit:
 * @self: an exporter
 * @milliseconds: from now on
 *
 * Sets an end to all exports, that which goes on included: the program is about to end.
 */
void pf_exporter_limit(PfExporter *self, guint milliseconds) {
    g_return_if_fail(PF_IS_EXPORTER(self));
    PfExporterPrivate *private = private_of(self);
    g_mutex_lock(&private->lock);
    private->limit = g_get_monotonic_time() + (gint64)milliseconds * G_TIME_SPAN_MILLISECOND;
    g_cond_broadcast(&private->changed);
    g_mutex_unlock(&private->lock);
}

/**
 * pf_exporter_close:
 * @self: an exporter
 *
 * Lets go of files, sockets and threads.  What is exported afterwards is dropped.
 */
void pf_exporter_close(PfExporter *self) {
    g_return_if_fail(PF_IS_EXPORTER(self));
    PfExporterPrivate *private = private_of(self);
    g_mutex_lock(&private->one_at_a_time);
    gboolean first = !private->is_closed;
    private->is_closed = TRUE;
    if (first && PF_EXPORTER_GET_CLASS(self)->close != NULL) {
        PF_EXPORTER_GET_CLASS(self)->close(self);
    }
    g_mutex_unlock(&private->one_at_a_time);
}

/**
 * pf_exporter_get_name:
 * @self: an exporter
 *
 * Tells its name.
 *
 * Returns: (transfer none): the name
 */
const gchar *pf_exporter_get_name(PfExporter *self) {
    g_return_val_if_fail(PF_IS_EXPORTER(self), NULL);
    return private_of(self)->name;
}

static guint64 locked(PfExporterPrivate *private, const guint64 *count) {
    g_mutex_lock(&private->lock);
    guint64 now = *count;
    g_mutex_unlock(&private->lock);
    return now;
}

/**
 * pf_exporter_get_exported_count:
 * @self: an exporter
 *
 * Counts the points that arrived.
 *
 * Returns: points
 */
guint64 pf_exporter_get_exported_count(PfExporter *self) {
    g_return_val_if_fail(PF_IS_EXPORTER(self), 0);
    return locked(private_of(self), &private_of(self)->exported);
}

/**
 * pf_exporter_get_dropped_count:
 * @self: an exporter
 *
 * Counts the points that did not arrive.
 *
 * Returns: points
 */
guint64 pf_exporter_get_dropped_count(PfExporter *self) {
    g_return_val_if_fail(PF_IS_EXPORTER(self), 0);
    return locked(private_of(self), &private_of(self)->dropped);
}

/**
 * pf_exporter_count_dropped:
 * @self: an exporter
 * @points: how many
 *
 * Counts points that did not arrive.
 */
void pf_exporter_count_dropped(PfExporter *self, guint64 points) {
    g_return_if_fail(PF_IS_EXPORTER(self));
    PfExporterPrivate *private = private_of(self);
    g_mutex_lock(&private->lock);
    private->dropped += private->is_given_up ? 0 : points;
    g_mutex_unlock(&private->lock);
}

void pf_exporter_give_up(PfExporter *self, guint64 points) {
    pf_exporter_count_dropped(self, points);
    PfExporterPrivate *private = private_of(self);
    g_mutex_lock(&private->lock);
    private->is_given_up = TRUE;
    g_mutex_unlock(&private->lock);
}

static gint64 deadline_of(const PfExporterPrivate *private) {
    return private->limit != 0 ? MIN(private->limit, private->deadline) : private->deadline;
}

/**
 * pf_exporter_get_deadline:
 * @self: an exporter
 *
 * Tells when the export that goes on has to be over; this may become earlier meanwhile.
 *
 * Returns: us, on the monotonic clock
 */
gint64 pf_exporter_get_deadline(PfExporter *self) {
    g_return_val_if_fail(PF_IS_EXPORTER(self), 0);
    PfExporterPrivate *private = private_of(self);
    g_mutex_lock(&private->lock);
    gint64 deadline = deadline_of(private);
    g_mutex_unlock(&private->lock);
    return deadline;
}

/**
 * pf_exporter_wait:
 * @self: an exporter
 * @milliseconds: how long
 *
 * Waits before another try.
 *
 * Returns: whether there is time for one: %FALSE at once when the deadline comes before
 */
gboolean pf_exporter_wait(PfExporter *self, guint milliseconds) {
    g_return_val_if_fail(PF_IS_EXPORTER(self), FALSE);
    PfExporterPrivate *private = private_of(self);
    gint64 until = g_get_monotonic_time() + (gint64)milliseconds * G_TIME_SPAN_MILLISECOND;
    g_mutex_lock(&private->lock);
    gboolean waits = TRUE;
    while (until < deadline_of(private) && waits) {
        waits = g_cond_wait_until(&private->changed, &private->lock, until);
    }
    gboolean done = !waits;
    g_mutex_unlock(&private->lock);
    return done;
}
