// SPDX-License-Identifier: Apache-2.0
// The configuration in three typed parts, and what is known of each setting.
#include "pf-config-parts.h"
#include <string.h>

G_DEFINE_BOXED_TYPE(PfProcessorConfig, pf_processor_config, pf_processor_config_copy,
                    pf_processor_config_free)
G_DEFINE_BOXED_TYPE(PfExporterConfig, pf_exporter_config, pf_exporter_config_copy,
                    pf_exporter_config_free)
G_DEFINE_BOXED_TYPE(PfAdaptiveSamplingConfig, pf_adaptive_sampling_config,
                    pf_adaptive_sampling_config_copy, pf_adaptive_sampling_config_free)

/**
 * pf_processor_config_copy:
 * @self: a part of a configuration
 *
 * Copies it.
 *
 * Returns: (transfer full): a copy
 */
PfProcessorConfig *pf_processor_config_copy(const PfProcessorConfig *self) {
    PfProcessorConfig *copy = g_memdup2(self, sizeof *self);
    copy->output = g_strdup(self->output);
    copy->format = g_strdup(self->format);
    copy->stacks = g_strdup(self->stacks);
    return copy;
}

/**
 * pf_processor_config_free:
 * @self: (nullable): a part of a configuration
 *
 * Frees it.
 */
void pf_processor_config_free(PfProcessorConfig *self) {
    if (self != NULL) {
        g_free(self->output);
        g_free(self->format);
        g_free(self->stacks);
        g_free(self);
    }
}

/**
 * pf_exporter_config_copy:
 * @self: a part of a configuration
 *
 * Copies it.
 *
 * Returns: (transfer full): a copy
 */
PfExporterConfig *pf_exporter_config_copy(const PfExporterConfig *self) {
    PfExporterConfig *copy = g_memdup2(self, sizeof *self);
    copy->exporters = g_strdupv(self->exporters);
    copy->file_path = g_strdup(self->file_path);
    copy->agent_listen = g_strdup(self->agent_listen);
    copy->prometheus_listen = g_strdup(self->prometheus_listen);
    copy->prometheus_pushgateway = g_strdup(self->prometheus_pushgateway);
    copy->prometheus_textfile = g_strdup(self->prometheus_textfile);
    copy->datadog_api = g_strdup(self->datadog_api);
    copy->file_fsync = g_strdup(self->file_fsync);
    return copy;
}

/**
 * pf_exporter_config_free:
 * @self: (nullable): a part of a configuration
 *
 * Frees it.
 */
void pf_exporter_config_free(PfExporterConfig *self) {
    if (self != NULL) {
        g_strfreev(self->exporters);
        g_free(self->file_path);
        g_free(self->agent_listen);
        g_free(self->prometheus_listen);
        g_free(self->prometheus_pushgateway);
        g_free(self->prometheus_textfile);
        g_free(self->datadog_api);
        g_free(self->file_fsync);
        g_free(self);
    }
}

/**
 * pf_adaptive_sampling_config_copy:
 * @self: a part of a configuration
 *
 * Copies it.
 *
 * Returns: (transfer full): a copy
 */
PfAdaptiveSamplingConfig *pf_adaptive_sampling_config_copy(const PfAdaptiveSamplingConfig *self) {
    PfAdaptiveSamplingConfig *copy = g_memdup2(self, sizeof *self);
    copy->sampler = g_strdup(self->sampler);
    copy->rules = g_strdup(self->rules);
    return copy;
}

/**
 * pf_adaptive_sampling_config_free:
 * @self: (nullable): a part of a configuration
 *
 * Frees it.
 */
void pf_adaptive_sampling_config_free(PfAdaptiveSamplingConfig *self) {
    if (self != NULL) {
        g_free(self->sampler);
        g_free(self->rules);
        g_free(self);
    }
}

#define NUMBER(name) (pf_profiling_config_get(self, PF_SETTING_##name)->number)
#define TEXT(name) g_strdup(pf_profiling_config_get_text(self, PF_SETTING_##name))
#define WORD(name) word_of(PF_SETTING_##name, NUMBER(name))

// As the table spells it, however it was written.
static gchar *word_of(pf_setting_id id, guint64 place) {
    g_auto(GStrv) words = pf_setting_words(id);
    return g_strdup(words[place]);
}

static gchar **words_of(pf_setting_id id, guint64 bits) {
    g_auto(GStrv) words = pf_setting_words(id);
    g_autoptr(GStrvBuilder) chosen = g_strv_builder_new();
    for (guint i = 0; words[i] != NULL; i++) {
        if (bits >> i & 1) {
            g_strv_builder_add(chosen, words[i]);
        }
    }
    return g_strv_builder_end(chosen);
}

/**
 * pf_profiling_config_get_processor:
 * @self: a config
 *
 * The settings of what measures.
 *
 * Returns: (transfer full): the values of now
 */
PfProcessorConfig *pf_profiling_config_get_processor(PfProfilingConfig *self) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), NULL);
    PfProcessorConfig part = {
        .enabled = (gboolean)NUMBER(ENABLED),
        .sample_rate = pf_profiling_config_get(self, PF_SETTING_SAMPLE_RATE)->real,
        .track_memory = (gboolean)NUMBER(TRACK_MEMORY),
        .enable_fast_path = (gboolean)NUMBER(ENABLE_FAST_PATH),
        .cli_enabled = (gboolean)NUMBER(CLI_ENABLED),
        .keep_segment = (gboolean)NUMBER(KEEP_SEGMENT),
        .max_memory_mb = (guint)NUMBER(MAX_MEMORY_MB),
        .buffer_size = (guint)NUMBER(BUFFER_SIZE),
        .output = TEXT(OUTPUT),
        .format = WORD(FORMAT),
        .stacks = WORD(STACKS),
        .stack_depth = (guint)NUMBER(STACK_DEPTH),
        .stack_every = (guint)NUMBER(STACK_EVERY),
        .capture_text = (gboolean)NUMBER(CAPTURE_TEXT),
    };
    return g_memdup2(&part, sizeof part);
}

/**
 * pf_profiling_config_get_exporter:
 * @self: a config
 *
 * The settings of what sends metrics away.
 *
 * Returns: (transfer full): the values of now
 */
PfExporterConfig *pf_profiling_config_get_exporter(PfProfilingConfig *self) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), NULL);
    PfExporterConfig part = {
        .exporters = words_of(PF_SETTING_EXPORTERS, NUMBER(EXPORTERS)),
        .file_path = TEXT(FILE_PATH),
        .flush_interval_seconds = (guint)NUMBER(FLUSH_INTERVAL_SECONDS),
        .batch_size = (guint)NUMBER(BATCH_SIZE),
        .export_timeout_seconds = (guint)NUMBER(EXPORT_TIMEOUT_SECONDS),
        .max_retries = (guint)NUMBER(MAX_RETRIES),
        .background_processing = (gboolean)NUMBER(BACKGROUND_PROCESSING),
        .max_sites = (guint)NUMBER(MAX_SITES),
        .exit_timeout_seconds = (guint)NUMBER(EXIT_TIMEOUT_SECONDS),
        .agent_listen = TEXT(AGENT_LISTEN),
        .prometheus_listen = TEXT(PROMETHEUS_LISTEN),
        .prometheus_pushgateway = TEXT(PROMETHEUS_PUSHGATEWAY),
        .prometheus_textfile = TEXT(PROMETHEUS_TEXTFILE),
        .datadog_api = WORD(DATADOG_API),
        .file_max_mb = (guint)NUMBER(FILE_MAX_MB),
        .file_max_seconds = (guint)NUMBER(FILE_MAX_SECONDS),
        .file_max_files = (guint)NUMBER(FILE_MAX_FILES),
        .file_fsync = WORD(FILE_FSYNC),
    };
    return g_memdup2(&part, sizeof part);
}

/**
 * pf_profiling_config_get_adaptive_sampling:
 * @self: a config
 *
 * The settings of what chooses the rate while a program runs.
 *
 * Returns: (transfer full): the values of now
 */
PfAdaptiveSamplingConfig *pf_profiling_config_get_adaptive_sampling(PfProfilingConfig *self) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), NULL);
    PfAdaptiveSamplingConfig part = {
        .sampler = WORD(SAMPLER),
        .rules = TEXT(RULES),
        .overhead_budget = pf_profiling_config_get(self, PF_SETTING_OVERHEAD_BUDGET)->real,
    };
    return g_memdup2(&part, sizeof part);
}

/**
 * pf_profiling_config_list_names:
 *
 * The names of all settings, in the order of docs/environment.md.
 *
 * Returns: (transfer none) (array zero-terminated=1): the names
 */
const gchar *const *pf_profiling_config_list_names(void) {
    static const gchar *names[PF_SETTING_COUNT + 1];
    static gsize once;
    if (g_once_init_enter(&once)) {
        for (guint i = 0; i < PF_SETTING_COUNT; i++) {
            names[i] = pf_setting_name(i);
        }
        g_once_init_leave(&once, 1);
    }
    return names;
}

static const gchar *known(const gchar *name, const gchar *(*what)(pf_setting_id)) {
    pf_setting_id id;
    g_return_val_if_fail(name != NULL, NULL);
    return pf_setting_find(name, strlen(name), &id) ? what(id) : NULL;
}

/**
 * pf_profiling_config_get_default:
 * @name: the name of a setting
 *
 * The value of a setting that nobody has set.
 *
 * Returns: (transfer none) (nullable): its text, or %NULL when there is no such setting
 */
const gchar *pf_profiling_config_get_default(const gchar *name) {
    return known(name, pf_setting_default);
}

/**
 * pf_profiling_config_get_allowed:
 * @name: the name of a setting
 *
 * What its values may be, in words: `a number from 0 to 1`.
 *
 * Returns: (transfer none) (nullable): the words, or %NULL when there is no such setting
 */
const gchar *pf_profiling_config_get_allowed(const gchar *name) {
    return known(name, pf_setting_allowed);
}

/**
 * pf_profiling_config_get_meaning:
 * @name: the name of a setting
 *
 * What it does, in words.
 *
 * Returns: (transfer none) (nullable): the words, or %NULL when there is no such setting
 */
const gchar *pf_profiling_config_get_meaning(const gchar *name) {
    return known(name, pf_setting_meaning);
}

/**
 * pf_profiling_config_get_variable:
 * @name: the name of a setting
 *
 * Its environment variable: `PROVIDE_PROFILING_SAMPLE_RATE`.
 *
 * Returns: (transfer none) (nullable): the variable, or %NULL when there is no such setting
 */
const gchar *pf_profiling_config_get_variable(const gchar *name) {
    return known(name, pf_setting_variable);
}
