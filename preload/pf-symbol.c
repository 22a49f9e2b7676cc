// SPDX-License-Identifier: Apache-2.0
// Looks addresses up without the loader's lock: dladdr could wait for a thread that is in dlopen.
#include "pf-symbol.h"
#include "pf-module-table.h"
#include "pf-print.h"
#include "pf-process.h"
#include "pf-real.h"
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MAPS_SIZE (1u << 20)

static char *maps;
static struct {
    char path[512];
    const char *image; // NULL: cannot be mapped
    size_t size;
} file;

static uint64_t hex(const char **at) {
    uint64_t value = 0;
    for (;; (*at)++) {
        char c = **at;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;
        if (digit == 16) {
            return value;
        }
        value = value << 4 | digit;
    }
}

// The mapping that holds `address`: its path, and the address as an offset into that file.
static bool find_mapping(uint64_t address, char *ret_path, size_t room, uint64_t *ret_offset) {
    if (maps == NULL) {
        maps = pf_sys_map(MAPS_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
        if (maps == NULL) {
            return false;
        }
        pf_sys_slurp("/proc/self/maps", maps, MAPS_SIZE);
    }
    for (const char *at = maps; *at;) {
        uint64_t start = hex(&at);
        at += *at == '-';
        uint64_t end = hex(&at);
        at += *at == ' ' ? 6 : 0; // " r-xp "
        uint64_t offset = hex(&at);
        while (*at && *at != '\n' && *at != '/' && *at != '[') {
            at++;
        }
        size_t length = 0;
        while (at[length] && at[length] != '\n') {
            length++;
        }
        if (address >= start && address < end) {
            struct pf_out out = {.text = ret_path, .size = room - 1};
            pf_out_bytes(&out, at, length);
            ret_path[out.used] = 0;
            *ret_offset = address - start + offset;
            return ret_path[0] == '/';
        }
        at += length + (at[length] == '\n');
    }
    return false;
}

static void map_image(const char *path) {
    if (pf_same(path, file.path)) {
        return;
    }
    if (file.image != NULL) {
        pf_sys_unmap((void *)file.image, file.size);
    }
    file.image = NULL;
    struct pf_out out = {.text = file.path, .size = sizeof file.path - 1};
    pf_out(&out, path);
    file.path[out.used] = 0;
    long fd = pf_sys_open(path, O_RDONLY | O_NONBLOCK, 0);
    struct stat status;
    if (fd < 0) {
        return;
    }
    if (pf_sys_fstat((int)fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size >= (off_t)sizeof(ElfW(Ehdr))) {
        file.size = (size_t)status.st_size;
        file.image = pf_sys_map(file.size, PROT_READ, MAP_PRIVATE, (int)fd);
    }
    pf_sys_close((int)fd);
}

// `size` bytes at `offset` of the image, NULL when they are not all inside it.
static const void *piece(uint64_t offset, uint64_t size) {
    return offset <= file.size && size <= file.size - offset ? file.image + offset : NULL;
}

struct table {
    const ElfW(Sym) * symbols;
    size_t count;
    const char *strings;
    size_t strings_size;
};

static bool find_table(const ElfW(Ehdr) * header, uint32_t type, struct table *ret_table) {
    const ElfW(Shdr) *sections =
        piece(header->e_shoff, (uint64_t)header->e_shnum * sizeof(ElfW(Shdr)));
    if (sections == NULL || header->e_shentsize != sizeof(ElfW(Shdr))) {
        return false;
    }
    for (unsigned i = 0; i < header->e_shnum; i++) {
        const ElfW(Shdr) *section = &sections[i];
        if (section->sh_type != type || section->sh_link >= header->e_shnum) {
            continue;
        }
        const ElfW(Shdr) *strings = &sections[section->sh_link];
        ret_table->symbols = piece(section->sh_offset, section->sh_size);
        ret_table->count = section->sh_size / sizeof(ElfW(Sym));
        ret_table->strings = piece(strings->sh_offset, strings->sh_size);
        ret_table->strings_size = strings->sh_size;
        return ret_table->symbols != NULL && ret_table->strings != NULL;
    }
    return false;
}

// The address in the file's own numbering, from an offset into the file.
static bool to_address(const ElfW(Ehdr) * header, uint64_t offset, uint64_t *ret_address) {
    const ElfW(Phdr) *segments =
        piece(header->e_phoff, (uint64_t)header->e_phnum * sizeof(ElfW(Phdr)));
    for (unsigned i = 0; segments != NULL && i < header->e_phnum; i++) {
        const ElfW(Phdr) *segment = &segments[i];
        if (segment->p_type == PT_LOAD && offset >= segment->p_offset &&
            offset - segment->p_offset < segment->p_filesz) {
            *ret_address = offset - segment->p_offset + segment->p_vaddr;
            return true;
        }
    }
    return false;
}

static void name_symbol(const struct table *table, uint64_t address, struct pf_symbol *symbol) {
    const ElfW(Sym) *best = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const ElfW(Sym) *at = &table->symbols[i];
        if ((at->st_info & 15) == STT_FUNC && at->st_shndx != SHN_UNDEF &&
            at->st_value <= address && (best == NULL || at->st_value > best->st_value)) {
            best = at;
        }
    }
    // Beyond the end of the function: it belongs to something that has no symbol.
    if (best == NULL || (best->st_size && address - best->st_value >= best->st_size) ||
        best->st_name >= table->strings_size) {
        return;
    }
    struct pf_out out = {.text = symbol->name, .size = sizeof symbol->name - 1};
    const char *name = table->strings + best->st_name;
    pf_out_bytes(&out, name, pf_length_most(name, table->strings_size - best->st_name));
    symbol->name[out.used] = 0;
    symbol->name_offset = address - best->st_value;
}

// A module that is not mapped any more has kept its name and place in the segment.
static bool find_closed(uint64_t address, char *ret_path, size_t size, uint64_t *ret_offset) {
    const struct pf_module *module = pf_module_noted(address);
    if (module == NULL || module->name_size >= size) {
        return false;
    }
    for (uint32_t i = 0; i < module->name_size; i++) {
        ret_path[i] = module->name[i];
    }
    ret_path[module->name_size] = 0;
    *ret_offset = address - module->bias;
    return true;
}

bool pf_symbol_find(uint64_t return_address, struct pf_symbol *ret_symbol) {
    char path[512];
    uint64_t offset;
    *ret_symbol = (struct pf_symbol){.offset = 0};
    if (return_address < 4096) {
        return false;
    }
    bool mapped = !pf_process.shut && find_mapping(return_address - 1, path, sizeof path, &offset);
    if (!mapped && !find_closed(return_address - 1, path, sizeof path, &offset)) {
        return false;
    }
    const char *base = path;
    for (const char *at = path; *at; at++) {
        base = *at == '/' ? at + 1 : base;
    }
    struct pf_out out = {.text = ret_symbol->module, .size = sizeof ret_symbol->module - 1};
    pf_out(&out, base);
    ret_symbol->module[out.used] = 0;
    ret_symbol->offset = offset;
    if (pf_process.shut) {
        return true;
    }
    map_image(path);
    const ElfW(Ehdr) *header = file.image != NULL ? piece(0, sizeof *header) : NULL;
    if (header == NULL || header->e_ident[0] != 0x7f || header->e_ident[1] != 'E' ||
        header->e_ident[2] != 'L' || header->e_ident[3] != 'F' ||
        (mapped && !to_address(header, offset, &ret_symbol->offset))) {
        return true;
    }
    struct table table;
    if (find_table(header, SHT_SYMTAB, &table)) {
        name_symbol(&table, ret_symbol->offset, ret_symbol);
    }
    if (!ret_symbol->name[0] && find_table(header, SHT_DYNSYM, &table)) {
        name_symbol(&table, ret_symbol->offset, ret_symbol);
    }
    return true;
}

void pf_symbol_end(void) {
    if (maps != NULL) {
        pf_sys_unmap(maps, MAPS_SIZE);
        maps = NULL;
    }
    if (file.image != NULL) {
        pf_sys_unmap((void *)file.image, file.size);
        file.image = NULL;
    }
    file.path[0] = 0;
}
