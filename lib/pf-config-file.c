// SPDX-License-Identifier: Apache-2.0
// Where the configuration file is and what its lines are.
//
// Not GKeyFile's reader: that refuses a whole file for one bad line, and a file without a section,
// where the preloaded library takes every line for itself.  What `migrate` writes, GKeyFile reads too.
#include "pf-config-file.h"
#include <string.h>

#define FLAT_PREFIX "profiling_"

static gchar *skip_blank(gchar *at) { return at + strspn(at, " \t"); }

static void find_setting(pf_line *line) {
    gsize length = strlen(line->name);
    line->kind = PF_LINE_SETTING;
    if (pf_setting_find(line->name, length, &line->id)) {
        return;
    }
    gsize prefix = strlen(FLAT_PREFIX);
    if (g_ascii_strncasecmp(line->name, FLAT_PREFIX, prefix) == 0 &&
        pf_setting_find(line->name + prefix, length - prefix, &line->id)) {
        line->is_flat = TRUE;
        return;
    }
    line->kind = PF_LINE_UNKNOWN;
}

static void read_line(gchar *text, pf_line *ret_line) {
    gchar *name = skip_blank(text);
    *ret_line = (pf_line){.kind = PF_LINE_EMPTY};
    if (*name == 0) {
        return;
    }
    if (strchr("#;[", *name) != NULL) {
        ret_line->kind = *name == '[' ? PF_LINE_SECTION : PF_LINE_COMMENT;
        return;
    }
    gchar *equals = name + strcspn(name, "=");
    gboolean has_value = *equals != 0;
    gchar *value = has_value ? skip_blank(equals + 1) : equals;
    gchar *end = equals;
    while (end > name && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    gsize length = strlen(value);
    while (length > 0 && strchr(" \t\r", value[length - 1]) != NULL) {
        value[--length] = 0;
    }
    *end = 0;
    ret_line->name = name;
    ret_line->value = value;
    find_setting(ret_line);
    if (!has_value) {
        ret_line->kind = PF_LINE_UNKNOWN;
    }
}

void pf_lines_read(const gchar *text, pf_line_fn *each, gpointer data) {
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree gchar *whole = g_strdup(lines[i]);
        pf_line line;
        read_line(lines[i], &line);
        each(&line, whole, data);
    }
}

gchar *pf_config_file_path(const gchar *const *environment, gboolean *ret_given) {
    gchar **all = (gchar **)environment;
    const gchar *given = g_environ_getenv(all, pf_setting_variable(PF_SETTING_CONFIG));
    const gchar *xdg = g_environ_getenv(all, "XDG_CONFIG_HOME");
    const gchar *home = g_environ_getenv(all, "HOME");
    *ret_given = given != NULL && *given != 0;
    if (*ret_given) {
        return g_strdup(given);
    }
    if (xdg != NULL && *xdg == '/') {
        return g_strconcat(xdg, "/pfprof/config.ini", NULL);
    }
    if (home != NULL && *home == '/') {
        return g_strconcat(home, "/.config/pfprof/config.ini", NULL);
    }
    return NULL;
}
