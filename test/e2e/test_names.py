#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names: a call that was not meant for libc's function behaves as without the library, on and off."""
import os
import subprocess
import unittest

import pfharness as pf

MODES = ({"ENABLED": "false"}, {"SAMPLE_RATE": "0.01"}, {"SAMPLE_RATE": "1"})
# GLib's names have no version, so a reference to GLib's cannot be told from one to a program's own before it is
# called: functions pass, a variable of that name does not (docs/hazards.md).
PLAIN = {"g_log", "g_logv", "g_log_structured_array", "g_log_structured_standard", "g_log_variant",
         "g_return_if_fail_warning", "g_warn_message", "g_assertion_message_expr", "g_print", "g_printerr"}

HEAD = """
#define LABEL(name) __asm__(#name)
struct big { long v[5]; };
"""
# How a library of the program may use a name of ours: what it is, and a use that finds a fault.
SHAPES = {
    "many": ("""long OWN(N)(char *a, long b, long c, long d, long e, long f, long g, double x) LABEL(N);
        long OWN(N)(char *a, long b, long c, long d, long e, long f, long g, double x) {
            return (long)a + 3 * b + 5 * c + 7 * d + 11 * e + 13 * f + 17 * g + (long)(64 * x); }""",
             """OWN(N)((char *)0x7f0012345678 + i, -i, 1L << 40, i * 9L, 7, -(1L << 50), i, 2.5 + i) ==
                0x7f0012345678 + i - 3L * i + (5L << 40) + 63L * i + 77 - (13L << 50) + 17L * i + 160 + 64L * i"""),
    "double": ("""double OWN(N)(int level, const char *text) LABEL(N);
        double OWN(N)(int level, const char *text) { return level * 1.5 + text[0]; }""",
               """OWN(N)(i, "hi") == i * 1.5 + 'h'"""),
    "struct": ("""struct big OWN(N)(short a, void *b) LABEL(N);
        struct big OWN(N)(short a, void *b) { return (struct big){{a, (long)b, 3, 4, 5}}; }""",
               """same(OWN(N)((short)i, (void *)0x7f0012345678), i)"""),
    "variable": ("""extern int OWN(N) LABEL(N); int OWN(N) = 4711;""",
                 """(i == 0 ? OWN(N) == 4711 : OWN(N) == i - 1) && ((OWN(N) = i) == i)"""),
}
SAME = """static int same(struct big s, int i) {
    return s.v[0] == i && s.v[1] == 0x7f0012345678 && s.v[2] == 3 && s.v[3] == 4 && s.v[4] == 5; }
"""
# It uses none of libc's names itself.
MAIN = """
extern const char *wrong(void);
static long call(long n, long a, long b, long c) {
    long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory"); return r; }
int main(void) {
    const char *text = wrong();
    long size = 0;
    while (text[size]) { size++; }
    call(1, 1, (long)text, size);
    call(231, size != 0, 0, 0);
    return 1;
}
"""


def compile_shape(shape, names):
    """A program whose library defines all the names as something else, and says which of them went wrong."""
    folder = os.path.join(pf.SCRATCH, "names-" + shape)
    os.makedirs(folder, exist_ok=True)
    definition, use = SHAPES[shape]
    # Defined in one file and used in another, or the compiler would see what they are.
    declare = [definition[:definition.index(";") + 1].replace("OWN(N)", "own_" + n).replace("LABEL(N)", f"LABEL({n})")
               for n in names]
    define = [definition.replace("OWN(N)", "own_" + n).replace("LABEL(N)", f"LABEL({n})") for n in names]
    tests = [f'for (int i = 0; i < 300; i++) if (!({use.replace("OWN(N)", "own_" + n)})) {{ add("{n} "); break; }}'
             for n in names]
    files = {
        "define.c": HEAD + "\n".join(define),
        "use.c": HEAD + "\n".join(declare) + (SAME if shape == "struct" else "") + """
            static char text[16384]; static int used;
            static void add(const char *word) { while (*word) text[used++] = *word++; }
            const char *wrong(void) {""" + "\n".join(tests) + "return text; }",
        "main.c": MAIN,
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    for command in (["-shared", "-fPIC", "-o", "libown.so", "define.c", "use.c"],
                    ["-o", "main", "main.c", "-L.", "-lown", "-Wl,-rpath," + folder]):
        subprocess.run(["cc", "-w", "-O1", "-fno-builtin", *command], cwd=folder, check=True)
    return os.path.join(folder, "main")


def compiled(name, text, *options):
    path = os.path.join(pf.SCRATCH, name)
    with open(path + ".c", "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run(["cc", "-w", "-O0", "-fno-builtin", "-o", path, path + ".c", *options], check=True)
    return path


DLERROR = """
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    dlopen("./not-there-at-all.so", RTLD_NOW);
    switch (argv[1][0]) {
    case '1': printf("%s\\n", dlerror()); break;
    case '2': fprintf(stderr, "first\\n"); puts(dlerror()); break;
    case '3': { char *text = dlerror(); write(1, "why: ", 5); dprintf(1, "%s\\n", text); break; }
    case '4': dlerror(); dlsym(RTLD_DEFAULT, "no_such_symbol"); close(77); fputs("x", stdout);
        puts(dlerror() != NULL ? "not found" : "found"); break;
    case '5': { char *text = dlerror(); fputs(text, stdout); fflush(stdout); write(2, text, 4); puts(text); break; }
    }
    return 0;
}
"""
FOUND = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    void *all = dlopen(NULL, RTLD_NOW);
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    for (int i = 1; i < argc; i++) {
        dlerror();
        printf("%s %d %d %d", argv[i], dlsym(RTLD_DEFAULT, argv[i]) != NULL, dlsym(all, argv[i]) != NULL,
               dlsym(RTLD_NEXT, argv[i]) != NULL);
        printf(" %d\\n", dlsym(libc, argv[i]) != NULL);
    }
    return 0;
}
"""
# A library's warn, beside libc's vwarn: who calls libc's warn from elsewhere gets the library's, as the loader says.
OWN_WARN = """#include <stdio.h>
void warn(int level, const char *text) { printf("own %d %s\\n", level, text); fflush(stdout); }"""
USES_WARN = """extern void warn(int, const char *); int main(void) { warn(3, "text"); return 0; }"""
WEAK = """
#include <stdio.h>
extern int sd_journal_print(int, const char *, ...) __attribute__((weak));
int main(void) { puts(sd_journal_print != NULL ? "there" : "absent"); return 0; }
"""
BY_POINTER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    long (*put)(int, const void *, unsigned long) = dlsym(RTLD_DEFAULT, "write");
    int (*say)(const char *, ...) = dlsym(RTLD_NEXT, "printf");
    for (int i = 0; i < 7; i++) { put(1, "x\\n", 2); }
    for (int i = 0; i < 5; i++) { say("%d\\n", i); }
    return 0;
}
"""


class Names(pf.Case):
    def setUp(self):
        if pf.ABI or os.uname().machine != "x86_64":
            self.skipTest("only x86_64 has entries under libc's versions")

    def same_as_bare(self, argv, modes=MODES):
        bare = pf.execute(argv, profiled=False)
        for mode in modes:
            with self.subTest(argv[1:2], **mode):
                # A name that leads astray may do so for good.
                self.assert_same(bare, pf.execute(argv, timeout=60, OUTPUT="none", **mode))
        return bare

    def test_a_library_of_the_program_has_the_name(self):
        """Each of them as a function of another signature (many arguments, other registers, a struct by
        value) and as a variable."""
        rows = sorted(pf.table_rows())
        self.assertGreater(len(rows), 160)
        for shape in SHAPES:
            names = [n for n in rows if shape != "variable" or n not in PLAIN]
            program = compile_shape(shape, names)
            bare = self.same_as_bare([program])
            self.assertEqual((bare.status, bare.stdout), (0, b""))

    def test_dlerror_is_the_programs(self):
        program = compiled("dlerror", DLERROR, "-ldl")
        for how in "12345":
            bare = self.same_as_bare([program, how])
            self.assertIn(b"not" if how == "4" else b"not-there-at-all.so", bare.stdout)

    def test_what_dlsym_finds(self):
        names = [n for n in sorted(pf.table_rows()) if n not in PLAIN]
        program = compiled("found", FOUND, "-ldl")
        bare = self.same_as_bare([program, *names])
        self.assertIn(b"write 1 1 1 1\n", bare.stdout)
        self.assertIn(b"sd_journal_print 0 0 0 0\n", bare.stdout)

    def test_what_dlsym_finds_is_counted(self):
        program = compiled("pointer", BY_POINTER, "-ldl")
        self.same_as_bare([program])
        self.assertEqual(pf.functions(self.check(pf.execute([program]).only())), {"write": 7, "printf": 5})

    def test_a_variadic_name_beside_libcs_v_form(self):
        folder = os.path.join(pf.SCRATCH, "warn")
        os.makedirs(folder, exist_ok=True)
        library = os.path.join(folder, "libwarn.so")
        with open(library + ".c", "w", encoding="utf-8") as file:
            file.write(OWN_WARN)
        subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", library, library + ".c"], check=True)
        program = compiled("warned", USES_WARN, library, "-Wl,-rpath," + folder)
        self.assertEqual(self.same_as_bare([program]).stdout, b"own 3 text\n")
        # A program that asks for libc's, and a library that is preloaded behind us: that one's is meant.
        program = compiled("asks", '#include <err.h>\nint main(void) { warn("%d", 7); return 0; }')
        with open(library + ".c", "w", encoding="utf-8") as file:
            file.write('#include <stdio.h>\nvoid warn(const char *format, ...) { puts(format); fflush(stdout); }')
        subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", library, library + ".c"], check=True)
        bare = pf.execute([program], profiled=False, preload=[library])
        self.assertEqual(bare.stdout, b"%d\n")
        for mode in MODES:
            self.assert_same(bare, pf.execute([program], preload=[pf.LIB, library], OUTPUT="none", **mode))

    def test_a_weak_reference_without_its_library(self):
        self.assertEqual(self.same_as_bare([compiled("weak", WEAK)]).stdout, b"absent\n")

    def test_started_by_the_loaders_name(self):
        loader = "/lib64/ld-linux-x86-64.so.2"
        program = compiled("loaded", '#include <stdio.h>\nint main(void) { puts("a"); printf("%d\\n", 7); return 0; }')
        self.same_as_bare([loader, program])
        self.assertEqual(pf.functions(self.check(pf.execute([loader, program]).only())), {"puts": 1, "printf": 1})


if __name__ == "__main__":
    pf.main()
