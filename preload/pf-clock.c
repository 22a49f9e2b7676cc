// SPDX-License-Identifier: Apache-2.0
// Finds clock_gettime in the vDSO and calibrates it.
#include "pf-clock.h"
#include "pf-real.h"
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>

static int clock_by_system_call(clockid_t clock, struct timespec *ret_time) {
    return (int)pf_sys_clock_gettime(clock, ret_time);
}

pf_clock_fn *pf_clock_gettime = clock_by_system_call;
uint64_t pf_clock_cost_ns;

#if defined(__x86_64__)
#define VDSO_CLOCK "__vdso_clock_gettime"
#elif defined(__aarch64__)
#define VDSO_CLOCK "__kernel_clock_gettime"
#endif

static bool same_name(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

// The kernel's own image, so its tables are trusted; it has DT_HASH or, in new kernels, only
// DT_GNU_HASH, whose chains end with an odd value.
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

static void *vdso_symbol(const char *name) {
    const ElfW(Ehdr) *image = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (image == NULL) {
        return NULL;
    }
    uintptr_t base = (uintptr_t)image;
    const ElfW(Phdr) *segment = (const void *)(base + image->e_phoff);
    const ElfW(Dyn) *dynamic = NULL;
    uintptr_t bias = 0;
    bool found = false;
    for (unsigned i = 0; i < image->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && !found) {
            bias = base + segment[i].p_offset - segment[i].p_vaddr;
            found = true;
        } else if (segment[i].p_type == PT_DYNAMIC) {
            dynamic = (const void *)(base + segment[i].p_offset);
        }
    }
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *hash = NULL;
    const uint32_t *gnu = NULL;
    for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = (const void *)(bias + dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = at; break;
        case DT_STRTAB: strings = at; break;
        case DT_HASH: hash = at; break;
        case DT_GNU_HASH: gnu = at; break;
        default: break;
        }
    }
    if (symbols == NULL || strings == NULL) {
        return NULL;
    }
    uint32_t count = symbol_count(hash, gnu);
    for (uint32_t i = 0; i < count; i++) {
        if (symbols[i].st_shndx != SHN_UNDEF && same_name(strings + symbols[i].st_name, name)) {
            return (void *)(bias + symbols[i].st_value);
        }
    }
    return NULL;
}

void pf_clock_init(void) {
    if (pf_clock_cost_ns != 0) {
        return;
    }
#ifdef VDSO_CLOCK
    void *found = vdso_symbol(VDSO_CLOCK);
    if (found != NULL) {
        pf_clock_gettime = (pf_clock_fn *)found;
    }
#endif
    // The smallest of a few back-to-back differences: anything above it was an interruption.
    uint64_t cost = UINT64_MAX;
    uint64_t before = pf_now();
    for (int i = 0; i < 16; i++) {
        uint64_t after = pf_now();
        cost = after - before < cost ? after - before : cost;
        before = after;
    }
    pf_clock_cost_ns = cost > 0 && cost < 100000 ? cost : 1;
}
