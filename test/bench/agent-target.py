#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What a target pays for exports: agent-target.py [ROUNDS].  The same program without EXPORTERS, and with an
# agent whose receiver is a black hole; rounds in turn, medians.  Run by hand.
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "export"))
import unittest  # noqa: E402

from exportkit import Lab, SYSTEM_PYTHON, clikit  # noqa: E402
from test_faults import Behaviour, black_hole  # noqa: E402

LONG = [SYSTEM_PYTHON, "-c", "import os\nfd = os.open('/dev/null', 1)\n"
        "for i in range(400000): os.write(fd, b'x' * 50)"]
SHORT = ["/bin/sh", "-c", "echo one"]


class Target(Lab):
    def took(self, argv, times, **settings):
        begun = time.monotonic()
        for _ in range(times):
            child = self.world.profiled(argv, SAMPLE_RATE=0.01, **settings)
            child.communicate()
        return (time.monotonic() - begun) / times * 1000

    def runTest(self):
        rounds = int(os.environ.get("PF_ROUNDS", "9"))
        hole = Behaviour(black_hole)
        with_agent = {"EXPORTERS": "opentelemetry", "COMMAND": clikit.PFPROF}
        self.agent("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=hole.url())
        for name, argv, times in (("400,000 writes", LONG, 1), ("sh -c echo", SHORT, 50)):
            plain, exported = [], []
            for _ in range(rounds):
                plain.append(self.took(argv, times))
                exported.append(self.took(argv, times, **with_agent))
            print(f"{name}: {statistics.median(plain):.2f} ms without EXPORTERS, "
                  f"{statistics.median(exported):.2f} ms with (medians of {rounds})")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.environ["PF_ROUNDS"] = sys.argv[1]
    sys.exit(not unittest.TextTestRunner(verbosity=0).run(Target()).wasSuccessful())
