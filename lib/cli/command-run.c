// SPDX-License-Identifier: Apache-2.0
// pfprof run: a command and all that it starts, in silence, with one summary at the end.
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const cli_option options[] = {
    {"rate", 'r', "RATE", "the share of calls that is timed, 0 to 1; counts are exact anyway"},
    {"sampler", 0, "fixed|load|pattern|statistical|adaptive", "who sets the rate while it runs"},
    {"stacks", 0, "auto|on|off", "call stacks: of some timed calls, of all, of none"},
    {"set", 0, "NAME=VALUE",
     "any other setting, such as capture_text=true; `pfprof config` lists them"},
    {"output", 'o', "FILE",
     "where the summary goes (%p: pid, %n: program) instead of stderr; none: nowhere"},
    {"save", 's', "FILE", "keep the whole session in a file, for `pfprof show FILE`"},
    {"library", 0, "FILE", "the libpfprof.so to use"},
    CLI_JSON,
    CLI_COLOUR,
    CLI_HELP,
};

// --- configuration

static gboolean set(PfProfilingConfig *config, const gchar *name, const gchar *value,
                    const gchar *option) {
    g_autoptr(GError) error = NULL;
    if (value == NULL || pf_profiling_config_set(config, name, value, &error)) {
        return TRUE;
    }
    const gchar *allowed = pf_profiling_config_get_allowed(name);
    if (allowed != NULL) {
        cli_warn("%s %s is not %s", option, value, allowed);
    } else {
        cli_warn("%s: %s; `pfprof config` lists the settings", option, error->message);
    }
    return FALSE;
}

static PfProfilingConfig *read_config(const cli_args *args) {
    // Every process would repeat what is wrong: it is said here, once.
    g_autoptr(PfProfilingConfig) config = cli_read_config();
    const gchar *pair = cli_value(args, "set");
    if (pair != NULL) {
        const gchar *equals = strchr(pair, '=');
        g_autofree gchar *name = equals != NULL ? g_strndup(pair, (gsize)(equals - pair)) : NULL;
        if (name == NULL) {
            cli_warn("--set %s is not NAME=VALUE", pair);
            return NULL;
        }
        if (!set(config, name, equals + 1, "--set")) {
            return NULL;
        }
        g_setenv(pf_profiling_config_get_variable(name), equals + 1,
                 TRUE); // our own findings heed it
    }
    if (!set(config, "sample_rate", cli_value(args, "rate"), "--rate") ||
        !set(config, "sampler", cli_value(args, "sampler"), "--sampler") ||
        !set(config, "stacks", cli_value(args, "stacks"), "--stacks") ||
        !set(config, "output", cli_value(args, "output"), "--output") ||
        !set(config, "format", cli_has(args, "json") ? "json" : NULL, "--json")) {
        return NULL;
    }
    return g_steal_pointer(&config);
}

// The observer has no terminal: what it would refuse is said here, and the file of rules is named as it finds it.
static gboolean check_sampler(PfProfilingConfig *config) {
    const gchar *rules = pf_profiling_config_get_value(config, "rules");
    g_autofree gchar *absolute = *rules != 0 ? g_canonicalize_filename(rules, NULL) : NULL;
    if (absolute != NULL && strcmp(absolute, rules) != 0) {
        pf_profiling_config_set(config, "rules", absolute, NULL);
    }
    g_autoptr(PfAdaptiveSamplingConfig) part = pf_profiling_config_get_adaptive_sampling(config);
    g_autoptr(PfProcessorConfig) processor = pf_profiling_config_get_processor(config);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSampler) sampler = pf_sampler_new_from_config(part, processor->sample_rate, &error);
    if (error != NULL) {
        cli_warn("%s", error->message);
    }
    return error == NULL;
}

// --- environment

// An existing list stays, and stays first: its order is the user's.
static gchar *preload_list(const gchar *before, const gchar *library) {
    g_auto(GStrv) parts = g_strsplit_set(before != NULL ? before : "", " :", -1);
    if (g_strv_contains((const gchar *const *)parts, library)) {
        return g_strdup(before);
    }
    return before != NULL && *before != 0 ? g_strconcat(before, ":", library, NULL)
                                          : g_strdup(library);
}

// All settings by environment and no file: one truth for the tree, and no complaint twice.
static gchar **make_environment(PfProfilingConfig *config, const gchar *library,
                                const gchar *folder) {
    gchar **all = g_get_environ();
    const gchar *const *names = pf_profiling_config_list_names();
    for (guint i = 0; names[i] != NULL; i++) {
        const gchar *variable = pf_profiling_config_get_variable(names[i]);
        if (pf_profiling_config_get_source(config, names[i]) == PF_CONFIG_SOURCE_DEFAULT) {
            all = g_environ_unsetenv(all, variable);
        } else {
            all = g_environ_setenv(all, variable, pf_profiling_config_get_value(config, names[i]),
                                   TRUE);
        }
    }
    const struct {
        const gchar *name;
        const gchar *value;
    } fixed[] = {{"enabled", "true"},     {"output", "none"}, {"keep_segment", "true"},
                 {"cli_enabled", "true"}, {"format", "text"}, {"config", "/dev/null"},
                 {"segment_dir", folder}};
    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++) {
        all = g_environ_setenv(all, pf_profiling_config_get_variable(fixed[i].name), fixed[i].value,
                               TRUE);
    }
    // The observer that steers the tree, or exports what it counts, is this very program.
    g_autofree gchar *self = g_file_read_link("/proc/self/exe", NULL);
    if (self != NULL &&
        pf_profiling_config_get_source(config, "command") == PF_CONFIG_SOURCE_DEFAULT) {
        all = g_environ_setenv(all, pf_profiling_config_get_variable("command"), self, TRUE);
    }
    g_autofree gchar *list = preload_list(g_environ_getenv(all, "LD_PRELOAD"), library);
    return g_environ_setenv(all, "LD_PRELOAD", list, TRUE);
}

static gchar *choose_library(const cli_args *args) {
    const gchar *given = cli_value(args, "library");
    g_autofree gchar *library =
        given != NULL ? g_canonicalize_filename(given, NULL) : cli_find_library();
    if (library == NULL) {
        cli_warn("libpfprof.so was found neither beside this program nor in its lib folder: "
                 "install it there, or name it by --library");
        return NULL;
    }
    if (access(library, R_OK) != 0) {
        cli_warn("%s cannot be read: %s", library, g_strerror(errno));
        return NULL;
    }
    if (strpbrk(library, " :") != NULL) {
        cli_warn("%s: LD_PRELOAD cannot carry a path with a space or a colon; copy the library "
                 "elsewhere and name it by --library",
                 library);
        return NULL;
    }
    return g_steal_pointer(&library);
}

// --- output

static gchar *expand(const gchar *pattern, const run_child *child, const gchar *command) {
    g_autofree gchar *program = g_path_get_basename(command);
    GString *path = g_string_new(NULL);
    for (const gchar *at = pattern; *at != 0; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            g_string_append_printf(path, "%d", (int)child->pid);
            at++;
        } else if (at[0] == '%' && at[1] == 'n') {
            g_string_append(path, program);
            at++;
        } else {
            g_string_append_c(path, *at);
            at += at[0] == '%' && at[1] == '%';
        }
    }
    return g_string_free(path, FALSE);
}

// A descriptor that we share may be another's non-blocking one.
static gboolean write_all(int fd, const gchar *text) {
    gsize left = strlen(text);
    while (left > 0) {
        gssize done = write(fd, text, left);
        if (done < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){fd, POLLOUT, 0}, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return FALSE;
        }
        text += MAX(done, 0);
        left -= (gsize)MAX(done, 0);
    }
    return TRUE;
}

static int open_output(const gchar *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0) {
        cli_warn("--output %s cannot be opened for writing: %s", path, g_strerror(errno));
    }
    return fd;
}

// Before the command runs for hours: can we write there at all?
static gboolean check_places(PfProfilingConfig *config, const cli_args *args) {
    const gchar *output = pf_profiling_config_get_value(config, "output");
    const gchar *save = cli_value(args, "save");
    if (strcmp(output, "stderr") != 0 && strcmp(output, "none") != 0 && *output != 0 &&
        strchr(output, '%') == NULL) {
        int fd = open_output(output);
        if (fd < 0) {
            return FALSE;
        }
        close(fd);
    }
    return save == NULL || cli_can_write("--save", save);
}

static gboolean write_summary(PfSnapshot *snapshot, PfProfilingConfig *config, const cli_args *args,
                              const run_child *child) {
    const gchar *output = pf_profiling_config_get_value(config, "output");
    gboolean is_json = strcmp(pf_profiling_config_get_value(config, "format"), "json") == 0;
    if (strcmp(output, "none") == 0 || *output == 0) {
        return TRUE;
    }
    gboolean to_stderr = strcmp(output, "stderr") == 0;
    g_autofree gchar *path = expand(output, child, args->operands[0]);
    int fd = to_stderr ? STDERR_FILENO : open_output(path);
    if (fd < 0) {
        return FALSE;
    }
    cli_progress *progress = cli_progress_begin("looking up source lines");
    g_autofree gchar *text =
        is_json ? pf_snapshot_to_json(snapshot, NULL)
                : pf_snapshot_to_text(snapshot, NULL, to_stderr ? cli_width(fd) : 80,
                                      cli_colour(args, fd));
    cli_progress_end(progress);
    gboolean good = write_all(fd, text);
    if (!good && !to_stderr) {
        cli_warn("%s cannot be written: %s", path, g_strerror(errno));
    }
    if (!to_stderr) {
        close(fd);
    }
    return good;
}

static void say_what_is_missing(PfSession *session) {
    guint running = pf_session_get_running_count(session);
    guint unreadable = pf_session_get_unreadable_count(session);
    if (running > 0) {
        cli_warn("%u of the processes still run, counted up to now; `pfprof list` shows them",
                 running);
    }
    if (unreadable > 0) {
        cli_warn("%u segments could not be read and are missing in the sum", unreadable);
    }
}

// --- the whole

typedef struct {
    const gchar *folder;
    PfSession *session;
    gboolean is_kept;
    gint64 next_us; // when to look at what runs again
} collecting;

// A look takes longer the more processes there are: a twentieth of a processor is what it may take.
#define PART_FOR_LOOKS 20

// A long build starts thousands of processes; tmpfs is memory, and 64 KiB for each would add up.
static void collect_ended(gpointer data) {
    collecting *work = data;
    run_folder_collect(work->folder, work->session, PF_SESSION_ENDED | PF_SESSION_REMOVE);
    gint64 begun = g_get_monotonic_time();
    if (begun >= work->next_us) {
        run_folder_watch(work->folder, work->session);
        gint64 now = g_get_monotonic_time();
        work->next_us = now + PART_FOR_LOOKS * (now - begun);
    }
    if (work->is_kept) {
        pf_session_measure_machine(work->session, TRUE);
    }
}

static gint report(const cli_args *args, PfProfilingConfig *config, PfSession *session,
                   const run_child *child) {
    const gchar *save = cli_value(args, "save");
    g_autoptr(GError) error = NULL;
    gboolean good = TRUE;
    if (save != NULL && !pf_session_save(session, save, &error)) {
        cli_warn("%s", error->message);
        g_clear_error(&error);
        good = FALSE;
    }
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot(session, &error);
    if (snapshot != NULL) {
        good &= write_summary(snapshot, config, args, child);
    } else if (pf_session_get_segment_count(session) > 0) {
        cli_warn("%s", error->message);
    } else {
        cli_warn("nothing was seen: no output call, or a program that cannot be watched; "
                 "`pfprof doctor %s` tells which",
                 args->operands[0]);
    }
    say_what_is_missing(session);
    return good ? run_child_follow(child) : RUN_FAILED;
}

static gint say_not_started(const gchar *command, int problem) {
    if (problem == ENOENT && strchr(command, '/') == NULL) {
        cli_warn("%s: there is no such command on PATH", command);
    } else {
        cli_warn("%s cannot be run: %s", command, g_strerror(problem));
    }
    return problem == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE;
}

static gint run(cli_args *args) {
    g_autoptr(PfProfilingConfig) config = read_config(args);
    g_autofree gchar *library = config != NULL ? choose_library(args) : NULL;
    if (library == NULL || !check_places(config, args) || !check_sampler(config)) {
        return RUN_FAILED;
    }
    g_autofree gchar *folder =
        run_folder_make(pf_profiling_config_get_value(config, "segment_dir"));
    if (folder == NULL) {
        return RUN_FAILED;
    }
    g_autoptr(PfSession) session = pf_session_new();
    g_auto(GStrv) environment = make_environment(config, library, folder);
    collecting work = {folder, session, cli_value(args, "save") != NULL, 0};
    if (work.is_kept) {
        pf_session_measure_machine(session, FALSE);
    }
    pf_session_begin_timeline(session, g_get_real_time() * 1000);
    run_child child;
    if (!run_child_wait(args->operands, environment, &child, collect_ended, &work)) {
        cli_warn("no process could be started: %s", g_strerror(errno));
        run_folder_remove(folder);
        return RUN_FAILED;
    }
    if (child.exec_errno != 0) {
        run_folder_remove(folder);
        return say_not_started(args->operands[0], child.exec_errno);
    }
    if (work.is_kept) {
        pf_session_measure_machine(session, FALSE);
    }
    cli_progress *progress = cli_progress_begin("reading segments");
    run_folder_collect(folder, session, PF_SESSION_REMOVE);
    cli_progress_end(progress);
    run_folder_remove(folder);
    g_autofree gchar *command = g_strjoinv(" ", args->operands);
    pf_session_set_run(session, command, (guint)child.pid, child.start_unix_ns);
    pf_session_set_end(session, WIFEXITED(child.status) ? WEXITSTATUS(child.status) : -1,
                       WIFSIGNALED(child.status) ? (guint)WTERMSIG(child.status) : 0,
                       child.wall_ns);
    return report(args, config, session, &child);
}

const cli_command command_run = {
    .name = "run",
    .operands = "[--] COMMAND [ARGUMENT ...]",
    .summary = "runs a command and sums up what it and all that it starts write",
    .details =
        "The whole tree of processes is profiled in silence: forks, execs, processes that are "
        "killed. At the end one summary of all goes to standard error, with file and line.\n\n"
        "The exit status is that of the command; a signal that ended it ends pfprof too. 125: "
        "pfprof "
        "itself failed, 126: the command cannot be executed, 127: it was not found.\n\n"
        "Ctrl-C and other keys reach the command as usual; a signal sent to pfprof is passed on. "
        "Processes that still run when the command has ended are counted up to then, and can be "
        "watched further by `pfprof list` and `pfprof show`.\n\n"
        "Settings come from the command line, the environment (PROVIDE_PROFILING_*) and the "
        "configuration file, in this order. LD_PRELOAD is added to, never replaced.\n\n"
        "With --sampler, `pfprof steer` runs beside the command and sets the rates of every "
        "process that "
        "lives for a tenth of a second or more; shorter ones keep the rate they began with. The "
        "pattern "
        "sampler needs its rules: --set rules=FILE.",
    .examples =
        "pfprof run -- make -j8  # which of all those processes spends time on output?\n"
        "pfprof run --rate 1 -- ./app --port 8080  # every call timed\n"
        "pfprof run --save today.pfs --output none -- ./app  # look at it later: pfprof show "
        "today.pfs",
    .options = options,
    .operand = CLI_OPERAND_COMMAND,
    .least = 1,
    .most = G_MAXUINT,
    .run = run,
    .failure = RUN_FAILED,
};
