// SPDX-License-Identifier: Apache-2.0
// Reads the few parts of an ELF file that tell whether it can be profiled.
//
// The file may be anything: each part is fetched by pread() into memory of its own, its size bounded
// first, and a field is looked at only where it lies within what was fetched.
#include "elf-file.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_PART ((guint64)64 << 20)
#define MOST_ROWS 65535u
#define MOST_HEADERS 65536u // bytes; the kernel takes no more
#define MOST_CHAIN (256u << 10)
#define MOST_NOTES (1u << 20)
#define MOST_NAME 4096u
#define MOST_NAMES ((gsize)64 << 20) // of all that are kept: many may lie in one text

typedef struct {
    guchar *bytes;
    gsize size;
} part;

static void part_clear(part *self) { g_clear_pointer(&self->bytes, g_free); }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(part, part_clear)

// Program headers and dynamic entries, widened.
typedef struct {
    guint64 type, offset, address, file_size;
} segment;

typedef struct {
    elf_file *file;
    int fd;
    guint64 size;
    GArray *segments;
    guint64 strings, strings_size, symbols, hash, gnu_hash;
    gsize kept;  // bytes of names
    gsize notes; // bytes of notes
} reader;

static gboolean fetch(reader *self, guint64 offset, guint64 size, part *ret_part) {
    if (size > MOST_PART || offset > self->size || size > self->size - offset) {
        return FALSE;
    }
    ret_part->bytes = g_malloc0(size + 1); // ends every text
    ret_part->size = size;
    for (gsize got = 0; got < size;) {
        gssize now = pread(self->fd, ret_part->bytes + got, size - got, (off_t)(offset + got));
        if (now < 0 && errno == EINTR) {
            continue;
        }
        if (now <= 0) {
            part_clear(ret_part);
            return FALSE;
        }
        got += (gsize)now;
    }
    return TRUE;
}

static guint64 number(const reader *self, const part *from, guint64 offset, guint bytes) {
    guint64 value = 0;
    if (offset > from->size || bytes > from->size - offset) {
        return 0;
    }
    for (guint i = 0; i < bytes; i++) {
        guint at = self->file->is_big_endian ? i : bytes - 1 - i;
        value = value << 8 | from->bytes[offset + at];
    }
    return value;
}

// --- segments

static gboolean read_segments(reader *self, const part *head) {
    gboolean wide = self->file->bits == 64;
    guint64 at = number(self, head, wide ? 32 : 28, wide ? 8 : 4);
    guint64 size = number(self, head, wide ? 54 : 42, 2);
    guint64 count = number(self, head, wide ? 56 : 44, 2);
    guint64 least = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    g_auto(part) table = {0};
    if (count == 0) {
        return TRUE;
    }
    if (size < least || size * count > MOST_HEADERS || !fetch(self, at, size * count, &table)) {
        return FALSE;
    }
    for (guint64 i = 0; i < count; i++) {
        guint64 row = i * size;
        segment s = {
            .type = number(self, &table, row, 4),
            .offset = number(self, &table, row + (wide ? 8 : 4), wide ? 8 : 4),
            .address = number(self, &table, row + (wide ? 16 : 8), wide ? 8 : 4),
            .file_size = number(self, &table, row + (wide ? 32 : 16), wide ? 8 : 4),
        };
        g_array_append_val(self->segments, s);
    }
    return TRUE;
}

static gboolean to_offset(const reader *self, guint64 address, guint64 *ret_offset,
                          guint64 *ret_left) {
    for (guint i = 0; i < self->segments->len; i++) {
        const segment *s = &g_array_index(self->segments, segment, i);
        if (s->type == PT_LOAD && address >= s->address && address - s->address < s->file_size) {
            *ret_offset = s->offset + (address - s->address);
            *ret_left = s->file_size - (address - s->address);
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean fetch_address(reader *self, guint64 address, guint64 size, part *ret_part) {
    guint64 offset;
    guint64 left;
    return to_offset(self, address, &offset, &left) && size <= left &&
           fetch(self, offset, size, ret_part);
}

// --- the dynamic section

static void note_entry(reader *self, guint64 tag, guint64 value, GArray *needed) {
    switch (tag) {
    case DT_NEEDED: g_array_append_val(needed, value); break;
    case DT_STRTAB: self->strings = value; break;
    case DT_STRSZ: self->strings_size = value; break;
    case DT_SYMTAB: self->symbols = value; break;
    case DT_HASH: self->hash = value; break;
    case DT_GNU_HASH: self->gnu_hash = value; break;
    default: break;
    }
}

// NULL: none that is worth keeping.
static gchar *name_at(reader *self, const part *strings, guint64 offset) {
    const gchar *name = offset < strings->size ? (const gchar *)strings->bytes + offset : "";
    gsize length = strnlen(name, MOST_NAME);
    if (length == 0 || length == MOST_NAME || self->kept > MOST_NAMES) {
        return NULL;
    }
    self->kept += length;
    return g_strdup(name);
}

// The hash tables are all that tells how many symbols there are.
static guint64 count_symbols(reader *self) {
    g_auto(part) head = {0};
    if (self->hash != 0 && fetch_address(self, self->hash, 8, &head)) {
        return number(self, &head, 4, 4);
    }
    if (self->gnu_hash == 0 || !fetch_address(self, self->gnu_hash, 16, &head)) {
        return 0;
    }
    guint64 buckets = number(self, &head, 0, 4);
    guint64 first = number(self, &head, 4, 4);
    guint64 bloom = number(self, &head, 8, 4) * (self->file->bits / 8);
    guint64 table = self->gnu_hash + 16 + bloom;
    g_auto(part) row = {0};
    guint64 last = 0;
    if (buckets > MOST_PART / 4 || !fetch_address(self, table, buckets * 4, &row)) {
        return first;
    }
    for (guint64 i = 0; i < buckets; i++) {
        last = MAX(last, number(self, &row, i * 4, 4));
    }
    if (last < first) { // only imports, which the GNU linker leaves out of an empty table
        guint64 size = self->file->bits == 64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
        return first <= 1 && self->strings > self->symbols // it puts the names behind the symbols
                   ? (self->strings - self->symbols) / size
                   : first;
    }
    // The chain of the last bucket ends with an odd hash.
    guint64 chain = table + buckets * 4 + (last - first) * 4;
    guint64 offset;
    guint64 left;
    g_auto(part) hashes = {0};
    if (to_offset(self, chain, &offset, &left) && offset < self->size &&
        fetch(self, offset, MIN(MIN(left, MOST_CHAIN), self->size - offset), &hashes)) {
        for (guint64 at = 0; at + 4 <= hashes.size && !(number(self, &hashes, at, 4) & 1);
             at += 4) {
            last++;
        }
    }
    return last + 1;
}

static void read_symbols(reader *self, const part *strings) {
    gboolean wide = self->file->bits == 64;
    guint64 size = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    guint64 count = count_symbols(self);
    g_auto(part) table = {0};
    if (count == 0 || count > MOST_PART / size ||
        !fetch_address(self, self->symbols, count * size, &table)) {
        return;
    }
    for (guint64 i = 1; i < count; i++) {
        gchar *name = name_at(self, strings, number(self, &table, i * size, 4));
        guint64 section = number(self, &table, i * size + (wide ? 6 : 14), 2);
        if (name != NULL) {
            g_hash_table_add(section == SHN_UNDEF ? self->file->imports : self->file->exports,
                             name);
        }
    }
}

static gboolean read_dynamic(reader *self, const segment *s) {
    guint width = self->file->bits / 8;
    g_autoptr(GArray) needed = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_auto(part) table = {0};
    g_auto(part) strings = {0};
    if (!fetch(self, s->offset, s->file_size, &table)) {
        return FALSE;
    }
    for (guint64 at = 0; at + 2 * width <= table.size; at += 2 * width) {
        guint64 tag = number(self, &table, at, width);
        if (tag == DT_NULL) {
            break;
        }
        note_entry(self, tag, number(self, &table, at + width, width), needed);
    }
    if (!fetch_address(self, self->strings, self->strings_size, &strings)) {
        return needed->len == 0;
    }
    for (guint i = 0; i < needed->len && i < MOST_ROWS; i++) {
        gchar *name = name_at(self, &strings, g_array_index(needed, guint64, i));
        if (name != NULL) {
            g_ptr_array_add(self->file->needed, name);
        }
    }
    read_symbols(self, &strings);
    return TRUE;
}

// --- notes

// Go's linker leaves a note of its own, and a section of a known name in older versions.
static gboolean has_go_note(reader *self, const segment *s) {
    g_auto(part) notes = {0};
    if (s->file_size > MOST_NOTES - self->notes || !fetch(self, s->offset, s->file_size, &notes)) {
        return FALSE;
    }
    self->notes += s->file_size;
    for (guint64 at = 0; at + 12 <= notes.size;) {
        guint64 name = number(self, &notes, at, 4);
        guint64 description = number(self, &notes, at + 4, 4);
        // Its length is written as 4, with the byte that aligns it.
        if (name == 4 && at + 16 <= notes.size && memcmp(notes.bytes + at + 12, "Go\0", 4) == 0) {
            return TRUE;
        }
        at += 12 + ((name + 3) & ~(guint64)3) + ((description + 3) & ~(guint64)3);
    }
    return FALSE;
}

static void read_parts(reader *self) {
    for (guint i = 0; i < self->segments->len; i++) {
        const segment *s = &g_array_index(self->segments, segment, i);
        g_auto(part) text = {0};
        if (s->type == PT_INTERP && self->file->interpreter == NULL) {
            if (s->file_size <= 4096 && fetch(self, s->offset, s->file_size, &text)) {
                self->file->interpreter = g_strdup((const gchar *)text.bytes);
            } else {
                self->file->is_damaged = TRUE;
            }
        } else if (s->type == PT_DYNAMIC && !self->file->is_dynamic) {
            self->file->is_dynamic = TRUE;
            self->file->is_damaged |= !read_dynamic(self, s);
        } else if (s->type == PT_NOTE) {
            self->file->is_go |= has_go_note(self, s);
        }
    }
}

static void read_all(reader *self) {
    g_auto(part) head = {0};
    if (!fetch(self, 0, sizeof(Elf64_Ehdr), &head) || memcmp(head.bytes, ELFMAG, SELFMAG) != 0) {
        return;
    }
    self->file->is_elf = TRUE;
    self->file->bits = head.bytes[EI_CLASS] == ELFCLASS32 ? 32 : 64;
    self->file->is_big_endian = head.bytes[EI_DATA] == ELFDATA2MSB;
    self->file->machine = (guint)number(self, &head, 18, 2);
    self->file->is_damaged = !read_segments(self, &head);
    read_parts(self);
}

static elf_file *elf_file_new(void) {
    elf_file *self = g_new0(elf_file, 1);
    self->needed = g_ptr_array_new_with_free_func(g_free);
    self->imports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->exports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return self;
}

elf_file *elf_file_read(const gchar *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return NULL;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        errno = EINVAL;
        return NULL;
    }
    elf_file *file = elf_file_new();
    g_autoptr(GArray) segments = g_array_new(FALSE, FALSE, sizeof(segment));
    reader self = {.file = file, .fd = fd, .size = (guint64)status.st_size, .segments = segments};
    read_all(&self);
    close(fd);
    return file;
}

void elf_file_free(elf_file *self) {
    if (self != NULL) {
        g_free(self->interpreter);
        g_ptr_array_unref(self->needed);
        g_hash_table_unref(self->imports);
        g_hash_table_unref(self->exports);
        g_free(self);
    }
}

const gchar *elf_machine_name(guint machine) {
    static const struct {
        guint machine;
        const gchar *name;
    } names[] = {
        {EM_X86_64, "x86_64"},   {EM_386, "i386"},
        {EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},
        {EM_RISCV, "riscv"},     {EM_PPC64, "ppc64"},
        {EM_S390, "s390"},       {EM_MIPS, "mips"},
        {EM_PPC, "powerpc"},     {EM_LOONGARCH, "loongarch"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].machine == machine) {
            return names[i].name;
        }
    }
    return "another machine";
}
