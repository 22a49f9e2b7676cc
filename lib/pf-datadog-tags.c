// SPDX-License-Identifier: Apache-2.0
// Tags for Datadog.
#include "pf-datadog-tags.h"
#include <string.h>

// What DogStatsD's lines and Datadog's tags give a meaning to; 200 characters at most.
static gchar *tag(const gchar *name, const gchar *value) {
    g_autofree gchar *text = g_strdup_printf("%s:%s", name, value);
    g_autofree gchar *cut =
        g_utf8_strlen(text, -1) > 200 ? g_utf8_substring(text, 0, 200) : g_steal_pointer(&text);
    return g_strdelimit(g_steal_pointer(&cut), ",|#\n\r@", '_');
}

static void from_variable(GStrvBuilder *tags, const gchar *variable, const gchar *name) {
    const gchar *value = g_getenv(variable);
    if (value != NULL && *value != 0) {
        g_autofree gchar *text = tag(name, value);
        g_strv_builder_add(tags, text);
    }
}

gchar **pf_datadog_common_tags(void) {
    g_autoptr(GStrvBuilder) tags = g_strv_builder_new();
    from_variable(tags, "DD_SERVICE", "service");
    from_variable(tags, "DD_ENV", "env");
    from_variable(tags, "DD_VERSION", "version");
    from_variable(tags, "DD_ENTITY_ID", "dd.internal.entity_id"); // where it comes from
    const gchar *more = g_getenv("DD_TAGS");
    g_auto(GStrv) words = g_strsplit_set(more != NULL ? more : "", ", ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        if (*words[i] != 0) {
            g_strv_builder_add(tags, g_strdelimit(words[i], "|#\n\r@", '_'));
        }
    }
    return g_strv_builder_end(tags);
}

gchar **pf_datadog_tags(const pf_series *series) {
    g_autoptr(GStrvBuilder) tags = g_strv_builder_new();
    if (*series->program != 0) {
        g_autofree gchar *program = tag("program", series->program);
        g_strv_builder_add(tags, program);
    }
    for (gchar **pair = series->labels; *pair != NULL; pair += 2) {
        g_autofree gchar *text = tag(pair[0], pair[1]);
        g_strv_builder_add(tags, text);
    }
    return g_strv_builder_end(tags);
}
