// SPDX-License-Identifier: Apache-2.0
// A registry of components and of commands.
#include "pf-hub.h"
#include "pf-errors.h"

typedef struct {
    gchar *summary;
    PfCommandFunc func;
    gpointer user_data;
    GDestroyNotify destroy;
} command;

/**
 * PfHub:
 *
 * Components and commands of a program, by name.  A name holds lower-case letters, digits, `-` and `_`.
 *
 * Any thread may use a hub.
 */
struct _PfHub {
    GObject parent;
    GMutex lock;
    GHashTable *components; // name: GObject
    GHashTable *commands;   // name: command, counted (one may run while it is removed)
};

G_DEFINE_FINAL_TYPE(PfHub, pf_hub, G_TYPE_OBJECT)

static void command_clear(gpointer data) {
    command *c = data;
    if (c->destroy != NULL) {
        c->destroy(c->user_data);
    }
    g_free(c->summary);
}

static void command_unref(gpointer data) { g_atomic_rc_box_release_full(data, command_clear); }

static void finalize(GObject *object) {
    PfHub *self = PF_HUB(object);
    g_hash_table_unref(self->components);
    g_hash_table_unref(self->commands);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(pf_hub_parent_class)->finalize(object);
}

static void pf_hub_class_init(PfHubClass *class) { G_OBJECT_CLASS(class)->finalize = finalize; }

static void make_tables(PfHub *self) {
    self->components = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
    self->commands = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, command_unref);
}

static void pf_hub_init(PfHub *self) {
    g_mutex_init(&self->lock);
    make_tables(self);
}

/**
 * pf_hub_new:
 *
 * An empty hub.
 *
 * Returns: (transfer full): a new hub
 */
PfHub *pf_hub_new(void) { return g_object_new(PF_TYPE_HUB, NULL); }

/**
 * pf_hub_get_default:
 *
 * The hub of the process, which is empty at first and stays until the end.
 *
 * Returns: (transfer none): the hub
 */
PfHub *pf_hub_get_default(void) {
    static PfHub *hub;
    static gsize once;
    if (g_once_init_enter(&once)) {
        hub = pf_hub_new();
        g_once_init_leave(&once, 1);
    }
    return hub;
}

static gboolean check_name(const gchar *name, GError **error) {
    const gchar *at = name;
    while (g_ascii_islower(*at) || g_ascii_isdigit(*at) || *at == '-' || *at == '_') {
        at++;
    }
    if (at > name && *at == 0 && *name != '-') {
        return TRUE;
    }
    g_autofree gchar *shown = g_strescape(name, NULL);
    g_set_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_BAD_NAME,
                "\"%s\" is not a name of lower-case letters, digits, - and _", shown);
    return FALSE;
}

// Puts `value` into a table unless the name is taken.
static gboolean add(PfHub *self, GHashTable **table, const gchar *what, const gchar *name,
                    gpointer value, GError **error) {
    if (!check_name(name, error)) {
        return FALSE;
    }
    g_mutex_lock(&self->lock);
    gboolean fresh = !g_hash_table_contains(*table, name);
    if (fresh) {
        g_hash_table_insert(*table, g_strdup(name), value);
    }
    g_mutex_unlock(&self->lock);
    if (!fresh) {
        g_set_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_EXISTS,
                    "there is a %s \"%s\" already", what, name);
    }
    return fresh;
}

static void set_not_found(GError **error, const gchar *what, const gchar *name) {
    g_autofree gchar *shown = g_strescape(name, NULL);
    g_set_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_NOT_FOUND, "there is no %s \"%s\"",
                what, shown);
}

// What is removed is let go of without the lock: its end may come back to the hub.
static gboolean take_out(PfHub *self, GHashTable **table, const gchar *what, const gchar *name,
                         gpointer *ret_value, GError **error) {
    g_autofree gchar *key = NULL;
    g_mutex_lock(&self->lock);
    gboolean found = g_hash_table_steal_extended(*table, name, (gpointer *)&key, ret_value);
    g_mutex_unlock(&self->lock);
    if (!found) {
        set_not_found(error, what, name);
    }
    return found;
}

static gint compare_names(gconstpointer a, gconstpointer b) {
    return g_strcmp0(*(const gchar *const *)a, *(const gchar *const *)b);
}

static gchar **list_names(PfHub *self, GHashTable **table) {
    GHashTableIter iter;
    gpointer name;
    GPtrArray *names = g_ptr_array_new();
    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, *table);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_mutex_unlock(&self->lock);
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (gchar **)g_ptr_array_free(names, FALSE);
}

/**
 * pf_hub_add_component:
 * @self: a hub
 * @name: its name
 * @component: (transfer none): any object; the hub keeps a reference
 * @error: return location for an error
 *
 * Registers a component.
 *
 * Fails with %PF_PROFILING_ERROR_BAD_NAME or %PF_PROFILING_ERROR_EXISTS.
 *
 * Returns: true when it is registered
 */
gboolean pf_hub_add_component(PfHub *self, const gchar *name, GObject *component, GError **error) {
    g_return_val_if_fail(PF_IS_HUB(self), FALSE);
    g_return_val_if_fail(name != NULL, FALSE);
    g_return_val_if_fail(G_IS_OBJECT(component), FALSE);
    g_object_ref(component);
    if (!add(self, &self->components, "component", name, component, error)) {
        g_object_unref(component);
        return FALSE;
    }
    return TRUE;
}

/**
 * pf_hub_get_component:
 * @self: a hub
 * @name: a name, such as `profiler`
 *
 * Finds a component.
 *
 * Returns: (transfer none) (nullable): the component, the hub's own until it is removed, or %NULL when
 *   there is none of this name
 */
GObject *pf_hub_get_component(PfHub *self, const gchar *name) {
    g_return_val_if_fail(PF_IS_HUB(self), NULL);
    g_return_val_if_fail(name != NULL, NULL);
    g_mutex_lock(&self->lock);
    GObject *found = g_hash_table_lookup(self->components, name);
    g_mutex_unlock(&self->lock);
    return found;
}

/**
 * pf_hub_remove_component:
 * @self: a hub
 * @name: a name
 * @error: return location for an error
 *
 * Lets go of a component.
 *
 * Fails with %PF_PROFILING_ERROR_NOT_FOUND.
 *
 * Returns: true when it was there
 */
gboolean pf_hub_remove_component(PfHub *self, const gchar *name, GError **error) {
    gpointer component;
    g_return_val_if_fail(PF_IS_HUB(self), FALSE);
    g_return_val_if_fail(name != NULL, FALSE);
    if (!take_out(self, &self->components, "component", name, &component, error)) {
        return FALSE;
    }
    g_object_unref(component);
    return TRUE;
}

/**
 * pf_hub_list_components:
 * @self: a hub
 *
 * The names of its components.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names, sorted; free with
 *   [func@GLib.strfreev]
 */
gchar **pf_hub_list_components(PfHub *self) {
    g_return_val_if_fail(PF_IS_HUB(self), NULL);
    return list_names(self, &self->components);
}

/**
 * pf_hub_add_command:
 * @self: a hub
 * @name: its name: the word behind the program's on the command line
 * @summary: what it does, in one line
 * @func: (scope notified) (closure user_data) (destroy destroy): runs it; called by whatever thread
 *   calls [method@Hub.run_command]
 * @user_data: passed to @func
 * @destroy: (nullable): frees @user_data, when the command is removed and no longer runs
 * @error: return location for an error
 *
 * Registers a command.
 *
 * Fails with %PF_PROFILING_ERROR_BAD_NAME or %PF_PROFILING_ERROR_EXISTS; @destroy is called then, too.
 *
 * Returns: true when it is registered
 */
gboolean pf_hub_add_command(PfHub *self, const gchar *name, const gchar *summary,
                            PfCommandFunc func, gpointer user_data, GDestroyNotify destroy,
                            GError **error) {
    g_return_val_if_fail(PF_IS_HUB(self), FALSE);
    g_return_val_if_fail(name != NULL && summary != NULL && func != NULL, FALSE);
    command *fresh = g_atomic_rc_box_new0(command);
    fresh->summary = g_strdup(summary);
    fresh->func = func;
    fresh->user_data = user_data;
    fresh->destroy = destroy;
    if (!add(self, &self->commands, "command", name, fresh, error)) {
        command_unref(fresh);
        return FALSE;
    }
    return TRUE;
}

/**
 * pf_hub_remove_command:
 * @self: a hub
 * @name: a name
 * @error: return location for an error
 *
 * Lets go of a command.  Where it is running, it ends as it would have.
 *
 * Fails with %PF_PROFILING_ERROR_NOT_FOUND.
 *
 * Returns: true when it was there
 */
gboolean pf_hub_remove_command(PfHub *self, const gchar *name, GError **error) {
    gpointer removed;
    g_return_val_if_fail(PF_IS_HUB(self), FALSE);
    g_return_val_if_fail(name != NULL, FALSE);
    if (!take_out(self, &self->commands, "command", name, &removed, error)) {
        return FALSE;
    }
    command_unref(removed);
    return TRUE;
}

/**
 * pf_hub_list_commands:
 * @self: a hub
 *
 * The names of its commands.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names, sorted; free with
 *   [func@GLib.strfreev]
 */
gchar **pf_hub_list_commands(PfHub *self) {
    g_return_val_if_fail(PF_IS_HUB(self), NULL);
    return list_names(self, &self->commands);
}

static command *find_command(PfHub *self, const gchar *name) {
    g_mutex_lock(&self->lock);
    command *found = g_hash_table_lookup(self->commands, name);
    if (found != NULL) {
        g_atomic_rc_box_acquire(found);
    }
    g_mutex_unlock(&self->lock);
    return found;
}

/**
 * pf_hub_get_command_summary:
 * @self: a hub
 * @name: a name
 *
 * What a command does.
 *
 * Returns: (transfer full) (nullable): one line, to be freed with [func@GLib.free], or %NULL when there
 *   is no such command
 */
gchar *pf_hub_get_command_summary(PfHub *self, const gchar *name) {
    g_return_val_if_fail(PF_IS_HUB(self), NULL);
    g_return_val_if_fail(name != NULL, NULL);
    command *found = find_command(self, name);
    if (found == NULL) {
        return NULL;
    }
    gchar *summary = g_strdup(found->summary);
    command_unref(found);
    return summary;
}

/**
 * pf_hub_run_command:
 * @self: a hub
 * @name: a name
 * @arguments: (nullable) (array zero-terminated=1): what stood behind it; %NULL: nothing
 * @ret_status: (out) (optional): the command's exit status
 * @error: return location for an error
 *
 * Runs a command in the calling thread.
 *
 * Fails with %PF_PROFILING_ERROR_NOT_FOUND.
 *
 * Returns: true when there is such a command, whatever it returned
 */
gboolean pf_hub_run_command(PfHub *self, const gchar *name, const gchar *const *arguments,
                            gint *ret_status, GError **error) {
    static const gchar *const none[] = {NULL};
    g_return_val_if_fail(PF_IS_HUB(self), FALSE);
    g_return_val_if_fail(name != NULL, FALSE);
    command *found = find_command(self, name);
    if (found == NULL) {
        set_not_found(error, "command", name);
        return FALSE;
    }
    gint status = found->func(arguments != NULL ? arguments : none, found->user_data);
    command_unref(found);
    if (ret_status != NULL) {
        *ret_status = status;
    }
    return TRUE;
}

/**
 * pf_hub_clear:
 * @self: a hub
 *
 * Lets go of every component and command.
 */
void pf_hub_clear(PfHub *self) {
    g_return_if_fail(PF_IS_HUB(self));
    g_mutex_lock(&self->lock);
    GHashTable *components = self->components;
    GHashTable *commands = self->commands;
    make_tables(self);
    g_mutex_unlock(&self->lock);
    g_hash_table_unref(components); // without the lock, as in take_out
    g_hash_table_unref(commands);
}
