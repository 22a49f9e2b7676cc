// SPDX-License-Identifier: Apache-2.0
// Takes a command line apart by the table of its subcommand.
#include "cli.h"
#include <stdio.h>
#include <string.h>

static guint option_count(const cli_command *command) {
    guint count = 0;
    while (command->options[count].name != NULL) {
        count++;
    }
    return count;
}

void cli_args_clear(cli_args *args) {
    guint count = option_count(args->command);
    for (guint i = 0; args->values != NULL && i < count; i++) {
        g_free(args->values[i]);
    }
    g_clear_pointer(&args->values, g_free);
    g_clear_pointer(&args->operands, g_strfreev);
}

static gint find_long(const cli_command *command, const gchar *name, gsize length) {
    for (gint i = 0; command->options[i].name != NULL; i++) {
        if (strlen(command->options[i].name) == length &&
            strncmp(command->options[i].name, name, length) == 0) {
            return i;
        }
    }
    return -1;
}

static gint find_short(const cli_command *command, gchar letter) {
    for (gint i = 0; command->options[i].name != NULL; i++) {
        if (command->options[i].letter == letter && letter != 0) {
            return i;
        }
    }
    return -1;
}

const gchar *cli_value(const cli_args *args, const gchar *option) {
    gint at = find_long(args->command, option, strlen(option));
    return at >= 0 ? args->values[at] : NULL;
}

gboolean cli_has(const cli_args *args, const gchar *option) {
    return cli_value(args, option) != NULL;
}

guint64 cli_parse_number(const gchar *text, guint64 most) {
    guint64 value = 0;
    return g_ascii_string_to_unsigned(text, 10, 1, most, &value, NULL) ? value : 0;
}

guint cli_parse_pid(const gchar *text) {
    guint pid = (guint)cli_parse_number(text, G_MAXINT32);
    if (pid == 0) {
        g_autofree gchar *safe = pf_human_text(text, 40);
        cli_warn("\"%s\" is not the number of a process; `pfprof list` shows them", safe);
    }
    return pid;
}

// A table that says "a|b" takes no other word.
static gboolean is_allowed(const gchar *allowed, const gchar *value) {
    if (strchr(allowed, '|') == NULL) {
        return TRUE;
    }
    g_auto(GStrv) words = g_strsplit(allowed, "|", -1);
    return g_strv_contains((const gchar *const *)words, value);
}

static gboolean refuse(const cli_command *command, const gchar *what, const gchar *detail) {
    g_autofree gchar *safe = pf_human_text(detail, 60);
    cli_warn(what, safe, command->name);
    return FALSE;
}

static gboolean set_value(cli_args *args, gint option, const gchar *value) {
    const cli_option *row = &args->command->options[option];
    if (value != NULL && row->argument != NULL && !is_allowed(row->argument, value)) {
        g_autofree gchar *safe = pf_human_text(value, 40);
        cli_warn("--%s=%s is not one of %s", row->name, safe, row->argument);
        return FALSE;
    }
    g_free(args->values[option]);
    args->values[option] = g_strdup(value != NULL ? value : "");
    return TRUE;
}

// Takes the option at *at, and its value from there or from behind it.
static gboolean parse_option(cli_args *args, const gchar *const **at) {
    const cli_command *command = args->command;
    const gchar *text = **at;
    gint option;
    const gchar *value = NULL;
    if (text[1] == '-') {
        const gchar *equals = strchr(text, '=');
        gsize length = equals != NULL ? (gsize)(equals - text) - 2 : strlen(text) - 2;
        option = find_long(command, text + 2, length);
        value = equals != NULL ? equals + 1 : NULL;
    } else {
        option = find_short(command, text[1]);
        value = text[1] != 0 && text[2] != 0 ? text + 2 : NULL;
    }
    if (option < 0) {
        return refuse(command, "there is no option %s; `pfprof %s --help` lists them", text);
    }
    const cli_option *row = &command->options[option];
    if (row->argument == NULL && value != NULL) {
        return refuse(command, "%s takes no value; see `pfprof %s --help`", text);
    }
    if (row->argument != NULL && value == NULL) {
        value = *++*at;
        if (value == NULL) {
            --*at;
            return refuse(command, "%s lacks its value; see `pfprof %s --help`", text);
        }
    }
    return set_value(args, option, value);
}

static gboolean parse_all(cli_args *args, const gchar *const *arguments) {
    const cli_command *command = args->command;
    g_autoptr(GPtrArray) operands = g_ptr_array_new_with_free_func(g_free);
    gboolean only_operands = FALSE;
    for (const gchar *const *at = arguments; *at != NULL; at++) {
        if (!only_operands && strcmp(*at, "--") == 0) {
            only_operands = TRUE;
        } else if (!only_operands && (*at)[0] == '-' && (*at)[1] != 0) {
            if (!parse_option(args, &at)) {
                return FALSE;
            }
        } else {
            g_ptr_array_add(operands, g_strdup(*at));
            only_operands |= command->operand == CLI_OPERAND_COMMAND;
        }
    }
    args->operand_count = operands->len;
    g_ptr_array_add(operands, NULL);
    args->operands = (gchar **)g_ptr_array_steal(operands, NULL);
    if (cli_has(args, "help")) {
        return TRUE;
    }
    if (args->operand_count < command->least) {
        cli_warn("something is missing: pfprof %s %s; see `pfprof %s --help`", command->name,
                 command->operands, command->name);
        return FALSE;
    }
    if (args->operand_count > command->most) {
        return refuse(command, "%s is one word too many; see `pfprof %s --help`",
                      args->operands[command->most]);
    }
    return TRUE;
}

gboolean cli_parse(const cli_command *command, const gchar *const *arguments, cli_args *ret_args,
                   gint *ret_status) {
    *ret_args =
        (cli_args){.command = command, .values = g_new0(gchar *, option_count(command) + 1)};
    if (!parse_all(ret_args, arguments)) {
        cli_args_clear(ret_args);
        *ret_status = command->failure != 0 ? command->failure : 2;
        return FALSE;
    }
    if (cli_has(ret_args, "help")) {
        g_autoptr(GString) text = g_string_new(NULL);
        cli_put_command_help(command, text);
        *ret_status = cli_print(text->str);
        cli_args_clear(ret_args);
        return FALSE;
    }
    return TRUE;
}
