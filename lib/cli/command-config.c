// SPDX-License-Identifier: Apache-2.0
// pfprof config: every setting with its source; config migrate: rewrites a file of the old form.
#include "cli.h"
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

static const gchar *source_word(PfConfigSource source) {
    static const gchar *const words[] = {"default", "file", "environment", "command line"};
    return source < G_N_ELEMENTS(words) ? words[source] : "unknown";
}

// The value; of an address without user and password, which do not belong there and are not for others.
static gchar *shown(PfProfilingConfig *config, const gchar *name) {
    const gchar *value = pf_profiling_config_get_value(config, name);
    const gchar *scheme = strstr(value, "://");
    const gchar *host = scheme != NULL ? scheme + 3 : value;
    const gchar *at = g_strrstr_len(host, (gssize)strcspn(host, "/?#"), "@");
    return scheme != NULL && at != NULL
               ? g_strdup_printf("%.*s***%s", (gint)(host - value), value, at)
               : g_strdup(value);
}

static gint print_json(PfProfilingConfig *config) {
    const gchar *const *names = pf_profiling_config_list_names();
    cli_json *json = cli_json_begin();
    cli_json_open(json, "settings", '[');
    for (guint i = 0; names[i] != NULL; i++) {
        g_autofree gchar *value = shown(config, names[i]);
        cli_json_open(json, NULL, '{');
        cli_json_string(json, "name", names[i]);
        cli_json_string(json, "variable", pf_profiling_config_get_variable(names[i]));
        cli_json_string(json, "value", value);
        cli_json_string(json, "source",
                        source_word(pf_profiling_config_get_source(config, names[i])));
        cli_json_string(json, "file", pf_profiling_config_get_origin(config, names[i]));
        cli_json_string(json, "default", pf_profiling_config_get_default(names[i]));
        cli_json_string(json, "allowed", pf_profiling_config_get_allowed(names[i]));
        cli_json_string(json, "meaning", pf_profiling_config_get_meaning(names[i]));
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    return cli_json_print(json);
}

static gint print_all(PfProfilingConfig *config, const cli_args *args) {
    const gchar *const *names = pf_profiling_config_list_names();
    gboolean colour = cli_colour(args, STDOUT_FILENO);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; names[i] != NULL; i++) {
        PfConfigSource source = pf_profiling_config_get_source(config, names[i]);
        const gchar *origin = pf_profiling_config_get_origin(config, names[i]);
        g_autofree gchar *value = shown(config, names[i]);
        g_autofree gchar *safe = pf_human_text(*value != 0 ? value : "–", 36);
        gint padding = 24 - (gint)pf_human_columns(safe);
        gboolean changed = source != PF_CONFIG_SOURCE_DEFAULT;
        g_string_append_printf(
            out, "%-23s %s%s%s%*s %s", names[i], colour && changed ? "\033[1m" : "", safe,
            colour && changed ? "\033[0m" : "", MAX(padding, 0), "", source_word(source));
        if (origin != NULL) {
            g_autofree gchar *path = pf_human_text(origin, 0);
            g_string_append_printf(out, " %s", path);
        }
        g_string_append_c(out, '\n');
    }
    return cli_print(out->str);
}

// A setting by its own name or by that of its variable.
static const gchar *find_name(const gchar *word) {
    const gchar *const *names = pf_profiling_config_list_names();
    for (guint i = 0; names[i] != NULL; i++) {
        if (g_ascii_strcasecmp(word, names[i]) == 0 ||
            strcmp(word, pf_profiling_config_get_variable(names[i])) == 0) {
            return names[i];
        }
    }
    return NULL;
}

static void put_fact(GString *out, const gchar *what, const gchar *text) {
    g_string_append_printf(out, "  %-10s ", what);
    cli_put_wrapped(out, *text != 0 ? text : "–", 13, 13);
}

static gint print_one(PfProfilingConfig *config, const gchar *word) {
    const gchar *name = find_name(word);
    if (name == NULL) {
        g_autofree gchar *safe = pf_human_text(word, 40);
        return cli_fail("%s is not the name of a setting; `pfprof config` lists them", safe);
    }
    const gchar *origin = pf_profiling_config_get_origin(config, name);
    g_autofree gchar *raw = shown(config, name);
    g_autofree gchar *value = pf_human_text(raw, 0);
    g_autofree gchar *path = pf_human_text(origin != NULL ? origin : "", 0);
    g_autofree gchar *from =
        g_strjoin(*path != 0 ? " " : NULL,
                  source_word(pf_profiling_config_get_source(config, name)), path, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "%s = %s\n", name, *value != 0 ? value : "–");
    put_fact(out, "from", from);
    put_fact(out, "default", pf_profiling_config_get_default(name));
    put_fact(out, "allowed", pf_profiling_config_get_allowed(name));
    put_fact(out, "variable", pf_profiling_config_get_variable(name));
    put_fact(out, "meaning", pf_profiling_config_get_meaning(name));
    return cli_print(out->str);
}

static gint migrate(const cli_args *args) {
    g_autoptr(GError) error = NULL;
    if (args->operand_count < 2) {
        return cli_fail("which file?  `pfprof config migrate FILE`");
    }
    const gchar *path = args->operands[1];
    g_autofree gchar *before = NULL;
    g_autofree gchar *after = NULL;
    g_file_get_contents(path, &before, NULL, NULL); // what goes wrong, migrate_file() says
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new();
    if (!pf_profiling_config_migrate_file(path, &error) ||
        !pf_profiling_config_load_file(config, path, &error)) {
        return cli_fail_error(error);
    }
    cli_say_warnings(config); // of values that are allowed in neither form
    g_file_get_contents(path, &after, NULL, NULL);
    g_autofree gchar *safe = pf_human_text(path, 0);
    g_autofree gchar *text = g_strdup_printf(
        "%s: %s\n", safe,
        g_strcmp0(before, after) != 0 ? "rewritten in today's form" : "is in today's form already");
    return cli_print(text);
}

static gint run(cli_args *args) {
    if (args->operand_count > 0 && strcmp(args->operands[0], "migrate") == 0) {
        return migrate(args);
    }
    if (args->operand_count > 1) {
        return cli_fail("%s is one word too many; see `pfprof config --help`", args->operands[1]);
    }
    g_autoptr(PfProfilingConfig) config = cli_read_config();
    if (cli_has(args, "json")) {
        return print_json(config);
    }
    return args->operand_count > 0 ? print_one(config, args->operands[0]) : print_all(config, args);
}

const cli_command command_config = {
    .name = "config",
    .operands = "[NAME | migrate FILE]",
    .summary = "shows every setting with its source, or rewrites an old file",
    .details = "The environment (PROVIDE_PROFILING_*) wins over the file that "
               "PROVIDE_PROFILING_CONFIG names, or else $XDG_CONFIG_HOME/pfprof/config.ini, and "
               "that over the default. With NAME (sample_rate or PROVIDE_PROFILING_SAMPLE_RATE), "
               "what the setting means and allows.\n\n"
               "migrate rewrites a file of the old flat form (profiling_enabled, sample_rate) into "
               "today's, at once or not at all; a file that is in today's form does not change.",
    .examples = "pfprof config sample_rate\n"
                "pfprof config migrate ~/.config/pfprof/config.ini",
    .options = options,
    .operand = CLI_OPERAND_WORDS,
    .words = "migrate",
    .most = 2,
    .run = run,
};
