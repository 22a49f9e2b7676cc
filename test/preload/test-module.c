// SPDX-License-Identifier: Apache-2.0
// pf_module_of says what the loader says, and pf_is_constant knows a literal from a buffer.
#include "../check-main.h"
#include "pf-module.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

int main(void);

// The build-id by the loader's own list of segments.
struct wanted {
    uintptr_t address;
    uintptr_t bias;
    const char *name;
    const uint8_t *id;
    uint32_t id_size;
    bool met;
};

static void look_at_notes(struct wanted *wanted, const uint8_t *at, size_t size) {
    while (size >= 12) {
        uint32_t words[3];
        memcpy(words, at, 12);
        size_t step = 12 + ((words[0] + 3) & ~3ul) + ((words[1] + 3) & ~3ul);
        if (words[2] == NT_GNU_BUILD_ID && memcmp(at + 12, "GNU", 4) == 0 && wanted->id == NULL) {
            wanted->id = at + 16;
            wanted->id_size = words[1];
        }
        at += step;
        size -= step < size ? step : size;
    }
}

static int look(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    struct wanted *wanted = argument;
    bool met = false;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        met |= segment->p_type == PT_LOAD &&
               wanted->address - info->dlpi_addr - segment->p_vaddr < segment->p_memsz;
    }
    for (int i = 0; met && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE) {
            look_at_notes(wanted, (const uint8_t *)info->dlpi_addr + segment->p_vaddr,
                          segment->p_memsz);
        }
    }
    if (met) {
        wanted->bias = info->dlpi_addr;
        wanted->name = info->dlpi_name;
        wanted->met = true;
    }
    return met;
}

static void compare(const void *address) {
    struct wanted wanted = {.address = (uintptr_t)address};
    dl_iterate_phdr(look, &wanted);
    struct pf_module_facts module = pf_module_of((uintptr_t)address);
    ck_assert(wanted.met);
    ck_assert_uint_ne(module.start, 0);
    ck_assert((uintptr_t)address >= module.start && (uintptr_t)address < module.end);
    ck_assert_uint_eq(module.bias, wanted.bias);
    ck_assert_str_eq(module.name, wanted.name);
    ck_assert_ptr_eq(module.build_id, wanted.id);
    ck_assert_uint_eq(module.build_id_size, wanted.id_size);
    ck_assert(pf_module_segment(&module, module.start, PF_R, 0).start <= module.start);
}

static const char constant[] = "a constant";
static char buffer[] = "a buffer";
static char zeroes[100];
static const char *const relocated[] = {constant, buffer};

START_TEST(modules) {
    pf_module_init();
    compare((const void *)(uintptr_t)main);
    compare(constant);
    compare(buffer);
    compare(zeroes);
    compare((const void *)(uintptr_t)dlsym(RTLD_DEFAULT, "printf"));
    compare((const void *)(uintptr_t)dlsym(RTLD_DEFAULT, "__tls_get_addr"));
    const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
    if (vdso != NULL) {
        compare(vdso + 100);
    }
    struct pf_module_facts own = pf_module_of((uintptr_t)main);
    ck_assert_str_eq(own.name, "");
    ck_assert_uint_eq(own.build_id_size, 20); // gcc of Debian links with --build-id
}
END_TEST

START_TEST(a_plugin) {
    pf_module_init();
    void *plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(plugin != NULL, "%s", dlerror());
    const void *inside = dlsym(plugin, "plugin_call");
    compare(inside);
    ck_assert_str_eq(pf_module_of((uintptr_t)inside).name, PLUGIN);
    ck_assert_int_eq(dlclose(plugin), 0);
    ck_assert_uint_eq(pf_module_of((uintptr_t)inside).start, 0);
}
END_TEST

START_TEST(no_module) {
    int local;
    pf_module_init();
    void *heap = malloc(10);
    ck_assert_uint_eq(pf_module_of((uintptr_t)heap).start, 0);
    ck_assert_uint_eq(pf_module_of((uintptr_t)&local).start, 0);
    ck_assert_uint_eq(pf_module_of(0).start, 0);
    ck_assert_uint_eq(pf_module_of(UINTPTR_MAX).start, 0);
    ck_assert_ptr_eq(pf_module_of(0).build_id, NULL);
    free(heap);
}
END_TEST

START_TEST(before_the_start) {
    ck_assert_uint_eq(pf_module_of((uintptr_t)main).start, 0);
    ck_assert(!pf_is_constant(constant));
}
END_TEST

START_TEST(constants) {
    char local[10];
    pf_module_init();
    char *heap = strdup("on the heap");
    ck_assert(pf_is_constant("a literal"));
    ck_assert(pf_is_constant(constant));
    ck_assert(pf_is_constant(constant + sizeof constant - 1));
    ck_assert(pf_is_constant((const void *)(uintptr_t)main));
    ck_assert(pf_is_constant((const void *)(uintptr_t)dlsym(RTLD_DEFAULT, "printf")));
    ck_assert(!pf_is_constant(buffer));
    ck_assert(!pf_is_constant(zeroes));
    ck_assert(!pf_is_constant(relocated)); // the loader wrote there, and has not always locked it
    ck_assert(!pf_is_constant(local));
    ck_assert(!pf_is_constant(heap));
    ck_assert(!pf_is_constant(NULL));
    ck_assert(!pf_is_constant((const void *)UINTPTR_MAX));
    free(heap);
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {modules, 0},          {a_plugin, 0},  {no_module, 0},
        {before_the_start, 0}, {constants, 0}, {NULL, 0},
    };
    return check_main("module", tests);
}
