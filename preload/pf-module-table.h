// SPDX-License-Identifier: Apache-2.0
// The modules that sites and stacks lie in, noted once, so that they keep their names after dlclose.
#pragma once
#include <stdint.h>
#pragma GCC visibility push(hidden)

// Notes the module of an address.  A link to it, 0: none, or no room.
uint32_t pf_module_note(uintptr_t address);

// The newest module noted that holds the address, loaded or not; NULL: none.
struct pf_module;
const struct pf_module *pf_module_noted(uint64_t address);
#pragma GCC visibility pop
