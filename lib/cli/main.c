// SPDX-License-Identifier: Apache-2.0
// pfprof: finds the subcommand.  Nothing here loads more than --help needs.
#include "cli.h"
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const cli_command command_run, command_show, command_list, command_ctl, command_config,
    command_diff, command_doctor, command_salvage, command_completion, command_top, command_export,
    command_record, command_report, command_agent, command_steer;

const cli_command *const cli_commands[] = {
    &command_run,        &command_show,   &command_list,   &command_top,
    &command_ctl,        &command_config, &command_doctor, &command_salvage,
    &command_completion, &command_record, &command_report, &command_diff,
    &command_export,     &command_agent,  &command_steer,  NULL,
};

const cli_command *cli_find_command(const gchar *name) {
    for (guint i = 0; cli_commands[i] != NULL; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0) {
            return cli_commands[i];
        }
    }
    return NULL;
}

static gboolean is_new_name(GPtrArray *names, const gchar *name) {
    return *name != 0 && cli_find_command(name) == NULL &&
           !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL);
}

GPtrArray *cli_list_path_commands(void) {
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const gchar *path = g_getenv("PATH");
    g_auto(GStrv) folders = g_strsplit(path != NULL ? path : "", ":", -1);
    for (guint i = 0; folders[i] != NULL; i++) {
        GDir *dir = *folders[i] != 0 ? g_dir_open(folders[i], 0, NULL) : NULL;
        const gchar *name;
        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
            g_autofree gchar *file = g_build_filename(folders[i], name, NULL);
            if (g_str_has_prefix(name, "pfprof-") && access(file, X_OK) == 0 &&
                is_new_name(names, name + strlen("pfprof-"))) {
                g_ptr_array_add(names, g_strdup(name + strlen("pfprof-")));
            }
        }
        g_clear_pointer(&dir, g_dir_close);
    }
    return names;
}

// Like git: pfprof-NAME on PATH takes the place of this process.
static gint run_other(const gchar *name, gchar **argv) {
    PfHub *hub = pf_hub_get_default();
    g_autofree gchar *summary = pf_hub_get_command_summary(hub, name);
    if (summary != NULL) {
        gint status = 2;
        pf_hub_run_command(hub, name, (const gchar *const *)argv + 1, &status, NULL);
        return status;
    }
    g_autofree gchar *program = g_strdup_printf("pfprof-%s", name);
    g_autofree gchar *found = strchr(name, '/') == NULL ? g_find_program_in_path(program) : NULL;
    if (found != NULL) {
        argv[0] = program;
        execv(found, argv);
        return cli_fail("%s cannot be run: %s", found, g_strerror(errno));
    }
    g_autofree gchar *safe = pf_human_text(name, 40);
    return cli_fail("there is no command \"%s\"; `pfprof --help` lists them", safe);
}

static gint put_text(void (*put)(GString *text)) {
    g_autoptr(GString) text = g_string_new(NULL);
    put(text);
    return cli_print(text->str);
}

static gint help_on(const gchar *name) {
    const cli_command *command = name != NULL ? cli_find_command(name) : NULL;
    if (name == NULL) {
        return put_text(cli_put_help);
    }
    if (command == NULL) {
        g_autofree gchar *safe = pf_human_text(name, 40);
        return cli_fail("there is no command \"%s\"; `pfprof --help` lists them", safe);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    cli_put_command_help(command, text);
    return cli_print(text->str);
}

// The source of a man page, for scdoc; not for people.
static gint print_man(const gchar *name) {
    const cli_command *command = name != NULL ? cli_find_command(name) : NULL;
    if (name != NULL && command == NULL) {
        return cli_fail("there is no command \"%s\"", name);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    cli_put_man(command, text);
    return cli_print(text->str);
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "");
    if (argc < 2) {
        return cli_fail("which command?  `pfprof --help` lists them");
    }
    const gchar *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        g_autofree gchar *line = g_strdup_printf("pfprof %s\n", pf_version_string());
        return cli_print(line);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return help_on(argv[2]);
    }
    if (strcmp(name, "--man-source") == 0) {
        return print_man(argv[2]);
    }
    if (name[0] == '-') {
        g_autofree gchar *safe = pf_human_text(name, 40);
        return cli_fail("there is no option %s; `pfprof --help` tells what there is", safe);
    }
    const cli_command *command = cli_find_command(name);
    if (command == NULL) {
        return run_other(name, argv + 1);
    }
    cli_args args;
    gint status;
    if (cli_parse(command, (const gchar *const *)argv + 2, &args, &status)) {
        status = command->run(&args);
        cli_args_clear(&args);
    }
    return status;
}
