// SPDX-License-Identifier: Apache-2.0
// One line on the terminal while something takes more than a second; nothing where there is none.
#include "cli.h"
#include <stdio.h>
#include <unistd.h>

struct cli_progress {
    GThread *thread;
    GMutex lock;
    GCond ended;
    gboolean is_over;
    gchar *what;
};

static gpointer tick(gpointer data) {
    cli_progress *self = data;
    gint64 begun = g_get_monotonic_time();
    gint64 next = begun + G_USEC_PER_SEC;
    gboolean shown = FALSE;
    g_mutex_lock(&self->lock);
    while (!self->is_over) {
        if (g_cond_wait_until(&self->ended, &self->lock, next)) {
            continue;
        }
        fprintf(stderr, "\r\033[Kpfprof: %s ... %d s", self->what,
                (int)((next - begun) / G_USEC_PER_SEC));
        fflush(stderr);
        shown = TRUE;
        next += G_USEC_PER_SEC;
    }
    g_mutex_unlock(&self->lock);
    if (shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    return NULL;
}

cli_progress *cli_progress_begin(const gchar *what) {
    cli_progress *self = g_new0(cli_progress, 1);
    g_mutex_init(&self->lock);
    g_cond_init(&self->ended);
    self->what = g_strdup(what);
    if (isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0) {
        self->thread = g_thread_try_new("progress", tick, self, NULL);
    }
    return self;
}

void cli_progress_end(cli_progress *self) {
    if (self == NULL) {
        return;
    }
    g_mutex_lock(&self->lock);
    self->is_over = TRUE;
    g_cond_signal(&self->ended);
    g_mutex_unlock(&self->lock);
    if (self->thread != NULL) {
        g_thread_join(self->thread);
    }
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->ended);
    g_free(self->what);
    g_free(self);
}
