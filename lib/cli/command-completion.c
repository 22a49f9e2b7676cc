// SPDX-License-Identifier: Apache-2.0
// pfprof completion: scripts for shells, made from the table of subcommands.
#include "cli.h"
#include <string.h>

static const cli_option options[] = {
    CLI_HELP,
};

// Single quotes hold anything in all three shells but a single quote.
static gchar *quoted(const gchar *text) {
    g_auto(GStrv) parts = g_strsplit(text, "'", -1);
    g_autofree gchar *inner = g_strjoinv("’", parts);
    return g_strdup_printf("'%s'", inner);
}

// The values of an option, NULL where they are no list: its argument "a|b", or a help text that
// is "a, b or c" and nothing else.
static gchar *words_of(const cli_option *option) {
    if (option->argument == NULL) {
        return NULL;
    }
    if (strchr(option->argument, '|') != NULL) {
        return g_strdelimit(g_strdup(option->argument), "|", ' ');
    }
    if (!g_regex_match_simple("^([a-z-]+, )+[a-z-]+ or [a-z-]+$", option->help, 0, 0)) {
        return NULL;
    }
    g_auto(GStrv) parts = g_strsplit(option->help, " or ", 2);
    g_autofree gchar *words = g_strjoin(" ", parts[0], parts[1], NULL);
    g_auto(GStrv) plain = g_strsplit(words, ", ", -1);
    return g_strjoinv(" ", plain);
}

// What stands behind `pfprof help`.
#define HELP_SUMMARY "shows the help of a command"

static void put_names(GString *out) {
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "", cli_commands[i]->name);
    }
}

static gboolean is_file(const cli_option *option) {
    return option->argument != NULL && strcmp(option->argument, "FILE") == 0;
}

// --- bash

static void put_bash_options(GString *out, const cli_command *command) {
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        g_string_append_printf(out, " --%s%s", option->name, option->argument != NULL ? "=" : "");
    }
}

static void put_bash_valued(GString *out, const cli_command *command) {
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        if (option->argument != NULL) {
            g_string_append_printf(out, " --%s", option->name);
            if (option->letter != 0) {
                g_string_append_printf(out, " -%c", option->letter);
            }
        }
    }
}

static void put_bash_values(GString *out, const cli_command *command) {
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        g_autofree gchar *words = words_of(option);
        if (option->argument == NULL) {
            continue;
        }
        g_string_append_printf(out, "        %s:--%s", command->name, option->name);
        if (option->letter != 0) {
            g_string_append_printf(out, "|%s:-%c", command->name, option->letter);
        }
        g_string_append_printf(out, ") words='%s' kind=%s options= first=yes ;;\n",
                               words != NULL ? words : "", is_file(option) ? "file" : "none");
    }
}

static const gchar *bash_kind(const cli_command *command) {
    static const gchar *const kinds[] = {
        [CLI_OPERAND_NONE] = "none",   [CLI_OPERAND_PROCESS] = "process",
        [CLI_OPERAND_PID] = "pid",     [CLI_OPERAND_COMMAND] = "command",
        [CLI_OPERAND_WORDS] = "words",
    };
    return kinds[command->operand];
}

static void put_bash(GString *out) {
    g_string_append(
        out, "# bash completion of pfprof: source it, or put it into\n"
             "# ~/.local/share/bash-completion/completions/pfprof\n"
             "_pfprof() {\n"
             "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
             "    local command=${COMP_WORDS[1]} options= words= kind=none at\n"
             "    local valued= more=none first=yes\n"
             "    COMPREPLY=()\n"
             "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
             "        COMPREPLY=($(compgen -W '--help --version help ");
    put_names(out);
    g_string_append(out, "' -- \"$current\"))\n        return\n    fi\n    case $command in\n"
                         "        help) kind=words words='");
    put_names(out);
    g_string_append(out, "' ;;\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        const cli_command *command = cli_commands[i];
        g_string_append_printf(out, "        %s) kind=%s options='", command->name,
                               bash_kind(command));
        put_bash_options(out, command);
        g_string_append_printf(out, "' words='%s' valued='",
                               command->words != NULL ? command->words : "");
        put_bash_valued(out, command);
        g_string_append_printf(out, " ' more=%s ;;\n", command->most > 1 ? "file" : "none");
    }
    g_string_append(
        out,
        "    esac\n"
        "    for ((at = 2; at < COMP_CWORD; at++)); do\n"
        "        case ${COMP_WORDS[at]} in\n"
        "            --) at=$((at + 1)); break ;;\n"
        "            =) at=$((at + 1)) ;;\n"
        "            -*) [[ $valued == *\" ${COMP_WORDS[at]} \"* && ${COMP_WORDS[at+1]} != = ]] "
        "&& at=$((at + 1)) ;;\n"
        "            *) break ;;\n"
        "        esac\n"
        "    done\n"
        "    [ \"$at\" -lt \"$COMP_CWORD\" ] && first=no\n"
        "    if [ $kind = command ] && [ $first = no ] && declare -F _command_offset "
        ">/dev/null; then\n"
        "        _command_offset \"$at\"\n"
        "        return\n"
        "    fi\n"
        "    [ \"$current\" = = ] && current=\n"
        "    [ \"$previous\" = = ] && previous=${COMP_WORDS[COMP_CWORD-2]}\n"
        "    case $command:$previous in\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        put_bash_values(out, cli_commands[i]);
    }
    g_string_append(
        out, "    esac\n"
             "    case $kind:$first in\n"
             "        pid:yes) words=$(pfprof list 2>/dev/null | awk '$1 ~ /^[0-9]+$/ "
             "{print $1}') ;;\n"
             "        process:*) words=$(pfprof list 2>/dev/null | awk '$1 ~ /^[0-9]+$/ "
             "{print $1}') ;;\n"
             "        words:no) words= kind=$more ;;\n"
             "    esac\n"
             "    case $current in\n"
             "        -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
             "        *) COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
             "            case $kind in\n"
             "                process|file) compopt -o filenames 2>/dev/null\n"
             "                    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "
             "\"$current\") ;;\n"
             "                command) mapfile -t COMPREPLY < <(compgen -c -- \"$current\" | "
             "sort -u) ;;\n"
             "            esac ;;\n"
             "    esac\n"
             "    case ${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac\n"
             "}\n"
             "complete -F _pfprof pfprof\n");
}

// --- zsh

static gchar *zsh_text(const gchar *text) {
    g_autofree gchar *plain = g_strdelimit(g_strdup(text), ":[]", ' ');
    g_auto(GStrv) parts = g_strsplit(plain, "'", -1);
    return g_strjoinv("’", parts);
}

static void put_zsh_option(GString *out, const cli_option *option) {
    g_autofree gchar *help = zsh_text(option->help);
    g_autofree gchar *words = words_of(option);
    g_autofree gchar *value = option->argument == NULL ? g_strdup("")
                              : words != NULL          ? g_strdup_printf(":value:(%s)", words)
                              : is_file(option)        ? g_strdup(":file:_files")
                                                       : g_strdup(":value: ");
    g_string_append_printf(out, " \\\n                '--%s%s[%s]%s'", option->name,
                           option->argument != NULL ? "=" : "", help, value);
}

static void put_zsh_operands(GString *out, const cli_command *command) {
    switch (command->operand) {
    case CLI_OPERAND_NONE: break;
    case CLI_OPERAND_PROCESS:
        g_string_append(out, " \\\n                '*:process or file:_pfprof_processes_or_files'");
        break;
    case CLI_OPERAND_PID:
        g_string_append_printf(out, " \\\n                '1:process:_pfprof_processes'");
        if (command->words != NULL) {
            g_string_append_printf(out, " \\\n                '*:order:(%s)'", command->words);
        }
        break;
    case CLI_OPERAND_COMMAND:
        g_string_append(out, " \\\n                '(-)1:command:_command_names -e' \\\n"
                             "                '*::argument:_normal'");
        break;
    case CLI_OPERAND_WORDS:
        g_string_append_printf(out, " \\\n                '1:word:(%s)'", command->words);
        if (command->most > 1) {
            g_string_append(out, " \\\n                '*:file:_files'");
        }
        break;
    }
}

static void put_zsh(GString *out) {
    g_string_append(
        out, "#compdef pfprof\n"
             "_pfprof_processes() {\n"
             "    local -a found\n"
             "    found=(${(f)\"$(pfprof list 2>/dev/null | awk '$1 ~ /^[0-9]+$/ {print $1}')\"})\n"
             "    compadd -a found\n"
             "}\n"
             "_pfprof_processes_or_files() {\n"
             "    _pfprof_processes\n    _files\n"
             "}\n"
             "_pfprof() {\n"
             "    local -a subcommands\n    subcommands=(\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        g_autofree gchar *summary = zsh_text(cli_commands[i]->summary);
        g_string_append_printf(out, "        '%s:%s'\n", cli_commands[i]->name, summary);
    }
    g_string_append(out, "        'help:" HELP_SUMMARY "'\n"
                         "    )\n"
                         "    if ((CURRENT == 2)); then\n"
                         "        if [[ $PREFIX = -* ]]; then\n"
                         "            compadd -- --help --version\n"
                         "        else\n"
                         "            _describe subcommand subcommands\n"
                         "        fi\n"
                         "        return\n    fi\n"
                         "    local subcommand=${words[2]}\n"
                         "    shift words\n    ((CURRENT--))\n"
                         "    case $subcommand in\n"
                         "        help)\n"
                         "            subcommands=(${subcommands:#help:*})\n"
                         "            ((CURRENT == 2)) && _describe subcommand subcommands\n"
                         "            ;;\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        g_string_append_printf(out, "        %s)\n            _arguments -S",
                               cli_commands[i]->name);
        for (const cli_option *option = cli_commands[i]->options; option->name != NULL; option++) {
            put_zsh_option(out, option);
        }
        put_zsh_operands(out, cli_commands[i]);
        g_string_append(out, "\n            ;;\n");
    }
    g_string_append(out, "    esac\n}\n"
                         "if [ \"$funcstack[1]\" = _pfprof ]; then\n    _pfprof \"$@\"\n"
                         "else\n    compdef _pfprof pfprof\nfi\n");
}

// --- fish

static void put_fish_command(GString *out, const cli_command *command) {
    g_autofree gchar *summary = quoted(command->summary);
    g_autofree gchar *rule =
        g_strdup_printf("complete -c pfprof -n '__pfprof_in %s' ", command->name);
    g_string_append_printf(out, "complete -c pfprof -n __pfprof_at_start -a %s -d %s\n",
                           command->name, summary);
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        g_autofree gchar *help = quoted(option->help);
        g_autofree gchar *words = words_of(option);
        g_string_append_printf(out, "%s-l %s", rule, option->name);
        if (option->letter != 0) {
            g_string_append_printf(out, " -s %c", option->letter);
        }
        if (words != NULL) {
            g_string_append_printf(out, " -x -a '%s'", words);
        } else if (is_file(option)) {
            g_string_append(out, " -r -F");
        } else if (option->argument != NULL) {
            g_string_append(out, " -x");
        }
        g_string_append_printf(out, " -d %s\n", help);
    }
    switch (command->operand) {
    case CLI_OPERAND_NONE: break;
    case CLI_OPERAND_PROCESS:
        g_string_append_printf(out, "%s-F -a '(__pfprof_processes)'\n", rule);
        break;
    case CLI_OPERAND_PID:
        g_string_append_printf(out,
                               "complete -c pfprof -n '__pfprof_in %s; and __pfprof_first' "
                               "-a '(__pfprof_processes)'\n",
                               command->name);
        if (command->words != NULL) {
            g_string_append_printf(
                out, "complete -c pfprof -n '__pfprof_in %s; and not __pfprof_first' -a '%s'\n",
                command->name, command->words);
        }
        break;
    case CLI_OPERAND_COMMAND:
        g_string_append_printf(out,
                               "complete -c pfprof -n '__pfprof_runs %s' -a '(__pfprof_command)'\n",
                               command->name);
        break;
    case CLI_OPERAND_WORDS:
        g_string_append_printf(
            out, "complete -c pfprof -n '__pfprof_in %s; and __pfprof_first' -a '%s'\n",
            command->name, command->words);
        if (command->most > 1) {
            g_string_append_printf(
                out, "complete -c pfprof -n '__pfprof_in %s; and not __pfprof_first' -F\n",
                command->name);
        }
        break;
    }
}

// The options of all commands that take a value: the word behind one is no operand.
static void put_fish_valued(GString *out) {
    g_string_append(out, "function __pfprof_operand\n"
                         "    set -l words (commandline -opc)\n"
                         "    set -l at 3\n"
                         "    while test $at -le (count $words)\n"
                         "        switch \"$words[2] $words[$at]\"\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        const cli_command *command = cli_commands[i];
        for (const cli_option *option = command->options; option->name != NULL; option++) {
            if (option->argument == NULL) {
                continue;
            }
            g_string_append_printf(out, "            case '%s --%s'", command->name, option->name);
            if (option->letter != 0) {
                g_string_append_printf(out, " '%s -%c'", command->name, option->letter);
            }
            g_string_append(out, "\n                set at (math $at + 1)\n");
        }
    }
    g_string_append(out, "            case '* --'\n"
                         "                set at (math $at + 1)\n"
                         "                break\n"
                         "            case '* -*'\n"
                         "            case '*'\n"
                         "                break\n"
                         "        end\n"
                         "        set at (math $at + 1)\n"
                         "    end\n"
                         "    echo $at\n"
                         "end\n");
}

static void put_fish(GString *out) {
    g_string_append(
        out, "function __pfprof_processes\n"
             "    pfprof list 2>/dev/null | awk '$1 ~ /^[0-9]+$/ {print $1}'\n"
             "end\n"
             "function __pfprof_at_start\n"
             "    test (count (commandline -opc)) -eq 1\n"
             "end\n"
             "# Where the first word that is neither an option nor the value of one stands.\n");
    put_fish_valued(out);
    g_string_append(
        out, "# In the words of a subcommand; those of the command that it runs are not its.\n"
             "function __pfprof_in\n"
             "    set -l words (commandline -opc)\n"
             "    test (count $words) -ge 2; and test \"$words[2]\" = $argv[1]; or return 1\n"
             "    contains -- $argv[1] run doctor; or return 0\n"
             "    __pfprof_first\n"
             "end\n"
             "function __pfprof_first\n"
             "    test (count (commandline -opc)) -lt (__pfprof_operand)\n"
             "end\n"
             "function __pfprof_runs\n"
             "    set -l words (commandline -opc)\n"
             "    test (count $words) -ge 2; and test \"$words[2]\" = $argv[1]\n"
             "end\n"
             "function __pfprof_command\n"
             "    set -l words (commandline -opc) (commandline -ct)\n"
             "    set -l rest $words[(__pfprof_operand)..-1]\n"
             "    string match -q -- '-*' $rest[1]; and return\n"
             "    complete \"--do-complete=\"(string join ' ' -- (string escape -- $rest[1..-2]) "
             "\"$rest[-1]\")\n"
             "end\n");
    g_string_append(out, "complete -c pfprof -f\n"
                         "complete -c pfprof -n __pfprof_at_start -l version -d 'the version'\n"
                         "complete -c pfprof -n __pfprof_at_start -l help -d 'help'\n"
                         "complete -c pfprof -n __pfprof_at_start -a help -d '" HELP_SUMMARY "'\n"
                         "complete -c pfprof -n '__pfprof_in help; and __pfprof_first' -a '");
    put_names(out);
    g_string_append(out, "'\n");
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        put_fish_command(out, cli_commands[i]);
    }
}

// --- the command

static gint run(cli_args *args) {
    static const struct {
        const gchar *shell;
        void (*put)(GString *out);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    for (guint i = 0; i < G_N_ELEMENTS(shells); i++) {
        if (strcmp(args->operands[0], shells[i].shell) == 0) {
            g_autoptr(GString) text = g_string_new(NULL);
            shells[i].put(text);
            return cli_print(text->str);
        }
    }
    g_autofree gchar *safe = pf_human_text(args->operands[0], 40);
    return cli_fail("there is no completion for \"%s\"; there is one for bash, zsh and fish", safe);
}

const cli_command command_completion = {
    .name = "completion",
    .operands = "bash|zsh|fish",
    .summary = "prints the completion script of a shell",
    .details = "`make install` puts the scripts where the shells look for them.",
    .examples = "source <(pfprof completion bash)  # for this shell only",
    .options = options,
    .operand = CLI_OPERAND_WORDS,
    .words = "bash zsh fish",
    .least = 1,
    .most = 1,
    .run = run,
};
