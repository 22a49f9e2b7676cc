// SPDX-License-Identifier: Apache-2.0
// Addresses of this very program: function, file, line and inlined callers, and what is said when the
// file is not the one that ran.
#include "pf-test.h"
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

static gchar *own_build_id;

static int find_self(struct dl_phdr_info *info, size_t size, void *ret_bias) {
    *(guint64 *)ret_bias = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const char *at = (const char *)info->dlpi_addr + segment->p_vaddr;
        const char *end = at + segment->p_memsz;
        while (segment->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) < end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof *note;
            const unsigned char *value = (const void *)(name + ((note->n_namesz + 3) & ~3u));
            if (note->n_type == NT_GNU_BUILD_ID && memcmp(name, "GNU", 4) == 0) {
                GString *text = g_string_new(NULL);
                g_free(own_build_id);
                for (unsigned b = 0; b < note->n_descsz; b++) {
                    g_string_append_printf(text, "%02x", value[b]);
                }
                own_build_id = g_string_free(text, FALSE);
            }
            at = (const char *)value + ((note->n_descsz + 3) & ~3u);
        }
    }
    return 1; // the program itself is the first
}

static PfModule *own_module(const gchar *build_id) {
    guint64 bias = 0;
    gchar path[4096] = "";
    ck_assert_int_gt(readlink("/proc/self/exe", path, sizeof path - 1), 0);
    g_free(own_build_id);
    own_build_id = g_strdup("");
    dl_iterate_phdr(find_self, &bias);
    return pf_module_new(path, build_id != NULL ? build_id : own_build_id, bias);
}

// The last word of every test.
static void done(PfSymbolizer *symbolizer) {
    g_object_unref(symbolizer);
    g_clear_pointer(&own_build_id, g_free);
}

#define HERE() ((guint64)(guintptr)__builtin_return_address(0))

static __attribute__((noinline)) guint64 return_address(void) { return HERE(); }

static inline __attribute__((always_inline)) guint64 inlined(guint *ret_line) {
    guint64 address = return_address();
    *ret_line = __LINE__ - 1;
    return address;
}

static __attribute__((noinline)) guint64 outer(guint *ret_line, guint *ret_outer_line) {
    *ret_outer_line = __LINE__ + 1;
    return inlined(ret_line);
}

START_TEST(function_file_and_line) {
    g_autoptr(PfModule) module = own_module(NULL);
    PfSymbolizer *symbolizer = pf_symbolizer_new();
    guint line;
    guint outer_line;
    guint64 address = outer(&line, &outer_line);
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(symbolizer, module, address);
    ck_assert_str_eq(place->symbol, "outer");
    ck_assert_str_eq(place->function, "inlined");
    ck_assert(g_str_has_suffix(place->file, "test-symbolizer.c"));
    ck_assert_uint_eq(place->line, line);
    ck_assert_ptr_nonnull(place->callers);
    ck_assert_uint_eq(place->callers->len, 1);
    const PfPlace *caller = g_ptr_array_index(place->callers, 0);
    ck_assert_str_eq(caller->function, "outer");
    ck_assert_uint_eq(caller->line, outer_line);
    g_autofree gchar *text = pf_place_to_string(place);
    ck_assert_ptr_nonnull(strstr(text, " in inlined"));
    g_autoptr(PfPlace) again = pf_symbolizer_find_return(symbolizer, module, address);
    ck_assert_ptr_eq(again, place); // remembered
    done(symbolizer);
}
END_TEST

START_TEST(changed_file) {
    g_autoptr(PfModule) module = own_module("0123456789abcdef0123456789abcdef01234567");
    PfSymbolizer *symbolizer = pf_symbolizer_new();
    g_autoptr(PfPlace) place = pf_symbolizer_find_return(symbolizer, module, return_address());
    ck_assert(place->module_changed);
    ck_assert_ptr_null(place->function);
    ck_assert_ptr_null(place->file);
    g_autofree gchar *text = pf_place_to_string(place);
    ck_assert_ptr_nonnull(strstr(text, "(module changed)"));
    done(symbolizer);
}
END_TEST

START_TEST(no_file) {
    g_autoptr(PfModule) gone = pf_module_new("/nonexistent/program", "", 0x1000);
    g_autoptr(PfModule) odd = pf_module_new("/dev/zero", "", 0);
    g_autoptr(PfModule) vdso = pf_module_new("linux-vdso.so.1", "", 0);
    PfSymbolizer *symbolizer = pf_symbolizer_new();
    PfModule *modules[] = {gone, odd, vdso, NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(modules); i++) {
        g_autoptr(PfPlace) place = pf_symbolizer_find(symbolizer, modules[i], 0x1234);
        ck_assert_ptr_null(place->file);
        ck_assert(!place->module_changed);
        ck_assert_uint_eq(place->offset, modules[i] == gone ? 0x234 : 0x1234);
        g_autofree gchar *text = pf_place_to_string(place);
        ck_assert_ptr_nonnull(strstr(text, modules[i] == gone ? "program+0x234" : "0x1234"));
    }
    done(symbolizer);
}
END_TEST

// What a stripped library exports is still found: by .dynsym.
START_TEST(exported_symbol) {
    Dl_info info;
    ck_assert_int_ne(dladdr(dlsym(RTLD_DEFAULT, "fputs"), &info), 0);
    g_autoptr(PfModule) libc = pf_module_new(info.dli_fname, "", (guint64)(guintptr)info.dli_fbase);
    PfSymbolizer *symbolizer = pf_symbolizer_new();
    g_autoptr(PfPlace) place =
        pf_symbolizer_find(symbolizer, libc, (guint64)(guintptr)info.dli_saddr + 4);
    ck_assert_ptr_nonnull(place->function);
    ck_assert_ptr_nonnull(strstr(place->function, "fputs"));
    ck_assert_uint_eq(place->symbol_offset, 4);
    done(symbolizer);
}
END_TEST

START_TEST(demangled) {
    static const char *const names[][2] = {
        {"_ZN6spdlog6logger4infoERKSs", "spdlog::logger::info"},
        {"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
        {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
        {"plain", "plain"},
        {"_Zbroken", "_Zbroken"},
        {"_ZN", "_ZN"},
        {"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree gchar *plain = pf_symbolizer_demangle(names[i][0]);
        ck_assert_msg(g_str_has_prefix(plain, names[i][1]), "%s became %s", names[i][0], plain);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {function_file_and_line, changed_file, no_file,
                                  exported_symbol,        demangled,    NULL};
    return pf_test_run("symbolizer", tests);
}
