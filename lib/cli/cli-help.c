// SPDX-License-Identifier: Apache-2.0
// Help from the table of subcommands.
#include "cli.h"
#include <string.h>

#define WIDTH 80u

// Words of `text` in lines of WIDTH columns, `indent` spaces before each but the first.
void cli_put_wrapped(GString *out, const gchar *text, guint column, guint indent) {
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        guint length = pf_human_columns(words[i]);
        if (i > 0 && column + 1 + length > WIDTH) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (i > 0) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, words[i]);
        column += length;
    }
    g_string_append_c(out, '\n');
}

static void put_row(GString *out, const gchar *left, const gchar *right, guint column) {
    g_string_append_printf(out, "  %s", left);
    guint used = 2 + pf_human_columns(left);
    if (used + 2 > column) {
        g_string_append_c(out, '\n');
        used = 0;
    }
    g_string_append_printf(out, "%*s", (int)(column - used), "");
    cli_put_wrapped(out, right, column, column);
}

static void put_paragraphs(GString *out, const gchar *text) {
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
    for (guint i = 0; paragraphs[i] != NULL; i++) {
        g_string_append_c(out, '\n');
        cli_put_wrapped(out, paragraphs[i], 0, 0);
    }
}

static gchar *option_words(const cli_option *option) {
    gchar letter[5] = "    ";
    if (option->letter != 0) {
        g_snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    return g_strdup_printf("%s--%s%s%s", letter, option->name, option->argument != NULL ? "=" : "",
                           option->argument != NULL ? option->argument : "");
}

void cli_put_command_help(const cli_command *command, GString *text) {
    g_string_append_printf(text, "usage: pfprof %s [options]%s%s\n\n", command->name,
                           *command->operands != 0 ? " " : "", command->operands);
    cli_put_wrapped(text, command->summary, 0, 0);
    g_string_append_c(text, '\n');
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        g_autofree gchar *words = option_words(option);
        put_row(text, words, option->help, 28);
    }
    put_paragraphs(text, command->details);
    if (command->examples != NULL) {
        g_auto(GStrv) lines = g_strsplit(command->examples, "\n", -1);
        g_string_append(text, "\nexamples:\n");
        for (guint i = 0; lines[i] != NULL; i++) {
            g_auto(GStrv) parts = g_strsplit(lines[i], "  # ", 2);
            g_string_append_printf(text, "  %s\n", g_strchomp(parts[0]));
            if (parts[1] != NULL) {
                g_string_append(text, "      ");
                cli_put_wrapped(text, parts[1], 6, 6);
            }
        }
    }
}

static void put_others(GString *text) {
    PfHub *hub = pf_hub_get_default();
    g_auto(GStrv) names = pf_hub_list_commands(hub);
    g_autoptr(GPtrArray) on_path = cli_list_path_commands();
    if (names[0] == NULL && on_path->len == 0) {
        return;
    }
    g_string_append(text, "\nadded commands:\n");
    for (guint i = 0; names[i] != NULL; i++) {
        g_autofree gchar *summary = pf_hub_get_command_summary(hub, names[i]);
        put_row(text, names[i], summary != NULL ? summary : "", 14);
    }
    for (guint i = 0; i < on_path->len; i++) {
        g_autofree gchar *what =
            g_strdup_printf("pfprof-%s on PATH", (const gchar *)g_ptr_array_index(on_path, i));
        put_row(text, g_ptr_array_index(on_path, i), what, 14);
    }
}

void cli_put_help(GString *text) {
    g_string_append(text, "usage: pfprof COMMAND [options] ...\n\n"
                          "What output and logging cost a running program.\n\ncommands:\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        put_row(text, cli_commands[i]->name, cli_commands[i]->summary, 14);
    }
    put_others(text);
    g_string_append(text, "\noptions:\n");
    put_row(text, "--version", "the version of this program", 14);
    put_row(text, "--help", "this; `pfprof COMMAND --help` tells more", 14);
}
