// SPDX-License-Identifier: Apache-2.0
// Reads a module's own headers in memory; every address in them is checked against the module's
// ends.
#include "pf-module.h"
#include "pf-real.h"
#include <dlfcn.h>

#ifdef DLFO_EH_SEGMENT_TYPE
// Not by name: that would ask for a symbol version that an older glibc refuses to load, even where the
// reference is weak.  Not by dlsym: this may be the first call of a process, in a signal handler.
static int (*find_object)(void *, struct dl_find_object *);

void pf_module_init(void) {
    find_object = (int (*)(void *, struct dl_find_object *))pf_next("_dl_find_object");
}

// Segments that lie in the first page, which is mapped because the module is: headers further on
// are legal, but no linker makes them.
#define HEADERS_END 4096u

static void find_segments(struct pf_module_facts *module) {
    const ElfW(Ehdr) *header = (const void *)module->start;
    if (module->end - module->start < HEADERS_END || header->e_ident[EI_MAG0] != ELFMAG0 ||
        header->e_ident[EI_MAG1] != ELFMAG1 || header->e_ident[EI_MAG2] != ELFMAG2 ||
        header->e_ident[EI_MAG3] != ELFMAG3 || header->e_phentsize != sizeof(ElfW(Phdr)) ||
        header->e_phoff % sizeof(uintptr_t) != 0 || header->e_phoff > HEADERS_END ||
        header->e_phnum > (HEADERS_END - header->e_phoff) / sizeof(ElfW(Phdr))) {
        return;
    }
    module->segments = (const void *)(module->start + header->e_phoff);
    module->segment_count = header->e_phnum;
}

struct pf_module_facts pf_module_find(uintptr_t address) {
    struct pf_module_facts module = {.start = 0};
    struct dl_find_object found;
    if (find_object == NULL || find_object((void *)address, &found) != 0) {
        return module;
    }
    module.start = (uintptr_t)found.dlfo_map_start;
    module.end = (uintptr_t)found.dlfo_map_end;
    module.bias = found.dlfo_link_map->l_addr;
    module.name = found.dlfo_link_map->l_name;
    module.frame_header = found.dlfo_eh_frame;
    find_segments(&module);
    return module;
}
#else
void pf_module_init(void) {}

struct pf_module_facts pf_module_find(uintptr_t address) {
    (void)address;
    return (struct pf_module_facts){.start = 0};
}
#endif

static bool is_inside(struct pf_span span, uintptr_t start, uintptr_t size) {
    return start >= span.start && start <= span.end && size <= span.end - start;
}

struct pf_span pf_module_segment(const struct pf_module_facts *module, uintptr_t address,
                                 uint32_t flags, uint32_t without) {
    const struct pf_span whole = {module->start, module->end};
    for (unsigned i = 0; i < module->segment_count; i++) {
        const ElfW(Phdr) *segment = &module->segments[i];
        uintptr_t start = module->bias + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && is_inside(whole, start, segment->p_memsz) &&
            address - start < segment->p_memsz && (segment->p_flags & flags) == flags &&
            (segment->p_flags & without) == 0) {
            return (struct pf_span){start, start + segment->p_memsz};
        }
    }
    return (struct pf_span){0, 0};
}

// The first GNU build-id note of a PT_NOTE segment.
static bool find_build_id(struct pf_module_facts *module, const ElfW(Phdr) * notes) {
    uintptr_t at = module->bias + notes->p_vaddr;
    struct pf_span span = pf_module_segment(module, at, PF_R, 0);
    uintptr_t align = notes->p_align == 8 ? 8 : 4;
    if (at % 4 != 0 || !is_inside(span, at, notes->p_memsz)) {
        return false;
    }
    uintptr_t end = at + notes->p_memsz;
    while (end - at >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)at;
        uintptr_t room = end - at - sizeof *note;
        uintptr_t name_size = ((uintptr_t)note->n_namesz + 3) & ~(uintptr_t)3;
        if (name_size > room || note->n_descsz > room - name_size) {
            return false;
        }
        const char *name = (const char *)(note + 1);
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && name[0] == 'G' &&
            name[1] == 'N' && name[2] == 'U') {
            module->build_id = (const uint8_t *)name + name_size;
            module->build_id_size = note->n_descsz;
            return true;
        }
        uintptr_t step = (sizeof *note + name_size + note->n_descsz + align - 1) & ~(align - 1);
        if (step > end - at) {
            return false;
        }
        at += step;
    }
    return false;
}

struct pf_module_facts pf_module_of(uintptr_t address) {
    struct pf_module_facts module = pf_module_find(address);
    for (unsigned i = 0; i < module.segment_count; i++) {
        if (module.segments[i].p_type == PT_NOTE && find_build_id(&module, &module.segments[i])) {
            break;
        }
    }
    return module;
}

bool pf_is_constant(const void *pointer) {
    struct pf_module_facts module = pf_module_find((uintptr_t)pointer);
    return pf_module_segment(&module, (uintptr_t)pointer, PF_R, PF_W).end != 0;
}
