#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The load sampler on a machine that is really busy: down under stress-ng, up again afterwards."""
import os
import struct
import subprocess
import time
import unittest

import pfharness as pf
from test_observer import STEER

RATE_AT = 520  # docs/segment-format.md, Control


class Load(pf.Case):
    def rate(self):
        with open(self.path, "rb") as file:
            file.seek(RATE_AT)
            return struct.unpack("<d", file.read(8))[0]

    def until(self, what, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what(self.rate()):
                return True
            time.sleep(0.05)
        return False

    def test_under_stress(self):
        stress = pf.need("stress-ng")
        if not os.path.exists(STEER):
            self.skipTest("pfprof-steer is not built")
        run, process = pf.start([pf.build("echo")], stdin=subprocess.PIPE, SAMPLER="load",
                                COMMAND=STEER, SAMPLE_RATE="0.5")
        try:
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            process.stdout.readline()
            (self.path,) = run.segments()
            if not self.until(lambda rate: 0 < rate < 0.5, 1) and self.rate() != 0.5:
                self.fail("the rate is not a rate")
            if not self.until(lambda rate: rate == 0.5, 10):
                self.skipTest("the machine is busy already: there is no relief to be seen")
            load = subprocess.Popen([stress, "--cpu", str(8 * os.cpu_count()), "--timeout", "4s", "-q"])
            try:
                self.assertTrue(self.until(lambda rate: rate < 0.05, 20), "the load was not noticed")
            finally:
                load.wait(60)
            ended = time.monotonic()
            back = self.until(lambda rate: rate >= 0.49, 20)
            print(f"back {time.monotonic() - ended:.1f} s after the end of the load")
            if not back:
                self.skipTest("others keep the machine busy")
        finally:
            pf.finish(run, process)


if __name__ == "__main__":
    pf.main()
