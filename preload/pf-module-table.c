// SPDX-License-Identifier: Apache-2.0
// Notes modules in the segment: a list that only grows, by compare-and-swap.
#include "pf-module-table.h"
#include "pf-module.h"
#include "pf-print.h"
#include "pf-process.h"
#include "pf-real.h"
#include <fcntl.h>
#include <sys/syscall.h>

#define MOST_MODULES 4096u

// Another module may have come to the place of one that was closed.
static bool same(const struct pf_module *module, const struct pf_module_facts *facts,
                 const char *name, size_t size) {
    if (module->start != facts->start || module->end != facts->end || module->name_size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (module->name[i] != name[i]) {
            return false;
        }
    }
    return true;
}

static struct pf_module *make(const struct pf_module_facts *facts, const char *name, size_t size) {
    struct pf_module *module = pf_segment_take(sizeof *module + size, PF_UNIT);
    if (module == NULL) {
        return NULL;
    }
    module->start = facts->start;
    module->end = facts->end;
    module->bias = facts->bias;
    module->name_size = (uint32_t)size;
    module->build_id_size = facts->build_id_size < sizeof module->build_id
                                ? facts->build_id_size
                                : (uint32_t)sizeof module->build_id;
    for (uint32_t i = 0; i < module->build_id_size; i++) {
        module->build_id[i] = facts->build_id[i];
    }
    for (size_t i = 0; i < size; i++) {
        module->name[i] = name[i];
    }
    return module;
}

uint32_t pf_module_note(uintptr_t address) {
    struct pf_segment *segment = pf_process.segment;
    struct pf_module_facts facts = pf_module_find(address);
    if (facts.start == 0) {
        return 0;
    }
    // The loader has no name for the program itself.
    char path[512];
    const char *name = facts.name;
    size_t size = name != NULL ? pf_length_most(name, sizeof path) : 0;
    uint64_t first = __atomic_load_n(&segment->first_module, __ATOMIC_ACQUIRE);
    struct pf_module *made = NULL;
    for (bool asked = false;;) {
        unsigned count = 0;
        for (uint64_t at = first; at != 0; count++) {
            struct pf_module *module = pf_at(segment, at);
            if (size == 0 ? module->start == facts.start && module->end == facts.end
                          : same(module, &facts, name, size)) {
                return (uint32_t)at;
            }
            at = module->next;
        }
        if (count >= MOST_MODULES) {
            return 0;
        }
        if (size == 0 && !asked && !pf_process.shut) {
            long length = pf_sys(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path,
                                 sizeof path, 0, 0);
            name = path;
            size = length > 0 ? (size_t)length : 0;
            asked = true;
        }
        if (made == NULL) {
            facts = pf_module_of(address);
            made = make(&facts, name, size);
            if (made == NULL) {
                return 0;
            }
        }
        made->next = first;
        if (__atomic_compare_exchange_n(&segment->first_module, &first, pf_units(segment, made),
                                        false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
            return (uint32_t)pf_units(segment, made);
        }
    }
}

const struct pf_module *pf_module_noted(uint64_t address) {
    struct pf_segment *segment = pf_process.segment;
    const struct pf_module *module = segment != NULL ? pf_at(segment, segment->first_module) : NULL;
    while (module != NULL && (address < module->start || address >= module->end)) {
        module = pf_at(segment, module->next);
    }
    return module;
}
