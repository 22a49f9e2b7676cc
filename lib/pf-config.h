// SPDX-License-Identifier: Apache-2.0
// PfProfilingConfig: every setting, its value, and where that comes from.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

/**
 * PfConfigSource:
 * @PF_CONFIG_SOURCE_DEFAULT: the default of the table in docs/environment.md
 * @PF_CONFIG_SOURCE_FILE: the configuration file
 * @PF_CONFIG_SOURCE_ENVIRONMENT: a variable that begins with `PROVIDE_PROFILING_`
 * @PF_CONFIG_SOURCE_COMMAND_LINE: [method@ProfilingConfig.set]
 *
 * Where the value of a setting comes from; a later one wins over an earlier one.
 */
typedef enum {
    PF_CONFIG_SOURCE_DEFAULT,
    PF_CONFIG_SOURCE_FILE,
    PF_CONFIG_SOURCE_ENVIRONMENT,
    PF_CONFIG_SOURCE_COMMAND_LINE,
} PfConfigSource;

/**
 * PfProcessorConfig:
 * @enabled: whether anything is measured
 * @sample_rate: the share of messages that is timed, from 0 to 1
 * @track_memory: whether a summary says the peak resident memory
 * @enable_fast_path: false: every call looks its site up out of line
 * @cli_enabled: false: no observer can attach
 * @keep_segment: whether the segment file stays after a normal exit
 * @max_memory_mb: the most that a segment may grow to, in MiB
 * @buffer_size: events in the ring of recent events
 * @output: where the summary goes: `stderr`, `none` or a path with `%p` and `%n`
 * @format: `text` or `json`
 * @stacks: `auto`, `on` or `off`
 * @stack_depth: frames of a call stack
 * @stack_every: with @stacks `auto`, one timed call in so many gives a stack
 * @capture_text: whether examples of messages are stored
 *
 * The settings of what measures.
 */
typedef struct {
    gboolean enabled;
    gdouble sample_rate;
    gboolean track_memory;
    gboolean enable_fast_path;
    gboolean cli_enabled;
    gboolean keep_segment;
    guint max_memory_mb;
    guint buffer_size;
    gchar *output;
    gchar *format;
    gchar *stacks;
    guint stack_depth;
    guint stack_every;
    gboolean capture_text;
} PfProcessorConfig;

/**
 * PfExporterConfig:
 * @exporters: (array zero-terminated=1): the names of the exporters, in the order of the table
 * @file_path: where the file exporter writes; may be empty
 * @flush_interval_seconds: seconds between exports
 * @batch_size: the most metrics in one request
 * @export_timeout_seconds: how long an export may take
 * @max_retries: how often a failed export is tried again
 * @background_processing: false: one export, at exit
 * @max_sites: call sites of a program that are exported by name
 * @exit_timeout_seconds: how long exports go on when the agent is told to end
 * @agent_listen: where the agent answers health checks; may be empty
 * @prometheus_listen: where Prometheus scrapes; may be empty
 * @prometheus_pushgateway: address of a Pushgateway; may be empty
 * @prometheus_textfile: a file for node_exporter; may be empty
 * @datadog_api: `auto`, `dogstatsd`, `v1` or `v2`
 * @file_max_mb: size at which a new file begins, in MiB; 0: never
 * @file_max_seconds: age at which a new file begins; 0: never
 * @file_max_files: how many files are kept
 * @file_fsync: `never`, `rotate` or `always`
 *
 * The settings of what sends metrics away.
 */
typedef struct {
    gchar **exporters;
    gchar *file_path;
    guint flush_interval_seconds;
    guint batch_size;
    guint export_timeout_seconds;
    guint max_retries;
    gboolean background_processing;
    guint max_sites;
    guint exit_timeout_seconds;
    gchar *agent_listen;
    gchar *prometheus_listen;
    gchar *prometheus_pushgateway;
    gchar *prometheus_textfile;
    gchar *datadog_api;
    guint file_max_mb;
    guint file_max_seconds;
    guint file_max_files;
    gchar *file_fsync;
} PfExporterConfig;

/**
 * PfAdaptiveSamplingConfig:
 * @sampler: `fixed`, `load`, `pattern`, `statistical` or `adaptive`
 * @rules: the path of a rules file; may be empty
 * @overhead_budget: the share of CPU time that measuring may take, from 0 to 1
 * @half_life_seconds: after how long what the adaptive sampler learned counts for half; 0: 30
 *
 * The settings of what chooses the rate while a program runs.
 */
typedef struct {
    gchar *sampler;
    gchar *rules;
    gdouble overhead_budget;
    gdouble half_life_seconds;
} PfAdaptiveSamplingConfig;

#define PF_TYPE_PROCESSOR_CONFIG (pf_processor_config_get_type())
PF_API GType pf_processor_config_get_type(void);
PF_API PfProcessorConfig *pf_processor_config_copy(const PfProcessorConfig *self);
PF_API void pf_processor_config_free(PfProcessorConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfProcessorConfig, pf_processor_config_free)

#define PF_TYPE_EXPORTER_CONFIG (pf_exporter_config_get_type())
PF_API GType pf_exporter_config_get_type(void);
PF_API PfExporterConfig *pf_exporter_config_copy(const PfExporterConfig *self);
PF_API void pf_exporter_config_free(PfExporterConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfExporterConfig, pf_exporter_config_free)

#define PF_TYPE_ADAPTIVE_SAMPLING_CONFIG (pf_adaptive_sampling_config_get_type())
PF_API GType pf_adaptive_sampling_config_get_type(void);
PF_API PfAdaptiveSamplingConfig *
pf_adaptive_sampling_config_copy(const PfAdaptiveSamplingConfig *self);
PF_API void pf_adaptive_sampling_config_free(PfAdaptiveSamplingConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfAdaptiveSamplingConfig, pf_adaptive_sampling_config_free)

#define PF_TYPE_PROFILING_CONFIG (pf_profiling_config_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfProfilingConfig, pf_profiling_config, PF, PROFILING_CONFIG, GObject)

PF_API PfProfilingConfig *pf_profiling_config_new(void);
PF_API PfProfilingConfig *pf_profiling_config_new_from_environment(void);
PF_API void pf_profiling_config_load(PfProfilingConfig *self, const gchar *const *environment);
PF_API gboolean pf_profiling_config_load_file(PfProfilingConfig *self, const gchar *path,
                                              GError **error);
PF_API gboolean pf_profiling_config_set(PfProfilingConfig *self, const gchar *name,
                                        const gchar *value, GError **error);

PF_API const gchar *pf_profiling_config_get_value(PfProfilingConfig *self, const gchar *name);
PF_API PfConfigSource pf_profiling_config_get_source(PfProfilingConfig *self, const gchar *name);
PF_API const gchar *pf_profiling_config_get_origin(PfProfilingConfig *self, const gchar *name);
PF_API const gchar *const *pf_profiling_config_get_warnings(PfProfilingConfig *self);

PF_API PfProcessorConfig *pf_profiling_config_get_processor(PfProfilingConfig *self);
PF_API PfExporterConfig *pf_profiling_config_get_exporter(PfProfilingConfig *self);
PF_API PfAdaptiveSamplingConfig *pf_profiling_config_get_adaptive_sampling(PfProfilingConfig *self);

PF_API const gchar *const *pf_profiling_config_list_names(void);
PF_API const gchar *pf_profiling_config_get_default(const gchar *name);
PF_API const gchar *pf_profiling_config_get_allowed(const gchar *name);
PF_API const gchar *pf_profiling_config_get_meaning(const gchar *name);
PF_API const gchar *pf_profiling_config_get_variable(const gchar *name);

PF_API gchar *pf_profiling_config_migrate(const gchar *text);
PF_API gboolean pf_profiling_config_migrate_file(const gchar *path, GError **error);

G_END_DECLS
