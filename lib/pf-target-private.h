// SPDX-License-Identifier: Apache-2.0
// What the files of PfTarget share.  Internal.
#pragma once
#include "pf-target.h"

struct _PfTarget {
    GObject parent_instance;
    gchar *path;
    int fd;
    GMutex lock; // of what this process writes into control words
};
