#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The load sampler: down under load, up again afterwards; a real observer and a real program, but readings of our own
in place of /proc's, which say nothing of this machine.

How soon, and what real load does: test/machine/measure_samplers.py.  Which rate each reading gives, in made-up time:
test/lib/test-system.c."""
import os
import struct
import subprocess
import threading
import time
import unittest

import pfharness as pf
from test_observer import STEER

RATE_AT = 520  # docs/segment-format.md, Control
TICK = 0.02
MOUNT = """for name in pressure/cpu pressure/memory loadavg meminfo stat
do mount --bind "$0/$name" /proc/$name || exit 77; done; exec "$@\""""


class Machine(threading.Thread):
    """A /proc whose machine is busy or not as we say; files of constant length, changed in place."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        os.makedirs(folder + "/pressure")
        self.folder, self.busy, self.done = folder, False, False
        self.waited, self.late = 0.0, 0.0
        self.tasks = 8 * os.cpu_count()
        self.write()

    def put(self, name, text):
        with open(os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(text)

    def write(self):
        # As the kernel's: the averages are of ten seconds and more, only the total grows with each moment.
        for name, waited in (("cpu", self.waited), ("memory", 0)):
            self.put(f"pressure/{name}", f"some avg10=90.00 avg60=90.00 avg300=90.00 total={int(1e6 * waited):016}\n"
                     f"full avg10=00.00 avg60=00.00 avg300=00.00 total={0:016}\n")
        self.put("loadavg", f"16.00 16.00 16.00 {self.tasks if self.busy else 1:04}/0100 4242\n")
        self.put("meminfo", "MemTotal: 1000000 kB\nMemAvailable: 600000 kB\n")
        self.put("stat", "cpu  10 0 0 1000 0 0 0 0 0 0\n")

    def run(self):
        last = time.monotonic()
        while not self.done:
            time.sleep(TICK)  # between two readings, as the kernel has them
            now = time.monotonic()
            self.waited += (now - last) * self.busy
            self.late = max(self.late, now - last)
            last = now
            self.write()


class Steered:
    """A program under the load sampler, with a made-up machine in place of /proc."""

    def __init__(self):
        if not os.path.exists(STEER):
            raise unittest.SkipTest("pfprof-steer is not built")
        unshare = pf.need("unshare")
        folder = os.path.join(pf.SCRATCH, "proc")
        self.machine = Machine(folder)
        if subprocess.run([unshare, "-m", "sh", "-c", MOUNT, folder, "true"], capture_output=True,
                          check=False).returncode != 0:
            raise unittest.SkipTest("nothing may be mounted over /proc here")
        self.run, self.process = pf.start([unshare, "-m", "sh", "-c", MOUNT, folder, pf.build("echo")],
                                          stdin=subprocess.PIPE, SAMPLER="load", COMMAND=STEER, SAMPLE_RATE="0.5")
        self.machine.start()
        self.process.stdin.write(b"hello\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        (self.path,) = self.run.segments()

    def end(self):
        self.machine.done = True
        self.machine.join()
        pf.finish(self.run, self.process)

    def rate(self):
        with open(self.path, "rb") as file:
            file.seek(RATE_AT)
            return struct.unpack("<d", file.read(8))[0]


class Load(pf.Case):
    def test_down_and_up_again(self):
        steered = Steered()
        try:
            for _ in range(2):
                steered.machine.busy = True
                pf.wait_for(lambda: steered.rate() == 0.005, "the lowest rate, a hundredth")
                steered.machine.busy = False
                pf.wait_for(lambda: steered.rate() == 0.5, "the rate of an idle machine")
        finally:
            steered.end()


if __name__ == "__main__":
    pf.main()
