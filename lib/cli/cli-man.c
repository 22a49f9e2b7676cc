// SPDX-License-Identifier: Apache-2.0
// Man pages from the table of subcommands, in the language of scdoc.
#include "cli.h"
#include <string.h>

// What scdoc takes for markup is escaped; `code` becomes bold.
static void put_text(GString *out, const gchar *text) {
    gboolean code = FALSE;
    for (const gchar *at = text; *at != 0; at++) {
        if (*at == '`') {
            code = !code;
            g_string_append_c(out, '*');
        } else if (strchr("_*\\#~[]|<>-.", *at) != NULL) {
            g_string_append_printf(out, "\\%c", *at);
        } else {
            g_string_append_c(out, *at);
        }
    }
}

static void put_head(GString *out, const gchar *name, const gchar *summary) {
    g_string_append_printf(out, "%s(1)\n\n# NAME\n\n%s - ", name, name);
    put_text(out, summary);
    g_string_append(out, "\n\n# SYNOPSIS\n\n");
}

static void put_options(GString *out, const cli_command *command) {
    g_string_append(out, "# OPTIONS\n\n");
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        if (option->letter != 0) {
            g_string_append_printf(out, "*\\-%c*, ", option->letter);
        }
        g_string_append_c(out, '*');
        g_string_append(out, "\\-\\-");
        put_text(out, option->name);
        g_string_append_c(out, '*');
        if (option->argument != NULL) {
            g_string_append(out, "=_");
            put_text(out, option->argument);
            g_string_append_c(out, '_');
        }
        g_string_append(out, "\n\t");
        put_text(out, option->help);
        g_string_append(out, "\n\n");
    }
}

static void put_examples(GString *out, const gchar *examples) {
    g_auto(GStrv) lines = g_strsplit(examples, "\n", -1);
    g_string_append(out, "# EXAMPLES\n\n");
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], "  # ", 2);
        g_string_append_c(out, '*');
        put_text(out, g_strchomp(parts[0]));
        g_string_append(out, "*\n");
        if (parts[1] != NULL) {
            g_string_append_c(out, '\t');
            put_text(out, parts[1]);
            g_string_append_c(out, '\n');
        }
        g_string_append_c(out, '\n');
    }
}

static void put_command_page(GString *out, const cli_command *command) {
    g_autofree gchar *name = g_strdup_printf("pfprof-%s", command->name);
    put_head(out, name, command->summary);
    g_string_append_printf(out, "*pfprof %s* \\[options\\] ", command->name);
    put_text(out, command->operands);
    g_string_append(out, "\n\n# DESCRIPTION\n\n");
    put_text(out, command->details);
    g_string_append(out, "\n\n");
    put_options(out, command);
    if (command->examples != NULL) {
        put_examples(out, command->examples);
    }
    g_string_append(out, "# SEE ALSO\n\n*pfprof*(1)\n");
}

static void put_main_page(GString *out) {
    put_head(out, "pfprof", "what output and logging cost a running program");
    g_string_append(out, "*pfprof* _COMMAND_ \\[options\\] ...\n\n# DESCRIPTION\n\n");
    put_text(
        out,
        "pfprof runs unmodified programs with a library that counts each of their output calls, "
        "times a random sample, and stores both in memory that is shared with this command.");
    g_string_append(out, "\n\n# COMMANDS\n\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        g_string_append_printf(out, "*pfprof-%s*(1)\n\t", cli_commands[i]->name);
        put_text(out, cli_commands[i]->summary);
        g_string_append(out, "\n\n");
    }
    put_text(out, "Any other NAME runs `pfprof-NAME` from PATH.");
    g_string_append(out, "\n\n# OPTIONS\n\n*\\-\\-version*\n\tthe version of this program\n\n"
                         "*\\-\\-help*\n\thelp; *pfprof* _COMMAND_ *\\-\\-help* tells more\n\n"
                         "# EXIT STATUS\n\n");
    put_text(
        out,
        "0: done. 2: it could not be done; one line on standard error says why and how to mend "
        "it. `pfprof run` ends as its command does, see there; `pfprof doctor` gives 1 when "
        "something is in the way.");
    g_string_append(out, "\n\n# ENVIRONMENT\n\n");
    put_text(out, "PROVIDE_PROFILING_*: the settings; `pfprof config` lists them. NO_COLOR, "
                  "CLICOLOR_FORCE, TERM, COLUMNS: as usual.");
    g_string_append_c(out, '\n');
}

void cli_put_man(const cli_command *command, GString *text) {
    if (command != NULL) {
        put_command_page(text, command);
    } else {
        put_main_page(text);
    }
}
