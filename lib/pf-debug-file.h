// SPDX-License-Identifier: Apache-2.0
// An image's file with its debug information, wherever that lies.  Internal.
#pragma once
#include "pf-rows.h"
#include <elfutils/libdwfl.h>

typedef struct {
    Dwfl *dwfl;
    Dwfl_Module *module;
    gchar *root;      // put before absolute paths; "" for none
    gboolean changed; // the file is not the one that the process ran
} pf_debug_file;

// `module` stays NULL when there is nothing to be read.
void pf_debug_file_open(pf_debug_file *self, const gchar *root, const PfModule *image);
void pf_debug_file_close(pf_debug_file *self);
