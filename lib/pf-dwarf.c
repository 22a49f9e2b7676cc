// SPDX-License-Identifier: Apache-2.0
// From an address to file, line and the chain of inlined functions, by DWARF.
#include "pf-symbolizer-private.h"
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>

static gboolean is_function(Dwarf_Die *die) {
    int tag = dwarf_tag(die);
    return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
           tag == DW_TAG_entry_point;
}

static gchar *name_of(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    const char *linkage =
        dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL
                             ? &attribute
                             : dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
    if (linkage != NULL) {
        return pf_symbolizer_demangle(linkage);
    }
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return name != NULL ? g_utf8_make_valid(name, -1) : NULL;
}

static gboolean number_of(Dwarf_Die *die, unsigned name, Dwarf_Word *ret) {
    Dwarf_Attribute attribute;
    return dwarf_formudata(dwarf_attr(die, name, &attribute), ret) == 0;
}

// Where an inlined function was called.
static void fill_caller(PfPlace *caller, Dwarf_Die *inlined, Dwarf_Files *files) {
    Dwarf_Word number;
    if (files != NULL && number_of(inlined, DW_AT_call_file, &number)) {
        const char *file = dwarf_filesrc(files, number, NULL, NULL);
        caller->file = file != NULL ? g_utf8_make_valid(file, -1) : NULL;
    }
    if (number_of(inlined, DW_AT_call_line, &number)) {
        caller->line = (guint)MIN(number, G_MAXUINT);
    }
}

// The innermost function, then those that it was inlined into, out to the one that is called.
static void fill_functions(PfPlace *place, Dwarf_Die *scopes, int count, Dwarf_Files *files) {
    PfPlace *current = NULL;
    Dwarf_Die *inlined = NULL;
    for (int i = 0; i < count; i++) {
        if (!is_function(&scopes[i])) {
            continue;
        }
        if (current == NULL) {
            current = place;
            g_free(place->function);
        } else {
            current = pf_place_new();
            current->module = g_strdup(place->module);
            current->offset = place->offset;
            fill_caller(current, inlined, files);
            if (place->callers == NULL) {
                place->callers = g_ptr_array_new_with_free_func((GDestroyNotify)pf_place_unref);
            }
            g_ptr_array_add(place->callers, current);
        }
        current->function = name_of(&scopes[i]);
        inlined = &scopes[i];
        if (dwarf_tag(inlined) != DW_TAG_inlined_subroutine) {
            return;
        }
    }
}

// Clang writes no .debug_aranges, by which libdw finds a unit: then each is asked.
static Dwarf_Die *find_unit(Dwfl_Module *module, guint64 address, Dwarf_Addr *ret_bias) {
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, ret_bias);
    if (unit != NULL) {
        return unit;
    }
    while ((unit = dwfl_module_nextcu(module, unit, ret_bias)) != NULL) {
        if (dwarf_haspc(unit, address - *ret_bias) > 0) {
            return unit;
        }
    }
    return NULL;
}

void pf_dwarf_fill(PfPlace *place, Dwfl_Module *module, guint64 address) {
    Dwarf_Addr bias;
    Dwarf_Die *unit = find_unit(module, address, &bias);
    Dwarf_Line *line = unit != NULL ? dwarf_getsrc_die(unit, address - bias) : NULL;
    const char *file = line != NULL ? dwarf_linesrc(line, NULL, NULL) : NULL;
    int number = 0;
    if (file != NULL) {
        place->file = g_utf8_make_valid(file, -1);
        place->line = dwarf_lineno(line, &number) == 0 && number > 0 ? (guint)number : 0;
    }
    Dwarf_Die *lexical = NULL;
    if (unit == NULL || dwarf_getscopes(unit, address - bias, &lexical) <= 0) {
        return;
    }
    // Those are scopes as in the source; as in the program they are around the innermost one.
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(&lexical[0], &scopes);
    Dwarf_Files *files = NULL;
    size_t file_count;
    if (dwarf_getsrcfiles(unit, &files, &file_count) != 0) {
        files = NULL;
    }
    if (count > 0) {
        fill_functions(place, scopes, count, files);
    }
    free(scopes);
    free(lexical);
}
