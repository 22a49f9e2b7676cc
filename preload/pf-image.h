// SPDX-License-Identifier: Apache-2.0
// Symbols of an image in memory (the vDSO, a loaded library), without the loader.
#pragma once
#include <link.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

// A mapped ELF image, trusted: the kernel's or the loader's own.
struct pf_image {
    uintptr_t bias;
    const ElfW(Dyn) * dynamic; // NULL: has none
};

struct pf_image pf_image_at(const void *header);

// The address of a function or object that the image defines under its default version, or NULL.
// Uses no libc and nothing of ours that must be relocated.  Async-signal-safe.
void *pf_image_symbol(struct pf_image image, const char *name);
#pragma GCC visibility pop
