# SPDX-License-Identifier: Apache-2.0
# How soon the samplers follow what happens: with a real observer and a real program.  What they decide is certain, and
# tested by test/lib/test-samplers.c and test-system.c; what they are worth, `make bench-samplers` says.
import os
import subprocess
import time

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf
from test_load import Steered
from test_observer import STEER

BAR = 2.0  # seconds from relief, docs/sampling.md


def reached(steered, wanted, seconds=30):
    """When the rate was as wanted, by the clock; None: not within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if wanted(steered.rate()):
            return time.monotonic()
        time.sleep(0.01)
    return None


def measure_relief(table):
    """From the end of a load, which /proc is made to tell, until the rate is at its ceiling."""
    steered = Steered()
    times = []
    try:
        for _ in table.rounds(12):
            steered.machine.busy = True
            if reached(steered, lambda rate: rate == 0.005) is None:
                break
            time.sleep(0.5)  # a load lasts
            steered.machine.busy = False
            ended = time.monotonic()
            back = reached(steered, lambda rate: rate == 0.5)
            times.append((back or float("inf")) - ended)
    finally:
        steered.end()
    table.at_most("the load sampler is back after", times, BAR, "s")


class Plain(Steered):
    """The same with this machine's own /proc."""

    def __init__(self):
        self.run, self.process = pf.start([pf.build("echo")], stdin=subprocess.PIPE, SAMPLER="load", COMMAND=STEER,
                                          SAMPLE_RATE="0.5")
        self.process.stdin.write(b"hello\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        (self.path,) = self.run.segments()

    def end(self):
        pf.finish(self.run, self.process)


def measure_stress(table):
    """The load sampler under stress-ng, eight tasks a processor."""
    stress = pf.need("stress-ng")
    noticed = rounds = 0
    steered = Plain()
    try:
        if reached(steered, lambda rate: rate == 0.5, 10) is None:
            table.skip("stress-ng", "the machine is busy already: there is no relief to be seen")
            return
        for _ in table.rounds(5):
            rounds += 1
            load = subprocess.Popen([stress, "--cpu", str(8 * os.cpu_count()), "--timeout", "4s", "-q"])
            noticed += reached(steered, lambda rate: rate < 0.05, 20) is not None
            load.wait()
            reached(steered, lambda rate: rate >= 0.49, 20)  # where others do not keep it busy
    finally:
        steered.end()
    table.share_at_least("loads that are noticed", noticed, rounds, 0.9)


def measure_first_decision(table):
    """From a program's first output call until its observer has changed a rate."""
    times = []
    for _ in table.rounds(15, 2):
        run, process = pf.start([pf.build("echo")], stdin=subprocess.PIPE, SAMPLER="statistical", COMMAND=STEER,
                                SAMPLE_RATE="0.01")
        begun = time.monotonic()
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        process.stdout.readline()
        (path,) = run.segments()
        generation = b"\0\0\0\0"
        while generation == b"\0\0\0\0" and time.monotonic() < begun + 30:
            with open(path, "rb") as file:
                file.seek(512)
                generation = file.read(4)
        times.append(1000 * (time.monotonic() - begun))
        pf.finish(run, process)
    table.at_most("the first decision comes after", times, 100, "ms")
