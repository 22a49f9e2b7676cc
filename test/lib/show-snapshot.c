// SPDX-License-Identifier: Apache-2.0
// Prints snapshots as JSON for test_reader.py: show-snapshot PID|FILE ..., or `text` first; or controls:
// show-snapshot ctl PID on|off|reset|clear|rate=R|FUNCTION=R
#include <pf-profiling.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show(const gchar *what, gboolean as_text) {
    g_autoptr(GError) error = NULL;
    PfSnapshot *snapshot =
        g_ascii_isdigit(*what)
            ? pf_snapshot_new_from_pid((guint)atoi(what), PF_SNAPSHOT_RECENT, &error)
            : pf_snapshot_new_from_file(what, PF_SNAPSHOT_RECENT, &error);
    if (snapshot == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    g_autofree gchar *text = as_text ? pf_snapshot_to_text(snapshot, NULL, 80, FALSE)
                                     : pf_snapshot_to_json(snapshot, NULL);
    fputs(text, stdout);
    g_object_unref(snapshot);
    return 0;
}

static int control(const gchar *pid, const gchar *order) {
    g_autoptr(GError) error = NULL;
    PfController *controller = pf_controller_new_for_pid((guint)atoi(pid), &error);
    gboolean done = FALSE;
    const gchar *equals = strchr(order, '=');
    if (controller == NULL) {
        // said below
    } else if (strcmp(order, "on") == 0 || strcmp(order, "off") == 0) {
        done = pf_controller_set_active(controller, order[1] == 'n', &error);
    } else if (strcmp(order, "reset") == 0) {
        done = pf_controller_reset(controller, &error);
    } else if (strcmp(order, "clear") == 0) {
        done = pf_controller_clear_site_rates(controller, &error);
    } else if (equals != NULL && g_str_has_prefix(order, "rate=")) {
        done = pf_controller_set_rate(controller, g_ascii_strtod(equals + 1, NULL), &error);
    } else if (equals != NULL) {
        g_autofree gchar *function = g_strndup(order, (gsize)(equals - order));
        done = pf_controller_set_site_rate(controller, 0, function,
                                           g_ascii_strtod(equals + 1, NULL), &error);
    }
    g_clear_object(&controller);
    if (!done) {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "no such order");
    }
    return done ? 0 : 2;
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "ctl") == 0) {
        return control(arguments[2], arguments[3]);
    }
    gboolean as_text = count > 1 && strcmp(arguments[1], "text") == 0;
    int status = 0;
    for (int i = 1 + as_text; i < count && status == 0; i++) {
        status = show(arguments[i], as_text);
    }
    return status;
}
