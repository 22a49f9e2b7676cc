// SPDX-License-Identifier: Apache-2.0
// What the files of the command share: the table of subcommands, arguments, messages, colour.
//
// A subcommand is one file command-NAME.c with one table entry, from which help, completion and man
// page are made.  lib/cli/ knows the library by <pf-profiling.h> only.
#pragma once
#include <pf-profiling.h>

// --- the table

typedef struct {
    const gchar *name;
    gchar letter;          // of a short form; 0: none
    const gchar *argument; // NULL: a switch.  "yes|no": one of these words
    const gchar *help;     // one line
} cli_option;

typedef enum {
    CLI_OPERAND_NONE,
    CLI_OPERAND_PROCESS, // a pid, or a file
    CLI_OPERAND_PID,
    CLI_OPERAND_COMMAND, // a program and its arguments: what stands behind is not ours
    CLI_OPERAND_WORDS,   // `words` of the command
} cli_operand;

typedef struct cli_args cli_args;

typedef struct {
    const gchar *name;
    const gchar *operands; // as the usage line has them
    const gchar *summary;  // one line
    const gchar *details;  // paragraphs, empty lines between them
    const gchar *examples; // lines `command  # what it does`
    const cli_option *options;
    cli_operand operand;
    const gchar *words; // of CLI_OPERAND_WORDS, with spaces between them
    guint least;        // operands
    guint most;
    gint (*run)(cli_args *args); // returns the exit status
    gint failure;                // exit status of a wrong command line
} cli_command;

extern const cli_command *const cli_commands[]; // ends with NULL
const cli_command *cli_find_command(const gchar *name);

// Options of every subcommand, at the end of its table.
#define CLI_COLOUR                                                                                 \
    {                                                                                              \
        "color", 0, "auto|always|never",                                                           \
            "colours: auto asks NO_COLOR, CLICOLOR_FORCE and the terminal"                         \
    }
#define CLI_HELP                                                                                   \
    {"help", 'h', NULL, "show this help"}, { NULL, 0, NULL, NULL }
#define CLI_JSON                                                                                   \
    { "json", 'j', NULL, "one JSON object with schema_version instead of text" }

// --- arguments

struct cli_args {
    const cli_command *command;
    gchar **values; // by option; "" for a switch, NULL where it was not given
    gchar **operands;
    guint operand_count;
};

// FALSE: *ret_status is the exit status, everything has been said.
gboolean cli_parse(const cli_command *command, const gchar *const *arguments, cli_args *ret_args,
                   gint *ret_status);
void cli_args_clear(cli_args *args);
const gchar *cli_value(const cli_args *args, const gchar *option); // NULL: not given
gboolean cli_has(const cli_args *args, const gchar *option);
// A number from 1 up to `most`; 0 when it is none.
guint64 cli_parse_number(const gchar *text, guint64 most);
// The number of a process; 0 when it is none, and that has been said.
guint cli_parse_pid(const gchar *text);

// Words of `text` in lines of 80 columns, from `column` on; `indent` spaces before further lines.
void cli_put_wrapped(GString *out, const gchar *text, guint column, guint indent);
void cli_put_help(GString *text);
void cli_put_command_help(const cli_command *command, GString *text);
void cli_put_man(const cli_command *command, GString *text); // NULL: pfprof itself; scdoc source
GPtrArray *cli_list_path_commands(void);                     // names of pfprof-NAME on PATH

// --- messages: one line on standard error

gint cli_fail(const gchar *format, ...) G_GNUC_PRINTF(1, 2); // returns 2
gint cli_fail_error(const GError *error);
void cli_warn(const gchar *format, ...) G_GNUC_PRINTF(1, 2);
// Environment and file; says what is wrong there.
PfProfilingConfig *cli_read_config(void);
void cli_say_warnings(PfProfilingConfig *config);

// --- output

// Says what is wrong with the file that the option names.
gboolean cli_can_write(const gchar *option, const gchar *path);
// Writes it; returns 0, or 2 when it cannot be written.
gint cli_write(const gchar *option, const gchar *path, const gchar *text, gsize size);
// Writes to standard output; returns 0, or 2 when it cannot be written.
gint cli_print(const gchar *text);

gboolean cli_colour(const cli_args *args, int fd);
guint cli_width(int fd); // columns of the terminal, at least 40; 80 when there is none

// The same for rows that end with a text of any length: what goes through a pipe is not cut.
guint cli_row_width(int fd, guint least);

// Says on the terminal what takes so long, once it has taken a second.
typedef struct cli_progress cli_progress;
cli_progress *cli_progress_begin(const gchar *what);
void cli_progress_end(cli_progress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(cli_progress, cli_progress_end)

// JSON: JsonBuilder's text, one line; the object has been begun with schema_version.
typedef struct _JsonBuilder cli_json;
cli_json *cli_json_begin(void);
gint cli_json_print(cli_json *self); // ends the object, prints and frees
void cli_json_string(cli_json *self, const gchar *name, const gchar *value); // NULL: null
void cli_json_int(cli_json *self, const gchar *name, gint64 value);
void cli_json_double(cli_json *self, const gchar *name, gdouble value); // negative: null
void cli_json_number(cli_json *self, const gchar *name, gdouble value); // not finite: null
void cli_json_bool(cli_json *self, const gchar *name, gboolean value);
void cli_json_open(cli_json *self, const gchar *name, gchar bracket); // NULL: an element
void cli_json_close(cli_json *self, gchar bracket);

// --- processes

// Why a process has no segment: one line, to be freed.
gchar *cli_why_not_profiled(guint pid);
// The value of a variable in the environment that a process was started with; to be freed, or NULL.
gchar *cli_started_with(guint pid, const gchar *variable);
// A running process, to be told something.  NULL: everything has been said.
PfTarget *cli_open_target(guint pid);
// libpfprof.so beside this program, in its lib folder or in the build folder; to be freed, or NULL.
gchar *cli_find_library(void);
// A session of what an operand names: a pid or a file.  NULL: everything has been said.
PfSession *cli_open(const gchar *operand);
