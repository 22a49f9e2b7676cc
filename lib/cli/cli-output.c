// SPDX-License-Identifier: Apache-2.0
// Standard output and error: text, complaints, colour, JSON.
#include "cli.h"
#include <errno.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void say(const gchar *format, va_list arguments) {
    g_autofree gchar *text = g_strdup_vprintf(format, arguments);
    g_autofree gchar *line = pf_human_text(text, 0);
    fprintf(stderr, "pfprof: %s\n", line);
}

gint cli_fail(const gchar *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return 2;
}

void cli_warn(const gchar *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

gint cli_fail_error(const GError *error) { return cli_fail("%s", error->message); }

void cli_say_warnings(PfProfilingConfig *config) {
    const gchar *const *warnings = pf_profiling_config_get_warnings(config);
    for (guint i = 0; warnings[i] != NULL; i++) {
        const gchar *line = warnings[i];
        cli_warn("%s", g_str_has_prefix(line, "pfprof: ") ? line + strlen("pfprof: ") : line);
    }
}

PfProfilingConfig *cli_read_config(void) {
    PfProfilingConfig *config = pf_profiling_config_new_from_environment();
    cli_say_warnings(config);
    return config;
}

gint cli_print(const gchar *text) {
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        return cli_fail("standard output cannot be written: %s", g_strerror(errno));
    }
    return 0;
}

static gboolean is_set(const gchar *variable) {
    const gchar *value = g_getenv(variable);
    return value != NULL && *value != 0;
}

gboolean cli_colour(const cli_args *args, int fd) {
    const gchar *wish = cli_value(args, "color");
    const gchar *terminal = g_getenv("TERM");
    if (wish != NULL && strcmp(wish, "auto") != 0) {
        return strcmp(wish, "always") == 0;
    }
    if (is_set("NO_COLOR")) {
        return FALSE;
    }
    if (is_set("CLICOLOR_FORCE") && strcmp(g_getenv("CLICOLOR_FORCE"), "0") != 0) {
        return TRUE;
    }
    return isatty(fd) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

guint cli_width(int fd) {
    struct winsize size;
    const gchar *columns = g_getenv("COLUMNS");
    guint64 given = columns != NULL ? cli_parse_number(columns, 10000) : 0;
    if (given == 0 && ioctl(fd, TIOCGWINSZ, &size) == 0) {
        given = size.ws_col;
    }
    return given == 0 ? 80 : MAX((guint)given, 40);
}

guint cli_row_width(int fd, guint least) {
    gboolean is_cut = isatty(fd) || g_getenv("COLUMNS") != NULL;
    return is_cut ? MAX(cli_width(fd), least) : G_MAXUINT / 2;
}

// --- JSON

cli_json *cli_json_begin(void) {
    JsonBuilder *self = json_builder_new();
    json_builder_begin_object(self);
    cli_json_int(self, "schema_version", 1);
    return self;
}

gint cli_json_print(cli_json *self) {
    json_builder_end_object(self);
    g_autoptr(JsonGenerator) generator = json_generator_new();
    JsonNode *root = json_builder_get_root(self);
    json_generator_set_root(generator, root);
    g_autofree gchar *text = json_generator_to_data(generator, NULL);
    g_autofree gchar *line = g_strconcat(text, "\n", NULL);
    json_node_unref(root);
    g_object_unref(self);
    return cli_print(line);
}

static void put_name(cli_json *self, const gchar *name) {
    if (name != NULL) {
        json_builder_set_member_name(self, name);
    }
}

void cli_json_string(cli_json *self, const gchar *name, const gchar *value) {
    put_name(self, name);
    if (value == NULL) {
        json_builder_add_null_value(self);
        return;
    }
    g_autofree gchar *valid = g_utf8_make_valid(value, -1);
    json_builder_add_string_value(self, valid);
}

void cli_json_int(cli_json *self, const gchar *name, gint64 value) {
    put_name(self, name);
    json_builder_add_int_value(self, value);
}

void cli_json_number(cli_json *self, const gchar *name, gdouble value) {
    put_name(self, name);
    if (isfinite(value)) {
        json_builder_add_double_value(self, value);
    } else {
        json_builder_add_null_value(self);
    }
}

void cli_json_double(cli_json *self, const gchar *name, gdouble value) {
    put_name(self, name);
    if (value >= 0) {
        json_builder_add_double_value(self, value);
    } else {
        json_builder_add_null_value(self);
    }
}

void cli_json_bool(cli_json *self, const gchar *name, gboolean value) {
    put_name(self, name);
    json_builder_add_boolean_value(self, value);
}

void cli_json_open(cli_json *self, const gchar *name, gchar bracket) {
    put_name(self, name);
    if (bracket == '{') {
        json_builder_begin_object(self);
    } else {
        json_builder_begin_array(self);
    }
}

void cli_json_close(cli_json *self, gchar bracket) {
    if (bracket == '}') {
        json_builder_end_object(self);
    } else {
        json_builder_end_array(self);
    }
}

static gboolean can_write(const gchar *option, const gchar *path, gint problem) {
    if (*path == 0) {
        cli_warn("%s is empty: name a file in a folder of yours", option);
    } else if (problem != 0) {
        cli_warn("%s %s cannot be written: %s", option, path, g_strerror(problem));
    }
    return problem == 0;
}

gboolean cli_can_write(const gchar *option, const gchar *path) {
    return can_write(option, path, pf_output_file_check(path));
}

gint cli_write(const gchar *option, const gchar *path, const gchar *text, gsize size) {
    return can_write(option, path, pf_output_file_write(path, text, size, 0666)) ? 0 : 2;
}
