# SPDX-License-Identifier: Apache-2.0
# What the tests of sessions share: a program is run and kept, or a session is made (test/lib/made-sessions.c), and pfprof
# says something of the file.
import json
import os
import subprocess
import unittest

from clikit import pf, PFPROF

MAKE_SESSION = os.path.join(os.environ.get("PF_TARGETS") or os.path.join(pf.ROOT, "build/test"), "lib/make-session")
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for


def command(*argv, status=0, **options):
    done = subprocess.run([PFPROF, *map(str, argv)], capture_output=True, timeout=pf.RUN_PATIENCE, **options)
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

    def record(self, name, *argv, rate="1", extra=None, script=None):
        """A program is run and kept; `script` says what its calls take, as test/scripted/script.h has it."""
        path = os.path.join(self.folder, name + ".pfs")
        library = pf.LIB if script is None else pf.need_scripted()
        scripted = {} if script is None else {"PF_TEST_SCRIPT": script}
        with open(os.path.join(self.folder, "err"), "wb") as err:
            done = subprocess.run(
                [PFPROF, "run", "--library", library, "--rate", rate, "--output", "none", "--save", path,
                 "--", *map(str, argv)],
                env={**self.env, "PF_DIR": self.folder, **scripted, **(extra or {})}, stdout=subprocess.DEVNULL,
                stderr=err, timeout=pf.RUN_PATIENCE,
            )
        self.assertEqual(done.returncode, 0, argv)
        return path

    def made(self, name):
        """The session of that name, the same each time."""
        path = os.path.join(self.folder, f"made-{name}.pfs")
        if not os.path.exists(path):
            subprocess.run([MAKE_SESSION, name, path], check=True, timeout=pf.PATIENCE)
        return path

    def report(self, path, **options):
        return json.loads(command("report", "--json", path, **options).stdout)
