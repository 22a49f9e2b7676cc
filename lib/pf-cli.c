// SPDX-License-Identifier: Apache-2.0
// A program's own commands, and pfprof's for all other names.
#include "pf-cli.h"
#include "pf-errors.h"
#include <string.h>
#include <sys/wait.h>

/**
 * pf_cli_register_command:
 * @name: its name
 * @summary: what it does, in one line
 * @func: (scope notified) (closure user_data) (destroy destroy): runs it
 * @user_data: passed to @func
 * @destroy: (nullable): frees @user_data
 * @error: return location for an error
 *
 * Registers a command with the hub of the process, so that [func@cli_run] finds it, and lists it
 * under `help`.  A program that does not link this library adds a command by an executable
 * `pfprof-NAME` in a folder of `PATH`.
 *
 * Fails as [method@Hub.add_command] does.
 *
 * Any thread may call this.
 *
 * Returns: true when it is registered
 */
gboolean pf_cli_register_command(const gchar *name, const gchar *summary, PfCommandFunc func,
                                 gpointer user_data, GDestroyNotify destroy, GError **error) {
    return pf_hub_add_command(pf_hub_get_default(), name, summary, func, user_data, destroy, error);
}

static gboolean spawn_pfprof(const gchar *const *arguments, gint *ret_status, GError **error) {
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    gint status = 0;
    g_ptr_array_add(all, (gpointer) "pfprof");
    for (guint i = 0; arguments[i] != NULL; i++) {
        g_ptr_array_add(all, (gpointer)arguments[i]);
    }
    g_ptr_array_add(all, NULL);
    g_autoptr(GError) problem = NULL;
    if (!g_spawn_sync(NULL, (gchar **)all->pdata, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                      &status, &problem)) {
        g_set_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_NOT_FOUND,
                    "there is no command \"%s\", and pfprof cannot be run: %s",
                    arguments[0] != NULL ? arguments[0] : "", problem->message);
        return FALSE;
    }
    if (ret_status != NULL) {
        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return TRUE;
}

/**
 * pf_cli_run:
 * @arguments: (array zero-terminated=1): the command's name, and what stands behind it
 * @ret_status: (out) (optional): its exit status
 * @error: return location for an error
 *
 * Runs a command that was registered, or else pfprof with @arguments, and waits for its end.  With
 * this a program has all of pfprof under a word of its own: `shop profile show`.
 *
 * Fails with %PF_PROFILING_ERROR_NOT_FOUND when the command is not registered and there is no pfprof.
 *
 * Returns: true when it ran, whatever its status
 */
gboolean pf_cli_run(const gchar *const *arguments, gint *ret_status, GError **error) {
    PfHub *hub = pf_hub_get_default();
    g_return_val_if_fail(arguments != NULL, FALSE);
    if (arguments[0] != NULL) {
        g_autofree gchar *summary = pf_hub_get_command_summary(hub, arguments[0]);
        if (summary != NULL) {
            return pf_hub_run_command(hub, arguments[0], arguments + 1, ret_status, error);
        }
    }
    return spawn_pfprof(arguments, ret_status, error);
}
