// SPDX-License-Identifier: Apache-2.0
// The parts of `pfprof run`.
#pragma once
#include "cli.h"
#include <sys/types.h>

#define RUN_FAILED 125
#define RUN_NOT_EXECUTABLE 126
#define RUN_NOT_FOUND 127

// --- run-child.c

typedef struct {
    pid_t pid;
    int status;     // as waitpid has it
    int exec_errno; // the command could not be started: why
    gint64 start_unix_ns;
    guint64 wall_ns;
} run_child;

// Starts the command in this process group and waits for its end; signals go on to it.  `tick` is
// called meanwhile, first every 20 ms, in the end once a second.  FALSE: it could not even be forked.
gboolean run_child_wait(gchar *const *command, gchar *const *environment, run_child *ret_child,
                        void (*tick)(gpointer data), gpointer data);
// Ends this process the way the child ended.
gint run_child_follow(const run_child *child);

// --- run-folder.c

// A new folder for the segments of one run, where `list` and `show` find it too, in the usual place or
// in `given` unless that is empty; NULL: said.
gchar *run_folder_make(const gchar *given);
// Takes what is in the folder, and what processes of it left that had become another user.
void run_folder_collect(const gchar *folder, PfSession *session, PfSessionFlags flags);
// Looks at what runs there, for the timeline.
void run_folder_watch(const gchar *folder, PfSession *session);
// Deletes the folder unless a process still runs there.
void run_folder_remove(const gchar *folder);
