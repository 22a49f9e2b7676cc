#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates that change every 10 ms, with latencies that change along, do not bias the estimate."""
import mmap
import os
import struct
import time
import unittest

import pfharness as pf
from test_control import Observer

# Slow where it is looked at often: the mean of the timed calls is far above that of all calls.
REGIMES = ((0.05, 4), (0.5, 40), (0.1, 6), (1, 50), (0.02, 4))
CALLS = 30000


class Rates(pf.Case):
    def run_once(self):
        run = pf.prepare()
        path = os.path.join(run.work, "word")
        with open(path, "wb") as file:
            file.write(struct.pack("<II", 4, 0))
        with open(path, "r+b") as file:
            word = mmap.mmap(file.fileno(), 8)
        run, process = pf.start([pf.build("regimes"), path, str(CALLS)], run=run,
                                SAMPLE_RATE="0.05")
        while process.poll() is None and not (struct.unpack_from("<II", word)[1]
                                              and run.segments()):
            time.sleep(0.002)
        observer = Observer(run.segments()[0])
        changes = 0
        while process.poll() is None:
            rate, slowness = REGIMES[changes % len(REGIMES)]
            observer.rate(rate)
            struct.pack_into("<I", word, 0, slowness)
            changes += 1
            time.sleep(0.01)
        pf.finish(run, process)
        self.assertEqual(run.status, 0, run.stderr)
        (site,) = [s for s in run.only()["call_sites"] if s["message_count"] == CALLS]
        return int(run.stdout), changes, site

    def test_switching_rates(self):
        covered = biased = 0
        runs = 3
        for _ in range(runs):
            truth, changes, site = self.run_once()
            self.assertGreater(changes, 20, "it did not run long enough to show anything")
            estimate = site["estimated_total_duration_ns"]
            self.assertIsNotNone(estimate)
            low, high = site["estimated_total_interval_ns"]
            plain = CALLS * site["total_duration_ns"] / site["sampled_count"]
            # Three half-widths: no honest run is out of that, the plain mean always is.
            self.assertLess(abs(estimate - truth), 3 * (high - low) / 2 + 0.01 * truth)
            covered += low <= truth * 1.01 and truth * 0.99 <= high
            biased += plain > 1.3 * truth
        self.assertGreaterEqual(covered, runs - 1)
        self.assertEqual(biased, runs, "the run would not show a bias")

    def test_rate_one_in_between(self):
        """Calls timed at rate 1 count once each, whatever came before and comes after."""
        run, process = pf.start([pf.build("echo")], stdin=pf.subprocess.PIPE, SAMPLE_RATE="1",
                                KEEP_SEGMENT="true")

        def say(lines):
            for _ in range(lines):
                process.stdin.write(b"hello\n")
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), b"hello\n")

        say(1)
        observer = Observer(run.segments()[0])
        say(99)
        observer.rate(0.5)
        say(200)
        observer.rate(1)
        say(100)
        pf.finish(run, process)
        (site,) = [s for s in run.only()["call_sites"] if s["function"] == "write"]
        self.assertEqual(site["message_count"], 400)
        self.assertGreater(site["sampled_count"], 200)
        estimate, total = site["estimated_total_duration_ns"], site["total_duration_ns"]
        self.assertIsNotNone(estimate)
        self.assertLessEqual(total, estimate) # one long call at rate 1 may outweigh what was not timed
        self.assertLess(estimate, 2 * total)


if __name__ == "__main__":
    pf.main()
