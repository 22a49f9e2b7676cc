#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the programs, commands and settings out of README.md and docs/, and runs them."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = os.environ["PF_SRC"], os.environ["PF_BUILD"]
PAGES = sorted(glob.glob(os.path.join(SOURCE, "docs/guides/*.md")))
OTHERS = [os.path.join(SOURCE, "README.md"), os.path.join(SOURCE, "CONTRIBUTING.md"),
          *sorted(glob.glob(os.path.join(SOURCE, "docs/*.md")))]

# What the pages call ./app: its line 88 logs, as their examples say.
APP = "#include <stdio.h>\n" + "\n" * 85 + (
    "int main(void) { setvbuf(stdout, NULL, _IONBF, 0); for (int i = 0; i < 2000; i++)\n"
    "printf(\"order %d\\n\", i);\n}\n")


def blocks(path, language):
    with open(path, encoding="utf-8") as page:
        return re.findall(rf"^```{language}\n(.*?)^```$", page.read(), re.M | re.S)


class Guides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="test-guides-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tmpfs = tempfile.mkdtemp(prefix="test-guides-", dir="/dev/shm")
        cls.addClassCleanup(shutil.rmtree, cls.tmpfs)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.folder],
                       check=True, capture_output=True)
        configs = glob.glob(cls.folder + "/**/*.pc", recursive=True)
        for config in configs:
            with open(config, encoding="utf-8") as file:
                text = re.sub(r"^prefix=", f"prefix={cls.folder}", file.read(), flags=re.M)
            with open(config, "w", encoding="utf-8") as file:
                file.write(text)
        [library] = glob.glob(cls.folder + "/**/libpfprof.so", recursive=True)
        [header] = glob.glob(cls.folder + "/**/pf-profile.h", recursive=True)
        cls.include = os.path.dirname(header)
        [command] = glob.glob(cls.folder + "/**/bin/pfprof", recursive=True)
        cls.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith("PROVIDE_PROFILING_")}
        cls.environment.update(
            PKG_CONFIG_PATH=os.path.dirname(configs[0]), PFPROF_LIBRARY=library,
            PFPROF_TMPFS=cls.tmpfs, LD_LIBRARY_PATH=os.path.dirname(library),
            PATH=os.path.dirname(command) + ":" + os.environ["PATH"])

    def run_checked(self, command, **more):
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True,
                             timeout=60, **more)
        self.assertEqual(run.returncode, 0, f"{command}\n{run.stdout[-1500:]}\n{run.stderr[-1500:]}")
        return run

    def test_programs(self):
        flags = shlex.split(
            self.run_checked(["pkg-config", "--cflags", "--libs", "pf-profiling-1"]).stdout)
        ran = 0
        for path in PAGES:
            for number, text in enumerate(blocks(path, "c")):
                with self.subTest(page=os.path.basename(path), number=number):
                    program = os.path.join(self.folder, f"program{ran}")
                    with open(program + ".c", "w", encoding="utf-8") as file:
                        file.write(text)
                    self.run_checked(["cc", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program,
                                      program + ".c", "-I", self.include, *flags])
                    self.run_checked([program])
                    ran += 1
        self.assertGreaterEqual(ran, 6)

    def test_commands(self):
        ran = 0
        for path in PAGES:
            for number, text in enumerate(blocks(path, "sh")):
                with self.subTest(page=os.path.basename(path), number=number):
                    with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                        self.run_checked(["bash", "-eu", "-c", text], cwd=folder)
                    ran += 1
        self.assertGreaterEqual(ran, 7)

    def app_folder(self):
        """A folder in which what the pages show can be run as it stands."""
        folder = tempfile.mkdtemp(dir=self.folder)
        with open(os.path.join(folder, "log.c"), "w", encoding="ascii") as file:
            file.write(APP)
        with open(os.path.join(folder, "Makefile"), "w", encoding="ascii") as file:
            file.write("all:\n\techo made\n")
        self.run_checked(["cc", "-g", "-o", "app", "log.c"], cwd=folder)
        os.makedirs(os.path.join(folder, "build/preload"))
        os.symlink(self.environment["PFPROF_LIBRARY"],
                   os.path.join(folder, "build/preload/libpfprof.so"))
        for name in ("old", "old-1", "old-2", "new-1", "new-2"):
            self.run_checked(["pfprof", "run", "--save", name + ".pfs", "--", "./app"], cwd=folder)
        return folder

    def running(self):
        """The PID of a profiled process that writes now and then, until the test ends."""
        process = subprocess.Popen(
            ["sh", "-c", "while echo tick; do sleep 0.05; done"], stdout=subprocess.PIPE,
            env={**self.environment, "LD_PRELOAD": self.environment["PFPROF_LIBRARY"],
                 "PROVIDE_PROFILING_ENABLED": "true", "PROVIDE_PROFILING_OUTPUT": "none"})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"tick\n")
        return str(process.pid)

    def test_commands_of_the_other_pages(self):
        folder, pid, ran = self.app_folder(), self.running(), 0
        for path in OTHERS:
            for text in blocks(path, "sh"):
                for line in text.splitlines():
                    if line.startswith("make "):
                        continue  # test_what_is_named_exists; CI runs them
                    with self.subTest(page=os.path.basename(path), line=line):
                        self.run_checked(["bash", "-eu", "-c", re.sub(r"\bPID\b", pid, line)],
                                         cwd=folder)
                    ran += 1
        self.assertGreaterEqual(ran, 15)

    def test_what_is_named_exists(self):
        with open(os.path.join(SOURCE, "Makefile"), encoding="utf-8") as file:
            rules = re.findall(r"^([a-z][a-z -]*):", file.read(), re.M)
        targets = {target for rule in rules for target in rule.split()}
        helps = {}
        for path in OTHERS + PAGES:
            with open(path, encoding="utf-8") as page:
                text = page.read()
            named = re.findall(r"`([^`\n]+)`", text) + [
                line for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
                for line in block.splitlines()]
            for code in named:
                self.assertEqual(set(re.findall(r"\bmake ([a-z][a-z-]*)", code)) - targets, set(),
                                 (path, code))
                for script in re.findall(r"\bscripts/[\w.-]+", code):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, script)), (path, code))
                for command, rest in re.findall(r"(?:^|\W)pfprof ([a-z]+)\b(.*)", code):
                    if command not in helps:
                        helps[command] = self.run_checked(["pfprof", command, "--help"]).stdout
                    options = re.findall(r"(?<!\S)\[?(--?[a-z][\w-]*)",
                                         re.sub(r" -- .*|#.*", "", rest))
                    for option in options:
                        self.assertRegex(helps[command], rf"(?<!\S){option}(?![\w-])", (path, code))
        self.assertGreaterEqual(len(helps), 12)

    def test_settings_exist(self):
        with open(os.path.join(SOURCE, "preload/pf-env.def"), encoding="utf-8") as file:
            known = set(re.findall(r"^PF_VARIABLE\((\w+)", file.read(), re.M))
        for path in PAGES:
            with open(path, encoding="utf-8") as page:
                named = set(re.findall(r"PROVIDE_PROFILING_([A-Z_]+\b)", page.read()))
            self.assertEqual(named - known, set(), path)

    def test_links_lead_somewhere(self):
        pages = glob.glob(os.path.join(SOURCE, "docs/**/*.md"), recursive=True)
        for path in pages + [os.path.join(SOURCE, "README.md")]:
            with open(path, encoding="utf-8") as page:
                text = page.read()
            for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
                self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), link)), (path, link))
            for named in re.findall(r"\bdocs/[\w/-]+\.md\b", text):
                self.assertTrue(os.path.exists(os.path.join(SOURCE, named)), (path, named))


if __name__ == "__main__":
    for tool in ("pkg-config", "bash"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    unittest.main(verbosity=2)
