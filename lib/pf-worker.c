// SPDX-License-Identifier: Apache-2.0
// A thread for one piece of work.
#include "pf-worker.h"
#include <signal.h>

guint pf_worker_count(gsize size, gsize least, guint most) {
    gsize worth = MIN(size / least, most);
    return worth < 2 ? 1 : MIN((guint)worth, g_get_num_processors());
}

static gpointer run(gpointer data) {
    pf_worker *self = data;
    self->work(self->data);
    return NULL;
}

// The program's signals are none of its business: their handlers may expect the program's own threads.
void pf_worker_start(pf_worker *self, pf_work work, gpointer data) {
    *self = (pf_worker){.work = work, .data = data};
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    self->thread = g_thread_try_new("pf-worker", run, self, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void pf_worker_join(pf_worker *self) {
    if (self->thread != NULL) {
        g_thread_join(self->thread);
    } else {
        self->work(self->data);
    }
}
