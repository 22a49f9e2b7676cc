// SPDX-License-Identifier: Apache-2.0
// Which module an address belongs to, without the loader's lock.
//
// Stands on glibc's _dl_find_object (2.35 and later), which takes no lock and may be called at any
// instruction.  What is returned points into the module: valid as long as it stays loaded, which is
// certain of code on the caller's stack and of what the caller was just given.
#pragma once
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

// A piece of memory, [start, end).
struct pf_span {
    uintptr_t start;
    uintptr_t end;
};

struct pf_module_facts {
    uintptr_t start; // 0: no module, or nobody to ask
    uintptr_t end;
    uintptr_t bias;           // address in memory less address in the file
    const char *name;         // as the loader has it; "" for the main program
    const uint8_t *build_id;  // NULL: has none
    uint32_t build_id_size;   // in bytes
    const void *frame_header; // .eh_frame_hdr, NULL: has none
    const ElfW(Phdr) * segments;
    unsigned segment_count;
};

// Finds _dl_find_object.  Once, before anything below: it may take the loader's lock.
void pf_module_init(void);

// The module of an address.  Without the build-id, which takes a walk over the notes.
struct pf_module_facts pf_module_find(uintptr_t address);

// The same with the build-id.
struct pf_module_facts pf_module_of(uintptr_t address);

// The loaded segment of a module that holds the address and has all of `flags` (PF_R, PF_W, PF_X)
// and none of `without`; {0, 0} when there is none.
struct pf_span pf_module_segment(const struct pf_module_facts *module, uintptr_t address,
                                 uint32_t flags, uint32_t without);

// Whether a pointer lies where no program can write: a string literal does.
bool pf_is_constant(const void *pointer);
#pragma GCC visibility pop
