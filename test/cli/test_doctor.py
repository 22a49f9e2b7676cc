#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# doctor: what it says of programs of every kind, and of files that are none.
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf

SOURCE = "#include <stdio.h>\nint main(void) { puts(\"x\"); return 0; }\n"
# The note that Go's linker writes; the rest of such a program does not matter to doctor.
GO_NOTE = """
__asm__(".pushsection .note.go.buildid, \\"a\\", @note\\n.long 4\\n.long 4\\n.long 4\\n"
        ".ascii \\"Go\\\\0\\\\0\\"\\n.long 1\\n.popsection\\n");
"""


def at_most_so_long():
    """Of processor time, which load leaves alone: a hundred times what doctor needs for such files."""
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


class Doctor(clikit.Case):
    def findings(self, *arguments, extra=None):
        """{what: (grade, finding, advice)}; also that the exit status says the same."""
        done = self.world.cli("doctor", "--json", *arguments, extra=extra)
        self.assertIn(done.status, (0, 1), done.err)
        found = {f["what"]: (f["grade"], f["finding"], f["advice"])
                 for f in json.loads(done.out)["findings"]}
        self.assertEqual(done.status, int(any(f[0] == "bad" for f in found.values())), found)
        for grade, finding, advice in found.values():
            if grade != "ok":
                self.assertTrue(advice, finding)
        return found

    def compile(self, *options, source=SOURCE, compiler="gcc", name="program"):
        path = os.path.join(self.world.run.work, name)
        done = subprocess.run(
            [pf.need(compiler), "-x", "c", "-", "-o", path, *options], input=source,
            capture_output=True, text=True,
        )
        if done.returncode != 0:
            self.skipTest(f"{compiler} {' '.join(options)}: {done.stderr.strip()[-150:]}")
        return path

    def assert_says(self, found, what, grade, words):
        self.assertIn(what, found, found)
        self.assertEqual(found[what][0], grade, found[what])
        self.assertIn(words, found[what][1])

    def test_this_machine(self):
        found = self.findings()
        self.assert_says(found, "library", "ok", "libpfprof.so")
        self.assertIn("memory", found)
        self.assertIn("libc", found)

    def test_an_ordinary_program(self):
        found = self.findings(self.compile())
        self.assert_says(found, "calls", "ok", "puts")
        self.assertNotIn("linking", found)

    def test_static(self):
        self.assert_says(self.findings(self.compile("-static")), "linking", "bad", "statically")
        self.assert_says(self.findings(self.compile("-static-pie")), "linking", "bad", "statically")
        self.assertNotIn("calls", self.findings(self.compile("-static-pie")))

    def test_go_s_note(self):
        """With and without C in it, which only the imports tell."""
        found = self.findings(self.compile(source=SOURCE + GO_NOTE))
        self.assert_says(found, "language", "note", "only what C writes")
        found = self.findings(self.compile("-static", source=SOURCE + GO_NOTE))
        self.assert_says(found, "language", "bad", "Go")
        self.assertNotIn("linking", found)  # other linking would not help
        self.assertNotIn("calls", found)

    def test_real_go(self):
        """What Go's own compiler makes: static, position independent, with C, with static C."""
        go = shutil.which("go") or shutil.which("go", path="/usr/lib/go-1.19/bin")
        if go is None:
            self.skipTest("go is not installed")
        work = self.world.run.work
        plain, with_c = os.path.join(work, "plain.go"), os.path.join(work, "c.go")
        main = "func main() { println(\"x\") }\n"  # no package: each would be compiled for each kind
        for path, text in (
                (plain, "package main\n" + main),
                (with_c, "package main\n/*\n#include <stdio.h>\n*/\nimport \"C\"\n"
                         "func init() { C.putchar('x') }\n" + main)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        # What a build leaves there is named by its contents: it may be kept, and shared.
        cache = os.path.join(os.path.abspath(os.environ.get("PF_TARGETS") or work), "go-cache")
        env = {**os.environ, "GOCACHE": cache, "GO111MODULE": "off",
               "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "1", "HOME": work}
        for source, options, grade in (
                (plain, [], "bad"), (plain, ["-ldflags=-s -w"], "bad"),
                (plain, ["-buildmode=pie"], "bad"), (with_c, [], "note"),
                (with_c, ["-ldflags=-linkmode external -extldflags -static"], "bad")):
            with self.subTest(source=os.path.basename(source), options=options):
                program = os.path.join(work, "program")
                done = subprocess.run([go, "build", *options, "-o", program, source], env=env,
                                      cwd=work, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                found = self.findings(program)
                self.assert_says(found, "language", grade, "Go")
                self.assertNotIn("linking", found)
                self.assertEqual("calls" in found, grade == "note", found)

    def test_musl(self):
        found = self.findings(self.compile(compiler="musl-gcc"))
        self.assert_says(found, "libc", "bad", "musl")

    def test_set_id(self):
        path = self.compile()
        if os.geteuid() != 0:
            self.skipTest("needs root, to make a program that belongs to another user")
        os.chown(path, 65534, 65534)
        os.chmod(path, 0o4755)
        self.assert_says(self.findings(path), "rights", "bad", "set-user-ID")
        os.chmod(path, 0o2755)
        self.assert_says(self.findings(path), "rights", "bad", "set-group-ID")
        os.chmod(path, 0o755)
        self.assertNotIn("rights", self.findings(path))

    def test_file_capabilities(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give a program capabilities")
        path, setpriv = self.compile(), pf.need("setpriv")
        for folder in (self.world.run.folder, self.world.run.work):
            os.chmod(folder, 0o755)  # another user is to look at it
        try:
            os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
        except OSError as error:
            self.skipTest(f"capabilities cannot be stored here: {error}")
        done = subprocess.run(
            [setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", clikit.PFPROF, "doctor",
             path], capture_output=True, text=True, env=self.world.environment())
        if "rights" not in done.stdout and done.returncode not in (0, 1):
            self.skipTest(f"another user cannot run it here: {done.stderr.strip()[-150:]}")
        self.assertIn("capabilities", done.stdout)

    def test_sanitizers(self):
        found = self.findings(self.compile("-fsanitize=address"))
        self.assert_says(found, "sanitizer", "note", "AddressSanitizer")
        self.assertIn("libasan.so", found["sanitizer"][2])

    def test_the_advice_for_asan_works(self):
        if clikit.is_sanitized():
            self.skipTest("pfprof is itself sanitized, and asks for its own runtime")
        path = self.compile("-fsanitize=address")
        asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True,
                              text=True).stdout.strip()
        done = self.world.cli("run", "--", path, extra={"LD_PRELOAD": asan})
        self.assertEqual((done.status, done.out), (0, "x\n"), done.err)
        self.assertIn("puts", done.err)

    def test_another_machine(self):
        path = self.compile()
        with open(path, "r+b") as file:
            file.seek(18)
            file.write(struct.pack("<H", 183))
        found = self.findings(path)
        self.assert_says(found, "machine", "bad", "aarch64")
        self.assertNotIn("calls", found)  # whatever it calls, nothing is counted

    def test_a_program_that_exports_nothing(self):
        """The hash table of such a program of aarch64 does not say how many symbols it has."""
        path = self.compile(compiler="aarch64-linux-gnu-gcc")
        found = self.findings("--library", path, path)  # any file of that machine
        self.assert_says(found, "calls", "ok", "puts")

    def test_32_bits(self):
        self.assert_says(self.findings(self.compile("-m32")), "machine", "bad", "i386")

    def test_scripts(self):
        path = os.path.join(self.world.run.work, "script")
        for first, end in (("#!/bin/sh", "dash"), ("#!/usr/bin/env -S python3 -u", "python3"),
                           ("", "sh")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(first + "\necho\n")
            os.chmod(path, 0o755)
            found = self.findings(path)
            self.assertEqual(found["file"][0], "ok")
            self.assertIn("calls", found, (first, end))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!{path}\n")
        self.findings(path)  # a circle ends
        os.chmod(path, 0o644)
        self.assert_error(self.world.cli("doctor", os.path.join(path, "x")))

    def test_a_missing_folder_for_segments(self):
        other = os.path.join(self.world.run.folder, "open")
        os.mkdir(other, 0o777)
        os.chmod(other, 0o777)
        found = self.findings(extra={"XDG_RUNTIME_DIR": other, "PROVIDE_PROFILING_SEGMENT_DIR": ""})
        self.assertIn(found["memory"][0], ("ok", "note"))  # /dev/shm does
        found = self.findings(extra={"PROVIDE_PROFILING_SEGMENT_DIR": other})
        self.assert_says(found, "memory", "bad", other)

    def test_a_library_that_is_none(self):
        for path in ("/etc/passwd", "/no/such", self.world.run.folder):
            found = self.findings("--library", path)
            self.assertEqual(found["library"][0], "bad")
        spaced = os.path.join(self.world.run.folder, "a b.so")
        shutil.copy(pf.LIB, spaced)
        self.assert_says(self.findings("--library", spaced), "library", "bad", "space")
        done = self.world.cli("run", "--library", spaced, "--", "true")
        self.assert_error(done, 125, "space")

    def test_a_noexec_mount(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to mount")
        folder = os.path.join(self.world.run.folder, "noexec")
        os.mkdir(folder)
        script = (f"mount -t tmpfs -o noexec none {folder} && cp {pf.LIB} {folder}/libpfprof.so && "
                  f"exec {clikit.PFPROF} doctor --library {folder}/libpfprof.so")
        done = subprocess.run([pf.need("unshare"), "-m", "sh", "-c", script], capture_output=True,
                              text=True, env=self.world.environment())
        if "noexec" not in done.stdout and done.returncode not in (0, 1):
            self.skipTest(f"cannot mount here: {done.stderr[-100:]}")
        self.assertIn("noexec", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_files_that_lie(self):
        """Every byte of the headers and of the dynamic parts, changed and cut: never a crash."""
        with open(self.compile(), "rb") as file:
            data = file.read()
        path = os.path.join(self.world.run.work, "lies")
        dice = random.Random(int(os.environ.get("PF_SEED", "7")))
        for i in range(150):
            lie = bytearray(data)
            if i % 5 == 0:
                lie = lie[:dice.randrange(len(lie))]
            for _ in range(dice.choice([1, 4, 40])):
                if lie:
                    lie[dice.randrange(min(len(lie), dice.choice([64, 1024, 4096, len(lie)])))] = \
                        dice.choice([0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)])
            with open(path, "wb") as file:
                file.write(lie)
            os.chmod(path, 0o755)
            done = self.world.cli("doctor", path, preexec_fn=at_most_so_long)
            self.assertIn(done.status, (0, 1), f"lie {i}: {done.status} {done.err}")

    def test_files_that_are_too_much(self):
        """The same megabyte as 60,000 names of libraries, or as 65,535 notes."""
        def write(headers, dynamic, text):
            start = 64 + 56 * len(headers)
            places = {"load": (0, start + len(dynamic) + len(text)), "dynamic": (start, len(dynamic)),
                      "text": (start + len(dynamic), len(text))}
            data = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
            data += b"".join(struct.pack("<IIQQQQQQ", kind, 4, at, at, at, size, size, 1)
                             for kind, (at, size) in ((kind, places[place]) for kind, place in headers))
            path = os.path.join(self.world.run.work, "much")
            with open(path, "wb") as file:
                file.write(data + dynamic + text)
            os.chmod(path, 0o755)
            return path

        text = b"a" * (1 << 20) + b"\0"
        at = 64 + 56 * 2
        for name in (0, len(text) - 4001):  # too long to be one, or not
            rows = [(1, name)] * 60000 + [(5, at + 16 * 60003), (10, len(text)), (0, 0)]
            dynamic = b"".join(struct.pack("<QQ", *row) for row in rows)
            path = write([(1, "load"), (2, "dynamic")], dynamic, text)
            done = self.world.cli("doctor", path, preexec_fn=at_most_so_long)
            self.assertIn(done.status, (0, 1), done.err)
        path = write([(4, "text")] * 65535, b"", bytes(1 << 20))
        done = self.world.cli("doctor", path, preexec_fn=at_most_so_long)
        self.assertIn(done.status, (0, 1), done.err)
        self.assertIn("larger than is possible", done.out.replace("\n", " ").replace("  ", " "))
        path = write([(4, "text")] * 1170, b"", bytes(1 << 20))  # as many as the kernel takes
        self.assertIn(self.world.cli("doctor", path, preexec_fn=at_most_so_long).status, (0, 1))


if __name__ == "__main__":
    pf.main()
