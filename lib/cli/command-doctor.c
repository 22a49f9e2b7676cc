// SPDX-License-Identifier: Apache-2.0
// pfprof doctor: will it work here, and with this program?
#include "doctor.h"
#include <unistd.h>

static const cli_option options[] = {
    {"library", 0, "FILE", "the libpfprof.so to judge by"},
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

static void finding_free(gpointer data) {
    doctor_finding *self = data;
    g_free(self->finding);
    g_free(self->advice);
    g_free(self);
}

void doctor_say(doctor *self, doctor_grade grade, const gchar *what, gchar *finding,
                gchar *advice) {
    doctor_finding *fresh = g_new0(doctor_finding, 1);
    *fresh = (doctor_finding){grade, what, finding, advice};
    g_ptr_array_add(self->findings, fresh);
}

static const gchar *const grades[] = {"ok", "note", "bad"};

static gint print_json(const doctor *self) {
    cli_json *json = cli_json_begin();
    cli_json_open(json, "findings", '[');
    for (guint i = 0; i < self->findings->len; i++) {
        const doctor_finding *finding = g_ptr_array_index(self->findings, i);
        cli_json_open(json, NULL, '{');
        cli_json_string(json, "grade", grades[finding->grade]);
        cli_json_string(json, "what", finding->what);
        cli_json_string(json, "finding", finding->finding);
        cli_json_string(json, "advice", finding->advice);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    return cli_json_print(json);
}

static gint print_text(const doctor *self, const cli_args *args) {
    static const gchar *const inks[] = {"\033[32m", "\033[33m", "\033[31m"};
    gboolean colour = cli_colour(args, STDOUT_FILENO);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < self->findings->len; i++) {
        const doctor_finding *finding = g_ptr_array_index(self->findings, i);
        g_autofree gchar *text = pf_human_text(finding->finding, 0);
        g_string_append_printf(out, "%s%-4s%s  %-9s ", colour ? inks[finding->grade] : "",
                               grades[finding->grade], colour ? "\033[0m" : "", finding->what);
        cli_put_wrapped(out, text, 16, 16);
        if (finding->advice != NULL) {
            g_autofree gchar *advice = g_strdup_printf("→ %s", finding->advice);
            g_string_append_printf(out, "%16s", "");
            cli_put_wrapped(out, advice, 16, 18);
        }
    }
    return cli_print(out->str);
}

static gint run(cli_args *args) {
    const gchar *given = cli_value(args, "library");
    doctor self = {.findings = g_ptr_array_new_with_free_func(finding_free),
                   .library = given != NULL ? g_strdup(given) : cli_find_library()};
    self.library_elf = self.library != NULL ? elf_file_read(self.library) : NULL;
    gint status = 0;
    gboolean bad = FALSE;
    doctor_check_machine(&self);
    if (args->operand_count > 0 && !doctor_check_program(&self, args->operands[0])) {
        status = 2;
    } else {
        status = cli_has(args, "json") ? print_json(&self) : print_text(&self, args);
    }
    for (guint i = 0; i < self.findings->len; i++) {
        bad |= ((doctor_finding *)g_ptr_array_index(self.findings, i))->grade == DOCTOR_BAD;
    }
    g_ptr_array_unref(self.findings);
    elf_file_free(self.library_elf);
    g_free(self.library);
    return status != 0 ? status : bad ? 1 : 0;
}

const cli_command command_doctor = {
    .name = "doctor",
    .operands = "[COMMAND]",
    .summary = "tells whether profiling works here, and for a program",
    .details =
        "Looks at the library, the folder for segments, libc, kernel and limits; with COMMAND, at "
        "the "
        "program: static, Go, musl, set-user-ID, file capabilities, sanitizers, another machine, "
        "scripts. Nothing is run. Each finding is ok, note (something is not seen or costs more) "
        "or "
        "bad (nothing can be measured), with what to do.\n\n"
        "The exit status is 1 when something is bad.",
    .examples = "pfprof doctor /usr/bin/sudo",
    .options = options,
    .operand = CLI_OPERAND_COMMAND,
    .most = G_MAXUINT,
    .run = run,
};
