// SPDX-License-Identifier: Apache-2.0
// Rewrites a configuration file of the old flat form into sections of today's names.
#include "pf-config-file.h"
#include "pf-config.h"
#include "pf-errors.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    GKeyFile *file;
    GString *comment; // lines that wait for the setting below them
} migration;

// GKeyFile knows comments that begin with # only, and puts the # there itself.
static void keep_comment(migration *m, const gchar *line) {
    g_string_append_printf(m->comment, "%s\n", line + strspn(line, " \t#;"));
}

static void migrate_line(const pf_line *line, const gchar *whole, gpointer data) {
    migration *m = data;
    switch (line->kind) {
    case PF_LINE_EMPTY:
    case PF_LINE_SECTION: break;
    case PF_LINE_COMMENT: keep_comment(m, whole); break;
    case PF_LINE_UNKNOWN:
        // Not ours to throw away; as a comment it does no harm.
        g_string_append_printf(m->comment, "not a setting: %s\n", whole);
        break;
    case PF_LINE_SETTING: {
        const gchar *section = pf_setting_section(line->id);
        const gchar *name = pf_setting_name(line->id);
        g_key_file_set_value(m->file, section, name, line->value);
        if (m->comment->len > 0) {
            g_string_truncate(m->comment, m->comment->len - 1);
            g_key_file_set_comment(m->file, section, name, m->comment->str, NULL);
            g_string_truncate(m->comment, 0);
        }
    }
    }
}

/**
 * pf_profiling_config_migrate:
 * @text: the text of a configuration file, in the old flat form or in today's
 *
 * The same settings under today's names (`profiling_enabled` becomes `enabled`), sorted into sections.
 * Comments stay above what they stood above; a line that is no setting becomes a comment.  A text that
 * was migrated before does not change.
 *
 * Any thread may call this.
 *
 * Returns: (transfer full): the new text, to be freed with [func@GLib.free]; [struct@GLib.KeyFile] can
 *   read it
 */
gchar *pf_profiling_config_migrate(const gchar *text) {
    g_return_val_if_fail(text != NULL, NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GString) comment = g_string_new(NULL);
    migration m = {.file = file, .comment = comment};
    pf_lines_read(text, migrate_line, &m);
    g_autofree gchar *settings = g_key_file_to_data(file, NULL, NULL);
    g_autoptr(GString) all = g_string_new(settings);
    g_auto(GStrv) rest = g_strsplit(comment->str, "\n", -1);
    for (guint i = 0; rest[i] != NULL && rest[i + 1] != NULL; i++) { // the last one is empty
        g_string_append_printf(all, "#%s\n", rest[i]);
    }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

// The file that a link points to, and with the mode that it had.
static gboolean replace_file(const gchar *path, const gchar *text, GError **error) {
    GStatBuf status;
    gchar *target = realpath(path, NULL);
    gint mode = target != NULL && g_stat(target, &status) == 0 ? status.st_mode & 0777 : 0644;
    gboolean done = g_file_set_contents_full(target != NULL ? target : path, text, -1,
                                             G_FILE_SET_CONTENTS_CONSISTENT, mode, error);
    free(target);
    return done;
}

typedef struct {
    guint settings;
    guint unknown;
} line_counts;

static void count_line(const pf_line *line, const gchar *whole, gpointer data) {
    line_counts *counts = data;
    (void)whole;
    counts->settings += line->kind == PF_LINE_SETTING;
    counts->unknown += line->kind == PF_LINE_UNKNOWN;
}

// Another file, named by mistake, would be lost: all of it a comment, or cut at its first zero byte.
static gboolean is_configuration(const gchar *text, gsize length) {
    line_counts counts = {0};
    if (!g_utf8_validate_len(text, length, NULL)) {
        return FALSE;
    }
    pf_lines_read(text, count_line, &counts);
    return counts.settings > 0 || counts.unknown == 0;
}

/**
 * pf_profiling_config_migrate_file:
 * @path: (type filename): a configuration file
 * @error: return location for an error
 *
 * Rewrites a file by [func@ProfilingConfig.migrate]: the new text takes the place of the old one at
 * once, or not at all.  A file that is no UTF-8 text, or has lines but no setting, is left as it is.
 *
 * Fails with %PF_CONFIGURATION_ERROR_UNREADABLE or %PF_CONFIGURATION_ERROR_UNWRITABLE.
 *
 * Returns: true when the file is in today's form
 */
gboolean pf_profiling_config_migrate_file(const gchar *path, GError **error) {
    g_autoptr(GError) problem = NULL;
    g_autofree gchar *text = NULL;
    gsize length = 0;
    g_return_val_if_fail(path != NULL, FALSE);
    if (!g_file_get_contents(path, &text, &length, &problem)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE, "%s",
                    problem->message);
        return FALSE;
    }
    if (!is_configuration(text, length)) {
        g_set_error(
            error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE,
            "%s is no configuration file: there is no line `name = value` of a setting in it",
            path);
        return FALSE;
    }
    g_autofree gchar *migrated = pf_profiling_config_migrate(text);
    if (g_str_equal(text, migrated)) {
        return TRUE;
    }
    if (!replace_file(path, migrated, &problem)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNWRITABLE, "%s",
                    problem->message);
        return FALSE;
    }
    return TRUE;
}
