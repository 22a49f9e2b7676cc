// SPDX-License-Identifier: Apache-2.0
// The configuration: command line over environment over file over default, every value checked.
#include "pf-config.h"
#include "pf-config-file.h"
#include "pf-config-parts.h"
#include "pf-errors.h"
#include <string.h>

typedef struct {
    pf_setting_value value;
    gchar *text;
    gchar *origin; // the file, NULL for other sources
    PfConfigSource source;
} entry;

/**
 * PfProfilingConfig:
 *
 * Every setting with its value and where that comes from: the command line wins over the environment,
 * that over the file, that over the default.  The settings, their defaults and what they allow are in
 * docs/environment.md; a name here is that of the variable in lower case without
 * `PROVIDE_PROFILING_`, such as `sample_rate`.
 *
 * A value that is not allowed is passed over, and one line says so
 * ([method@ProfilingConfig.get_warnings]), in the words of the preloaded library.
 *
 * A config is filled by one thread; after that any number of threads may read it.
 */
struct _PfProfilingConfig {
    GObject parent;
    entry entries[PF_SETTING_COUNT];
    GPtrArray *warnings; // ends with NULL
};

G_DEFINE_FINAL_TYPE(PfProfilingConfig, pf_profiling_config, G_TYPE_OBJECT)

static void finalize(GObject *object) {
    PfProfilingConfig *self = PF_PROFILING_CONFIG(object);
    for (guint i = 0; i < PF_SETTING_COUNT; i++) {
        g_free(self->entries[i].text);
        g_free(self->entries[i].origin);
    }
    g_ptr_array_unref(self->warnings);
    G_OBJECT_CLASS(pf_profiling_config_parent_class)->finalize(object);
}

static void pf_profiling_config_class_init(PfProfilingConfigClass *class) {
    G_OBJECT_CLASS(class)->finalize = finalize;
}

static void pf_profiling_config_init(PfProfilingConfig *self) {
    self->warnings = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(self->warnings, NULL);
    for (guint i = 0; i < PF_SETTING_COUNT; i++) {
        entry *e = &self->entries[i];
        e->text = g_strdup(pf_setting_default(i));
        pf_setting_parse(i, e->text, &e->value);
    }
}

static void warn(PfProfilingConfig *self, gchar *line) {
    g_ptr_array_insert(self->warnings, (gint)self->warnings->len - 1, line);
}

// Takes a value that is allowed unless a stronger source has spoken; false when it is not allowed.
static gboolean take(PfProfilingConfig *self, pf_setting_id id, const gchar *text,
                     PfConfigSource source, const gchar *origin) {
    entry *e = &self->entries[id];
    pf_setting_value value;
    if (!pf_setting_parse(id, text, &value)) {
        return FALSE;
    }
    if (source >= e->source) {
        e->value = value;
        e->source = source;
        g_free(e->text);
        e->text = g_strdup(text);
        g_free(e->origin);
        e->origin = g_strdup(origin);
    }
    return TRUE;
}

static void take_or_warn(PfProfilingConfig *self, pf_setting_id id, const gchar *text,
                         PfConfigSource source, const gchar *origin) {
    if (!take(self, id, text, source, origin)) {
        warn(self, pf_setting_complaint(id, origin, text, self->entries[id].text));
    }
}

typedef struct {
    PfProfilingConfig *config;
    const gchar *path;
    gboolean is_flat;
} reading;

static void read_line(const pf_line *line, const gchar *whole, gpointer data) {
    reading *r = data;
    if (line->kind == PF_LINE_SETTING) {
        r->is_flat |= line->is_flat;
        take_or_warn(r->config, line->id, line->value, PF_CONFIG_SOURCE_FILE, r->path);
    } else if (line->kind == PF_LINE_UNKNOWN) {
        warn(r->config, pf_setting_unknown(r->path, line->name));
    }
}

/**
 * pf_profiling_config_load_file:
 * @self: a config
 * @path: (type filename): a file of `name = value` lines
 * @error: return location for an error
 *
 * Takes the values of a file over those of the defaults and of files before it.  Lines that begin with
 * `#`, `;` or `[` are passed over, names may be in any case.  Names of the old flat form, such as
 * `profiling_enabled`, are taken too; one warning then tells how to rewrite the file.
 *
 * Fails with %PF_CONFIGURATION_ERROR_UNREADABLE when the file cannot be read.
 *
 * Returns: true when the file was read, whatever was in it
 */
gboolean pf_profiling_config_load_file(PfProfilingConfig *self, const gchar *path, GError **error) {
    g_autofree gchar *text = NULL;
    g_autoptr(GError) problem = NULL;
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), FALSE);
    g_return_val_if_fail(path != NULL, FALSE);
    if (!g_file_get_contents(path, &text, NULL, &problem)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE, "%s",
                    problem->message);
        return FALSE;
    }
    reading r = {.config = self, .path = path};
    pf_lines_read(text, read_line, &r);
    if (r.is_flat) {
        warn(self, g_strdup_printf("pfprof: %s: names that begin with profiling_ are deprecated; "
                                   "`pfprof config migrate %s` rewrites the file",
                                   path, path));
    }
    return TRUE;
}

/**
 * pf_profiling_config_load:
 * @self: a config
 * @environment: (nullable) (array zero-terminated=1) (element-type filename): `NAME=value` strings, or
 *   %NULL for those of the process
 *
 * Reads the file that the environment names (`PROVIDE_PROFILING_CONFIG`, else
 * `$XDG_CONFIG_HOME/pfprof/config.ini`, else that of `$HOME/.config`), then the environment.  What is
 * wrong there becomes a warning, never an error.
 */
void pf_profiling_config_load(PfProfilingConfig *self, const gchar *const *environment) {
    g_auto(GStrv) own = environment == NULL ? g_get_environ() : NULL;
    const gchar *const *all = environment != NULL ? environment : (const gchar *const *)own;
    gboolean given;
    g_return_if_fail(PF_IS_PROFILING_CONFIG(self));
    g_autofree gchar *path = pf_config_file_path(all, &given);
    if (path != NULL && !pf_profiling_config_load_file(self, path, NULL) && given) {
        warn(self, pf_setting_unreadable(path));
    }
    for (guint i = 0; i < PF_SETTING_COUNT; i++) {
        const gchar *text = g_environ_getenv((gchar **)all, pf_setting_variable(i));
        if (text != NULL) {
            take_or_warn(self, i, text, PF_CONFIG_SOURCE_ENVIRONMENT, NULL);
        }
    }
}

/**
 * pf_profiling_config_set:
 * @self: a config
 * @name: the name of a setting, such as `sample_rate`; in any case
 * @value: its value
 * @error: return location for an error
 *
 * Sets a value as from the command line: it wins over every other source.
 *
 * Fails with %PF_CONFIGURATION_ERROR_UNKNOWN_NAME when there is no such setting, and with
 * %PF_CONFIGURATION_ERROR_BAD_VALUE when @value is not allowed; nothing changes then.
 *
 * Returns: true when the value was taken
 */
gboolean pf_profiling_config_set(PfProfilingConfig *self, const gchar *name, const gchar *value,
                                 GError **error) {
    pf_setting_id id;
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), FALSE);
    g_return_val_if_fail(name != NULL && value != NULL, FALSE);
    if (!pf_setting_find(name, strlen(name), &id)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNKNOWN_NAME,
                    "%s is not the name of a setting", name);
        return FALSE;
    }
    if (!take(self, id, value, PF_CONFIG_SOURCE_COMMAND_LINE, NULL)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_BAD_VALUE,
                    "%s=%s is not %s", pf_setting_name(id), value, pf_setting_allowed(id));
        return FALSE;
    }
    return TRUE;
}

/**
 * pf_profiling_config_new:
 *
 * A config of defaults.
 *
 * Returns: (transfer full): a new config
 */
PfProfilingConfig *pf_profiling_config_new(void) {
    return g_object_new(PF_TYPE_PROFILING_CONFIG, NULL);
}

/**
 * pf_profiling_config_new_from_environment:
 *
 * A config of what the process was started with; see [method@ProfilingConfig.load].
 *
 * Returns: (transfer full): a new config
 */
PfProfilingConfig *pf_profiling_config_new_from_environment(void) {
    PfProfilingConfig *self = pf_profiling_config_new();
    pf_profiling_config_load(self, NULL);
    return self;
}

static entry *find(PfProfilingConfig *self, const gchar *name) {
    pf_setting_id id;
    if (name == NULL || !pf_setting_find(name, strlen(name), &id)) {
        return NULL;
    }
    return &self->entries[id];
}

/**
 * pf_profiling_config_get_value:
 * @self: a config
 * @name: the name of a setting
 *
 * The value in force, as it was written.
 *
 * Returns: (transfer none) (nullable): the text, or %NULL when there is no such setting
 */
const gchar *pf_profiling_config_get_value(PfProfilingConfig *self, const gchar *name) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), NULL);
    entry *found = find(self, name);
    return found != NULL ? found->text : NULL;
}

/**
 * pf_profiling_config_get_source:
 * @self: a config
 * @name: the name of a setting
 *
 * Where the value in force comes from.
 *
 * Returns: the source; that of the default when there is no such setting
 */
PfConfigSource pf_profiling_config_get_source(PfProfilingConfig *self, const gchar *name) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), PF_CONFIG_SOURCE_DEFAULT);
    entry *found = find(self, name);
    return found != NULL ? found->source : PF_CONFIG_SOURCE_DEFAULT;
}

/**
 * pf_profiling_config_get_origin:
 * @self: a config
 * @name: the name of a setting
 *
 * The file that the value in force comes from.
 *
 * Returns: (transfer none) (nullable) (type filename): its path, or %NULL when it is from no file
 */
const gchar *pf_profiling_config_get_origin(PfProfilingConfig *self, const gchar *name) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), NULL);
    entry *found = find(self, name);
    return found != NULL ? found->origin : NULL;
}

/**
 * pf_profiling_config_get_warnings:
 * @self: a config
 *
 * What was wrong with files and environment, a line each, in the order of reading.
 *
 * Returns: (transfer none) (array zero-terminated=1): the lines, without line breaks; valid until the
 *   config is filled further
 */
const gchar *const *pf_profiling_config_get_warnings(PfProfilingConfig *self) {
    g_return_val_if_fail(PF_IS_PROFILING_CONFIG(self), NULL);
    return (const gchar *const *)self->warnings->pdata;
}

const pf_setting_value *pf_profiling_config_get(PfProfilingConfig *self, pf_setting_id id) {
    return &self->entries[id].value;
}

const gchar *pf_profiling_config_get_text(PfProfilingConfig *self, pf_setting_id id) {
    return self->entries[id].text;
}
