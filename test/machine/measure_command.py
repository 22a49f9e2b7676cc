# SPDX-License-Identifier: Apache-2.0
# How long a user waits for the command.
import subprocess
import time

import machinekit  # noqa: F401  (finds the others)
from clikit import PFPROF


def measure_help(table):
    """`pfprof --help`, from start to end."""
    times = []
    for _ in table.rounds(41, 3):
        start = time.monotonic()
        subprocess.run([PFPROF, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(1000 * (time.monotonic() - start))
    table.at_most("pfprof --help", times, 20, "ms")
