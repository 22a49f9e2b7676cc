// SPDX-License-Identifier: Apache-2.0
// What the files of PfSession share.  Internal.
#pragma once
#include "pf-segment-reader.h"
#include "pf-session.h"
#include "pf-yardstick.h"

struct _PfSession {
    GObject parent_instance;
    GPtrArray *readers; // pf_reader
    gchar *command;
    gchar *host;
    guint pid;
    gint exit_status;
    guint signal_number;
    gint64 start_unix_ns;
    guint64 wall_ns;
    guint unreadable;     // files
    guint senseless;      // of the readers, when they were added up last
    PfTimeline *timeline; // NULL: none is kept
    pf_yardstick yardstick;
    guint turn;         // of the processors that the yardstick is read on
    gint64 measured_us; // when, by g_get_monotonic_time(); 0: never
};

// A folder that is none of a link; -1 with errno.
int pf_folder_open(const gchar *path);
