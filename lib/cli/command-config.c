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

static void say_warnings(PfProfilingConfig *config) {
    const gchar *const *warnings = pf_profiling_config_get_warnings(config);
    for (guint i = 0; warnings[i] != NULL; i++) {
        const gchar *line = warnings[i];
        cli_warn("%s", g_str_has_prefix(line, "pfprof: ") ? line + strlen("pfprof: ") : line);
    }
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

static gint print_one(PfProfilingConfig *config, const gchar *name) {
    const gchar *variable = pf_profiling_config_get_variable(name);
    if (variable == NULL) {
        g_autofree gchar *safe = pf_human_text(name, 40);
        return cli_fail("%s is not the name of a setting; `pfprof config` lists them", safe);
    }
    g_autofree gchar *raw = shown(config, name);
    g_autofree gchar *value = pf_human_text(raw, 0);
    g_autofree gchar *text = g_strdup_printf(
        "%s = %s\n  from       %s\n  default    %s\n  allowed    %s\n  variable   %s\n  %s\n", name,
        value, source_word(pf_profiling_config_get_source(config, name)),
        pf_profiling_config_get_default(name), pf_profiling_config_get_allowed(name), variable,
        pf_profiling_config_get_meaning(name));
    return cli_print(text);
}

static gint migrate(const cli_args *args) {
    g_autoptr(GError) error = NULL;
    if (args->operand_count < 2) {
        return cli_fail("which file?  `pfprof config migrate FILE`");
    }
    if (!pf_profiling_config_migrate_file(args->operands[1], &error)) {
        return cli_fail_error(error);
    }
    return 0;
}

static gint run(cli_args *args) {
    if (args->operand_count > 0 && strcmp(args->operands[0], "migrate") == 0) {
        return migrate(args);
    }
    if (args->operand_count > 1) {
        return cli_fail("%s is one word too many; see `pfprof config --help`", args->operands[1]);
    }
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new_from_environment();
    say_warnings(config);
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
               "PROVIDE_PROFILING_CONFIG names, "
               "or else $XDG_CONFIG_HOME/pfprof/config.ini, and that over the default. With NAME, "
               "what the "
               "setting means and allows.\n\n"
               "migrate rewrites a file of the old flat form (profiling_enabled, sample_rate) into "
               "today's, "
               "at once or not at all; a file that is in today's form does not change.",
    .options = options,
    .operand = CLI_OPERAND_WORDS,
    .words = "migrate",
    .most = 2,
    .run = run,
};
