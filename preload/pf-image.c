// SPDX-License-Identifier: Apache-2.0
// Symbols of an image in memory, by its own hash tables.
#include "pf-image.h"
#include "pf-print.h"
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

struct pf_image pf_image_at(const void *header) {
    const ElfW(Ehdr) *image = header;
    uintptr_t base = (uintptr_t)image;
    const ElfW(Phdr) *segment = (const void *)(base + image->e_phoff);
    struct pf_image found = {0, NULL};
    bool biased = false;
    for (unsigned i = 0; i < image->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && !biased) {
            found.bias = base + segment[i].p_offset - segment[i].p_vaddr;
            biased = true;
        } else if (segment[i].p_type == PT_DYNAMIC) {
            found.dynamic = (const void *)(found.bias + segment[i].p_vaddr);
        }
    }
    return found;
}

struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash; // DT_HASH, DT_GNU_HASH: at least one of them
    const uint32_t *gnu;
    const uint16_t *versions;
};

static bool is_it(const struct tables *tables, uint32_t at, const char *name) {
    const ElfW(Sym) *symbol = &tables->symbols[at];
    // With the highest bit set it is an old version of the name.
    bool hidden = tables->versions != NULL && (tables->versions[at] & 0x8000) != 0;
    return symbol->st_shndx != SHN_UNDEF && !hidden && (symbol->st_info & 15) <= STT_FUNC &&
           pf_same(tables->strings + symbol->st_name, name);
}

// Buckets of chains of hashes; the last of a chain is odd.  The bloom filter before them is passed over.
static uint32_t find_gnu(const struct tables *tables, const char *name) {
    const uint32_t *gnu = tables->gnu;
    const uint32_t *buckets = gnu + 4 + gnu[2] * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chains = buckets + gnu[0];
    uint32_t hash = 5381;
    for (const char *c = name; *c; c++) {
        hash = hash * 33 + (unsigned char)*c;
    }
    uint32_t at = gnu[0] != 0 ? buckets[hash % gnu[0]] : 0;
    for (; at >= gnu[1] && at != 0; at++) {
        uint32_t chain = chains[at - gnu[1]];
        if ((chain | 1) == (hash | 1) && is_it(tables, at, name)) {
            return at;
        }
        if (chain & 1) {
            break;
        }
    }
    return 0;
}

static uint32_t find(const struct tables *tables, const char *name) {
    if (tables->gnu != NULL) {
        return find_gnu(tables, name);
    }
    uint32_t count = tables->hash != NULL ? tables->hash[1] : 0;
    for (uint32_t i = 1; i < count; i++) {
        if (is_it(tables, i, name)) {
            return i;
        }
    }
    return 0;
}

void *pf_image_symbol(struct pf_image image, const char *name) {
    struct tables tables = {NULL};
    for (const ElfW(Dyn) *dynamic = image.dynamic; dynamic != NULL && dynamic->d_tag != DT_NULL;
         dynamic++) {
        // The loader puts addresses where offsets were, but not in the vDSO.
        uintptr_t value = dynamic->d_un.d_ptr;
        const void *at = (const void *)(value < image.bias ? image.bias + value : value);
        switch (dynamic->d_tag) {
        case DT_SYMTAB: tables.symbols = at; break;
        case DT_STRTAB: tables.strings = at; break;
        case DT_HASH: tables.hash = at; break;
        case DT_GNU_HASH: tables.gnu = at; break;
        case DT_VERSYM: tables.versions = at; break;
        default: break;
        }
    }
    if (tables.symbols == NULL || tables.strings == NULL) {
        return NULL;
    }
    uint32_t found = find(&tables, name);
    return found != 0 ? (void *)(image.bias + tables.symbols[found].st_value) : NULL;
}
