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
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import pfharness as pf

SOURCE = os.environ["PF_SRC"]
BUILD = os.environ["PF_BUILD"]
HEADERS = {
    os.path.basename(path)
    for path in re.findall(r"^  '(pf-[a-z-]+\.h)',$",
                           open(os.path.join(SOURCE, "lib/meson.build"), encoding="utf-8").read(),
                           re.M)
} | {"pf-version.h", "pf-enum-types.h"}


def blocks(language):
    with open(os.path.join(SOURCE, "docs/library.md"), encoding="utf-8") as page:
        found = re.findall(rf"^```{language}\n(.*?)^```$", page.read(), re.M | re.S)
    if not found:
        raise AssertionError(f"docs/library.md has no {language} program")
    return found


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="test-install-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.folder],
                       check=True, capture_output=True)
        configs = glob.glob(cls.folder + "/**/*.pc", recursive=True)
        for config in configs:
            with open(config, encoding="utf-8") as file:
                text = file.read()
            # DESTDIR is no part of what is installed; here it is where things are.
            text = re.sub(r"^prefix=", f"prefix={cls.folder}", text, flags=re.M)
            with open(config, "w", encoding="utf-8") as file:
                file.write(text)
        [cls.library] = glob.glob(cls.folder + "/**/libpf-profiling-1.so", recursive=True)
        cls.environment = dict(
            os.environ,
            PKG_CONFIG_PATH=os.path.dirname(configs[0]),
            LD_LIBRARY_PATH=os.path.dirname(cls.library),
            PROVIDE_PROFILING_OUTPUT=os.path.join(cls.folder, "summary"),
            PROVIDE_PROFILING_FORMAT="json",
        )

    def run_checked(self, command, more_environment=None):
        run = subprocess.run(command, env=self.environment | (more_environment or {}),
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, f"{command}\n{run.stdout[-500:]}\n{run.stderr}")
        return run

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
        for number, text in enumerate(blocks("c")):
            with self.subTest(number):
                self.run_checked([self.compile(text, f"page{number}")])
        with open(self.environment["PROVIDE_PROFILING_OUTPUT"], encoding="utf-8") as summary:
            self.assertIn('"message_count":1000,', summary.read())

    def test_the_python_of_the_page(self):
        typelib = glob.glob(self.folder + "/**/Pf-1.typelib", recursive=True)
        if not typelib:
            self.skipTest("built without introspection")
        [overrides] = glob.glob(self.folder + "/**/gi/overrides/Pf.py", recursive=True)
        self.environment["GI_TYPELIB_PATH"] = os.path.dirname(typelib[0])
        self.environment["PYTHONPATH"] = overrides.removesuffix("/gi/overrides/Pf.py")
        for text in blocks("python"):
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
        [header] = glob.glob(self.folder + "/**/include/pf-profile.h", recursive=True)
        program = os.path.join(self.folder, "profiled")
        text = "#include <pf-profile.h>\nint main(void) { PF_PROFILE_FUNCTION(); return 0; }\n"
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-I", os.path.dirname(header), "-x",
                        "c", "-", "-o", program], input=text, text=True, check=True)
        [library] = glob.glob(self.folder + "/**/libpfprof.so", recursive=True)
        run = subprocess.run([program], env={"LD_PRELOAD": library,
                                             "PROVIDE_PROFILING_ENABLED": "true"},
                             capture_output=True, text=True, check=True)
        self.assertIn("profiled scopes", run.stderr)

    def test_a_project_of_a_stranger(self):
        [header] = glob.glob(self.folder + "/**/include/pf-profile.h", recursive=True)
        prefix = header.removesuffix("/include/pf-profile.h")
        run = self.run_checked([os.path.join(SOURCE, "test/stranger/build-all")], more_environment={
            "CMAKE_PREFIX_PATH": prefix, "PROVIDE_PROFILING_OUTPUT": "stderr",
            "PROVIDE_PROFILING_FORMAT": "text"})
        built = re.findall(r"^built by (\S+), ran, profiled", run.stdout, re.M)
        expected = ["pkg-config"] + [tool for tool in ("cmake", "meson") if shutil.which(tool)]
        self.assertEqual(sorted(built), sorted(expected))


if __name__ == "__main__":
    if shutil.which("pkg-config") is None:
        print("skipped: pkg-config is not installed")
        sys.exit(77)
    pf.main()
