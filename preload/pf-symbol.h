// SPDX-License-Identifier: Apache-2.0
// Names for addresses at exit: the module from /proc/self/maps, the function from its ELF tables.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

struct pf_symbol {
    char module[128]; // base name of the file
    uint64_t offset;  // address in the file's own numbering, as addr2line takes it
    char name[128];   // "" when the file has no symbol there
    uint64_t name_offset;
};

// A return address belongs to the call before it, so the byte before it is looked up.  False when
// the address is in no mapped file any more.  Not thread-safe: one file stays mapped between calls.
bool pf_symbol_find(uint64_t return_address, struct pf_symbol *ret_symbol);

// Lets go of what pf_symbol_find kept mapped.
void pf_symbol_end(void);
#pragma GCC visibility pop
