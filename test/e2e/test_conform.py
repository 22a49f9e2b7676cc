#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The short part of `make conform`, and that it would notice.
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

RUNNER = os.path.join(pf.ROOT, "test", "conform", "run.py")


def conform(library, *arguments):
    return subprocess.run([sys.executable, RUNNER, "--lib", library, *arguments],
                          capture_output=True, text=True, check=False)


class Conform(unittest.TestCase):
    def test_foreign_suites_do_as_without_us(self):
        pf.need_library()
        done = conform(pf.LIB, "--quick")
        sys.stderr.write(done.stdout)
        if done.returncode == 77:
            self.skipTest(done.stdout.strip()[-200:])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("\n0 differences", done.stdout)

    def test_a_library_that_does_harm_is_noticed(self):
        done = conform(pf.build("libsaboteur"), "--quick", "--only", "perl", "--rate", "1.0")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"difference: perl io pipe at 1.0: ")


if __name__ == "__main__":
    pf.main()
