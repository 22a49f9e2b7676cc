# SPDX-License-Identifier: Apache-2.0
# Reads the dynamic symbols and needed libraries of ELF files, 32 and 64 bits, either byte order.
import mmap
import os
import struct

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_HASH = 1, 5, 6, 10, 4
DT_GNU_HASH, DT_VERSYM, DT_VERDEF, DT_VERNEED = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFE
SHT_DYNSYM = 11
SHN_ABS = 0xFFF1


class NotDynamic(Exception):
    """Not an ELF file, or one without dynamic symbols."""


class Elf:
    """needed: library names; imports: {name: is_weak}, import_versions: {name: version name}; exports: {name: set
    of version names}, defaults: those of them that references without a version find, too; functions: those of
    the exports that are code."""

    def __init__(self, path):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.pread(fd, 4, 0) != b"\x7fELF":
                raise NotDynamic(path)
            with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as data:
                self._read(path, data)
        except (struct.error, ValueError, IndexError) as broken:
            raise NotDynamic(f"{path}: {broken}") from broken
        finally:
            os.close(fd)

    def _read(self, path, data):
        self.bits = {1: 32, 2: 64}[data[4]] if data[4] in (1, 2) else 0
        if self.bits == 0:
            raise NotDynamic(path)
        self.order = "<" if data[5] == 1 else ">"
        self.machine = struct.unpack_from(self.order + "H", data, 18)[0]
        segments = list(self._segments(data))
        dynamic = [s for s in segments if s[0] == PT_DYNAMIC]
        if not dynamic:
            raise NotDynamic(path)
        loads = [s for s in segments if s[0] == PT_LOAD]
        tags, needed = self._dynamic(data, dynamic[0])
        if DT_STRTAB not in tags or DT_SYMTAB not in tags:
            raise NotDynamic(path)

        def place(address):
            for _, offset, start, size in loads:
                if start <= address < start + size:
                    return address - start + offset
            raise NotDynamic(path)

        strings_at = place(tags[DT_STRTAB])
        strings = data[strings_at : strings_at + tags[DT_STRSZ]]

        def text(at):
            return strings[at : strings.index(b"\0", at)].decode("utf-8", "replace")

        self.needed = [text(at) for at in needed]
        self.imports, self.exports, self.functions = {}, {}, set()
        self.defaults, self.import_versions = {}, {}
        symbols_at = place(tags[DT_SYMTAB])
        count = self._symbol_count(data, tags, place)
        versions = self._versions(data, tags, place, text)
        wanted = self._wanted_versions(data, tags, place, text)
        versym_at = place(tags[DT_VERSYM]) if DT_VERSYM in tags else None
        layout = struct.Struct(self.order + ("IBBHQQ" if self.bits == 64 else "IIIBBH"))
        table = data[symbols_at : symbols_at + count * layout.size]
        for number, symbol in enumerate(layout.iter_unpack(table)):
            if self.bits == 64:
                name, info, _, section, _, _ = symbol
            else:
                name, _, _, info, _, section = symbol
            if name == 0 or info >> 4 not in (1, 2, 10):  # global, weak, unique
                continue
            version = 0
            if versym_at is not None:
                version = struct.unpack_from(self.order + "H", data, versym_at + 2 * number)[0]
            if section == 0:
                self.imports[text(name)] = info >> 4 == 2
                self.import_versions[text(name)] = wanted.get(version & 0x7FFF, "")
                continue
            if info & 15 in (2, 10):  # function, IFUNC
                self.functions.add(text(name))
            if section == SHN_ABS and text(name) in versions.values():
                continue  # the version itself
            self.exports.setdefault(text(name), set()).add(versions.get(version & 0x7FFF, ""))
            if version & 0x8000 == 0:
                self.defaults.setdefault(text(name), set()).add(versions.get(version, ""))

    def _segments(self, data):
        if self.bits == 64:
            at, size, count = struct.unpack_from(self.order + "Q14xHH", data, 32)
        else:
            at, size, count = struct.unpack_from(self.order + "I10xHH", data, 28)
        for i in range(count):
            if self.bits == 64:
                kind, _, offset, start, _, length = struct.unpack_from(
                    self.order + "IIQQQQ", data, at + i * size
                )
            else:
                kind, offset, start, _, length = struct.unpack_from(
                    self.order + "IIIII", data, at + i * size
                )
            yield kind, offset, start, length

    def _dynamic(self, data, segment):
        entry = struct.Struct(self.order + ("QQ" if self.bits == 64 else "II"))
        tags, needed = {}, []
        table = data[segment[1] : segment[1] + segment[3] // entry.size * entry.size]
        for tag, value in entry.iter_unpack(table):
            if tag == 0:
                break
            if tag == DT_NEEDED:
                needed.append(value)
            tags[tag] = value
        return tags, needed

    def _symbol_count(self, data, tags, place):
        # The section header says it straight; a stripped table leaves the hash tables.
        if self.bits == 64:
            at, size, count = struct.unpack_from(self.order + "Q10xHH", data, 40)
            field, pair = 32, "QQ16xQ"  # sh_size; from sh_offset on: offset, size, ..., entsize
        else:
            at, size, count = struct.unpack_from(self.order + "I10xHH", data, 32)
            field, pair = 16, "II12xI"
        for i in range(count if at and at + size * count <= len(data) else 0):
            base = at + i * size
            if struct.unpack_from(self.order + "I", data, base + 4)[0] == SHT_DYNSYM:
                offset = 24 if field == 32 else 16
                _, length, each = struct.unpack_from(self.order + pair, data, base + offset)
                return length // each
        if DT_HASH in tags:
            return struct.unpack_from(self.order + "II", data, place(tags[DT_HASH]))[1]
        if DT_GNU_HASH not in tags:
            return 0
        at = place(tags[DT_GNU_HASH])
        buckets, first, bloom, _ = struct.unpack_from(self.order + "IIII", data, at)
        at += 16 + bloom * (self.bits // 8)
        last = max(struct.unpack_from(f"{self.order}{buckets}I", data, at), default=0)
        if last < first:
            return first
        at += 4 * buckets
        while not struct.unpack_from(self.order + "I", data, at + 4 * (last - first))[0] & 1:
            last += 1
        return last + 1

    def _wanted_versions(self, data, tags, place, text):
        """{index: version} of what other libraries have to have."""
        names = {}
        at = place(tags[DT_VERNEED]) if DT_VERNEED in tags else 0
        while at:
            _, count, _, extra, following = struct.unpack_from(self.order + "HHIII", data, at)
            one = at + extra
            for _ in range(count):
                _, _, index, name, step = struct.unpack_from(self.order + "IHHII", data, one)
                names[index] = text(name)
                one += step
            at = at + following if following else 0
        return names

    def _versions(self, data, tags, place, text):
        names = {}
        if DT_VERDEF not in tags:
            return names
        at = place(tags[DT_VERDEF])
        while True:
            _, _, index, _, _, extra, following = struct.unpack_from(
                self.order + "HHHHIII", data, at
            )
            names[index] = text(struct.unpack_from(self.order + "I", data, at + extra)[0])
            if following == 0:
                return names
            at += following


def find_libc():
    """The libc.so.6 that this Python itself runs with, else the usual places."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            for line in maps:
                path = line.split(maxsplit=5)[-1].strip()
                if os.path.basename(path) == "libc.so.6":
                    return path
    except OSError:
        pass
    for folder in ("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/lib"):
        path = os.path.join(folder, "libc.so.6")
        if os.path.exists(path):
            return path
    return None
