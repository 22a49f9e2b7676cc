// SPDX-License-Identifier: Apache-2.0
// What the files of PfSymbolizer share.  Internal.
#pragma once
#include "pf-debug-file.h"
#include "pf-symbolizer.h"

PfPlace *pf_place_new(void); // its `module` is to be set

// pf-dwarf.c: adds what DWARF knows of `address` (in the file).
void pf_dwarf_fill(PfPlace *place, Dwfl_Module *module, guint64 address);
