// SPDX-License-Identifier: Apache-2.0
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

// There is DT_HASH or, in what is newer, only DT_GNU_HASH, whose chains end with an odd value.
static uint32_t symbol_count(const uint32_t *hash, const uint32_t *gnu) {
    if (hash != NULL) {
        return hash[1];
    }
    if (gnu == NULL) {
        return 0;
    }
    const uint32_t *buckets = gnu + 4 + gnu[2] * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chains = buckets + gnu[0];
    uint32_t last = 0;
    for (uint32_t i = 0; i < gnu[0]; i++) {
        last = buckets[i] > last ? buckets[i] : last;
    }
    if (last < gnu[1]) {
        return 0;
    }
    while (!(chains[last - gnu[1]] & 1)) {
        last++;
    }
    return last + 1;
}

void *pf_image_symbol(struct pf_image image, const char *name) {
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *hash = NULL;
    const uint32_t *gnu = NULL;
    const uint16_t *versions = NULL;
    for (const ElfW(Dyn) *dynamic = image.dynamic; dynamic != NULL && dynamic->d_tag != DT_NULL;
         dynamic++) {
        // The loader puts addresses where offsets were, but not in the vDSO.
        uintptr_t value = dynamic->d_un.d_ptr;
        const void *at = (const void *)(value < image.bias ? image.bias + value : value);
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = at; break;
        case DT_STRTAB: strings = at; break;
        case DT_HASH: hash = at; break;
        case DT_GNU_HASH: gnu = at; break;
        case DT_VERSYM: versions = at; break;
        default: break;
        }
    }
    if (symbols == NULL || strings == NULL) {
        return NULL;
    }
    uint32_t count = symbol_count(hash, gnu);
    for (uint32_t i = 0; i < count; i++) {
        unsigned type = symbols[i].st_info & 15;
        bool hidden = versions != NULL && (versions[i] & 0x8000) != 0; // an old version of the name
        if (symbols[i].st_shndx != SHN_UNDEF && !hidden && type <= STT_FUNC &&
            pf_same(strings + symbols[i].st_name, name)) {
            return (void *)(image.bias + symbols[i].st_value);
        }
    }
    return NULL;
}
