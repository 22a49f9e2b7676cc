// SPDX-License-Identifier: Apache-2.0
// What `pfprof doctor` wants to know of an ELF file; every offset is checked.
#pragma once
#include <glib.h>

typedef struct {
    gboolean is_elf;
    gboolean is_damaged; // ELF, but it contradicts itself; the rest is what could be read
    guint bits;          // 32 or 64
    guint machine;       // EM_*
    gboolean is_big_endian;
    gboolean is_dynamic; // has a dynamic section
    gchar *interpreter;  // NULL: none
    GPtrArray *needed;   // names of libraries
    GHashTable *imports; // names of undefined symbols; keys only
    GHashTable *exports; // names of defined symbols; keys only
    gboolean is_go;
} elf_file;

// NULL: the file cannot be read; errno says why.
elf_file *elf_file_read(const gchar *path);
void elf_file_free(elf_file *self);
const gchar *elf_machine_name(guint machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(elf_file, elf_file_free)
