#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the programs, commands and settings out of docs/guides/ and docs/profiling-functions.md, and runs them."""
import glob
import os
import re
import shlex
import shutil
import sys
import tempfile
import unittest

from installed import SOURCE, Install, blocks

PAGES = sorted(glob.glob(os.path.join(SOURCE, "docs/guides/*.md")))


class Guides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.install = Install(cls)
        cls.folder = cls.install.folder
        cls.run_checked = cls.install.run

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
                                      program + ".c", "-I", self.install.include, *flags])
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
