#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The harness itself: a wait that is in vain fails and says what it waited for; the reader of segments.
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Wait(pf.Case):
    def test_the_first_true_value(self):
        values = iter([None, 0, "", 7, 8])
        self.assertEqual(pf.wait_for(lambda: next(values)), 7)

    def test_in_vain(self):
        with self.assertRaisesRegex(AssertionError, "a pig that flies"):
            pf.wait_for(lambda: False, "a pig that flies", seconds=0)
        with self.assertRaisesRegex(AssertionError, r"line \d+ of .*test_harness\.py"):
            pf.wait_for(lambda: False, seconds=0)

    def test_an_endless_target(self):
        with self.assertRaisesRegex(AssertionError, "still ran after"):
            pf.execute([pf.need("sleep"), "1000"], profiled=False, timeout=0.01)


class Dump(pf.Case):
    def test_as_a_command(self):
        """It prints what the tests read; of a file that is none it says so in a line."""
        run = pf.execute([pf.build("echo")], data=b"\n" * 30, OUTPUT="none", KEEP_SEGMENT="true")
        (path,) = run.segments()
        done = subprocess.run([pf.SEGMENT_DUMP, path], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), pf.dump_segment(path))
        self.assertEqual(pf.functions(pf.dump_segment(path)), {"write": 30})
        for other in ("/etc/passwd", "/no/such"):
            done = subprocess.run([pf.SEGMENT_DUMP, other], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"\Asegment-dump: {other}: [^\n]+\n\Z")


if __name__ == "__main__":
    pf.main()
