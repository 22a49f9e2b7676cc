// SPDX-License-Identifier: Apache-2.0
// The rows' memory: counted references, so that a row outlives its snapshot.
#include "pf-rows-private.h"

// A row of type Pf##Type: pf_NAME_new() for us, ref and unref for everybody.
#define ROW(Type, name)                                                                            \
    Pf##Type *pf_##name##_new(void) { return g_atomic_rc_box_new0(Pf##Type); }                     \
    ROW_TYPE(Type, name)

#define ROW_TYPE(Type, name)                                                                       \
    Pf##Type *pf_##name##_ref(Pf##Type *self) { return g_atomic_rc_box_acquire(self); }            \
    void pf_##name##_unref(Pf##Type *self) {                                                       \
        if (self != NULL) {                                                                        \
            g_atomic_rc_box_release_full(self, (GDestroyNotify)name##_clear);                      \
        }                                                                                          \
    }                                                                                              \
    G_DEFINE_BOXED_TYPE(Pf##Type, pf_##name, pf_##name##_ref, pf_##name##_unref)

static void pf_stats_clear(PfStats *self) { pf_histogram_unref(self->histogram); }

static void module_clear(PfModule *self) {
    g_free(self->path);
    g_free(self->build_id);
}

static PfModule *module_new(void) { return g_atomic_rc_box_new0(PfModule); }
ROW_TYPE(Module, module)

static void function_clear(PfFunction *self) {
    pf_stats_clear(&self->stats);
    g_ptr_array_unref(self->errors);
}

ROW(Function, function)

static void error_count_clear(PfErrorCount *self) { g_free(self->name); }

ROW(ErrorCount, error_count)

static void template_count_clear(PfTemplateCount *self) { g_free(self->text); }

ROW(TemplateCount, template_count)

static void call_site_clear(PfCallSite *self) {
    pf_stats_clear(&self->stats);
    pf_module_unref(self->module);
    g_array_unref(self->streams);
    g_ptr_array_unref(self->templates);
}

ROW(CallSite, call_site)

static void stream_clear(PfStream *self) {
    pf_stats_clear(&self->stats);
    pf_stats_clear(&self->flushes);
    g_free(self->name);
}

ROW(Stream, stream)

static void thread_clear(PfThread *self) {
    pf_stats_clear(&self->stats);
    pf_stats_clear(&self->flushes);
    g_free(self->name);
    g_free(self->user_id);
    g_free(self->request_id);
    g_free(self->operation);
}

ROW(Thread, thread)

static void scope_clear(PfScope *self) {
    pf_stats_clear(&self->stats);
    pf_module_unref(self->module);
    g_free(self->name);
    g_free(self->file);
}

ROW(Scope, scope)

static void level_count_clear(PfLevelCount *self G_GNUC_UNUSED) {}

ROW(LevelCount, level_count)

static void event_clear(PfEvent *self) {
    pf_module_unref(self->module);
    g_free(self->stream_name);
    g_free(self->user_id);
    g_free(self->request_id);
    g_free(self->thread_name);
}

ROW(Event, event)

static void stack_clear(PfStack *self) {
    for (guint i = 0; i < self->depth; i++) {
        pf_module_unref(self->frames[i].module);
    }
    g_free(self->frames);
}

ROW(Stack, stack)

static void process_clear(PfProcess *self) {
    g_free(self->program);
    g_free(self->command);
    g_free(self->how);
    g_free(self->segment_path);
}

ROW(Process, process)

static void real_site_clear(PfRealSite *self) {
    pf_place_unref(self->place);
    pf_place_unref(self->wrapper);
    pf_call_site_unref(self->site);
}

ROW(RealSite, real_site)

/**
 * pf_module_new:
 * @path: the image's file
 * @build_id: its build-id in hexadecimal; "" when not known
 * @bias: subtract it from an address for the one in the file; 0 when addresses are those in the file
 *
 * Makes the description of an image that holds every address.
 *
 * Returns: (transfer full): the image
 */
PfModule *pf_module_new(const gchar *path, const gchar *build_id, guint64 bias) {
    PfModule *self = module_new();
    self->path = g_strdup(path);
    self->build_id = g_strdup(build_id);
    self->bias = bias;
    self->end = G_MAXUINT64;
    return self;
}

/**
 * pf_module_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_module_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_function_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_function_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_error_count_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_error_count_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_template_count_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_template_count_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_call_site_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_call_site_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_stream_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_stream_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_thread_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_thread_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_level_count_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_level_count_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_event_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_event_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_stack_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_stack_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_process_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_process_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_real_site_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_real_site_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */

/**
 * pf_scope_ref:
 * @self: a row
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self with one reference more
 */

/**
 * pf_scope_unref:
 * @self: (transfer full) (nullable): a row
 *
 * Gives a reference back.
 */
