// SPDX-License-Identifier: Apache-2.0
// One processor with its configuration, switched on and off as one, and written out at the end.
#include "pf-component-private.h"
#include "pf-output.h"

/**
 * PfProfilingComponent:
 *
 * What a program registers once ([func@register_profiling]) and asks everywhere: a processor, its
 * metrics and the configuration behind them.
 *
 * A new component is disabled, unless its configuration says `enabled`.  Everything here may be done
 * twice without harm, and by any thread; nothing of it in a signal handler.
 */
struct _PfProfilingComponent {
    GObject parent;
    PfProfilingConfig *config;
    PfProfilingProcessor *processor;
    GMutex lock;     // of what follows, and one flush at a time
    guint64 flushed; // messages that the last flush wrote out
};

G_DEFINE_FINAL_TYPE(PfProfilingComponent, pf_profiling_component, G_TYPE_OBJECT)

enum {
    PROPERTY_NONE,
    PROPERTY_CONFIG,
    PROPERTY_ENABLED,
    PROPERTY_METRICS,
    PROPERTY_PROCESSOR,
    PROPERTY_COUNT
};

static GParamSpec *properties[PROPERTY_COUNT];

// --- all of them, for pf_reset_profiling_state

static GMutex living_lock;
static GPtrArray *living; // of GWeakRef

static void weak_free(gpointer data) {
    g_weak_ref_clear(data);
    g_free(data);
}

static void remember(PfProfilingComponent *self) {
    GWeakRef *weak = g_new(GWeakRef, 1);
    g_weak_ref_init(weak, self);
    g_mutex_lock(&living_lock);
    if (living == NULL) {
        living = g_ptr_array_new_with_free_func(weak_free);
    }
    for (guint i = living->len; i-- > 0;) {
        g_autoptr(GObject) object = g_weak_ref_get(living->pdata[i]);
        if (object == NULL) {
            g_ptr_array_remove_index_fast(living, i);
        }
    }
    g_ptr_array_add(living, weak);
    g_mutex_unlock(&living_lock);
}

void pf_profiling_component_reset_all(void) {
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_object_unref);
    g_mutex_lock(&living_lock);
    for (guint i = 0; living != NULL && i < living->len; i++) {
        gpointer object = g_weak_ref_get(living->pdata[i]);
        if (object != NULL) {
            g_ptr_array_add(all, object);
        }
    }
    g_mutex_unlock(&living_lock);
    for (guint i = 0; i < all->len; i++) {
        pf_profiling_component_disable(all->pdata[i]);
        pf_profiling_component_reset(all->pdata[i]);
    }
}

// --- the object

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
    PfProfilingComponent *self = PF_PROFILING_COMPONENT(object);
    switch (id) {
    case PROPERTY_CONFIG: g_value_set_object(value, self->config); break;
    case PROPERTY_ENABLED:
        g_value_set_boolean(value, pf_profiling_component_get_enabled(self));
        break;
    case PROPERTY_METRICS:
        g_value_set_object(value, pf_profiling_component_get_metrics(self));
        break;
    case PROPERTY_PROCESSOR: g_value_set_object(value, self->processor); break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
    PfProfilingComponent *self = PF_PROFILING_COMPONENT(object);
    if (id == PROPERTY_CONFIG) {
        self->config = g_value_dup_object(value);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void constructed(GObject *object) {
    PfProfilingComponent *self = PF_PROFILING_COMPONENT(object);
    G_OBJECT_CLASS(pf_profiling_component_parent_class)->constructed(object);
    if (self->config == NULL) {
        self->config = pf_profiling_config_new_from_environment();
    }
    g_autoptr(PfProcessorConfig) settings = pf_profiling_config_get_processor(self->config);
    self->processor =
        pf_profiling_processor_new(settings->sample_rate, NULL); // checked by the config
    if (!settings->enabled) {
        pf_profiling_processor_disable(self->processor);
    }
    remember(self);
}

static void finalize(GObject *object) {
    PfProfilingComponent *self = PF_PROFILING_COMPONENT(object);
    g_clear_object(&self->processor);
    g_clear_object(&self->config);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_profiling_component_parent_class)->finalize(object);
}

static void pf_profiling_component_class_init(PfProfilingComponentClass *class) {
    GObjectClass *object_class = G_OBJECT_CLASS(class);
    object_class->get_property = get_property;
    object_class->set_property = set_property;
    object_class->constructed = constructed;
    object_class->finalize = finalize;
    /**
     * PfProfilingComponent:config: (getter get_config)
     *
     * The configuration; where none is given, that of the environment.
     */
    properties[PROPERTY_CONFIG] =
        g_param_spec_object("config", NULL, NULL, PF_TYPE_PROFILING_CONFIG,
                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
    /**
     * PfProfilingComponent:enabled: (getter get_enabled)
     *
     * Whether messages are counted.
     */
    properties[PROPERTY_ENABLED] = g_param_spec_boolean("enabled", NULL, NULL, FALSE,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    /**
     * PfProfilingComponent:metrics: (getter get_metrics)
     *
     * What was recorded.
     */
    properties[PROPERTY_METRICS] = g_param_spec_object(
        "metrics", NULL, NULL, PF_TYPE_PROFILE_METRICS, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    /**
     * PfProfilingComponent:processor: (getter get_processor)
     *
     * Where messages are handed in.
     */
    properties[PROPERTY_PROCESSOR] =
        g_param_spec_object("processor", NULL, NULL, PF_TYPE_PROFILING_PROCESSOR,
                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_properties(object_class, PROPERTY_COUNT, properties);
}

static void pf_profiling_component_init(PfProfilingComponent *self) { g_mutex_init(&self->lock); }

/**
 * pf_profiling_component_new:
 * @config: (nullable) (transfer none): its configuration, not to be changed from now on; %NULL: that of
 *   the environment
 *
 * A component with a processor of its own.
 *
 * Returns: (transfer full): a new component
 */
PfProfilingComponent *pf_profiling_component_new(PfProfilingConfig *config) {
    g_return_val_if_fail(config == NULL || PF_IS_PROFILING_CONFIG(config), NULL);
    return g_object_new(PF_TYPE_PROFILING_COMPONENT, "config", config, NULL);
}

static void set_enabled(PfProfilingComponent *self, gboolean enabled) {
    g_mutex_lock(&self->lock);
    gboolean changes = pf_profiling_processor_get_enabled(self->processor) != enabled;
    if (changes && enabled) {
        PfProfileMetrics *metrics = pf_profiling_processor_get_metrics(self->processor);
        if (pf_profile_metrics_get_message_count(metrics) == 0) {
            pf_profile_metrics_reset(metrics); // collection starts now
        }
        pf_profiling_processor_enable(self->processor);
    } else if (changes) {
        pf_profiling_processor_disable(self->processor);
    }
    g_mutex_unlock(&self->lock);
    if (changes) {
        g_object_notify_by_pspec(G_OBJECT(self), properties[PROPERTY_ENABLED]);
    }
}

/**
 * pf_profiling_component_enable:
 * @self: a component
 *
 * Counts messages from now on.  What was counted before stays; when nothing was, `start_time` is now.
 */
void pf_profiling_component_enable(PfProfilingComponent *self) {
    g_return_if_fail(PF_IS_PROFILING_COMPONENT(self));
    set_enabled(self, TRUE);
}

/**
 * pf_profiling_component_disable:
 * @self: a component
 *
 * Passes messages over from now on.  The metrics stay.
 */
void pf_profiling_component_disable(PfProfilingComponent *self) {
    g_return_if_fail(PF_IS_PROFILING_COMPONENT(self));
    set_enabled(self, FALSE);
}

/**
 * pf_profiling_component_get_enabled: (get-property enabled)
 * @self: a component
 *
 * Whether messages are counted.
 *
 * Returns: true when they are
 */
gboolean pf_profiling_component_get_enabled(PfProfilingComponent *self) {
    g_return_val_if_fail(PF_IS_PROFILING_COMPONENT(self), FALSE);
    return pf_profiling_processor_get_enabled(self->processor);
}

/**
 * pf_profiling_component_reset:
 * @self: a component
 *
 * Puts the metrics back to 0; what was not written out is forgotten.
 */
void pf_profiling_component_reset(PfProfilingComponent *self) {
    g_return_if_fail(PF_IS_PROFILING_COMPONENT(self));
    g_mutex_lock(&self->lock);
    pf_profiling_processor_reset(self->processor);
    self->flushed = 0;
    g_mutex_unlock(&self->lock);
}

static gchar *summary(PfProfilingComponent *self, const gchar *format) {
    PfProfileMetrics *metrics = pf_profiling_processor_get_metrics(self->processor);
    if (!g_str_equal(format, "json")) {
        return pf_profile_metrics_to_text(metrics);
    }
    g_autofree gchar *json = pf_profile_metrics_to_json(metrics);
    return g_strconcat(json, "\n", NULL);
}

static PfExportResult *flush(PfProfilingComponent *self) {
    g_autoptr(PfProcessorConfig) settings = pf_profiling_config_get_processor(self->config);
    PfProfileMetrics *metrics = pf_profiling_processor_get_metrics(self->processor);
    guint64 messages = pf_profile_metrics_get_message_count(metrics);
    guint64 fresh = messages > self->flushed ? messages - self->flushed : 0;
    if (fresh == 0 || g_str_equal(settings->output, "none")) {
        return pf_export_result_new_success(0, 0);
    }
    g_autoptr(GError) error = NULL;
    g_autofree gchar *text = summary(self, settings->format);
    gint64 begun = g_get_monotonic_time();
    gboolean written = pf_output_write(settings->output, text, &error);
    gdouble ms = (gdouble)(g_get_monotonic_time() - begun) / 1e3;
    if (!written) {
        return pf_export_result_new_failure(error->message, ms);
    }
    self->flushed = messages;
    return pf_export_result_new_success(fresh, ms);
}

/**
 * pf_profiling_component_flush_remaining_data:
 * @self: a component
 *
 * Writes the summary to where the configuration says (`output`, in `format`) if messages came since the
 * last time; a program calls this before it ends.  Without new messages, or with `output=none`, nothing
 * is written and the result is a success of 0.
 *
 * `exported_count` is the number of messages that no earlier flush had.  When it fails, they are left
 * for the next.
 *
 * Returns: (transfer full): how it went
 */
PfExportResult *pf_profiling_component_flush_remaining_data(PfProfilingComponent *self) {
    g_return_val_if_fail(PF_IS_PROFILING_COMPONENT(self), NULL);
    g_mutex_lock(&self->lock);
    PfExportResult *result = flush(self);
    g_mutex_unlock(&self->lock);
    return result;
}

/**
 * pf_profiling_component_get_metrics: (get-property metrics)
 * @self: a component
 *
 * What was recorded: one object for the life of the component, whose numbers go on.
 *
 * Returns: (transfer none): the metrics
 */
PfProfileMetrics *pf_profiling_component_get_metrics(PfProfilingComponent *self) {
    g_return_val_if_fail(PF_IS_PROFILING_COMPONENT(self), NULL);
    return pf_profiling_processor_get_metrics(self->processor);
}

/**
 * pf_profiling_component_get_processor: (get-property processor)
 * @self: a component
 *
 * Where messages are handed in.  It is switched on and off through the component.
 *
 * Returns: (transfer none): the processor
 */
PfProfilingProcessor *pf_profiling_component_get_processor(PfProfilingComponent *self) {
    g_return_val_if_fail(PF_IS_PROFILING_COMPONENT(self), NULL);
    return self->processor;
}

/**
 * pf_profiling_component_get_config: (get-property config)
 * @self: a component
 *
 * The configuration that it was made with.
 *
 * Returns: (transfer none): the configuration
 */
PfProfilingConfig *pf_profiling_component_get_config(PfProfilingComponent *self) {
    g_return_val_if_fail(PF_IS_PROFILING_COMPONENT(self), NULL);
    return self->config;
}
