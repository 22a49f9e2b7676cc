#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the library into a folder, and there compiles and runs the programs of docs/library.md."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

from installed import SOURCE, Install, blocks

PAGE = os.path.join(SOURCE, "docs/library.md")
HEADERS = {
    os.path.basename(path)
    for path in re.findall(r"^  '(pf-[a-z-]+\.h)',$",
                           open(os.path.join(SOURCE, "lib/meson.build"), encoding="utf-8").read(),
                           re.M)
} | {"pf-version.h", "pf-enum-types.h"}


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.install = Install(cls)
        cls.folder = cls.install.folder
        cls.library = cls.install.find("libpf-profiling-1.so")
        cls.environment = {
            "PROVIDE_PROFILING_OUTPUT": os.path.join(cls.folder, "summary"),
            "PROVIDE_PROFILING_FORMAT": "json",
        }

    def run_checked(self, command):
        return self.install.run(command, self.environment)

    def compile(self, text, name):
        source, program = (os.path.join(self.folder, name + end) for end in (".c", ""))
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        flags = shlex.split(
            self.run_checked(["pkg-config", "--cflags", "--libs", "pf-profiling-1"]).stdout)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        self.run_checked(
            compiler + ["-Wall", "-Wextra", "-Werror", "-o", program, source] + flags)
        return program

    def test_the_programs_of_the_page(self):
        for number, text in enumerate(blocks(PAGE, "c")):
            with self.subTest(number):
                self.run_checked([self.compile(text, f"page{number}")])
        with open(self.environment["PROVIDE_PROFILING_OUTPUT"], encoding="utf-8") as summary:
            self.assertIn('"message_count":1000,', summary.read())

    def test_the_python_of_the_page(self):
        typelib = glob.glob(self.folder + "/**/Pf-1.typelib", recursive=True)
        if not typelib:
            self.skipTest("built without introspection")
        self.environment["GI_TYPELIB_PATH"] = os.path.dirname(typelib[0])
        self.environment["PYTHONPATH"] = self.install.find("gi/overrides/Pf.py").removesuffix(
            "/gi/overrides/Pf.py")
        self.assertTrue(blocks(PAGE, "python"))
        for text in blocks(PAGE, "python"):
            self.run_checked(["/usr/bin/python3", "-B", "-c", text])

    def test_the_headers_are_all_there_and_no_more(self):
        [folder] = glob.glob(self.folder + "/**/include/pf-profiling-1", recursive=True)
        self.assertEqual(set(os.listdir(folder)), HEADERS)
        self.compile('#include <pf-profiling.h>\n#include <pf-hub.h>\nint main(void) { return 0; }\n',
                     "headers")

    def test_exports_are_what_the_headers_declare(self):
        run = self.run_checked(["nm", "-D", "--defined-only", self.library])
        exported = {line.split()[-1] for line in run.stdout.splitlines()}
        program = self.compile("#include <pf-profiling.h>\nint main(void) { return 0; }\n", "all")
        flags = self.run_checked(["pkg-config", "--cflags", "pf-profiling-1"]).stdout.split()
        text = self.run_checked(["cc", "-E", *flags, program + ".c"]).stdout
        declared = set(re.findall(
            r'visibility\("default"\)\)\) extern[^;]*?\b(pf_\w+)\s*\(', text))
        self.assertGreater(len(declared), 50)
        self.assertEqual(exported, declared)

    def test_the_header_of_profiled_functions(self):
        program = os.path.join(self.folder, "profiled")
        text = "#include <pf-profile.h>\nint main(void) { PF_PROFILE_FUNCTION(); return 0; }\n"
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-I", self.install.include, "-x",
                        "c", "-", "-o", program], input=text, text=True, check=True)
        run = subprocess.run([program], env={"LD_PRELOAD": self.install.library,
                                             "XDG_RUNTIME_DIR": self.install.tmpfs,
                                             "PROVIDE_PROFILING_ENABLED": "true"},
                             capture_output=True, text=True, check=True)
        self.assertIn("profiled scopes", run.stderr)

    def test_the_programs_find_the_library(self):
        environment = {name: value for name, value in self.install.environment.items()
                       if name != "LD_LIBRARY_PATH"}
        for name, argument, said in (("pfprof", "--version", "pfprof "), ("pfprof-steer", "", "usage")):
            program = os.path.join(self.install.prefix, "bin", name)
            if os.path.exists(program): # pfprof needs more to be built
                run = subprocess.run([program, argument], env=environment, capture_output=True,
                                     text=True, check=False)
                self.assertIn(said, run.stdout + run.stderr)

    def test_a_project_of_a_stranger(self):
        run = self.install.run([os.path.join(SOURCE, "test/stranger/build-all")],
                               {"CMAKE_PREFIX_PATH": self.install.prefix})
        built = re.findall(r"^built by (\S+), ran, profiled", run.stdout, re.M)
        expected = ["pkg-config"] + [tool for tool in ("cmake", "meson") if shutil.which(tool)]
        self.assertEqual(sorted(built), sorted(expected))


if __name__ == "__main__":
    if shutil.which("pkg-config") is None:
        print("skipped: pkg-config is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
