# SPDX-License-Identifier: Apache-2.0
# What the tests of sessions share: a program is run and kept, and pfprof says something of the file.
import json
import os
import subprocess
import unittest

from clikit import pf, PFPROF

HEAVY = os.environ.get("PF_HEAVY") == "1"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for


def command(*argv, status=0, **options):
    done = subprocess.run([PFPROF, *map(str, argv)], capture_output=True, timeout=120, **options)
    if status is not None and done.returncode != status:
        raise AssertionError(f"pfprof {argv}: {done.returncode} {done.stderr[-500:]!r}")
    return done


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        pf.need_library()
        cls.run_ = pf.prepare()
        cls.folder = cls.run_.folder
        cls.env = pf.environment(cls.run_)

    def record(self, name, *argv, rate="1", extra=None):
        path = os.path.join(self.folder, name + ".pfs")
        with open(os.path.join(self.folder, "err"), "wb") as err:
            done = subprocess.run(
                [PFPROF, "run", "--library", pf.LIB, "--rate", rate, "--output", "none", "--save", path,
                 "--", *map(str, argv)],
                env={**self.env, "PF_DIR": self.folder, **(extra or {})}, stdout=subprocess.DEVNULL, stderr=err, timeout=120,
            )
        self.assertEqual(done.returncode, 0, argv)
        return path

    def report(self, path, **options):
        return json.loads(command("report", "--json", path, **options).stdout)
